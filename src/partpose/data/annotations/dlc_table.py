"""DeepLabCut's tables, CSV or HDF5, which Lightning Pose writes too: a row a picture, columns of scorer, body part, x and y."""

import csv
import math
import pickletools
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from partpose.data.annotations.hdf5 import names_in, opened
from partpose.data.annotations.names import flip_pairs_of
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

KIND = "table of DeepLabCut"
LEVELS = ("scorer", "individuals", "bodyparts", "coords")
"""What the header rows of a CSV begin with; `individuals` in multi-animal projects only."""


Block = tuple[tuple[tuple[str, ...], ...], NDArray]
"""C columns and their values, (R, C)."""


class Table(NamedTuple):
    """A table as its file has it.

    rows: R paths of pictures as they are listed, or frame numbers.  columns: C, (scorer, …, body part, coordinate).
    values: float64 (R, C), NaN where a cell is empty.
    """

    path: Path
    rows: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]


def is_table(path: Path) -> bool:
    """Whether a file is such a table, by its first lines or its groups; False for what cannot be read."""
    if path.suffix.lower() in (".h5", ".hdf5"):
        return "df_with_missing" in (names_in(path) or ())
    if path.suffix.lower() != ".csv":
        return False
    with suppress(OSError, ValueError, csv.Error), path.open(newline="", encoding="utf-8-sig") as file:
        return {row[0] for row in islice(csv.reader(file), 4) if row} >= {"scorer", "bodyparts", "coords"}
    return False


def without_twins(paths: Sequence[Path]) -> list[Path]:
    """Each table once where it is there as .csv and .h5 under one name, the CSV unless it is broken; none if all are."""
    known = {path: is_table(path) for path in paths if path.suffix.lower() in (".csv", ".h5") and path.is_file()}
    ranked = sorted(known, key=lambda path: (known[path], path.suffix.lower() == ".csv"))
    return sorted({path.with_suffix(""): path for path in ranked}.values()) if any(known.values()) else []


def read_table(path: Path) -> Table:
    """Read a table of annotations. Raises PartposeError for a broken one, for predictions and for several animals."""
    table = load_table(path)
    _check_columns(table)
    return table


