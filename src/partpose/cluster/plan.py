"""What is to be predicted, cut into shards: a function of the inputs alone, so that a run can be gone on with."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from partpose.data.atomic import atomic, make_folder
from partpose.data.sources import find_sources
from partpose.data.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural
from partpose.errors import PartposeError, Skipped

PLAN, SHARDS = "plan.json", "shards"
MANIFEST = ".txt"


class Shard(NamedTuple):
    """Some pictures, or one video.  number: its place in the plan.  files: absolute paths or addresses, all of one kind."""

    number: int
    kind: Literal["pictures", "video"]
    files: tuple[str, ...]

    def file(self, output: Path) -> Path:
        """Where its poses go; the file is there when, and only when, the shard is done."""
        return file_of(output, self.number)


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
    skipped += [Skipped(file, "has an unknown ending") for file in files if not _kind(file)]
    if not known:
        raise PartposeError(f"nothing to predict in {', '.join(inputs)}: expected pictures or videos")
    return known, skipped


def read_manifest(path: Path) -> list[str]:
    """The lines of a manifest that name a file; empty ones and those that begin with # do not. Raises PartposeError."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise PartposeError(f"cannot read the manifest {path}: {error}") from None
    named = [line for line in lines if line and not line.startswith("#")]
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
    pictures = sum(shard.kind == "pictures" for shard in shards)
    wanted = {**about, "files": fingerprint(shards), "shards": len(shards), "of_pictures": pictures}
    path = output / PLAN
    if path.is_file():
        there = read_plan(output)
        if changed := [name for name in wanted if there.get(name) != wanted[name]]:
            what = {"files": "inputs", "shards": "inputs"}.get(changed[0], changed[0])
            raise PartposeError(f"{output} holds results of another call, with other {what}: name another --output")
        return
    make_folder(output / SHARDS)
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")


def read_plan(output: Path) -> dict[str, Any]:
    """What `settle` wrote. Raises PartposeError where there is no such thing."""
    try:
        plan = json.loads((output / PLAN).read_text(encoding="utf-8"))
        if isinstance(plan.get("shards"), int) and isinstance(plan.get("of_pictures"), int):
            return plan
    except (OSError, ValueError, AttributeError):
        pass
    raise PartposeError(
        f"{output} holds no plan of shards that can be read: `partpose predict … --engine ray` makes one"
    )


def fingerprint(shards: Iterable[Shard]) -> str:
    """Changes with the names of the files, their order, and where shards begin."""
    digest = hashlib.blake2b(digest_size=16)
    for shard in shards:
        digest.update("\n".join([str(shard.number), *shard.files, ""]).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def ending_of(file: str) -> str:
    """`.jpg` of a path, or of an address with or without a query."""
    return Path(urlsplit(file).path if "://" in file else file).suffix


def _kind(file: str) -> str:
    ending = ending_of(file).lower()
    return "pictures" if ending in IMAGE_SUFFIXES else "video" if ending in VIDEO_SUFFIXES else ""


def _listed(address: str) -> list[str]:
    """The files at an address. Raises PartposeError where it cannot be reached."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
        if system.isfile(path):
            return [address]
        return sorted(map(system.unstrip_protocol, system.find(path)), key=natural)
    except Exception as error:  # every store has errors of its own
        raise PartposeError(f"cannot list {address}: {error}") from None
