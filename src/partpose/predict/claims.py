"""Which input the results of a name in an output folder are of: no call replaces those of another, or a user's own files.

Cameras call their clips alike, day after day. Beside its results an input leaves a hidden note, `.<stem>.input`, with its own
path; a stem whose files are there without one is taken as well.
"""

from collections.abc import Iterable
from pathlib import Path

from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import PartposeError
from partpose.predict.formats import read_hdf5


def claim(stem: Path, source: Source, endings: Iterable[str]) -> bool:
    """Whether the results of a source may be called `stem`, which from now on is its own.

    endings: of the files that would be written.
    Raises PartposeError where no note can be left.
    """
    note, mine = stem.with_name(f".{stem.name}.input"), readable(source.path.resolve())
    if not note.exists() and _taken(stem, source, endings):
        return False
    try:
        with note.open("x", encoding="utf-8") as file:  # of two calls at the same time one gets it
            file.write(mine)
    except FileExistsError:
        return note.read_text(encoding="utf-8") == mine
    except OSError as error:
        raise PartposeError(f"{note} cannot be written: {error.strerror}") from error
    return True


def _taken(stem: Path, source: Source, endings: Iterable[str]) -> bool:
    """Whether there are files that are not this source's; those of a version that left no notes tell by themselves."""
    if not any(stem.with_name(stem.name + ending).exists() for ending in endings):
        return False
    try:
        return Path(read_hdf5(stem.with_name(f"{stem.name}.h5")).source).resolve() != source.path.resolve()
    except PartposeError:
        return True
