"""Boxes around objects, from a detector, a tracker or a moving object: a CSV with a line an object in a picture or frame.

    file,x,y,w,h,id          frame,x,y,w,h          file,frame,x,y,w,h

x and y are the left and upper *edge* in pixels of the original upright picture, as detectors write them: a box of w = 1 at
x = 10 is the column of pixels whose number is 10, and whose centre is 10 in the files of keypoints. Frames count from 0.
"""

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from partpose.data.atomic import atomic
from partpose.data.cut import Box, Cut
from partpose.data.images import Unreadable
from partpose.data.landmarks import in_words, table_header, table_rows
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

AUTO = "auto"
Item = TypeVar("Item")
_NAMES = {
    "file": ("file", "filename", "file_name", "image", "video"),
    "frame": ("frame", "frame_index", "frame_id"),
    "x": ("x", "left"),
    "y": ("y", "top"),
    "w": ("w", "width"),
    "h": ("h", "height"),
    "id": ("id", "track", "track_id"),
}
"""What the columns may be called, in any case and order; others are not looked at."""


class BoxLine(NamedTuple):
    """One object.  line: of the file.  file: with forward slashes, "" where there is no such column.  frame: None likewise.

    track: as in the file, "" where it has none.
    """

    line: int
    file: str
    frame: int | None
    box: Box
    track: str


@dataclass(frozen=True, eq=False)
class Boxes:
    """All objects of a file."""

    path: Path
    lines: tuple[BoxLine, ...]

    @cached_property
    def by_file(self) -> dict[str, list[BoxLine]]:
        """The lines about each file, in their order."""
        found: dict[str, list[BoxLine]] = defaultdict(list)
        for line in self.lines:
            found[line.file].append(line)
        return dict(found)


def boxes_for(source: Source, spec: str) -> tuple[Source, list[Skipped]]:
    """The source with boxes, and what there is to say about them.

    spec: `auto` for the one moving object of a fixed camera, see `moving.find_moving`, or a CSV file.
    Raises Unreadable where this source has no boxes, and PartposeError where the file is not as the head of this module says.
    """
    if spec == AUTO:
        from partpose.data.moving import find_moving

        return find_moving(source)
    boxes = _read_once(spec)
    source = apply_boxes(source, boxes)
    return source, _beyond_the_end(source, boxes)


def check_boxes(spec: str, sources: Sequence[Source]) -> list[Skipped]:
    """What of a file of boxes belongs to no source; `auto` needs no check. For before hours of work, not after.

    Raises PartposeError as `read_boxes`, and where it does not name the files of several inputs.
    """
    if spec == AUTO:
        return []
    boxes = _read_once(spec)
    if len(sources) > 1 and any(not line.file for line in boxes.lines):
        raise PartposeError(f"{spec} has no column 'file', expected one: there are {len(sources)} inputs")
    named = {line.file for line in boxes.lines if line.file}
    known = {file for source in sources for file, rows in _matches(named, source).items() if rows}
    lost = [line for line in boxes.lines if line.file and line.file not in known]
    if not lost:
        return []
    files = len({line.file for line in lost})
    reason = f"names {files} file{'' if files == 1 else 's'} not in the input, the first in line {lost[0].line}: {lost[0].file}"
    return [Skipped(spec, reason)]


def read_boxes(path: str | PathLike) -> Boxes:
    """Read a CSV of boxes. A line whose x, y, w and h are all empty or NaN is an object that was not seen, and passed over.

    Raises PartposeError, with the line, where a column is missing, there is no box, a cell is not a number, or w or h is not
    above 0.
    """
    path = Path(path)
    lines = []
    for number, cells in table_rows(path):
        row = {name.lower(): text.strip() for name, text in cells.items()}
        columns = _columns(row, path)
        where = f"{readable(path)}, line {number}"
        if box := _box(row, columns, where):
            file, frame, track = (row.get(columns.get(name, ""), "") for name in ("file", "frame", "id"))
            if not file and not frame:
                raise PartposeError(f"{where}: expected a file or a frame, got neither")
            track = track.removesuffix(".0") if track.removesuffix(".0").isdigit() else track
            lines.append(BoxLine(number, _plain(file), _whole(frame, where) if frame else None, box, track))
    if not lines:
        raise PartposeError(
            f"{readable(path)} lists no box: expected one a line below the header file,frame,x,y,w,h,id"
        )
    return Boxes(path, tuple(lines))


