"""What is on the page: one picture, or the frames of one video that are looked at, in a folder of its own."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from partpose.data.images import Unreadable, read_image, stored_size
from partpose.data.reading import picture_views
from partpose.data.sources import Source
from partpose.data.video import count_packets, probe, read_frames
from partpose.errors import Skipped
from partpose.model.part_model import Encoding
from partpose.predict.poses import Poses
from partpose.predict.predictor import NothingRead, Predictor
from partpose.serve.limits import Limits, Refusal

ORIGINAL = "original"
LARGEST_PREVIEW = 1280
LOSSLESS = 2**18  # pixels up to which a preview is a PNG


@dataclass(eq=False)
class Scene:
    """A picture or video that somebody put on the page. A row is a frame of it, or the picture itself, row 0.

    label: what the user calls the file; it is never a path here.  canvases: (F, side, side, C) uint8, what the network
    sees.  folder: the file itself and its previews, removed with the scene.
    """

    label: str
    source: Source
    poses: Poses
    canvases: NDArray[np.uint8]
    folder: Path
    _encoded: tuple[int, Encoding] | None = field(default=None, repr=False)

    @property
    def memory(self) -> int:
        """Bytes held in memory, nearly: pictures, poses, and one row's encoding, whose background is in floats."""
        return self.canvases.nbytes + self.poses.mean.nbytes * 4 + 8 * self.canvases[:1].nbytes

    @cached_property
    def disk(self) -> int:
        """Bytes held in the folder."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def check(self, row: int) -> int:
        """The row, if there is one. Raises Refusal, 404."""
        if not 0 <= row < len(self.poses):
            raise Refusal(404, f"there is no frame {row} of {self.label}: expected 0 to {len(self.poses) - 1}")
        return row

    def encoding(self, predictor: Predictor, row: int) -> Encoding:
        """A row taken apart; the last one that was asked for is kept, for whoever drags a part asks again and again."""
        if self._encoded is None or self._encoded[0] != row:
            with torch.inference_mode():
                images = predictor.tensor(self.canvases[self.check(row)][None])
                self._encoded = row, predictor.network.encode(images)
        return self._encoded[1]

    def preview(self, row: int) -> Path:
        """The file with the picture to be shown."""
        return next(self.folder.glob(f"preview_{self.check(row)}.*"))

    def remove(self) -> None:
        """Take its folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def safe_label(name: str) -> str:
    """What a client calls a file, as a plain name of at most 80 characters: "C:\\a\\b?.jpg" → "b_.jpg"."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[^\w.\- ()]+", "_", last).strip(" .")[-80:] or "picture"


def read_scene(predictor: Predictor, folder: Path, name: str, limits: Limits) -> Scene:
    """Find the parts in the file `folder/original`. Raises Refusal for what is no picture or video, or too large."""
    path, label = folder / ORIGINAL, safe_label(name)
    try:
        if (size := _picture_size(path)) is None:
            return _read_video(predictor, path, label, limits)
        if size[0] * size[1] > limits.pixels:
            raise Refusal(
                413, f"{label} has {_pixels(*size)}, more than the {limits.pixels / 1e6:.0f} million taken here"
            )
        return _read_picture(predictor, path, label)
    except NothingRead as error:
        raise Refusal(415, f"{label} {error.skipped[0].reason}") from None
    except Unreadable as error:
        raise Refusal(415, f"{label} {error.skipped.reason}") from None


def _picture_size(path: Path) -> tuple[int, int] | None:
    """None for what is no picture. Raises Unreadable for a picture that cannot be used."""
    try:
        return stored_size(path)
    except Unreadable as error:
        if "is not a picture" in error.skipped.reason:
            return None
        raise


def _read_picture(predictor: Predictor, path: Path, label: str) -> Scene:
    source = Source(path, "pictures", (path,), (label,), Path(label).stem)
    poses = predictor.predict_source(source)
    view = next(picture_views(source, 0, predictor.look, []))
    _write_preview(read_image(path).pixels, path.parent, 0)
    poses = replace(poses, source=label, provenance=predictor.provenance(label))
    return Scene(label, source, poses, view.pixels[None], path.parent)


def _read_video(predictor: Predictor, path: Path, label: str, limits: Limits) -> Scene:
    frames, fps = _check_video(path, label, limits)
    every = -(-frames // limits.shown)
    canvases: list[NDArray[np.uint8]] = []
    places: list[tuple[int, float]] = []
    skipped: list[Skipped] = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for frame in read_frames(path, 0, limits.frames, every, skipped):
            _write_preview(frame.pixels, path.parent, len(places))
            places.append((frame.index, frame.time))
            canvases.append(predictor.canvas(frame.pixels))
            yield frame.pixels

    poses = predictor.predict(pictures(), batch=8)
    index, time = (np.array(column) for column in zip(*places, strict=True))
    damage = tuple(Skipped(label, one.reason) for one in skipped)
    about = {"source": label, "skipped": damage, "provenance": predictor.provenance(label)}
    poses = replace(poses, frame_index=index, time_stamp=time, fps=fps, **about)
    source = Source(path, "video", (path,), (label,), Path(label).stem, frames=slice(0, int(index[-1]) + 1, every))
    return Scene(label, source, poses, np.stack(canvases), path.parent)


def _check_video(path: Path, label: str, limits: Limits) -> tuple[int, float]:
    """How many frames, and how many a second. Raises Refusal for what is no video, or too large."""
    try:
        about = probe(path)
    except Unreadable as error:
        if "is not a video" in error.skipped.reason:
            raise Refusal(415, f"{label} is neither a picture nor a video that can be read") from None
        raise
    if about.width * about.height > limits.video_pixels:
        most = f"{limits.video_pixels / 1e6:.0f} million"
        raise Refusal(
            413, f"the frames of {label} have {_pixels(about.width, about.height)}, more than the {most} taken here"
        )
    frames = max(count_packets(path), 1)
    if frames > limits.frames:
        hint = f"more than the {limits.frames} taken here: cut it, or use `partpose predict`"
        raise Refusal(413, f"{label} has {frames} frames, {hint}")
    return frames, about.fps


def _pixels(width: int, height: int) -> str:
    return f"{width}×{height} pixels"


def _write_preview(pixels: NDArray[np.uint8], folder: Path, row: int) -> None:
    image = Image.fromarray(pixels)
    image.thumbnail((LARGEST_PREVIEW, LARGEST_PREVIEW), Image.Resampling.BICUBIC, reducing_gap=2.0)
    if image.width * image.height <= LOSSLESS:
        image.save(folder / f"preview_{row}.png", compress_level=1)
    else:
        image.save(folder / f"preview_{row}.jpg", quality=88)
