"""Files that are either whole or not there."""

import errno
import fcntl
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile

from partpose.data.walk import readable
from partpose.errors import PartposeError


@contextmanager
def atomic(path: str | PathLike) -> Generator[Path]:
    """A temporary path to write to, which becomes `path` if the body ends well and is removed if it does not.

    The temporary file lies in the same folder (made if missing), is hidden, so that no reader of inputs takes it for
    one, and has the same suffix, from which writers tell the format. A link is written through, not replaced.

    Raises PartposeError where `path` cannot be written: read-only, full, a folder, a device.
    """
    target = Path(path)
    temporary = None
    try:
        target = _writable_target(target)
        temporary = target.with_name(f".partial-{uuid.uuid4().hex[:12]}{target.suffix}")
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if _is_about_another_file(error, target, temporary):
            raise
        raise PartposeError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def check_writable(path: str | PathLike) -> None:
    """Before hours of work, not after: raises what `atomic` would, and leaves nothing but the folder, if it was missing."""
    try:
        TemporaryFile(dir=_writable_target(Path(path)).parent).close()
    except OSError as error:
        raise PartposeError(f"{path} cannot be written: {error.strerror or error}") from error


def make_folder(path: Path) -> None:
    """Make a folder for results, and see that it can be written to: before hours of work, not after."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        raise PartposeError(f"cannot write to the output folder {path}: {error.strerror}") from None


@contextmanager
def alone(folder: Path, name: Path | None = None) -> Generator[None]:
    """Hold a folder that is there, so that no other process writes to it meanwhile; a process that is killed leaves no lock.

    name: what it is called to the user.  Raises PartposeError where another holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        _lock(handle, name or folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, name: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PartposeError(f"{readable(name)} is being written by another process: wait for it") from None
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise  # some file systems on a network lock no folders


def _writable_target(path: Path) -> Path:
    target = path.resolve()
    if target.is_dir():
        raise PartposeError(f"{path} cannot be written: it is a folder, expected the name of a file")
    if target.exists() and not target.is_file():
        raise PartposeError(f"{path} cannot be written: it is a device or pipe, expected the name of a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _is_about_another_file(error: OSError, target: Path, temporary: Path | None) -> bool:
    """Whether the body failed on a file that is not the one being written, which has its own words for it."""
    if temporary is None or error.filename is None:
        return False
    return Path(str(error.filename)) not in (target, temporary)
