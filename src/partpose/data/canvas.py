"""All pictures of a training input in one array of small squares, decoded once."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.images import Unreadable
from partpose.data.reading import Look, View, frames_to_see, picture_views, sampled_views
from partpose.data.sources import Source
from partpose.errors import PartposeError, Skipped

Progress = Callable[[int, int], None]


class Canvases(NamedTuple):
    """N squares from pictures and videos, in the order of the sources.

    pixels: uint8 (N, size, size, channels).  names: N; a frame of a video is "clip.mp4#120", one object of
    several in a picture "street.png@7".
    clip: int64 (N,), the number of the source for frames of a video, -1 for single pictures.  skipped: what is not in it.
    extent: float32 (N, 4), what of each square is picture and not padding, see `extents`; None: all of it.
    """

    pixels: NDArray[np.uint8]
    names: tuple[str, ...]
    clip: NDArray[np.int64]
    skipped: list[Skipped]
    extent: NDArray[np.float32] | None = None


class _Span(NamedTuple):
    """The rows that one file may fill, of which `names` says how many it did.

    places: of each row the width and height of the original, and left, top and side of the square that is shown.
    """

    first: int
    names: list[str]
    skipped: list[Skipped]
    places: list[tuple[float, ...]]


def read_canvases(
    sources: Sequence[Source],
    look: Look,
    frames_per_video: int = 1000,
    progress: Progress | None = None,
    memory_limit: int = 1 << 30,
    cache: Path | None = None,
) -> Canvases:
    """Decode everything to squares; a video gives at most `frames_per_video` frames spread evenly.

    progress(done, total) is called now and then, in rows. An array of more than `memory_limit` bytes lies in a file in
    the folder `cache`, where there is one; the file vanishes with the array. The result does not depend on the threads.

    Raises PartposeError where nothing at all could be read, and where the array does not fit.
    """
    files = [(number, source, i) for number, source in enumerate(sources) for i in range(len(source.files))]
    stop = threading.Event()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        counts = list(pool.map(lambda file: _rows_of(file[1], file[2], frames_per_video), files))
        firsts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        pixels = _allocate((int(firsts[-1]), look.side, look.side, look.channels), memory_limit, cache)
        tasks = [
            pool.submit(_fill, pixels[a:b], _Span(int(a), [], [], []), source, i, look, frames_per_video, stop)
            for (_, source, i), (a, b) in zip(files, pairwise(firsts), strict=True)
        ]
        spans = _collect(tasks, counts, progress, stop)
    clip = [number if source.kind == "video" else -1 for number, source, _ in files]
    return _compact(pixels, spans, clip)


def _rows_of(source: Source, i: int, frames_per_video: int) -> int:
    """How many rows a file may need at most."""
    if source.kind == "pictures":
        return 1 if source.cuts is None else len(source.cuts.get(i, ()))
    try:
        frames = len(frames_to_see(source))
    except Unreadable:
        return 0
    objects = 1 if source.cuts is None else max(map(len, source.cuts.values()), default=0)
    return min(frames_per_video, frames) * objects


def _allocate(shape: tuple[int, int, int, int], memory_limit: int, cache: Path | None) -> NDArray[np.uint8]:
    total = int(np.prod(shape, dtype=np.int64))
    try:
        if cache is None or total <= memory_limit:
            return np.empty(shape, np.uint8)
        return _in_file(shape, total, cache)
    except (MemoryError, OSError) as error:
        size = f"{total / 1e9:.1f} GB for {shape[0]} pictures of {shape[1]} pixels"
        raise PartposeError(f"there is no room for {size}: use fewer pictures or a smaller size") from error


def _in_file(shape: tuple[int, int, int, int], total: int, cache: Path) -> NDArray[np.uint8]:
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f".canvases-{os.getpid()}"
    with path.open("w+b") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                # A full disk is an error here, and would be a crash when the mapped pages are written.
                os.posix_fallocate(file.fileno(), 0, total)
            else:
                file.truncate(total)
            return np.memmap(file, np.uint8, "r+", shape=shape)
        finally:
            path.unlink()


def _fill(
    pixels: NDArray[np.uint8],
    span: _Span,
    source: Source,
    i: int,
    look: Look,
    frames_per_video: int,
    stop: threading.Event,
) -> _Span:
    """Decode file i of a source to these rows, until told to stop."""
    try:
        for view in file_views(source, i, look, frames_per_video, span.skipped):
            pixels[len(span.names)] = view.pixels
            span.names.append(row_name(source.names[i], source.kind, view))
            span.places.append((view.width, view.height, *view.place[:3]))
            if stop.is_set():
                break
    except Unreadable as error:
        span.skipped.append(error.skipped)
    return span


def file_views(source: Source, i: int, look: Look, frames: int, skipped: list[Skipped]) -> Iterator[View]:
    """What is learned from one file of a source; what cannot be read joins `skipped`. Raises Unreadable for a video."""
    if source.kind == "pictures":
        return picture_views(source, i, look, skipped)
    return sampled_views(source, frames, look, skipped)


def row_name(file: str, kind: str, view: View) -> str:
    """The name of a view in `Canvases`."""
    frame = f"#{view.index}" if kind == "video" else ""
    return f"{file}{frame}{f'@{view.track}' if view.track else ''}"


def _collect(
    tasks: list[Future[_Span]], counts: list[int], progress: Progress | None, stop: threading.Event
) -> list[_Span]:
    """Wait for all; an interrupt need not wait for a long video."""
    spans, done, total = [], 0, sum(counts)
    try:
        for task, count in zip(tasks, counts, strict=True):
            spans.append(task.result())
            done += count
            if progress:
                progress(done, total)
    except BaseException:
        stop.set()
        for task in tasks:
            task.cancel()
        raise
    return spans


def _compact(pixels: NDArray[np.uint8], spans: list[_Span], clip: list[int]) -> Canvases:
    """Close the gaps that unreadable files left."""
    names = tuple(name for span in spans for name in span.names)
    skipped = [line for span in spans for line in span.skipped]
    if not names:
        reason = f", the first: {skipped[0].path} {skipped[0].reason}" if skipped else ""
        raise PartposeError(f"none of the {len(spans)} pictures and videos can be read{reason}")
    rows = [span.first + i for span in spans for i in range(len(span.names))]
    for to, row in enumerate(rows):
        if to != row:
            pixels[to] = pixels[row]
    clips = np.repeat(np.array(clip, np.int64), [len(span.names) for span in spans])
    places = np.array([place for span in spans for place in span.places])
    return Canvases(pixels[: len(names)], names, clips, skipped, extents(places[:, :2], places[:, 2:]))


def extents(sizes: NDArray, squares: NDArray) -> NDArray[np.float32]:
    """(F, 4) left, top, right and bottom, in the inside frames of (F, 3) squares, of pictures of (F, 2) widths and heights.

    The rest of a square is padding; what of a picture lies outside of its square is cut off.
    """
    sizes, squares = np.asarray(sizes, np.float64), np.asarray(squares, np.float64)
    edges = np.concatenate([np.zeros_like(sizes), sizes], 1)
    inside = (edges - np.tile(squares[:, :2], 2)) * (2 / squares[:, 2:]) - 1
    return inside.clip(-1, 1).astype(np.float32)