def load_table(path: Path) -> Table:
    """Read a table of annotations or predictions. Raises PartposeError for a broken one."""
    if path.suffix.lower() != ".csv":
        with opened(path, KIND) as file:
            return _from_hdf5(path, file["df_with_missing"])
    try:
        return _from_csv(path)
    except (OSError, ValueError, IndexError, KeyError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise PartposeError(f"{readable(path)} is no whole {KIND}: {reason}") from error


def read_tables(paths: Sequence[Path]) -> tuple[list[Table], tuple[Skipped, ...]]:
    """All that can be read, and the others with the reason. Raises PartposeError as for the first, where none can be."""
    tables, errors = [], []
    for path in paths:
        try:
            tables.append(read_table(path))
        except PartposeError as error:
            errors.append((path, error))
    if not tables:
        raise errors[0][1]
    return tables, tuple(Skipped(readable(p), str(e).removeprefix(readable(p)).lstrip(" :")) for p, e in errors)


def points_of(table: Table, names: Sequence[str]) -> NDArray[np.float64]:
    """float64 (R, J, 2): the table's coordinates of these body parts, NaN where one is not in it or has half a place."""
    places = {column[-2:]: i for i, column in enumerate(table.columns)}
    empty = np.full(len(table.rows), np.nan)
    xy = [[table.values[:, places[name, c]] if (name, c) in places else empty for c in "xy"] for name in names]
    points = np.array(xy, np.float64).transpose(2, 0, 1)
    points[~np.isfinite(points).all(-1)] = np.nan
    return points


def body_parts(tables: Sequence[Table]) -> tuple[str, ...]:
    """The body parts of all tables, in the order of the first that has them."""
    return tuple(dict.fromkeys(column[-2] for table in tables for column in table.columns))


def joined(
    root: Path,
    tables: Sequence[Table],
    files: Sequence[Sequence[str]],
    splits: Sequence[str],
    names: tuple[str, ...],
    **about: Any,
) -> Landmarks:
    """The annotated set of several tables; a picture that is listed twice counts once, as it is listed first.

    files: of each table its rows' files relative to `root`.  splits: of each table.  names: its J body parts.
    about: the rest of `Landmarks`.
    """
    rows: dict[str, tuple[str, NDArray[np.float64]]] = {}
    for table, listed, split in zip(tables, files, splits, strict=True):
        for file, points in zip(listed, points_of(table, names), strict=True):
            rows.setdefault(file, (split, points))
    points = np.stack([points for _, points in rows.values()])
    return Landmarks(
        root, tuple(rows), tuple(s for s, _ in rows.values()), points, names, flip_pairs_of(names), **about
    )


def _check_columns(table: Table) -> None:
    name = readable(table.path)
    if not table.columns or not table.rows:
        raise PartposeError(f"{name} lists no picture: expected one a line below the header")
    if any(column[-1] == "likelihood" for column in table.columns):
        who = "partpose" if table.columns[0][0].startswith("partpose") else "DeepLabCut"
        raise PartposeError(f"{name} holds predictions (it has a likelihood, as {who} writes it), not annotations")
    if len(table.columns[0]) > 3:
        animals = dict.fromkeys(column[1] for column in table.columns)
        raise PartposeError(
            f"{name} is of a multi-animal project ({len(animals)} individuals: {', '.join(animals)}): only DeepLabCut "
            f"projects with one animal a picture are read"
        )
    if all(row.isdecimal() for row in table.rows):
        raise PartposeError(f"{name} lists frame numbers, expected the path of a picture in each row")
    odd = [column[-1] for column in table.columns if column[-1] not in ("x", "y")]
    if odd:
        raise PartposeError(f"{name}: the columns of a body part must be x and y, got {odd[0]!r}")


def _from_csv(path: Path) -> Table:
    """Newer files have three columns before the coordinates: labeled-data, the video, and the picture."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [row for row in csv.reader(file) if any(row)]
    headers = {row[0]: row for row in lines[:4] if row[0] in LEVELS}
    levels = [headers[level] for level in LEVELS if level in headers]
    index = headers["coords"].index("x")
    rows = lines[len(levels) :]
    for row in rows:
        if len(row) != len(headers["coords"]):
            raise ValueError(f"the row of {row[0]!r} has {len(row)} columns, the header has {len(headers['coords'])}")
    values = [[float(cell.strip() or math.nan) for cell in row[index:]] for row in rows]
    columns = tuple(zip(*(level[index:] for level in levels), strict=True))
    listed = tuple("/".join(cell for cell in row[:index] if cell) for row in rows)
    return Table(path, listed, columns, np.array(values, np.float64).reshape(len(rows), len(columns)))


def _from_hdf5(path: Path, group: h5py.Group) -> Table:
    """What pandas wrote, in either of its two layouts, without pandas and without running a pickle."""
    rows, blocks = _from_table(group["table"]) if "table" in group else _from_arrays(group)
    columns = tuple(column for names, _ in blocks for column in names)
    values = np.concatenate([values for _, values in blocks], axis=1, dtype=np.float64)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"it has {values.shape} values of {len(rows)} rows and {len(columns)} columns")
    return Table(path, rows, columns, values)


def _from_table(table: h5py.Dataset) -> tuple[tuple[str, ...], list[Block]]:
    """Rows and blocks from one array of records."""
    records = table[:]
    names = [name for name in records.dtype.names if name.startswith("values_block_")]
    blocks = [(_column_names(bytes(table.attrs[f"{name}_kind"])), records[name]) for name in names]
    return _texts(records["index"]), blocks


def _from_arrays(group: h5py.Group) -> tuple[tuple[str, ...], list[Block]]:
    """The same from an array a block, with arrays of labels beside."""
    blocks: list[Block] = []
    for block in range(int(group.attrs["nblocks"])):
        stored = group[f"block{block}_values"]
        values = stored[:] if stored.attrs.get("transposed") else stored[:].T
        blocks.append((tuple(zip(*_axis(group, f"block{block}_items"), strict=True)), values))
    return tuple("/".join(parts) for parts in zip(*_axis(group, "axis1"), strict=True)), blocks


def _axis(group: Any, name: str) -> list[tuple[str, ...]]:
    """The labels of an axis, a tuple a level."""
    if name in group:
        return [_texts(group[name][:])]
    levels = range(int(group.attrs[f"{name}_nlevels"]))
    texts = [_texts(group[f"{name}_level{i}"][:]) for i in levels]
    return [tuple(texts[i][code] for code in group[f"{name}_label{i}"][:]) for i in levels]


def _texts(values: NDArray) -> tuple[str, ...]:
    return tuple(value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values)


def _column_names(pickled: bytes) -> tuple[tuple[str, ...], ...]:
    """The list of tuples of text that pandas keeps as a pickle: its instructions are followed here, nothing is run."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for instruction, argument, _ in pickletools.genops(pickled):
        match instruction.name:
            case "MARK":
                stack.append(None)
            case "UNICODE" | "STRING":
                stack.append(argument)
            case "PUT":
                memo[argument] = stack[-1]
            case "GET":
                stack.append(memo[argument])
            case "LIST" | "TUPLE":
                mark = len(stack) - 1 - stack[::-1].index(None)
                stack[mark:] = [tuple(stack[mark + 1 :])]
            case "APPEND":
                stack[-2:] = [(*stack[-2], stack[-1])]
            case "STOP":
                break
            case other:
                raise ValueError(f"its list of columns holds {other}, expected text alone")
    return stack[-1]
