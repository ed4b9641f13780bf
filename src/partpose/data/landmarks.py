"""Annotated sets: `landmarks.csv` (file, split, kp0_x, kp0_y, …) and `keypoints.json` beside the pictures."""

import csv
import json
import math
import posixpath
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from partpose.data.atomic import atomic
from partpose.data.cut import Cut
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

LANDMARKS = "landmarks.csv"
KEYPOINTS = "keypoints.json"
META = "meta.csv"
_DECIMAL = re.compile(r"^(\s*-?\d+),(\d+\s*)$")
MAKERS = {"figures": "partpose figures", "kia": "partpose convert kia"}
"""Keys under which the commands that make sets say in keypoints.json what they were asked for."""


@dataclass(frozen=True)
class Landmarks:
    """N annotated pictures with J landmarks each.

    files: N paths relative to `root`, with forward slashes.  split: N names, in lower case; `train` and `test` have a meaning.
    points: float64 (N, J, 2), pixels of the original upright picture, NaN where a landmark is missing.
    names: J.  flip_pairs: landmarks that change places in a mirrored picture.  skeleton: pairs to be drawn as lines.
    normaliser: the length that errors are divided by, as in the file: {"type": "distance", "indices": [0, 1], …}.
    frames: N frame indices where `files` are videos, -1 for pictures; None where all are pictures.
    cuts: N, which object in its picture a row is about; None where each picture shows one. A file is listed once a row.
    groups: N names of what a picture is of, one name for those that belong together: an animal, a session, a farm; from the
    column `group` of a meta.csv. None where nothing says so.
    format: what the set was read from.  skipped: annotations that could not be used, and why.
    """

    root: Path
    files: tuple[str, ...]
    split: tuple[str, ...]
    points: NDArray[np.float64]
    names: tuple[str, ...]
    flip_pairs: tuple[tuple[int, int], ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    normaliser: dict | None = None
    category: str = ""
    frames: tuple[int, ...] | None = None
    cuts: tuple[Cut, ...] | None = None
    groups: tuple[str, ...] | None = None
    format: str = "partpose"
    skipped: tuple[Skipped, ...] = ()

    def subset(self, split: str) -> "Landmarks":
        """The pictures of one split, which may be none."""
        rows = [i for i, name in enumerate(self.split) if name == split]
        return self.rows(rows)

    def rows(self, rows: Sequence[int]) -> "Landmarks":
        """Some of the pictures, by their place."""
        picked = {
            name: None if value is None else tuple(value[i] for i in rows)
            for name in ("files", "split", "frames", "cuts", "groups")
            for value in [getattr(self, name)]
        }
        return replace(self, points=self.points[np.asarray(rows, int)], **picked)


def read_landmarks(folder: str | PathLike) -> Landmarks:
    """Read an annotated set.

    Without a column `split` all of it is `train`; without a keypoints.json the names are kp0, kp1, …
    Raises PartposeError, with the file and line, for anything that is not as `Landmarks` says.
    """
    root = Path(folder)
    path = root / LANDMARKS
    files, splits, points = [], [], []
    columns = _columns(path)
    for line, row in table_rows(path):
        where = f"{readable(path)}, line {line}"
        files.append(_file(row, where))
        splits.append(_plain(row.get("split", "train")))
        points.append([_point(row, x, y, where) for x, y in columns])
    if not files:
        raise PartposeError(f"{readable(path)} lists no picture: expected one a line below the header")
    known = tuple(files), tuple(splits), np.array(points, np.float64)
    groups = _groups(root / META, files)
    return Landmarks(root, *known, **_keypoints(root / KEYPOINTS, len(columns)), groups=groups)


def _groups(path: Path, files: Sequence[str]) -> tuple[str, ...] | None:
    """The group of each file, where a meta.csv has such columns; a file without one is a group of its own."""
    if not has_columns(path, "group"):
        return None
    groups = {
        _file(row, f"{readable(path)}, line {line}"): (row["group"] or "").strip() for line, row in table_rows(path)
    }
    return tuple(groups.get(file) or file for file in files)


def read_split(path: str | PathLike) -> dict[str, str]:
    """File → split ("" where there is no such column) from a landmarks.csv or meta.csv, in the order of its lines.

    A file on several lines is `test` if it is so on any. Reads no other column: landmarks never enter training.
    Raises PartposeError where there is no column `file`.
    """
    path = Path(path)
    header = table_header(path)
    if "file" not in header:
        raise PartposeError(f"{readable(path)} has no column 'file', only: {', '.join(header) or 'nothing'}")
    splits: dict[str, str] = {}
    for line, row in table_rows(path):
        name, split = _file(row, f"{readable(path)}, line {line}"), _plain(row.get("split"))
        splits[name] = split if splits.get(name) != "test" else "test"
    return splits


def has_columns(path: str | PathLike, *names: str) -> bool:
    """Whether a table says these of files; a meta.csv may as well be about something else, or not be there."""
    try:
        return {"file", *names} <= set(table_header(Path(path)))
    except PartposeError:
        return False


def half_made_by(folder: str | PathLike) -> str | None:
    """The command that began to make a set here and has not come to its end, where landmarks.csv is written; else None."""
    path = Path(folder) / KEYPOINTS
    try:
        made = [command for key, command in MAKERS.items() if key in _json(path)]
    except PartposeError:
        return None
    return None if not made or (path.parent / LANDMARKS).is_file() else made[0]


def write_landmarks(folder: str | PathLike, landmarks: Landmarks) -> None:
    """Write landmarks.csv, to 1/1000 pixel, and keypoints.json; the pictures are the caller's."""
    columns = [f"kp{j}_{axis}" for j in range(len(landmarks.names)) for axis in "xy"]
    with atomic(Path(folder) / LANDMARKS) as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "split", *columns])
        for name, split, points in zip(landmarks.files, landmarks.split, landmarks.points, strict=True):
            writer.writerow([name, split, *("" if math.isnan(v) else f"{v:.3f}" for v in points.ravel())])
    about = {
        "num_keypoints": len(landmarks.names),
        "keypoints": landmarks.names,
        "category": landmarks.category,
        "flip_pairs": landmarks.flip_pairs,
        "skeleton": landmarks.skeleton,
        "normaliser": landmarks.normaliser,
    }
    with atomic(Path(folder) / KEYPOINTS) as path:
        path.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Every line of a table that is not blank, with its number, as column → text. Raises PartposeError for a broken one."""
    header = table_header(path)
    with in_words(path), path.open(newline="", encoding="utf-8-sig") as file:
        reader, german = _reader(file)
        next(reader, None)
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                came = f"expected {len(header)} columns as in the header, got {len(row)}"
                raise PartposeError(f"{readable(path)}, line {reader.line_num}: {came}")
            cells = [_DECIMAL.sub(r"\1.\2", cell) for cell in row] if german else row
            yield reader.line_num, dict(zip(header, cells, strict=True))


def table_header(path: Path) -> list[str]:
    """The cells of a table's first line. Raises PartposeError where it cannot be read."""
    with in_words(path), path.open(newline="", encoding="utf-8-sig") as file:
        return [name.strip() for name in next(_reader(file)[0], [])]


