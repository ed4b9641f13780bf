"""Frames of one camera, and their median: what a fixed one shows without the object that moves in front of it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.images import Unreadable, read_image
from partpose.data.planes import evened, highest, lowest, planes
from partpose.data.sources import Source
from partpose.data.spread import spread
from partpose.errors import Skipped

SAMPLES = 101
"""A median of more frames costs time and is hardly less noisy."""
FEWEST = 8
"""Of fewer frames no median is free of the object."""
MEMORY = 512 << 20
"""Bytes that the frames of one median may take; where they would take more, every second one is left out."""

_SMALL = 256
"""Side in pixels at which a camera's steadiness is judged: a shift by one of these pixels is forgiven."""
STEADY = 0.3
"""A frame is steady whose difference to the median, along the strongest edges, is at most this share of their contrast.

Nine frames of ten have at most 0.17 before fixed cameras (mice, flies, people), and 0.4 to 0.9 in the same clips moved at
random by ±4 of 320 pixels.
"""
_LEVEL = 12
"""And three quarters of the picture's pixels must usually be within so many levels of 255 of the median."""


class Still(NamedTuple):
    """One picture, or one frame of a video, perhaps reduced.

    index: row of the picture in its source, or the frame's place in its video.  width, height: of the original, upright.
    pixels: uint8 (h, w, 3), which stand for the whole original.
    """

    index: int
    width: int
    height: int
    pixels: NDArray[np.uint8]


def stills(
    source: Source, side: int | None = None, count: int | None = None, skipped: list[Skipped] | None = None
) -> Iterator[Still]:
    """Whole pictures or frames of a source in order, reduced to a long side of at most `side` pixels.

    count: at most so many, spread evenly, the same ones in every call; None for all (that are in `Source.frames`).
    A picture that cannot be read is passed over, and joins `skipped`. Raises Unreadable where a video cannot be read.
    """
    for index, pixels, width, height in _decoded(source, side, count, [] if skipped is None else skipped):
        scale = min(1.0, (side or max(width, height)) / max(width, height))
        shape = max(1, round(width * scale)), max(1, round(height * scale))
        whole = pixels.shape[1::-1] == shape
        small = pixels if whole else np.asarray(Image.fromarray(pixels).resize(shape, Image.Resampling.BOX))
        yield Still(index, width, height, small)


def sample(source: Source, side: int | None = None) -> list[Still]:
    """At most `SAMPLES` stills spread evenly, fewer where they would take more than `MEMORY` bytes.

    Raises Unreadable where they are not all of one size, and as `stills`.
    """
    kept: list[Still] = []
    stride = 1
    for number, still in enumerate(stills(source, side, SAMPLES)):
        if kept and (still.width, still.height) != (kept[0].width, kept[0].height):
            sizes = f"{kept[0].width}×{kept[0].height} and {still.width}×{still.height}"
            raise Unreadable(source.path, f"holds pictures of {sizes} pixels, so not of one fixed camera")
        if number % stride == 0:
            kept.append(still)
        if len(kept) * still.pixels.nbytes > MEMORY:
            kept, stride = kept[::2], stride * 2
    return kept


def quantile(frames: Sequence[NDArray[np.uint8]], share: float = 0.5) -> NDArray[np.uint8]:
    """In each pixel and channel the value that this share of N frames, uint8 (H, W, 3), does not exceed."""
    place = round(share * len(frames)) if share < 0.5 else int(share * len(frames))
    result = np.empty_like(frames[0])
    for row in range(0, len(result), 32):  # a few rows at a time: all at once would need the memory twice
        stack = np.stack([frame[row : row + 32] for frame in frames])
        result[row : row + 32] = np.partition(stack, place, axis=0)[place]
    return result


def is_fixed_camera(frames: Sequence[NDArray[np.uint8]], median: NDArray[np.uint8]) -> bool:
    """Whether N frames, uint8 (H, W, 3), are of one scene seen by a camera that stands still.

    Brightness and contrast of each frame are first brought to those of the median. Then nine frames of ten must be
    steady (`STEADY`), which tells a small movement from noise by the edges of the scene, and most pixels usually be near
    the median, which tells one scene from several. A scene without edges is fixed whatever the camera does.
    """
    small = _small(median)
    contrast = (highest(small) - lowest(small)).mean(0)
    edge, flat = contrast >= np.quantile(contrast, 0.9), contrast <= np.median(contrast)
    away = np.stack([_away(_small(frame), small) for frame in frames])
    noise = np.median(away[:, flat], axis=1)[:, None]
    # 4 levels: the contrast of pixels that show nothing is rounding
    steadiness = np.median(np.maximum(away[:, edge] - noise, 0) / (contrast[edge] + 4), axis=1)
    usual = np.quantile(np.median(away, axis=0), 0.75)
    return bool(np.mean(steadiness <= STEADY) >= 0.9 and usual <= _LEVEL)


def _decoded(
    source: Source, side: int | None, count: int | None, skipped: list[Skipped]
) -> Iterator[tuple[int, NDArray[np.uint8], int, int]]:
    if source.kind == "pictures":
        yield from _pictures(source, side, count, skipped)
        return
    from partpose.data.video import count_packets, read_frames, sample_frames

    span = source.frames or slice(None)
    if count is None:
        frames = read_frames(source.path, span.start or 0, span.stop, span.step or 1)
    else:
        frames = sample_frames(source.path, count, None, range(max(count_packets(source.path), 1))[span])
    for frame in frames:
        yield frame.index, frame.pixels, frame.pixels.shape[1], frame.pixels.shape[0]


def _pictures(
    source: Source, side: int | None, count: int | None, skipped: list[Skipped]
) -> Iterator[tuple[int, NDArray[np.uint8], int, int]]:
    total = len(source.files)
    for row in spread(total, count or total):
        try:
            picture = read_image(source.files[row], 3, side)
        except Unreadable as error:
            skipped.append(error.skipped)
        else:
            yield int(row), picture.pixels, picture.width, picture.height


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes at which a camera is judged."""
    factor = -(-max(pixels.shape[:2]) // _SMALL)
    return planes(pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor)))


def _away(frame: NDArray[np.uint8], scene: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W): the mean difference of the channels."""
    return np.abs(evened(frame, scene).astype(np.float32) - scene).mean(0, dtype=np.float32)
