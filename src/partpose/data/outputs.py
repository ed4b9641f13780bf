"""Where results may go: not over what they are made from, nor among it."""

from collections.abc import Iterable
from pathlib import Path

from partpose.data.atomic import check_writable
from partpose.data.walk import readable
from partpose.errors import PartposeError


def check_output(path: Path, suffix: str, inputs: Iterable[Path], option: str = "--output") -> None:
    """See that a file may be written, before the work and not after.

    Raises PartposeError where it has another ending, cannot be written, is an input or a file in one, and where it is a
    picture or video that the next call would find in a folder of them.
    """
    if path.suffix.lower() != suffix:
        raise PartposeError(f"{option} must be a {suffix} file, got {path}")
    for one in inputs:
        if path.resolve() == one.resolve() or (path.exists() and is_inside(path, one)):
            raise PartposeError(f"{option} {path} is one of the inputs: name another file")
        if suffix != ".json":
            check_outside(path, one, option)
    check_writable(path)


def check_outside(path: Path, folder: Path, option: str = "--output") -> None:
    """See that pictures which are written do not become input. Raises PartposeError where the path lies in the folder."""
    if is_inside(path, folder):
        raise PartposeError(
            f"{option} {path} lies in {readable(folder)}, and would be found there as its picture: name a place elsewhere"
        )


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path is this folder, or anywhere in it."""
    return folder.is_dir() and path.resolve().is_relative_to(folder.resolve())
