"""Which input the results of a name in an output folder are of: no call replaces those of another, or a user's own files.

Cameras call their clips alike, day after day. Beside its results an input leaves a hidden note, `.<stem>.input`, of its own
path and of what was written under that name; any other file of the name is somebody else's.
"""

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from partpose.data.atomic import atomic
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import PartposeError
from partpose.predict.formats import read_provenance


def claim(stem: Path, source: Source, endings: Iterable[str]) -> bool:
    """Whether the results of a source may be called `stem`, which from now on is its own.

    endings: of the files that will be written.
    Raises PartposeError where the note cannot be read or left.
    """
    note, mine, endings = stem.with_name(f".{stem.name}.input"), readable(source.path.resolve()), set(endings)
    try:
        whose, known = _read(note)
        if whose not in (None, mine) or _are_others(stem, source, endings - known):
            return False
        content = json.dumps({"input": mine, "files": sorted(endings | known)})
        if whose is None:
            return _leave(note, content)
        if not endings <= known:
            with atomic(note) as temporary:
                temporary.write_text(content, encoding="utf-8")
    except OSError as error:
        raise PartposeError(f"{note} cannot be read or written: {error.strerror}") from error
    return True


def _leave(note: Path, content: str) -> bool:
    """Write a note that is whole as soon as it is there; False where another call was faster."""
    whole = note.with_name(f".partial-{uuid.uuid4().hex[:12]}")
    try:
        whole.write_text(content, encoding="utf-8")
        os.link(whole, note)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        whole.replace(note)  # a file system without links, as on memory cards
    finally:
        whole.unlink(missing_ok=True)
    return True


def fingerprint(files: Sequence[Path]) -> str:
    """Changes with the names, the sizes and the dates of files."""
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        status = file.stat() if file.exists() else None
        seen = "" if status is None or file.is_dir() else f"{status.st_size} {status.st_mtime_ns}"
        digest.update(f"{readable(file.resolve())}\n{seen}\n".encode())
    return digest.hexdigest()


def input_hash(source: Source) -> str:
    """Which input results are of, and how it was then."""
    return fingerprint([source.path, *source.files])


def _read(note: Path) -> tuple[str | None, set[str]]:
    """Whose the name is, None for nobody's, and which endings are its own. A broken note is taken away."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        return content["input"], set(content["files"])
    except FileNotFoundError:
        return None, set()
    except (ValueError, KeyError, TypeError):
        note.unlink(missing_ok=True)
        return None, set()


def _are_others(stem: Path, source: Source, endings: Iterable[str]) -> bool:
    """Whether there are files that are not this source's; results that have lost their note tell by themselves."""
    if not any(stem.with_name(stem.name + ending).exists() for ending in endings):
        return False
    try:
        return read_provenance(stem.with_name(f"{stem.name}.h5")).get("input_hash") != input_hash(source)
    except PartposeError:
        return True
