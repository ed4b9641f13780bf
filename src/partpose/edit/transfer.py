"""The motion of a clip with the looks of pictures, steady over time: one appearance, one background, smooth shapes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from math import ceil, isfinite, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from partpose.data.cameras import steady
from partpose.data.reading import View, read_views
from partpose.data.sources import Source
from partpose.data.video import VideoWriter
from partpose.edit.pictures import as_seen, encode, mean_looks, views_of
from partpose.errors import PartposeError, Skipped
from partpose.geometry import Parts, root2, to_inside
from partpose.model.background import LEAST_KNOWN
from partpose.model.part_model import Encoding
from partpose.predict.draw import enlarge
from partpose.predict.finish import Finish
from partpose.predict.poses import Poses
from partpose.predict.predictor import Predictor
from partpose.predict.sheet import PAPER, sheet
from partpose.predict.show import to_pixels

BATCH = 32
SAMPLES = 32
"""Frames whose median is the background."""
TITLES = ("motion", "looks", "motion in these looks")


class Motion(NamedTuple):
    """What moves. source: with one object a frame.  poses: its parts in every frame, smoothed or not."""

    source: Source
    poses: Poses


def of_track(source: Source, track: str | None) -> Source:
    """A source with one object: of this name, or the only one.

    Raises PartposeError where there are several and none is named, and where there is none of this name.
    """
    known = sorted({cut.track for cuts in (source.cuts or {0: ()}).values() for cut in cuts})
    if source.cuts is None and track is None:
        return source
    if track not in known and not (track is None and len(known) == 1):
        there = ", ".join(map(repr, known[:SAMPLES])) or "none by name"
        raise PartposeError(f"{source.path} shows {len(known) or 1} objects ({there}): expected one of them as --track")
    one = known[0] if track is None else track
    cuts = {i: tuple(cut for cut in some if cut.track == one) for i, some in (source.cuts or {}).items()}
    return source._replace(cuts={i: some for i, some in cuts.items() if some})


def smooth_shapes(poses: Poses, how: Finish) -> Poses:
    """Poses whose means and covariances are filtered over time.

    What is filtered of a covariance is its square root, which is a length in pixels, and whose square is a covariance
    whatever the filter made of it.
    """
    root = root2(torch.from_numpy(poses.covariance.copy())).numpy()
    # Filters know points, with one noise along x and y: (xx, yy) and (xy, yx) are two of them
    pairs = np.stack([root[..., (0, 1), (0, 1)], root[..., (0, 1), (1, 0)]], axis=2)
    points = pairs.reshape(len(root), -1, 2)
    blank = {"covariance": np.full((*points.shape, 2), np.nan), "confidence": np.ones(points.shape[:2])}
    as_poses = replace(poses, mean=points, **blank, uncertainty=np.empty((0, 0)), names=(), skeleton=())
    (xx, yy), (xy, yx) = np.moveaxis(how(as_poses).mean.reshape(pairs.shape), (2, 3), (0, 1))
    smooth = np.stack([xx, xy, yx, yy], axis=-1).reshape(root.shape)
    return replace(how(poses), covariance=smooth @ smooth)


def transfer(
    predictor: Predictor,
    motion: Motion,
    looks: Sequence[View],
    path: Path,
    side_by_side: bool = False,
    fps: float = 25.0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Skipped]:
    """Write the motion in the mean looks of some pictures, as H.264. Returns what of the motion could not be read.

    The frames are the squares that the model sees of the motion, enlarged; they keep the motion's time stamps, pictures
    follow each other at `fps`. Where the model has a background, it is the motion's, and stays the same.
    side_by_side: the motion and the looks beside it.  progress: is told how many frames are done, and of how many.
    """
    skipped: list[Skipped] = []
    fixed = mean_looks(encode(predictor, looks))._replace(background=_background(predictor, motion.source, skipped))
    pictures = _in_looks(predictor, motion.poses, fixed)
    if side_by_side:
        pictures = _beside(pictures, predictor, motion, looks, skipped)
    first = next(pictures)
    times = motion.poses.time_stamp
    with VideoWriter(path, first.shape[1], first.shape[0], motion.poses.fps or fps) as video:
        for i, pixels in enumerate(chain([first], pictures)):
            video.write(pixels, times[i] if isfinite(times[i]) else None)
            progress(i + 1, len(times))
    return skipped


def _in_looks(predictor: Predictor, poses: Poses, looks: Encoding) -> Iterator[NDArray[np.uint8]]:
    """Frame by frame, decoded in batches."""
    mean = to_inside(poses.mean, poses.squares).astype(np.float32)
    cov = (poses.covariance * (2 / poses.squares[:, 2, None, None, None]) ** 2).astype(np.float32)
    confidence = poses.confidence.astype(np.float32)
    for start in range(0, len(poses), BATCH):
        rows = slice(start, start + BATCH)
        shapes = Parts(*(torch.from_numpy(some[rows]).to(predictor.device) for some in (mean, cov, confidence)))
        count = len(shapes.mean)
        appearance = looks.appearance.expand(count, -1, -1)
        background = None if looks.background is None else looks.background.expand(count, -1, -1, -1)
        with torch.inference_mode():
            decoded = predictor.network.decode(Encoding(shapes, appearance, background), predictor.side)
        yield from map(enlarge, to_pixels(decoded))


@torch.inference_mode()
def _background(predictor: Predictor, source: Source, skipped: list[Skipped]) -> torch.Tensor | None:
    """(1, C + 1, side, side) what the generator is told of the scene in all frames, or None where it is told nothing.

    That is what a fixed camera sees; of one that moves what is around the object in the first frame.
    """
    known = predictor.settings.model.background != "none"
    views = views_of(source, SAMPLES, predictor.look, skipped) if known else []
    if not views:
        return None
    frames = np.stack([view.pixels for view in views])
    scene = steady_scene(frames)
    return (
        predictor.network.encode(predictor.tensor(frames[:1])).background if scene is None else predictor.tensor(scene)
    )


def steady_scene(frames: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """What a fixed camera sees behind the object in (F, side, side, C) frames.

    (1, side, side, C + 1): the median and, in the last channel, 255 where it is steady; all 0 elsewhere, as of the pictures
    that the generator learns to paint a background from. None where little is steady: the camera moves, or nothing else does.
    """
    median, known = steady(frames)
    if known.mean() <= LEAST_KNOWN:
        return None
    white = np.full((*known.shape, 1), 255, np.uint8)
    return (np.concatenate([median, white], axis=-1) * known[..., None])[None]


def _beside(
    pictures: Iterator[NDArray[np.uint8]],
    predictor: Predictor,
    motion: Motion,
    looks: Sequence[View],
    skipped: list[Skipped],
) -> Iterator[NDArray[np.uint8]]:
    """The motion and the looks beside each picture, under their titles."""
    views, worn = read_views(motion.source, predictor.look, skipped), _montage([as_seen(view) for view in looks])
    view = next(views, None)
    for index, pixels in zip(motion.poses.frame_index, pictures, strict=True):
        while view is not None and view.index < index:
            view = next(views, None)
        # Black where a frame could be read once, but not again
        moving = as_seen(view) if view is not None and view.index == index else np.zeros_like(pixels)
        yield sheet([[moving, worn, pixels]], TITLES)


def _montage(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of one size in a picture of that size."""
    across = ceil(sqrt(len(pictures)))
    height, width = pictures[0].shape[:2]
    paper = Image.new("RGB", (width, height), PAPER)
    for i, pixels in enumerate(pictures):
        small = Image.fromarray(pixels).resize((width // across, height // across), Image.Resampling.LANCZOS)
        paper.paste(small, (i % across * (width // across), i // across * (height // across)))
    return np.asarray(paper)
