"""The files of a shard on this machine: copies of what a store has, and a word for what it has not.

That a file is gone and that a store does not answer are told apart with care: what is gone is passed over, once and for all,
and what does not answer, or refuses, leaves the shard for another time: a token may have run out.
"""

import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from partpose.cluster.plan import WEB, Shard, ending_of
from partpose.data.ahead import in_threads
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import Skipped

AT_ONCE = 8
"""Copies under way: a store takes its time for each file, and one after the other a worker would wait most of it."""
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before a store that has not answered is asked again."""
SILENCE = 60.0
"""Seconds without a byte after which a web server is given up."""
COPIES = "partpose-shard-"
"""What the folders of copies begin with."""
GONE, PASSING = (404, 410), (408, 425, 429)
OF_THE_FILE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO),
    *(errno.EINVAL, errno.EOVERFLOW),  # a damaged file sends its decoder to a place before its beginning, or far away
}
"""What is wrong with a file or its name wherever it is read; any other error may be the machine's."""


class Unfetched(Exception):
    """Files of a shard could not be fetched, though they may be there: the shard is not done."""


@contextmanager
def fetched(shard: Shard) -> Generator[tuple[Source, list[Skipped]]]:
    """The shard as a source whose files lie on this machine, and what is not there; copies are gone afterwards.

    Raises Unfetched for whatever else a store may say, for what this machine cannot open, and where it lacks a folder.
    """
    _check_folders(shard)
    with _folder() as folder:
        wanted = [(file, folder / f"{i}{ending_of(file)}") for i, file in enumerate(shard.files)]
        found = list(zip(in_threads(_fetch, wanted, AT_ONCE), shard.files, strict=True))
        there = [(path, file) for path, file in found if isinstance(path, Path)]
        missed = [path for path, _ in found if isinstance(path, Skipped)]
        files, names = tuple(path for path, _ in there), tuple(name for _, name in there)
        path = files[0] if shard.kind == "video" and files else folder
        yield Source(path, shard.kind, files, names, f"{shard.number:08d}"), missed
    _check_folders(shard)  # a disk may have gone in the meantime


def _check_folders(shard: Shard) -> None:
    """A machine that lacks the others' disk must not say that all of its files are gone. Raises Unfetched."""
    folders: dict[Path, list[Path]] = {}
    for path in (Path(file.removeprefix("file://")) for file in shard.files if _is_local(file)):
        folders.setdefault(path.parent, []).append(path)
    for folder, files in folders.items():
        if not any(map(os.path.lexists, files)) and not _holds_something(folder):
            raise Unfetched(
                f"{readable(folder)} is not there on {socket.gethostname()}, or is empty: is a disk missing?"
            )


def _is_local(file: str) -> bool:
    return "://" not in file or file.startswith("file://")


def _holds_something(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _fetch(wanted: tuple[str, Path]) -> Path | Skipped:
    """A path on this machine: the file itself, or a copy of what an address names; why not, where that is settled."""
    file, copy = wanted
    if "://" not in file:
        return _opened(Path(file))
    for pause in (*PAUSES, None):
        try:
            return _copied(file, copy)
        except Exception as error:  # every store has errors of its own
            if _is_gone(error, file, copy):
                return Skipped(file, "is not there")
            if pause is None or not _may_pass(error):
                raise Unfetched(f"{file} cannot be fetched: {str(error) or type(error).__name__}") from error
            time.sleep(pause)
    raise AssertionError("the last try has no pause")


def _opened(path: Path) -> Path:
    """The path itself, which can be opened, or is to blame. Raises Unfetched where this machine is."""
    try:
        os.close(_open(path))
    except ValueError:  # no path at all, as whoever decodes it will say
        pass
    except OSError as error:
        if machine_fails(error):
            raise Unfetched(f"{readable(path)} cannot be opened: {error.strerror}") from error
    return path


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for somebody to write to it


def read_through(path: Path) -> None:
    """Read all of a file, to see that this machine can. Raises OSError."""
    held = _open(path)
    try:
        left = os.fstat(held).st_size
        while left > 0 and (piece := os.read(held, 1 << 20)):
            left -= len(piece)
    finally:
        os.close(held)


def machine_fails(error: BaseException | None) -> bool:
    """Whether a file could not be read for a reason that another machine, or another time, may not have.

    Pillow's own errors for damage are OSErrors as well, without a number.
    """
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in OF_THE_FILE
    return isinstance(error, MemoryError)


def _copied(file: str, copy: Path) -> Path:
    import fsspec

    system, path = fsspec.core.url_to_fs(file, **(_patience() if file.startswith(WEB) else {}))
    system.get_file(path, str(copy))
    return copy


def _patience() -> dict[str, Any]:
    """Of a web server a large file may take long, but not without a byte; by itself it would be given up after five minutes."""
    from aiohttp import ClientTimeout

    return {"client_kwargs": {"timeout": ClientTimeout(total=None, sock_connect=SILENCE, sock_read=SILENCE)}}


def _is_gone(error: Exception, file: str, copy: Path) -> bool:
    """Whether a file can be had at no time."""
    if getattr(error, "filename", None) == str(copy):  # the store is not to blame
        return False
    return _status(error) in GONE if file.startswith(WEB) else isinstance(error, FileNotFoundError)


def _status(error: BaseException | None) -> int | None:
    """What an HTTP server has answered, as far as the error, or what is behind it, tells.

    FileNotFoundError alone tells nothing: fsspec raises it for a server that is down as well, but then with the cause.
    """
    if isinstance(error, FileNotFoundError) and error.errno is None and error.__cause__ is None:
        return 404
    while error is not None:
        if isinstance(status := getattr(error, "status", None), int):
            return status
        error = error.__cause__
    return None


def _may_pass(error: Exception) -> bool:
    """Whether it is worth while to ask again in a moment."""
    status = _status(error)
    if status is not None:
        return status >= 500 or status in PASSING
    # No such kind of store, or its package is not installed, or it refuses
    return not isinstance(error, ValueError | ImportError | PermissionError)


@contextmanager
def _folder() -> Generator[Path]:
    """A folder for copies, held while its worker lives, so that those of killed ones can be told and are removed."""
    _clear_stale(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=COPIES, ignore_cleanup_errors=True) as name:
        held = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # some disks know no locks, then nothing is removed
                fcntl.flock(held, fcntl.LOCK_EX)  # another one that clears up may be at it, for a moment
            yield Path(name)
        finally:
            os.close(held)


def _clear_stale(where: Path) -> None:
    """Remove the copies of workers that were killed: nobody holds their folders. An empty one may not be held yet."""
    for left in where.glob(f"{COPIES}*"):
        with suppress(OSError):  # somebody holds it, or removes it as well
            held = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _holds_something(left):
                    shutil.rmtree(left)
            finally:
                os.close(held)
