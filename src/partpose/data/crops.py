"""Where in a larger frame each picture of a set was cut out, as its meta.csv says."""

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from partpose.data.landmarks import META, table_rows
from partpose.data.walk import readable
from partpose.errors import PartposeError


class Crop(NamedTuple):
    """A square of a frame that became a picture of a set.

    frame: the frame's file, relative to what was converted, with forward slashes.  frame_size: its width and height.
    instance: which object it is.  left, top, side: of the square, in pixel edges of the frame.
    """

    frame: str
    frame_size: tuple[int, int]
    instance: str
    left: float
    top: float
    side: float


def read_crops(folder: str | PathLike) -> dict[str, Crop]:
    """File → where it was cut out, for all pictures of a set.

    Raises PartposeError where there is no meta.csv with these columns, and for a line that is not as expected.
    """
    path = Path(folder) / META
    crops = {}
    for line, row in table_rows(path):
        where = f"{readable(path)}, line {line}"
        if lacking := {"file", "frame", "frame_size", "instance", "crop"} - set(row):
            raise PartposeError(f"{where}: no column {min(lacking)!r}: its pictures were not cut out of larger frames")
        width, height = _numbers(row["frame_size"], 2, where)
        left, top, right, bottom = _numbers(row["crop"], 4, where)
        if right - left != bottom - top or right <= left:
            raise PartposeError(f"{where}: crop must be a square (left top right bottom), got {row['crop']!r}")
        crops[row["file"]] = Crop(row["frame"], (int(width), int(height)), row["instance"], left, top, right - left)
    return crops


def _numbers(text: str, count: int, where: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise PartposeError(f"{where}: expected {count} numbers with blanks between, got {text!r}")
    return numbers
