"""An input with its parts drawn in, to look at."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from partpose.data.ahead import in_threads
from partpose.data.images import Unreadable, read_image
from partpose.data.sources import Source
from partpose.data.video import VideoWriter, probe, read_frames
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped
from partpose.predict.artist import Artist
from partpose.predict.contact import Cell, cell, choose, write_sheets
from partpose.predict.draw import write_png
from partpose.predict.poses import Poses
from partpose.predict.style import Style

Progress = Callable[[int, int], None]


VIDEO, FOLDER = "_parts.mp4", "_parts"


def overlay_endings(source: Source, style: Style) -> list[str]:
    """How the names of all that `draw_overlay` may write end, the first of which is always there."""
    if source.kind == "video":
        return [VIDEO]
    return [FOLDER, *("_sheet.png" if i == 1 else f"_sheet_{i}.png" for i in range(1, style.sheets + 1))]


def draw_overlay(
    poses: Poses,
    source: Source,
    stem: Path,
    style: Style | None = None,
    progress: Progress = lambda *_: None,
    skipped: list[Skipped] | None = None,
) -> list[Path]:
    """The input with its parts drawn in: `<stem>_parts.mp4`, or a folder `<stem>_parts` of PNGs and `<stem>_sheet.png`.

    A video keeps its size and its timing; a frame of another size than the first is fitted into that. Of a video that
    was predicted in part, that part is shown; frames without an object are shown as they are. A picture keeps its size
    too, but for one of less than 256 pixels' height, which is enlarged by a whole factor. `progress` is told how many
    frames are done, and of how many. Pictures that can no longer be read join `skipped`.

    Raises Unreadable where the input has gone, and PartposeError where the result cannot be written, or the style does
    not fit the poses.
    """
    artist = Artist(poses, style or Style())
    if source.kind == "pictures":
        return _draw_pictures(artist, source, stem, progress, [] if skipped is None else skipped)
    return _draw_video(artist, source, stem.with_name(stem.name + VIDEO), progress)


def _draw_video(artist: Artist, source: Source, path: Path, progress: Progress) -> list[Path]:
    width, height = artist.poses.sizes[0].tolist()
    span = artist.frames(source)
    start, step = span.start or 0, span.step or 1
    total = len(range(start, span.stop or int(artist.poses.frame_index[-1]) + 1, step))
    with VideoWriter(path, width, height, probe(source.path).fps) as video:
        for i, frame in enumerate(read_frames(source.path, start, span.stop, step)):
            rows = artist.rows(frame.index)
            if misfit := artist.misfit(rows, frame.pixels):
                raise PartposeError(f"frame {frame.index} of {readable(source.path)} {misfit}")
            drawn = artist.draw(frame.pixels, [artist.marks(row) for row in rows], scale=1)
            video.write(_fit(drawn, width, height), frame.time)
            progress(i + 1, max(total, i + 1))
    return [path]


def _fit(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole picture, as large as it can be, in the middle of one of this size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height)))


class _Job(NamedTuple):
    """One picture to draw: from which file, of which rows, to which file, and which rows are also on a sheet."""

    file: Path
    rows: range
    path: Path
    chosen: frozenset[int]


def _draw_pictures(
    artist: Artist, source: Source, stem: Path, progress: Progress, skipped: list[Skipped]
) -> list[Path]:
    folder = stem.with_name(stem.name + FOLDER)
    jobs = _jobs(artist, source, folder)

    def cells() -> Iterator[Cell]:
        for i, found in enumerate(in_threads(partial(_draw_picture, artist), jobs)):
            progress(i + 1, len(jobs))
            if isinstance(found, Unreadable):
                skipped.append(found.skipped)
            else:
                yield from found

    return [folder, *write_sheets(cells(), stem)]


def _jobs(artist: Artist, source: Source, folder: Path) -> list[_Job]:
    """In the order of the poses, whose pictures are found again by their names."""
    names = artist.poses.files or ()
    files = dict(zip(source.names, source.files, strict=True))
    rows = [artist.rows(index) for index in np.unique(artist.poses.frame_index).tolist()]
    inside = _inside_names([names[some[0]] for some in rows])
    chosen = choose(len(names), artist.style.sheets)
    paths = [files.get(names[some[0]], source.path / names[some[0]]) for some in rows]
    return [_Job(*job, chosen) for job in zip(paths, rows, (folder / path for path in inside), strict=True)]


def _draw_picture(artist: Artist, job: _Job) -> list[Cell] | Unreadable:
    """Write one picture's overlay. Returns what of it is on the sheets, or why it cannot be read."""
    try:
        pixels = read_image(job.file).pixels
    except Unreadable as error:
        return error
    if misfit := artist.misfit(job.rows, pixels):
        return Unreadable(job.file, misfit)
    write_png(artist.draw(pixels, [artist.marks(row) for row in job.rows]), job.path)
    return [cell(artist, row, pixels) for row in job.rows if row in job.chosen]


def _inside_names(names: Sequence[str]) -> list[PurePosixPath]:
    """`_inside_name` of each, with a number where another has it: a.jpg and a.jpg.png → a.jpg.png and a.jpg-2.png.

    Upper and lower case count as the same, as some file systems have it.
    """
    taken: set[str] = set()
    inside = []
    for name in names:
        path = first = _inside_name(name)
        number = 2
        while str(path).casefold() in taken:
            path, number = first.with_name(f"{first.stem}-{number}.png"), number + 1
        taken.add(str(path).casefold())
        inside.append(path)
    return inside


def _inside_name(name: str) -> PurePosixPath:
    """Where a picture's overlay goes in the folder of them: a table may list pictures that lie anywhere.

    "a/b.jpg" → "a/b.jpg.png", "../c.png" → "__/c.png", "/d/e.png" → "d/e.png"
    """
    path = PurePosixPath(name)
    inside = PurePosixPath(*("__" if part == ".." else part for part in path.parts if part != path.anchor))
    return inside if inside.suffix == ".png" else inside.with_name(inside.name + ".png")
