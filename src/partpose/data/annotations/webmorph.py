"""Psychomorph's and WebMorph's .tem templates: a text file beside each picture, with points and lines through them.

Points are taken as they are, from the top-left; the format does not say where in a pixel it counts from.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from partpose.data.annotations.files import peek
from partpose.data.annotations.names import made_up
from partpose.data.annotations.per_picture import Annotation, find_files, read_files
from partpose.data.landmarks import Landmarks, in_words

NAME = "webmorph-tem"


def find(path: Path) -> list[Path]:
    """The .tem files that begin with a number of points."""
    return find_files(path, ".tem", lambda file: peek(file).partition("\n")[0].strip().isdecimal())


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set: landmarks kp0, kp1, …; the lines are its skeleton. Raises PartposeError where no file can be used."""
    return read_files(path, found, _parse, NAME)


def _parse(file: Path) -> Annotation:
    """A count, as many points; a count, as many lines of three rows: closed or not, how many points, their places."""
    with in_words(file):
        rows = [line.split() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    try:
        count = int(rows[0][0])
        points = np.array(rows[1 : count + 1], np.float64).reshape(count, 2)
        lines = [[int(j) for j in row] for row in rows[count + 4 :: 3]]
    except (ValueError, IndexError) as error:
        raise ValueError("is no template: expected a count of points, then x and y a line") from error
    pairs = dict.fromkeys((min(pair), max(pair)) for line in lines for pair in pairwise(line))
    return Annotation(points, made_up(count), tuple((i, j) for i, j in pairs if 0 <= i < j < count))
