"""Where results may go: not over what they are made from, nor among it."""

from collections.abc import Iterable
from pathlib import Path

from partpose.data.atomic import check_writable
from partpose.data.landmarks import LANDMARKS
from partpose.data.walk import is_pack, is_run, readable
from partpose.errors import PartposeError


def check_output(path: Path, suffix: str | None, inputs: Iterable[Path], option: str = "--output") -> None:
    """See that a file may be written, before the work and not after.  suffix: that it must have, None for any.

    Raises PartposeError where it has another ending, cannot be written, is an input, and where it is a picture or video that
    the next call would find in a folder of them.
    """
    if suffix is not None and not path.is_dir() and path.suffix.lower() != suffix:
        raise PartposeError(f"{option} must be a {suffix} file, got {path}")
    for one in inputs:
        if path.exists() and one.exists() and path.samefile(one):
            raise PartposeError(f"{option} {path} is one of the inputs: name another file")
        if suffix in (".png", ".mp4"):
            check_outside(path, one, option)
    check_writable(path)


def check_outside(path: Path, folder: Path, option: str = "--output") -> None:
    """See that pictures do not become input. Raises PartposeError for a path at which a folder's pictures are looked for."""
    if not folder.is_dir() or (folder / LANDMARKS).is_file():  # of an annotated set those that its table lists
        return
    target, root = path.resolve(), folder.resolve()
    if not target.is_relative_to(root):
        return
    hidden = any(part.startswith(".") for part in target.relative_to(root).parts)
    between = (place for place in (target, *target.parents) if place.is_relative_to(root))
    if not hidden and not any(is_run(place) or is_pack(place) for place in between):
        raise PartposeError(
            f"{option} {path} lies in {readable(folder)}, and would be found there as its picture: name a place elsewhere"
        )