def _reader(file: TextIO) -> tuple[Any, bool]:
    """What reads a table's lines, and whether its cells are parted by semicolons: where they are, 10,5 is a number."""
    line = file.readline()
    file.seek(0)
    german = ";" in line and "," not in line
    return csv.reader(file, delimiter=";" if german else ","), german


@contextmanager
def in_words(path: Path) -> Generator[None]:
    """Turn what can go wrong with reading a text file into one line, a PartposeError."""
    try:
        yield
    except FileNotFoundError as error:
        raise PartposeError(f"{readable(path)} does not exist") from error
    except OSError as error:
        raise PartposeError(f"{readable(path)} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PartposeError(f"{readable(path)} is not UTF-8 text: save it as CSV UTF-8") from error
    except csv.Error as error:
        raise PartposeError(f"{readable(path)} is not a table with commas: {error}") from error


def _columns(path: Path) -> list[tuple[str, str]]:
    """The names of the x and y columns of landmark 0, 1, …"""
    header = table_header(path)
    numbers = {int(match[1]) for name in header if (match := re.fullmatch(r"kp([0-9]{1,6})_[xy]", name))}
    columns = [(f"kp{j}_x", f"kp{j}_y") for j in range(max(numbers, default=0) + 1)]
    for name in ("file", *(name for pair in columns for name in pair)):
        if header.count(name) != 1:
            came = "is there twice" if name in header else "is missing"
            expected = "file, split, kp0_x, kp0_y, kp1_x, …"
            raise PartposeError(f"{readable(path)}, line 1: column {name!r} {came}, expected {expected}")
    return columns


def _file(row: dict[str, str], where: str) -> str:
    name = row["file"].strip().replace("\\", "/")
    if not name or "\0" in name:
        raise PartposeError(f"{where}: the column 'file' must name a file, got {name!r}")
    return posixpath.normpath(name)


def _plain(split: str | None) -> str:
    return (split or "").strip().lower()


def _point(row: dict[str, str], x: str, y: str, where: str) -> tuple[float, float]:
    point = _number(row[x], x, where), _number(row[y], y, where)
    if math.isnan(point[0]) != math.isnan(point[1]):
        raise PartposeError(f"{where}: {x} and {y} must both be given or both be empty")
    return point


def _number(text: str, column: str, where: str) -> float:
    """NaN where the cell is empty."""
    try:
        value = float(text.strip() or "nan")
    except ValueError:
        value = math.inf
    if math.isinf(value):
        raise PartposeError(f"{where}: {column} must be a number or empty, got {text!r}")
    return value


def _keypoints(path: Path, count: int) -> dict:
    """What keypoints.json says about `count` landmarks, as arguments of `Landmarks`."""
    if not path.exists():
        return {"names": tuple(f"kp{j}" for j in range(count))}
    about = _json(path)
    names = about.get("keypoints")
    if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
        came = f"{len(names)}" if isinstance(names, list) else repr(names)
        raise PartposeError(f"{readable(path)}: 'keypoints' must list {count} names as {LANDMARKS} has, got {came}")
    normaliser = about.get("normaliser")
    if normaliser is not None and not isinstance(normaliser, dict):
        raise PartposeError(f"{readable(path)}: 'normaliser' must be an object, got {normaliser!r}")
    return {
        "names": tuple(names),
        "flip_pairs": _pairs(about, "flip_pairs", count, path),
        "skeleton": _pairs(about, "skeleton", count, path),
        "normaliser": normaliser,
        "category": str(about.get("category") or ""),
    }


def _json(path: Path) -> dict:
    with in_words(path):
        text = path.read_text(encoding="utf-8-sig")
    try:
        about = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PartposeError(f"{readable(path)} is not JSON: {error}") from error
    if not isinstance(about, dict):
        raise PartposeError(f"{readable(path)} must hold an object with 'keypoints', got {type(about).__name__}")
    return about


def _pairs(about: dict, key: str, count: int, path: Path) -> tuple[tuple[int, int], ...]:
    pairs = about.get(key) or []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        whole = isinstance(pair, list) and len(pair) == 2 and all(type(j) is int for j in pair)
        if not whole or not all(0 <= j < count for j in pair):
            raise PartposeError(
                f"{readable(path)}: {key!r} must hold pairs of numbers from 0 to {count - 1}, got {pair}"
            )
    return tuple((i, j) for i, j in pairs)
