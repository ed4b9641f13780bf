"""Annotated objects, one a row, on their way from an annotation file to `Landmarks`."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.annotations.locate import locate
from partpose.data.cut import Box, Cut
from partpose.data.landmarks import Landmarks
from partpose.data.walk import natural, readable
from partpose.errors import PartposeError


class Row(NamedTuple):
    """One object in one picture, or a picture in which nothing is annotated.

    file: relative to the root, or as listed.  points: (J, 2) pixels, NaN where missing.  box: where the object is, None for
    the whole picture.  track: which object it is.
    """

    file: str
    split: str
    points: NDArray[np.float64]
    box: Box | None = None
    track: str = ""


class Parts(NamedTuple):
    """An annotated object whose landmarks have names; the fields are those of `Row`, with a point for each name."""

    file: str
    split: str
    parts: Mapping[str, tuple[float, float]]
    box: Box | None = None


def rows_of(objects: Sequence[Parts]) -> tuple[list[Row], tuple[str, ...]]:
    """A row for each object, and the names that occur, in natural order."""
    names = tuple(sorted({name for one in objects for name in one.parts}, key=natural))
    missing = math.nan, math.nan
    points = np.array([[one.parts.get(name, missing) for name in names] for one in objects], np.float64)
    return [Row(one.file, one.split, at, one.box) for one, at in zip(objects, points, strict=True)], names


def located(rows: Sequence[Row], root: Path, within: Path | None = None) -> list[Row]:
    """The rows with their files where `locate` finds them."""
    files = locate([row.file for row in rows], root, within)
    return [row._replace(file=file) for row, file in zip(rows, files, strict=True)]


def landmarks_of(root: Path, rows: Iterable[Row], names: Sequence[str], **about) -> Landmarks:
    """The annotated set of these rows; one that is listed twice is in it once, as `test` where any says so.

    Objects of one picture that have no track are numbered. What is not finite is missing, and so is an empty box. Raises
    PartposeError where there is no row.
    """
    kept = _numbered(_once(_finite(row) for row in rows))
    if not kept:
        raise PartposeError(f"{readable(root)}: the annotations list no picture")
    files, splits, points, boxes, tracks = zip(*kept, strict=True)
    cuts = tuple(Cut(box, None, track) for box, track in zip(boxes, tracks, strict=True))
    plain = len(set(files)) == len(files) and not any(boxes)
    return Landmarks(root, files, splits, np.stack(points), tuple(names), cuts=None if plain else cuts, **about)


def _finite(row: Row) -> Row:
    points = np.where(np.isfinite(row.points).all(axis=1, keepdims=True), row.points, math.nan)
    whole = row.box and np.isfinite(row.box).all() and min(row.box.width, row.box.height) > 0
    return row._replace(points=points, box=row.box if whole else None)


def _once(rows: Iterable[Row]) -> list[Row]:
    """Some sets come as train, val and both together."""
    kept: dict[tuple, Row] = {}
    for row in rows:
        key = row.file, row.box, row.track, row.points.tobytes()
        if key not in kept or row.split == "test":
            kept[key] = row
    return list(kept.values())


def _numbered(rows: Sequence[Row]) -> list[Row]:
    objects = Counter(row.file for row in rows)
    seen: Counter[str] = Counter()
    numbered = []
    for row in rows:
        seen[row.file] += 1
        own = row.track or objects[row.file] == 1
        numbered.append(row if own else row._replace(track=str(seen[row.file])))
    return numbered
