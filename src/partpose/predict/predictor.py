"""A trained model and everything around the network: reading, resizing, batching, and mapping back to the original."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.config import Settings
from partpose.data.cut import Box, Cut
from partpose.data.images import as_channels, square
from partpose.data.live import live_views
from partpose.data.reading import Look, View, array_view, picture_array, read_views
from partpose.data.sources import Source, find_sources
from partpose.data.video import probe
from partpose.data.walk import readable
from partpose.data.where import boxed, chosen_boxes
from partpose.errors import PartposeError, Skipped
from partpose.geometry import Parts, extent_to_pixels, to_pixels
from partpose.model.part_model import WEIGHTS, Encoding, PartModel, load_model
from partpose.model.shipped import resolve
from partpose.predict.columns import Columns
from partpose.predict.half import HalfPrecision
from partpose.predict.onnx_model import is_onnx, load_onnx
from partpose.predict.poses import Pose, Poses, join
from partpose.predict.uncertainty import SCALE, measure
from partpose.version import __version__

KEEP_EVERY = 120.0
"""Seconds of work that may be lost where a prediction is killed."""


class NothingRead(PartposeError):
    """An input of which nothing can be read; `skipped` says why, a line a file."""

    def __init__(self, path: Path, skipped: list[Skipped]) -> None:
        self.skipped = skipped
        first = f", the first: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        super().__init__(f"none of the pictures of {readable(path)} can be read{first}")


class Predictor:
    """A model that takes files and arrays and answers in pixels of the originals.

    Attributes: `network` (the PartModel, in evaluation mode), `settings`, `facts` (of its training), `side` (of the
    square that pictures are resized to), `name`. To be set: `average`, over how many gently changed pictures keypoints are
    averaged, the unchanged one among them (1: not at all); `uncertainty`, with how many changes it is measured (0: not at
    all; see `predict.uncertainty`); `watch`, which is told of every batch, its pictures and its part maps.
    """

    def __init__(self, network: PartModel, settings: Settings, facts: dict[str, Any], name: str, digest: str) -> None:
        self.network, self.settings, self.facts, self.name, self.digest = network, settings, facts, name, digest
        self.side = settings.model.canvas
        self.look = Look(self.side, settings.model.channels, settings.data.margin)
        self.device = next(network.parameters()).device
        self.average, self.uncertainty = 1, 0
        self.watch: Callable[[torch.Tensor, torch.Tensor], None] | None = None

    def __repr__(self) -> str:
        return f"Predictor({self.name!r}: {self.settings.model.parts} parts, {self.side}×{self.side} px, {self.device})"

    def predict(
        self,
        input: str | Path | NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
        batch: int = 32,
        boxes: str | None = None,
    ) -> Poses:
        """The parts in one picture, a folder of pictures, a video, or arrays.

        Args:
            input: a path, or uint8 pictures: (H, W, 3), (F, H, W, 3), or any number of (H, W, 3) of any sizes; (H, W) is a
                grey one, and pictures of Pillow will do.
            batch: pictures at a time.
            boxes: where to look in files, as `--boxes` of `partpose predict`: a CSV, "auto", or "none" for whole pictures.
                Default: auto where the model was trained so. Arrays are looked at as they are.

        Raises:
            PartposeError: where nothing can be read, no boxes are found, or the path holds several inputs (videos): give them
                one by one.
        """
        if batch < 1:
            raise PartposeError(f"batch must be at least 1, got {batch}")
        if not isinstance(input, str | Path):
            if boxes is not None:
                raise PartposeError("boxes are for files: cut the objects out of the arrays")
            return self._from_arrays(input, batch)
        sources, skipped = find_sources([Path(input)])
        if len(sources) > 1:
            raise PartposeError(
                f"{readable(input)} holds {len(sources)} inputs (videos, or pictures and videos): predict one at a time"
            )
        (source,), missed = boxed(sources, chosen_boxes(boxes, self.settings))
        return self.predict_source(source, batch, [*skipped, *missed])

    def stream(
        self,
        camera: str | Path | int | Iterable[NDArray[np.uint8]],
        box: Box | None = None,
        latest: bool = False,
    ) -> Iterator[Pose]:
        """The parts in one frame after the other, each as soon as it can be had: nothing is batched or read ahead.

        Args:
            camera: a camera by its number, "/dev/video0" or "video=NAME" (Windows), an address ("rtsp://…", "http://…"), a
                video file, or uint8 pictures (H, W, 3) from anywhere.
            box: where to look in every frame, with the margin of the model's settings; None for all of it.
            latest: a thread reads all the while, and what is looked at is always the newest frame: a camera that is faster
                than this machine loses frames, not time.

        Raises:
            PartposeError: where it cannot be opened, for what is no picture, and where the box lies outside.
        """
        for view in live_views(camera, self.look, box, latest):
            found = self._found([view])
            yield Pose(view.index, view.time, *(found[name][0] for name in Pose._fields[2:]))

    def predict_source(
        self,
        source: Source,
        batch: int = 32,
        skipped: Iterable[Skipped] = (),
        tick: Callable[[int], None] | None = None,
        so_far: Poses | None = None,
        keep: Callable[[Poses], None] | None = None,
    ) -> Poses:
        """The parts in one input; `tick` is told how many more pictures are done.

        so_far: what an earlier, interrupted call found; it is gone on with from there. keep: is given what has been found
        every few minutes, and where something ends this call early.

        Raises:
            NothingRead: with every picture's reason.
            Unreadable: for a video.
        """
        passed_over = list(skipped)
        rest = source if so_far is None else after(source, so_far)
        fps = probe(source.path).fps if source.kind == "video" else None

        def together(columns: Columns) -> Poses:
            found = columns.arrays()
            files = None if source.kind == "video" else tuple(source.names[i] for i in found["frame_index"])
            new = self._poses(found, str(source.path), files, fps, passed_over)
            return new if so_far is None else join(so_far, new)

        columns = self._collect(read_views(rest, self.look, passed_over), batch, tick, together, keep)
        if columns:
            return together(columns)
        if so_far is None:
            raise NothingRead(source.path, passed_over)
        return so_far

    def parts(self, canvases: NDArray[np.uint8]) -> Parts:
        """`Parts` on the CPU of (B, side, side, C) uint8 pictures."""
        return self.measured(canvases)[0]

    def measured(self, canvases: NDArray[np.uint8]) -> tuple[Parts, torch.Tensor]:
        """`Parts` on the CPU of (B, side, side, C) uint8 pictures, and their uncertainty (B, K), NaN if none is asked for."""
        scale = self.facts.get(SCALE, 1.0)
        with torch.inference_mode():
            images = self.tensor(canvases)
            maps = self.network.part_maps(images)
            if self.watch is not None:
                self.watch(images, maps)
            parts, spread = measure(self.network, images, maps, self.average, self.uncertainty, scale)
        return Parts(*(t.float().cpu() for t in parts)), spread.float().cpu()

    def tensor(self, canvases: NDArray[np.uint8]) -> torch.Tensor:
        """(B, side, side, C) uint8 to (B, C, side, side) in [0, 1] on the model's device."""
        pixels = torch.from_numpy(np.require(canvases, requirements=["C", "W"])).to(self.device)
        return pixels.permute(0, 3, 1, 2).float() / 255

    def canvas(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture, see `picture_array`, to the (side, side, C) square that the network sees."""
        return square(as_channels(picture_array(pixels), self.settings.model.channels), self.side)

    def encode(self, pixels: NDArray[np.uint8]) -> Encoding:
        """Take one picture (H, W, 3) apart: parts, appearance and background, in the inside frame of its square."""
        with torch.inference_mode():
            return self.network.encode(self.tensor(self.canvas(pixels)[None]))

    def decode(self, encoding: Encoding, size: int | None = None, painted: bool = False) -> NDArray[np.uint8]:
        """(B, size, size, C) uint8 pictures of what `encode` gave, or of an edited version of it.

        size: a multiple of 4; by default the side that the model sees.  painted: see `PartModel.decode`.
        """
        with torch.inference_mode():
            rebuilt = self.network.decode(encoding, size or self.side, painted)
        return (rebuilt.permute(0, 2, 3, 1) * 255).round().byte().cpu().numpy()

    def _from_arrays(self, input: NDArray[np.uint8] | Iterable[NDArray[np.uint8]], batch: int) -> Poses:
        if isinstance(input, list | tuple) and input and isinstance(input[0], str | Path):
            raise PartposeError(
                "expected one path, or pictures as arrays, got a list of paths: name the folder they are in"
            )
        one = not isinstance(input, Iterable) or (isinstance(input, np.ndarray) and input.ndim != 4)
        pictures: Iterable[Any] = [input] if one else input
        views = (array_view(i, pixels, self.look) for i, pixels in enumerate(pictures))
        columns = self._collect(views, batch)
        if not columns:
            raise PartposeError("no pictures were given: expected at least one")
        return self._poses(columns.arrays(), "array", None, None, [])

    def _collect(
        self,
        views: Iterator[View],
        batch: int,
        tick: Callable[[int], None] | None = None,
        together: Callable[[Columns], Poses] | None = None,
        keep: Callable[[Poses], None] | None = None,
    ) -> Columns:
        """The arrays of `Poses` over all views, batch by batch, of which no more pictures than one are held."""
        columns = Columns()
        due = monotonic() + KEEP_EVERY
        try:
            while some := list(islice(views, batch)):
                columns.add(self._found(some))
                if tick is not None:
                    tick(len(some))
                if keep and together and (began := monotonic()) > due:
                    keep(together(columns))
                    # What has been found is written as a whole: of a video of hours, less often
                    due = monotonic() + max(KEEP_EVERY, 20 * (monotonic() - began))
        except BaseException:
            if keep and together and columns:
                keep(together(columns))
            raise
        return columns

    def _found(self, views: list[View]) -> dict[str, NDArray]:
        parts, spread = self.measured(np.stack([view.pixels for view in views]))
        squares = np.array([view.place[:3] for view in views], np.float64)
        return {
            "mean": to_pixels(parts.mean.numpy(), squares),
            "covariance": extent_to_pixels(parts.cov.numpy(), squares),
            "confidence": parts.confidence.numpy(),
            "uncertainty": spread.numpy() * squares[:, 2:] / 2,
            "sizes": np.array([(view.width, view.height) for view in views]),
            "squares": squares,
            "frame_index": np.array([view.index for view in views]),
            "time_stamp": np.array([view.time for view in views]),
            "track": np.array([view.track for view in views], object),
        }

    def _poses(
        self,
        found: dict[str, Any],
        source: str,
        files: tuple[str, ...] | None,
        fps: float | None,
        skipped: list[Skipped],
    ) -> Poses:
        about = {"history": self._history(), "provenance": self.provenance(source)}
        return Poses(**found, source=source, files=files, fps=fps, skipped=tuple(skipped), **about)

    def _history(self) -> tuple[str, ...]:
        done = [f"average(pictures={self.average})"] if self.average > 1 else []
        scale = self.facts.get(SCALE, 1.0)
        return (*done, *([f"uncertainty(changes={self.uncertainty}, scale={scale:.3f})"] if self.uncertainty else []))

    def provenance(self, source: str) -> dict[str, str]:
        """What a result says about where it comes from."""
        config = json.dumps(self.settings.model_dump(), sort_keys=True).encode()
        return {
            "version": __version__,
            "model": self.name,
            "model_hash": self.digest,
            "config_hash": hashlib.sha256(config).hexdigest()[:16],
            "input": source,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def after(source: Source, so_far: Poses) -> Source:
    """What of a source is left to be seen once these poses of it are there.

    The last frame or picture is seen again: not all of its objects may have been.
    """
    last = int(so_far.frame_index[-1])
    if source.kind == "video":
        span = source.frames or slice(None)
        return source._replace(frames=slice(last, span.stop, span.step))
    cuts = {i: (Cut(),) for i in range(len(source.files))} if source.cuts is None else source.cuts
    return source._replace(cuts={i: some for i, some in cuts.items() if i >= last})


def load(model: str | Path, device: str | None = None, half: bool | None = None) -> Predictor:
    """Load a model by the path of its folder, or of the ONNX file that it was exported to, or a shipped one by its name.

    A path that exists wins. An ONNX file finds parts; appearances, `encode` and `decode` are for the other two.

    Args:
        device: "cpu", "cuda:0", …; the first GPU where there is one, else the CPU.
        half: whether part maps are computed in half precision, see `HalfPrecision`; without it on GPUs only. An ONNX file has
            the precision that it was exported in.
    """
    if is_onnx(model):
        return Predictor(*load_onnx(Path(model), device))
    folder = resolve(model)
    network, settings, facts = load_model(folder)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()[:16]
    network = network.on(where := choose_device(device))
    if where.type == "cuda" if half is None else half:
        network.shape = HalfPrecision(network.shape)
    return Predictor(network, settings, facts, str(model), digest)


def choose_device(name: str | None) -> torch.device:
    """The device of that name, or the first GPU where there is one, else the CPU.

    Raises:
        PartposeError: for a device that does not exist here, naming those that do.
    """
    count = torch.cuda.device_count()
    if name is None:
        return torch.device("cuda:0" if count else "cpu")
    known = ["cpu", *(f"cuda:{i}" for i in range(count))]
    name = "cuda:0" if name == "cuda" else name
    if name not in known:
        raise PartposeError(f"no device {name!r} on this machine: expected one of {', '.join(known)}")
    return torch.device(name)
