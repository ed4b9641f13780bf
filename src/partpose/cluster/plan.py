"""What is to be predicted, cut into shards: a function of the inputs alone, so that a run can be gone on with."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from partpose.data.atomic import atomic, make_folder
from partpose.data.sources import find_sources
from partpose.data.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural, readable
from partpose.errors import PartposeError, Skipped

PLAN, SHARDS = "plan.json", "shards"
COUNTS = ("shards", "of_pictures", "pictures", "size")
"""What a plan counts: all shards, those of pictures, which are the first, all pictures, and those of a full shard."""
MANIFEST = ".txt"
WEB = ("http://", "https://")
STALE = 60.0
"""Seconds after which nobody is writing any more to what is half written."""


class Shard(NamedTuple):
    """Some pictures, or one video.  number: its place in the plan.  files: absolute paths or addresses, all of one kind."""

    number: int
    kind: Literal["pictures", "video"]
    files: tuple[str, ...]

    def file(self, output: Path) -> Path:
        """Where its poses go; the file is there when, and only when, the shard is done."""
        return file_of(output, self.number)

    def __str__(self) -> str:
        """How messages call it."""
        last = f" to {readable(self.files[-1])}" if len(self.files) > 1 else ""
        return f"shard {self.number:08d} ({readable(self.files[0])}{last})"


def file_of(output: Path, number: int) -> Path:
    """The file of a shard by its number."""
    return output / SHARDS / f"{number:08d}.h5"


def list_files(inputs: Sequence[str]) -> tuple[list[str], list[Skipped]]:
    """All pictures and videos of folders, files, manifests and addresses, in order, and what was passed over.

    A manifest is a .txt with a path or address a line, paths being relative to it. An address (s3://…, gs://…, https://…)
    is one file, or a folder of them that fsspec can list.

    Raises PartposeError where an input does not exist, and where there is nothing at all.
    """
    files: list[str] = []
    skipped: list[Skipped] = []
    for one in inputs:
        if "://" in one:
            files += _listed(one)
        elif one.endswith(MANIFEST):
            files += read_manifest(Path(one))
        else:
            sources, missed = find_sources([one])
            if cut_out := [source for source in sources if source.cuts is not None]:
                raise PartposeError(
                    f"{cut_out[0].path} has boxes or masks, which --engine ray does not know: convert it first"
                )
            files += [os.path.abspath(file) for source in sources for file in source.files]  # noqa: PTH100, links stay
            skipped += missed
    known = [file for file in dict.fromkeys(files) if _kind(file)]
    skipped += [Skipped(file, "has an unknown ending") for file in dict.fromkeys(files) if not _kind(file)]
    if not known:
        raise PartposeError(f"nothing to predict in {', '.join(inputs)}: expected pictures or videos")
    return known, skipped


def read_manifest(path: Path) -> list[str]:
    """The lines of a manifest that name a file; empty ones and those that begin with # do not. Raises PartposeError."""
    try:
        with path.open(encoding="utf-8") as file:
            named = [line for line in map(str.strip, file) if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError) as error:
        raise PartposeError(f"cannot read the manifest {path}: {error}") from None
    return [line if "://" in line else os.path.abspath(path.parent / line) for line in named]  # noqa: PTH100, links stay


def cut(files: Sequence[str], size: int) -> list[Shard]:
    """Shards of at most `size` pictures, and one for every video."""
    pictures = [file for file in files if _kind(file) == "pictures"]
    shards = [Shard(i // size, "pictures", tuple(pictures[i : i + size])) for i in range(0, len(pictures), size)]
    videos = [file for file in files if _kind(file) == "video"]
    return shards + [Shard(number, "video", (file,)) for number, file in enumerate(videos, len(shards))]


def settle(output: Path, shards: Sequence[Shard], about: dict[str, str]) -> None:
    """Write the plan, or see that the one that is there is the same.

    about: of the model and the options. Raises PartposeError where the folder holds results of another plan.
    """
    sizes = [len(shard.files) for shard in shards if shard.kind == "pictures"]
    counts = zip(COUNTS, (len(shards), len(sizes), sum(sizes), max(sizes, default=0)), strict=True)
    wanted = {**about, "files": fingerprint(shards), **dict(counts)}
    path = output / PLAN
    if path.is_file():
        there = read_plan(output)
        if changed := [name for name in wanted if there.get(name) != wanted[name]]:
            what = "inputs" if changed[0] in ("files", *COUNTS) else changed[0]
            raise PartposeError(f"{output} holds results of another call, with other {what}: name another --output")
        return
    make_folder(output / SHARDS)
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")


def read_plan(output: Path) -> dict[str, Any]:
    """What `settle` wrote. Raises PartposeError where there is no such thing."""
    try:
        plan = json.loads((output / PLAN).read_text(encoding="utf-8"))
        if all(isinstance(plan.get(name), int) for name in COUNTS):
            return plan
    except (OSError, ValueError, AttributeError):
        pass
    raise PartposeError(
        f"{output} holds no plan of shards that can be read: `partpose predict … --engine ray` makes one"
    )


def pictures_in(plan: dict[str, Any], number: int) -> int:
    """How many pictures a shard of a plan has; 0 for a video."""
    return max(0, min(plan["size"], plan["pictures"] - number * plan["size"]))


def clear_partial(output: Path) -> None:
    """Remove what killed workers have left half written; a call that runs beside this one may be at what is young."""
    for left in (output / SHARDS).glob(".partial-*"):
        with suppress(OSError):  # it has just been given its name
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def fingerprint(shards: Iterable[Shard]) -> str:
    """Changes with the names of the files, their order, and where shards begin."""
    digest = hashlib.blake2b(digest_size=16)
    for shard in shards:
        digest.update("\n".join([str(shard.number), *shard.files, ""]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def ending_of(file: str) -> str:
    """`.jpg` of a path, or of an address, of a web server's with or without a query."""
    return _plain(file).suffix


def stem_of(file: str) -> str:
    """`clip` of …/clip.mp4, as `ending_of`."""
    return _plain(file).stem


def _plain(file: str) -> Path:
    return Path(urlsplit(file).path if file.startswith(WEB) else file)  # elsewhere # and ? may be of a name


def _kind(file: str) -> str:
    ending = ending_of(file).lower()
    return "pictures" if ending in IMAGE_SUFFIXES else "video" if ending in VIDEO_SUFFIXES else ""


def _listed(address: str) -> list[str]:
    """The files at an address. Raises PartposeError where it cannot be reached."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
        # A web server answers for a folder as for a file; only the ending tells
        if (_kind(address) or not address.startswith(WEB)) and system.isfile(path):
            return [address]
        # What is not there, or does not answer, is an empty folder to `find`, and an error to `ls`
        found = _walked(system, path) or system.find(path) or system.ls(path, detail=False)
        return sorted(map(system.unstrip_protocol, found), key=natural)
    except Exception as error:  # every store has errors of its own
        raise PartposeError(f"cannot list {address}: {str(error) or type(error).__name__}") from None


def _walked(system: Any, path: str) -> list[str]:
    """The files below a folder, where `find` would walk as well: it leaves out what it cannot list, without a word.

    Stores that list all names at once, as s3fs does, have a `find` of their own; they give nothing here.
    """
    from fsspec.asyn import AsyncFileSystem as Async

    kind = type(system)
    if kind.find is not Async.find or getattr(kind, "_find", Async._find) is not Async._find:
        return []
    files, folders = [], [path]
    while folders:
        # A level at a time, for `walk` itself minds errors of the first one only
        for _, inner, there in system.walk(folders.pop(), maxdepth=1, detail=True, on_error=_unless_gone):
            files += [one["name"] for one in there.values()]
            folders += [one["name"].rstrip("/") for one in inner.values()]
    return files


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
