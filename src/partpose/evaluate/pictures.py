"""The pictures of an annotated set, as a network sees them, with their landmarks."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.boxes import boxes_for
from partpose.data.cut import Cut
from partpose.data.images import Unreadable
from partpose.data.landmarks import Landmarks
from partpose.data.reading import Look, View, read_views
from partpose.data.sources import Source
from partpose.errors import PartposeError, Skipped

TEST_SHARE = 0.2


class Pictures(NamedTuple):
    """N objects in the pictures of an annotated set that could be read."""

    canvases: NDArray[np.uint8]  # (N, side, side, C)
    sizes: NDArray[np.int64]  # (N, 2) width and height of the whole picture
    squares: NDArray[np.float64]  # (N, 3) left, top and side of what the canvas shows, in pixel edges
    points: NDArray[np.float64]  # (N, J, 2) pixels, NaN where missing
    split: NDArray[np.str_]  # (N,)
    groups: NDArray[np.str_] | None  # (N,) one name for those that belong together, where anything says so


def with_split(landmarks: Landmarks) -> Landmarks:
    """A set of another tool that has no test split with one: a fifth of its pictures, by the hash of their names.

    The parts may have been trained on them, so the error is that of the map alone; the result says so. Frames of a video
    are taken in blocks of a fiftieth of them: neighbours are nearly the same picture. Where there are two or more, one at
    least is tested, and one is not.
    """
    if landmarks.format == Landmarks.format or {"train", "test"} <= set(landmarks.split) or not landmarks.files:
        return landmarks
    keys = landmarks.files
    if landmarks.frames is not None:
        order = {frame: i for i, frame in enumerate(sorted(set(landmarks.frames)))}  # every tenth may be labelled
        block = max(1, len(order) // 50)
        keys = tuple(f"{file}#{order[frame] // block}" for file, frame in zip(keys, landmarks.frames, strict=True))
    shares = {key: _share(key) for key in keys}
    least, most = min(shares.values()), max(shares.values())
    tested = {key for key, share in shares.items() if share < min(TEST_SHARE, most) or share == least}
    return replace(landmarks, split=tuple("test" if key in tested else "train" for key in keys))


def _share(name: str) -> float:
    """A number in [0, 1) that goes by the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:6]) / 2**48


def read_pictures(look: Look, landmarks: Landmarks, boxes: str | None = None) -> tuple[Pictures, list[Skipped]]:
    """Decode the train and test pictures of an annotated set.

    boxes: where to look, as `boxes_for` takes it, see `matched`; None for where the set says.
    """
    wanted = [i for i, split in enumerate(landmarks.split) if split in ("train", "test")]
    rows, views, skipped = [], [], []
    for source, places in sources_of(landmarks, wanted):
        seen, found = _views(source, look, boxes, skipped), places
        if boxes is not None:
            found = matched(seen, places, landmarks.points)
        for view in seen:
            row = found.get((view.index, view.number))
            if row is not None:
                rows.append(row)
                views.append(view)
    if not rows:
        first = f"{skipped[0].path}: {skipped[0].reason}" if skipped else "there is no box in any"
        raise PartposeError(f"none of the {len(wanted)} pictures of {landmarks.root} can be read, the first: {first}")
    return _together(views, landmarks.rows(rows)), skipped


def sources_of(landmarks: Landmarks, rows: Sequence[int]) -> list[tuple[Source, dict[tuple[int, int], int]]]:
    """An annotated set's rows as sources, and which row each (index, number of the cut there) of a source is."""
    if landmarks.frames is None:
        return [_source(landmarks, "pictures", rows)] if rows else []
    videos: dict[str, list[int]] = {}
    for row in rows:
        videos.setdefault(landmarks.files[row] if landmarks.frames[row] >= 0 else "", []).append(row)
    return [_source(landmarks, "video" if file else "pictures", some) for file, some in videos.items()]


def _source(landmarks: Landmarks, kind, rows: Sequence[int]) -> tuple[Source, dict[tuple[int, int], int]]:
    names = tuple(dict.fromkeys(landmarks.files[row] for row in rows))
    number = {name: i for i, name in enumerate(names)}
    cuts: dict[int, list[Cut]] = {}
    places: dict[tuple[int, int], int] = {}
    for row in rows:
        index = number[landmarks.files[row]] if kind == "pictures" else (landmarks.frames or ())[row]
        there = cuts.setdefault(index, [])
        places[index, len(there)] = row
        there.append(Cut() if landmarks.cuts is None else landmarks.cuts[row])
    files = tuple(landmarks.root / name for name in names)
    path = landmarks.root if kind == "pictures" else files[0]
    return Source(path, kind, files, names, path.stem, {i: tuple(some) for i, some in cuts.items()}), places


def matched(
    views: Sequence[View], places: dict[tuple[int, int], int], points: NDArray[np.float64]
) -> dict[tuple[int, int], int]:
    """Which row each box is about: in its picture the object of which it holds the most landmarks, each object once.

    A detector's boxes come in an order of their own. Of boxes that hold as many, the smaller one is taken; an object of
    which no box holds a landmark is left out.
    """
    rows: dict[int, list[int]] = {}
    for (index, _), row in places.items():
        rows.setdefault(index, []).append(row)
    held = [
        (_held(view, points[row]), -view.place.width, view, row) for view in views for row in rows.get(view.index, ())
    ]
    found: dict[tuple[int, int], int] = {}
    for count, _, view, row in sorted(held, key=lambda one: one[:2], reverse=True):
        place = (view.index, view.number)
        if count and place not in found and row not in found.values():
            found[place] = row
    return found


def _held(view: View, points: NDArray[np.float64]) -> int:
    """How many landmarks (J, 2) lie in what a view shows."""
    left, top, side, _ = view.place
    inside = (points >= (left - 0.5, top - 0.5)) & (points <= (left + side - 0.5, top + side - 0.5))
    return int(inside.all(axis=1).sum())


def _views(source: Source, look: Look, boxes: str | None, skipped: list[Skipped]) -> list[View]:
    try:
        if boxes is not None:
            source, missed = boxes_for(source, boxes)
            skipped += missed
        return list(read_views(source, look, skipped))
    except Unreadable as error:
        skipped.append(error.skipped)
        return []


def _together(views: Sequence[View], landmarks: Landmarks) -> Pictures:
    return Pictures(
        np.stack([view.pixels for view in views]),
        np.array([(view.width, view.height) for view in views]),
        np.array([view.place[:3] for view in views], np.float64),
        landmarks.points,
        np.array(landmarks.split),
        None if landmarks.groups is None else np.array(landmarks.groups),
    )
