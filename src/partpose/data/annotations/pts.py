"""iBUG's .pts, of 300-W and others: a text file beside each picture. Points count from 1, as menpo reads them too."""

import re
from pathlib import Path

import numpy as np

from partpose.data.annotations.files import peek
from partpose.data.annotations.names import IBUG_68, made_up
from partpose.data.annotations.per_picture import Annotation, find_files, read_files
from partpose.data.landmarks import Landmarks, in_words

NAME = "ibug-pts"


def find(path: Path) -> list[Path]:
    """The .pts files with a count of points; a point cloud has none."""
    return find_files(path, ".pts", lambda file: "n_points" in peek(file)[:1000])


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set: landmarks kp0, kp1, …; those of 68 points have the flip pairs of 300-W.

    Raises PartposeError where no file can be used.
    """
    return read_files(path, found, _parse, NAME)


def _parse(file: Path) -> Annotation:
    with in_words(file):
        text = file.read_text(encoding="utf-8-sig")
    match = re.search(r"n_points\s*:\s*(\d+)\s*\{([^}]*)\}", text)
    if not match:
        raise ValueError("has not the form: n_points, {, a line of x and y for each point, }")
    rows = [line.split()[:2] for line in match[2].splitlines() if line.strip()]
    if len(rows) != int(match[1]) or not rows or any(len(row) != 2 for row in rows):
        raise ValueError(f"says {match[1]} points, got {len(rows)} lines")
    return Annotation(np.array(rows, np.float64) - 1, made_up(len(rows)), (), IBUG_68 if len(rows) == 68 else ())