def apply_boxes(source: Source, boxes: Boxes) -> Source:
    """The source with the cuts that are its own; a picture or frame without a box has nothing to look at.

    A file is matched by its name and by as many of its folders as agree. Several objects in a picture have
    different tracks, 0, 1, … where the file has no ids. Boxes and masks that the source had are replaced.
    Raises Unreadable where there is none for this source, and PartposeError where one cannot be told what it belongs to.
    """
    found: dict[int, list[BoxLine]] = defaultdict(list)
    for line, row in _own(source, boxes):
        found[row].append(line)
    if not found:
        raise Unreadable(source.path, f"has no box in {readable(boxes.path)}")
    tracked = any(len(lines) > 1 or lines[0].track for lines in found.values())
    cuts = {place: tuple(_cuts(found[place], tracked, boxes.path)) for place in sorted(found)}
    return source._replace(cuts=cuts)


def write_boxes(path: str | PathLike, *sources: Source) -> None:
    """Write the boxes of sources as `read_boxes` reads them, to 1/100 pixel.

    Raises PartposeError where the file cannot be written.
    """
    frames = any(source.kind == "video" for source in sources)
    rows = [row for source in sources for row in _rows(source)]
    tracks = any(cut.track for *_, cut in rows)
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *["frame"] * frames, "x", "y", "w", "h", *["id"] * tracks])
        for name, frame, cut in rows:
            box = [f"{value:.2f}" for value in cut.box or ()]
            writer.writerow([name, *[frame] * frames, *box, *[cut.track] * tracks])


def _rows(source: Source) -> Iterator[tuple[str, int | str, Cut]]:
    """Every box: its file, its frame, "" for a picture, and the cut."""
    for place, cuts in sorted((source.cuts or {}).items()):
        name, frame = (source.names[0], place) if source.kind == "video" else (source.names[place], "")
        yield from ((name, frame, cut) for cut in cuts if cut.box is not None)


