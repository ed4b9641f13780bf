"""MPII Human Pose as mmpose and HRNet write it: a JSON list of persons with `image`, `joints`, `joints_vis`, `center`, `scale`.

The numbers are those of MPII's MATLAB file, where the centre of the top-left pixel is (1, 1).
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from partpose.data.annotations.files import candidates, load_list, peek, root_of
from partpose.data.annotations.names import flip_pairs_of, split_of
from partpose.data.annotations.rows import Row, landmarks_of, located
from partpose.data.cut import Box
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

NAME = "mpii"
JOINTS = (
    *(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
    ),
    *("head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist"),
)
SKELETON = (
    *((0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9)),
    *((10, 11), (11, 12), (12, 8), (8, 13), (13, 14), (14, 15)),
)
HEIGHT = 200
"""A person is `scale` times this many pixels high, http://human-pose.mpi-inf.mpg.de/#download."""


def find(path: Path) -> list[Path]:
    """The JSON files that list persons with MPII's joints."""
    return [file for file in candidates(path, ".json") for text in [peek(file)] if _is_mpii(text)]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of these files, `train` and `test` by their names; a person is a row with a box of its height.

    Raises PartposeError where a file is broken or none of its persons can be used.
    """
    root = root_of(path)
    rows: list[Row] = []
    skipped: list[Skipped] = []
    for file in found:
        persons, bad = _persons(file, split_of(file, root))
        rows += located(persons, root, file.parent)
        skipped += bad
    if skipped and not rows:
        raise PartposeError(f"{skipped[0].path} {skipped[0].reason}")
    pairs = flip_pairs_of(JOINTS)
    about = {"flip_pairs": pairs, "skeleton": SKELETON, "category": "person", "format": NAME, "skipped": tuple(skipped)}
    return landmarks_of(root, rows, JOINTS, **about)


def _is_mpii(text: str) -> bool:
    return text.startswith("[") and all(f'"{key}"' in text for key in ("joints", "joints_vis", "image"))


def _persons(file: Path, split: str) -> tuple[list[Row], list[Skipped]]:
    rows, skipped = [], []
    for number, person in enumerate(load_list(file)):
        try:
            rows.append(_row(person, split))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            reason = f"has not an image, {len(JOINTS)} joints of x and y, and joints_vis"
            skipped.append(Skipped(f"{readable(file)}: person {number}", reason))
    return rows, skipped


def _row(person: Any, split: str) -> Row:
    """Joints that are not annotated have joints_vis 0."""
    points = np.array(person["joints"], np.float64).reshape(len(JOINTS), 2) - 1
    points[np.array(person["joints_vis"], np.float64).reshape(len(JOINTS)) <= 0] = math.nan
    return Row(person["image"].strip(), split, points, _box(person))


def _box(person: dict) -> Box | None:
    """A square of the person's height, its middle lowered by what mmpose lowers it, so that the feet are inside."""
    center, scale = person.get("center"), person.get("scale")
    if not (isinstance(center, list) and len(center) == 2 and isinstance(scale, int | float) and scale > 0):
        return None
    if center[0] < 0:
        return None
    side, x, y = HEIGHT * scale, center[0] - 0.5, center[1] - 0.5 + 15 * scale
    return Box(x - side / 2, y - side / 2, side, side)
