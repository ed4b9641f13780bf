"""Which format an annotated set is in: told from its files, never from a flag."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Protocol

from partpose.data import human36m, kia
from partpose.data.annotations import (
    coco,
    deeplabcut,
    dlib,
    json_records,
    lightning_pose,
    ljson,
    lsp,
    mpii,
    partpose,
    pts,
    sleap,
    sleap_analysis,
    webmorph,
)
from partpose.data.landmarks import KEYPOINTS, Landmarks
from partpose.data.walk import is_pack, natural, readable
from partpose.errors import PartposeError


class Reader(Protocol):
    """What every module in `READERS` has.

    find: the annotation files that a user's path leads to, [] where it leads to none of this format; raises nothing.
    read: the annotated set of a path and what was found there. Raises PartposeError for a broken or unsupported file.
    """

    @property
    def NAME(self) -> str: ...

    @property
    def find(self) -> Callable[[Path], list[Path]]: ...

    @property
    def read(self) -> Callable[..., Landmarks]: ...


READERS: tuple[Reader, ...] = (
    partpose,
    human36m,
    kia,
    sleap,
    lightning_pose,
    deeplabcut,
    sleap_analysis,
    mpii,
    coco,
    lsp,
    dlib,
    pts,
    ljson,
    webmorph,
    json_records,
)
"""The most specific first: of two formats that a file or folder fits, the first is meant."""
MOST_FOLDERS = 100


def detect(path: str | PathLike) -> tuple[Reader, list[Path]] | None:
    """The reader for a file or folder, and the annotation files it leads to; None where there are no annotations."""
    return next(detect_all(Path(path)), None)


def detect_all(path: Path) -> Iterator[tuple[Reader, list[Path]]]:
    """Every reader that finds annotation files that none before it has found."""
    taken: set[Path] = set()
    for reader in READERS:
        try:
            found = reader.find(path)
        except OSError:  # what may not be entered
            continue
        if not taken.issuperset(found):
            yield reader, found
            taken |= set(found)


def read_annotated(path: str | PathLike) -> Landmarks:
    """Read an annotated set of any known format.

    Raises PartposeError where it is broken or not supported, and, with what there is, where no format fits.
    """
    path = Path(path)
    detected = detect(path)
    if detected is None:
        raise PartposeError(f"{readable(path)} {_no_annotations(path)}")
    reader, found = detected
    return reader.read(path, found)


def annotation_files(path: Path) -> list[Path]:
    """The files that the annotations of a set are in, none where there is no set."""
    detected = detect(path)
    return [] if detected is None else [*detected[1], path / KEYPOINTS]


def known_formats() -> str:
    """The names of all formats, for an error."""
    return ", ".join(reader.NAME for reader in READERS)


def sets_below(path: Path) -> Iterator[tuple[Path, Reader]]:
    """The annotated sets among the folders in a folder, of at most the first hundred, in natural order."""
    inner = (path / name for name in _names(path))
    folders = [one for one in inner if os.path.isdir(one)]  # noqa: PTH112, pathlib's may raise
    for folder in folders[:MOST_FOLDERS]:
        detected = detect(folder)
        if detected is not None:
            yield folder, detected[0]


def _no_annotations(path: Path) -> str:
    formats = known_formats()
    if not os.path.exists(path):  # noqa: PTH110
        return "does not exist, expected an annotated set"
    if os.path.isfile(path):  # noqa: PTH113
        return f"is no annotation file of a format that is known: {formats}"
    if is_pack(path):
        return "is a pack, to train from: name the annotated set that it was packed from"
    below = ", ".join(f"{folder.name} ({reader.NAME})" for folder, reader in sets_below(path))
    if below:
        return f"holds annotated sets, expected the name of one of them: {below}"
    return f"holds no annotations of a format that is known ({formats}), but {_contents(path)}"


def _contents(folder: Path) -> str:
    """What lies directly in a folder: 8 .png, 2 folders, 1 .csv"""
    is_folder = {name: os.path.isdir(folder / name) for name in _names(folder)}  # noqa: PTH112
    kinds = Counter("folder" if is_folder[name] else Path(name).suffix.lower() or "other" for name in is_folder)
    most = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))[:4]
    named = (f"{number} {kind}{'s' if number > 1 and kind[0] != '.' else ''}" for kind, number in most)
    return ", ".join(named) or "nothing"


def _names(folder: Path) -> list[str]:
    """What lies in a folder, in natural order, without what is hidden; nothing where it may not be listed."""
    try:
        return sorted((name for name in os.listdir(folder) if not name.startswith(".")), key=natural)  # noqa: PTH208
    except OSError:
        return []
