"""Lightning Pose: `CollectedData*.csv`, or what the config names, beside a folder `labeled-data` with the frames."""

from pathlib import Path

from partpose.data.annotations.dlc_table import body_parts, is_table, joined, read_tables
from partpose.data.annotations.locate import locate
from partpose.data.annotations.yaml_file import mapping
from partpose.data.landmarks import Landmarks
from partpose.errors import PartposeError

NAME = "lightning-pose"
LABELED = "labeled-data"
NEW = "_new.csv"
"""What the name of a table ends in whose pictures are kept apart to test on, by Lightning Pose's own habit."""


def find(path: Path) -> list[Path]:
    """The tables in a data folder, those that a config names, or the one table that was named.

    A table is taken for Lightning Pose's by what lies beside it, a config of its own or labeled-data; else it is
    DeepLabCut's. A config whose tables are not there is found itself, so that `read` can say so.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_file() and path.suffix in (".yaml", ".yml"):
        listed = _tables(path)
        return [table for table in listed if is_table(table)] or ([path] if listed else [])
    configs = [file for file in sorted(folder.glob("*.y*ml")) if _tables(file)]
    if folder.parent.name == LABELED or not (configs or (folder / LABELED).is_dir()):
        return []
    if path.is_file():
        return [path] if is_table(path) and path.suffix == ".csv" else []
    named = {table for config in configs for table in _tables(config)}
    return sorted(table for table in named | set(folder.glob("CollectedData*.csv")) if is_table(table))


def read(path: Path, found: list[Path]) -> Landmarks:  # noqa: ARG001, every reader is given the user's path
    """The annotated set of these tables: the one that ends in `_new` is `test`, the others are `train`."""
    if found[0].suffix != ".csv":
        missing = ", ".join(table.name for table in _tables(found[0]))
        raise PartposeError(f"{found[0]} names {missing}, but there is no such table beside it")
    root = found[0].parent
    tables, skipped = read_tables(found)
    files = [locate(table.rows, root) for table in tables]
    splits = ["test" if len(tables) > 1 and table.path.name.endswith(NEW) else "train" for table in tables]
    return joined(root, tables, files, splits, body_parts(tables), format=NAME, skipped=skipped)


def _tables(config: Path) -> list[Path]:
    """The tables that a config names, and those with new pictures beside them; none where it is not Lightning Pose's."""
    data = mapping(config).get("data")
    listed = data.get("csv_file") if isinstance(data, dict) else None
    names = [name for name in (listed if isinstance(listed, list) else [listed]) if isinstance(name, str)]
    folder = Path(str(data.get("data_dir"))) if isinstance(data, dict) else config.parent
    folder = folder if folder.is_absolute() and folder.is_dir() else config.parent
    new = [name.removesuffix(".csv") + NEW for name in names if name.endswith(".csv")]
    return [folder / name for name in names] + [table for name in new if is_table(table := folder / name)]
