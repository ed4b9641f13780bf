"""DeepLabCut projects: `config.yaml` and `labeled-data/<video>/CollectedData_<scorer>.csv` or `.h5` beside the frames."""

from itertools import pairwise
from pathlib import Path

from partpose.data.annotations.dlc_table import body_parts, is_table, joined, read_tables, without_twins
from partpose.data.annotations.locate import locate
from partpose.data.annotations.yaml_file import mapping
from partpose.data.landmarks import Landmarks

NAME = "deeplabcut"
CONFIG, LABELED, TABLES = "config.yaml", "labeled-data", "CollectedData*"


def find(path: Path) -> list[Path]:
    """The tables of a project, of its labeled-data, or of one folder in that; or the one table that was named.

    Where there is one, what has the name of a table but is none is found too, so that `read` can say so.
    """
    if path.is_file() and path.name == CONFIG and {"Task", "bodyparts"} <= mapping(path).keys():
        return find(path.parent)
    if path.is_file():
        return [path] if is_table(path) else []
    patterns = [TABLES, f"{LABELED}/*/{TABLES}", *([f"*/{TABLES}"] if path.name == LABELED else [])]
    return without_twins([file for pattern in patterns for file in path.glob(pattern)])


def read(path: Path, found: list[Path]) -> Landmarks:  # noqa: ARG001, every reader is given the user's path
    """The annotated set of these tables; all of it is `train`, as DeepLabCut keeps its splits in pickles.

    Body parts are in the order of the project's config.yaml where there is one, which also names the skeleton.
    """
    root = _root(found[0])
    config = mapping(root / CONFIG)
    tables, skipped = read_tables(found)
    there = body_parts(tables)
    known = config.get("bodyparts")
    names = tuple(dict.fromkeys([name for name in known if name in there] if isinstance(known, list) else ())) or there
    names += tuple(name for name in there if name not in names)
    files = [locate(table.rows, root, table.path.parent) for table in tables]
    skeleton = _skeleton(config.get("skeleton"), names)
    return joined(root, tables, files, ["train"] * len(tables), names, skeleton=skeleton, format=NAME, skipped=skipped)


def _root(table: Path) -> Path:
    """The folder that a table's paths begin in: the project, or the table's own where it has been taken out of one."""
    return table.parents[2] if table.parent.parent.name == LABELED else table.parent


def _skeleton(lines: object, names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """The pairs of body parts that are joined by a line; a line may be listed with more than two."""
    pairs = (
        [pair for line in lines if isinstance(line, list) for pair in pairwise(line)] if isinstance(lines, list) else []
    )
    return tuple((names.index(a), names.index(b)) for a, b in pairs if a in names and b in names)