def _read_once(spec: str) -> Boxes:
    """A long table is not read again for every video."""
    with in_words(Path(spec)):
        return _read_version(spec, Path(spec).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read_version(spec: str, changed: int) -> Boxes:  # noqa: ARG001
    return read_boxes(spec)


def _columns(row: Mapping[str, str], path: Path) -> dict[str, str]:
    """Our name of each column that is there → what it is called."""
    columns = {ours: name for ours, known in _NAMES.items() for name in reversed(known) if name in row}
    missing = [name for name in "xywh" if name not in columns]
    missing += [] if {"file", "frame"} & set(columns) else ["file"]
    if missing:
        came = ", ".join(table_header(path))
        expected = "expected a line with the names file or frame, x, y, w and h"
        raise PartposeError(f"{readable(path)}, line 1: column {missing[0]!r} is missing, {expected}, got {came}")
    return columns


def _box(row: Mapping[str, str], columns: Mapping[str, str], where: str) -> Box | None:
    texts = [row[columns[name]] for name in "xywh"]
    if all(text.lower() in ("", "nan") for text in texts):
        return None
    values = []
    for name, text in zip("xywh", texts, strict=True):
        try:
            values.append(float(text))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            raise PartposeError(f"{where}: {name} must be a number, got {text!r}")
    if values[2] <= 0 or values[3] <= 0:
        raise PartposeError(f"{where}: w and h must be above 0, got {texts[2]} and {texts[3]}")
    return Box(*values)


def _whole(text: str, where: str) -> int:
    """A frame's index, also as other tables write it: 12.0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0 and value == round(value)):
        raise PartposeError(f"{where}: frame must be a number from 0, got {text!r}")
    return int(value)


def _plain(file: str) -> str:
    return str(PurePosixPath(file.replace("\\", "/"))) if file else ""


def _matches(files: Iterable[str], source: Source) -> dict[str, list[int]]:
    """File of a table → its row in the source: several where it may be any of them, and none where it is not there.

    Names must be equal; of equal names those match whose folders agree the furthest, seen from either side.
    """
    paths = [readable(path.absolute().as_posix()) for path in source.files]
    found: dict[str, list[int]] = {}
    _match(list(files), list(range(len(paths))), 0, paths, source.names, found)
    return found


def _match(
    files: list[str],
    rows: list[int],
    depth: int,
    paths: Sequence[str],
    names: Sequence[str],
    found: dict[str, list[int]],
) -> None:
    """Those that agree in their last `depth` parts, by the part before; what agrees no further is for each other."""
    inner, outer = _by_part(files, depth, str), _by_part(rows, depth, paths.__getitem__)
    shared = (inner.keys() & outer.keys()) - {None}
    for part in shared:
        _match(inner[part], outer[part], depth + 1, paths, names, found)
    left = [row for part in outer.keys() - shared for row in outer[part]] if depth else []
    exact = {names[row]: row for row in left}
    for file in (file for part in inner.keys() - shared for file in inner[part]):
        # Of several files with as much in common none is meant, but for one that is a picture's very name
        found[file] = [exact[file]] if file in exact else sorted(left) if len(files) == 1 else []


def _by_part(some: list[Item], depth: int, path_of: Callable[[Item], str]) -> dict[str | None, list[Item]]:
    """By the part of their paths that has `depth` behind it; None where there is none."""
    groups: dict[str | None, list[Item]] = defaultdict(list)
    for one in some:
        parts = path_of(one).rsplit("/", depth + 1)
        groups[parts[-1 - depth] if len(parts) > depth else None].append(one)
    return groups


def _own(source: Source, boxes: Boxes) -> Iterator[tuple[BoxLine, int]]:
    """The lines about this source, each with the row of its picture or its frame."""
    matches = {file: rows for file, rows in _matches(boxes.by_file.keys() - {""}, source).items() if rows}
    own = [line for file in ("", *matches) for line in boxes.by_file.get(file, ())]
    for line in sorted(own, key=lambda line: line.line):
        where = f"{readable(boxes.path)}, line {line.line}"
        rows = matches[line.file] if line.file else [0]
        if len(rows) > 1:
            names = " and ".join(source.names[row] for row in rows[:2])
            raise PartposeError(f"{where}: {line.file!r} may be {names}: give more of its path")
        if source.kind == "pictures" and not line.file:
            raise PartposeError(f"{where}: expected the name of a picture in a column 'file', got only a frame")
        if source.kind == "video" and line.frame is None:
            raise PartposeError(f"{where}: expected a frame of {line.file} in a column 'frame', got none")
        yield line, rows[0] if line.frame is None or source.kind == "pictures" else line.frame


def _cuts(lines: Sequence[BoxLine], tracked: bool, path: Path) -> Iterator[Cut]:
    """The objects of one picture."""
    twice = [track for track, count in Counter(line.track for line in lines if line.track).items() if count > 1]
    if twice:
        line = [line.line for line in lines if line.track == twice[0]][1]
        raise PartposeError(f"{readable(path)}, line {line}: object {twice[0]!r} has a box there already")
    free = (str(i) for i in range(len(lines) * 2) if str(i) not in {line.track for line in lines})
    for line in lines:
        yield Cut(line.box, track=(line.track or next(free)) if tracked else "")


def _beyond_the_end(source: Source, boxes: Boxes) -> list[Skipped]:
    if source.kind == "pictures" or not source.cuts:
        return []
    from partpose.data.video import count_packets

    total = count_packets(source.path)
    beyond = [frame for frame in source.cuts if frame >= total]
    if not beyond:
        return []
    name = source.names[0]
    frames = f"{len(beyond)} frame{'s' * (len(beyond) > 1)}"
    return [Skipped(readable(boxes.path), f"has boxes in {frames} beyond the last of {name}, which is {total - 1}")]
