"""HDF5 files of other tools: what is in them, and words for what a damaged one leads to."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import h5py

from partpose.data.walk import readable
from partpose.errors import PartposeError


def names_in(path: Path) -> set[str] | None:
    """The groups, data sets and attributes at the top of a file; None where it is damaged or no HDF5. Raises nothing."""
    try:
        with h5py.File(path, "r") as file:
            return {*file, *file.attrs}
    except Exception:  # OSError for another file; RuntimeError, KeyError, … by where a damaged one is damaged
        return None


@contextmanager
def opened(path: Path, what: str) -> Generator[h5py.File]:
    """The file, to be read in the body, which may fail as it likes: then a PartposeError says that it is no whole `what`."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PartposeError:
        raise
    except Exception as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise PartposeError(f"{readable(path)} is no whole {what}: {reason}") from error
