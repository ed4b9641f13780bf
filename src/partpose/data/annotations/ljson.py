"""menpo's .ljson: JSON beside each picture, points as [y, x] from 0, null where missing."""

from pathlib import Path
from typing import Any

import numpy as np

from partpose.data.annotations.files import load_json, peek
from partpose.data.annotations.names import IBUG_68, flip_pairs_of
from partpose.data.annotations.per_picture import Annotation, find_files, read_files
from partpose.data.landmarks import Landmarks

NAME = "menpo-ljson"


def find(path: Path) -> list[Path]:
    """The .ljson files with landmarks."""
    return find_files(path, ".ljson", lambda file: '"landmarks"' in peek(file))


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set: the landmarks of all groups of a file, named by their labels and their places in them.

    Raises PartposeError where no file can be used.
    """
    return read_files(path, found, _parse, NAME)


def _parse(file: Path) -> Annotation:
    """Version 2 holds one group of landmarks, version 3 an object of them."""
    data = load_json(file)
    try:
        return _joined([_group(group) for group in data.get("groups", {"": data}).values()])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError("is not menpo's landmarks of version 2 or 3: expected points of [y, x]") from error


def _group(group: dict[str, Any]) -> Annotation:
    landmarks = group["landmarks"]
    points = np.array(landmarks["points"], np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError
    names = _names(group.get("labels") or [], len(points))
    skeleton = tuple((i, j) for i, j in landmarks.get("connectivity") or [])
    if not all(j in range(len(points)) for pair in skeleton for j in pair):
        raise ValueError
    # left_eye_0 and right_eye_0 are named by their places, which a mirrored picture turns round
    numbered = any(name[-1:].isdigit() for name in names)
    pairs = IBUG_68 if len(names) == 68 else () if numbered else flip_pairs_of(names)
    return Annotation(points[:, ::-1], names, skeleton, pairs)


def _names(labels: list[dict], count: int) -> tuple[str, ...]:
    """left_eye_0, left_eye_1, …: of the first label that has a landmark; kp7 where none has, left_pupil of one alone."""
    names: dict[int, str] = {}
    for label in labels:
        for place, j in enumerate(label["mask"]):
            names.setdefault(j, f"{label['label']}_{place}" if len(label["mask"]) > 1 else str(label["label"]))
    return tuple(names.get(j, f"kp{j}") for j in range(count))


def _joined(groups: list[Annotation]) -> Annotation:
    """One after the other. Raises ValueError where there is none."""
    starts = np.cumsum([0, *(len(group.names) for group in groups)]).tolist()
    moved = [
        [tuple((i + start, j + start) for i, j in pairs) for pairs in (group.skeleton, group.flip_pairs)]
        for group, start in zip(groups, starts, strict=False)
    ]
    return Annotation(
        np.concatenate([group.points for group in groups]),
        tuple(name for group in groups for name in group.names),
        tuple(pair for skeleton, _ in moved for pair in skeleton),
        tuple(pair for _, pairs in moved for pair in pairs),
    )
