"""What is to be seen of an input, as squares: one view an object a picture or frame, read ahead by threads.

Pillow decodes and resizes without holding Python's lock, and so does the video decoder. A large picture is reduced while it
is decoded or brought to RGB, as far as two pixels are left for each one of the square: resizing the whole would take most of
the time.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.ahead import in_background, in_threads
from partpose.data.cut import Box, Cut
from partpose.data.images import Picture, Unreadable, as_channels, decoded, read_image
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

if TYPE_CHECKING:
    from partpose.data.video import Frame

AHEAD = 64
FRAMES_AHEAD = min(8, os.cpu_count() or 1) + 1
"""Decoded frames that wait to be cut, or are being cut: each is held as a whole."""
WHOLE = (Cut(),)


class Look(NamedTuple):
    """How a network wants to see. side: of its square, pixels.  channels: 1 to 4.  margin: share added around a box."""

    side: int
    channels: int = 3
    margin: float = 0.25


class View(NamedTuple):
    """One object in one picture, as a network sees it, and what is needed to map back.

    index: row of the picture in its source, or the frame's place in its video.  number: which of the source's cuts there.
    time: seconds, NaN for pictures.  width, height: of the original, upright.  place: the square of the original, in
    pixel edges, that `pixels` shows.  track: which object.  pixels: uint8 (side, side, C).
    """

    index: int
    number: int
    time: float
    width: int
    height: int
    place: Box
    track: str
    pixels: NDArray[np.uint8]


def read_views(source: Source, look: Look, skipped: list[Skipped]) -> Iterator[View]:
    """All views of a source in order; what cannot be read or seen joins `skipped`.

    Raises Unreadable for a video of which nothing can be decoded.
    """
    if source.kind == "pictures":
        return _pictures(source, look, skipped)
    from partpose.data.video import read_frames

    span = source.frames or slice(None)
    frames = read_frames(source.path, span.start or 0, span.stop, span.step or 1, skipped)
    return in_background(_frame_views(source, frames, look, skipped), AHEAD)


def frame_views(frame: "Frame", cuts: Sequence[Cut], look: Look) -> list[View | PartposeError]:
    """The views of one frame of a video; instead of one that cannot be had, why."""
    if not cuts:
        return []
    whole = max(frame.width, frame.height)
    lengths = [whole if cut.box is None else cut.box.square(look.margin).width for cut in cuts]
    reduced = frame.reduced(max(int(min(lengths) / (2 * look.side)), 1))
    picture = Picture(as_channels(reduced, look.channels), frame.width, frame.height)
    return list(cut_views(picture, cuts, look, frame.index, frame.time))


def sampled_views(source: Source, count: int, look: Look, skipped: list[Skipped]) -> Iterator[View]:
    """The views of at most `count` frames of a video, spread evenly; the same ones in every call. Raises Unreadable."""
    from partpose.data.video import sample_frames

    frames = sample_frames(source.path, count, skipped, frames_to_see(source))
    return _frame_views(source, frames, look, skipped, jobs=1)


def picture_views(source: Source, row: int, look: Look, skipped: list[Skipped]) -> Iterator[View]:
    """The views of one picture of a source."""
    return _seen(_views_of(source, row, look), source.files[row], skipped)


def frames_to_see(source: Source) -> Sequence[int]:
    """The indices of a video's frames that are to be seen, as far as its packets tell. Raises Unreadable."""
    from partpose.data.video import count_packets

    frames = range(max(count_packets(source.path), 1))[source.frames or slice(None)]
    return frames if source.cuts is None else [frame for frame in frames if frame in source.cuts]


def picture_array(pixels: Any) -> NDArray[np.uint8]:
    """A picture in memory as uint8 (H, W, 3): such an array, a grey one (H, W), or one of Pillow's, read as its file would be.

    Raises PartposeError for anything else.
    """
    if isinstance(pixels, Image.Image):
        return decoded(pixels, 3).pixels
    if not isinstance(pixels, np.ndarray):
        raise PartposeError(f"expected a picture as a uint8 array (H, W, 3), got {type(pixels).__name__}")
    if pixels.dtype != np.uint8 or pixels.ndim < 2 or pixels.shape[2:] not in ((), (3,)) or not pixels.size:
        raise PartposeError(f"expected uint8 pictures of shape (H, W, 3), got {pixels.dtype} {pixels.shape}")
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def array_view(index: int, pixels: Any, look: Look, cut: Cut = WHOLE[0]) -> View:
    """The view of a picture in memory. Raises PartposeError as `picture_array` and `Picture.square`."""
    pixels = picture_array(pixels)
    height, width = pixels.shape[:2]
    (view,) = cut_views(Picture(as_channels(pixels, look.channels), width, height), [cut], look, index)
    if isinstance(view, PartposeError):
        raise view
    return view


def cuts_of(source: Source, place: int) -> Sequence[Cut]:
    """What is to be seen of one picture, by its row, or frame, by its index."""
    return WHOLE if source.cuts is None else source.cuts.get(place, ())


def cut_views(
    picture: Picture, cuts: Sequence[Cut], look: Look, index: int, time: float = math.nan
) -> Iterator[View | PartposeError]:
    """The views of one picture; instead of one that cannot be had, why."""
    for number, cut in enumerate(cuts):
        place = Box(0, 0, picture.width, picture.height).square() if cut.box is None else cut.box.square(look.margin)
        try:
            pixels = picture.square(look.side, None if cut.box is None else place, cut.mask)
        except PartposeError as error:
            yield error
        else:
            yield View(index, number, time, picture.width, picture.height, place, cut.track, pixels)


def _pictures(source: Source, look: Look, skipped: list[Skipped]) -> Iterator[View]:
    """At most `AHEAD` pictures' views are held, and one whole picture a thread: a large one has hundreds of megabytes."""
    rows = range(len(source.files)) if source.cuts is None else sorted(source.cuts)
    for row, views in zip(rows, in_threads(lambda row: _views_of(source, row, look), rows, ahead=AHEAD), strict=True):
        yield from _seen(views, source.files[row], skipped)


def _views_of(source: Source, row: int, look: Look) -> list[View | PartposeError]:
    cuts = cuts_of(source, row)
    sides = [cut.box.square(look.margin).width for cut in cuts if cut.box is not None]
    try:
        picture = read_image(
            source.files[row], look.channels, look.side, min(sides) if 0 < len(sides) == len(cuts) else None
        )
    except Unreadable as error:
        return [error]
    return list(cut_views(picture, cuts, look, row))


def _frame_views(
    source: Source, frames: "Iterator[Frame]", look: Look, skipped: list[Skipped], jobs: int | None = None
) -> Iterator[View]:
    def cut(frame: "Frame") -> tuple[int, list[View | PartposeError]]:
        return frame.index, frame_views(frame, cuts_of(source, frame.index), look)

    cut_frames = map(cut, frames) if jobs == 1 else in_threads(cut, frames, jobs, FRAMES_AHEAD)
    for index, views in cut_frames:
        yield from _seen(views, Path(f"{source.path}#{index}"), skipped)


def _seen(views: Iterable[View | PartposeError], file: Path, skipped: list[Skipped]) -> Iterator[View]:
    for view in views:
        if isinstance(view, View):
            yield view
        else:
            known = isinstance(view, Unreadable)
            skipped.append(view.skipped if known else Skipped(readable(file), str(view)))
