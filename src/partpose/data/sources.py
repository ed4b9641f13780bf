"""What a user names on the command line, as pictures and videos."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple

from partpose.data.cut import Cut
from partpose.data.landmarks import KEYPOINTS, LANDMARKS, half_made_by, has_split, read_split
from partpose.data.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES, readable, walk
from partpose.errors import PartposeError, Skipped

_TABLES = (LANDMARKS, "meta.csv")


class Source(NamedTuple):
    """All pictures of one input, or one video.

    path: the input, or the video.  files: one a picture, or the video alone.  names: of the files, relative to the
    input, with forward slashes.  stem: a file name for results, without suffix, safe and different for every source of a call.
    cuts: what is looked at in each picture (by its row in `files`) or frame (by its index in the video); a picture or
    frame that is not in it has nothing to look at. None: each is looked at as a whole.
    frames: of a video only these, by their index: start, stop, step; None for all.
    """

    path: Path
    kind: Literal["pictures", "video"]
    files: tuple[Path, ...]
    names: tuple[str, ...]
    stem: str
    cuts: Mapping[int, tuple[Cut, ...]] | None = None
    frames: slice | None = None


class TrainingInput(NamedTuple):
    """Everything that may be learned from.  held_out: how many files were left aside because their split is `test`."""

    sources: list[Source]
    skipped: list[Skipped]
    held_out: int


def find_sources(inputs: Sequence[str | PathLike]) -> tuple[list[Source], list[Skipped]]:
    """The pictures and videos behind each input, and what was passed over.

    An input is a picture, a video, a folder of any nesting, or an annotated set, of which the files listed in its
    landmarks.csv are taken. Of several inputs one that holds nothing, or whose table is broken, is passed over.
    Raises PartposeError where an input does not exist or there is no picture or video at all.
    """
    if not inputs:
        raise PartposeError("no input was named, expected pictures, videos or folders of them")
    sources: list[Source] = []
    skipped: list[Skipped] = []
    others = 0
    empty: list[Skipped] = []
    roots = [_existing(Path(root)) for root in inputs]
    for root in roots:
        found, missed, ignored = _inside(root) if len(roots) == 1 else _inside_or_passed_over(root)
        sources += _sources_of(root, found)
        skipped += missed
        others += ignored
        if not found and not missed:
            empty.append(Skipped(readable(root), "holds no picture or video"))
    if not sources:
        raise PartposeError(_nothing_found(inputs, skipped, others))
    return _with_own_stems(sources), skipped + empty


def training_files(root: str | PathLike) -> TrainingInput:
    """The same for training: without the files whose split is `test` in any landmarks.csv or meta.csv in the input.

    The tables of the two folders above it count too: the input may be the images of a set. Only the columns `file` and
    `split` are read. Raises as `find_sources`, where all is held out, and where a set was not made to its end, which has
    no split yet.
    """
    found, skipped = find_sources([root])
    apart = _held_out(Path(root))
    sources = [kept for source in found if (kept := _without(source, apart)).files]
    if not sources:
        raise PartposeError(f"{readable(root)} leaves nothing to learn from: every file has split=test")
    total, kept = (sum(len(source.files) for source in some) for some in (found, sources))
    return TrainingInput(sources, skipped, total - kept)


def of_split(source: Source, split: str) -> Source:
    """The pictures of an annotated set whose split is this one.

    Raises PartposeError where the source is no annotated set, and where there are none.
    """
    table = source.path / LANDMARKS
    if not table.is_file():
        raise PartposeError(
            f"{readable(source.path)} has no split {split!r}: it is no annotated set with a {LANDMARKS}"
        )
    splits = read_split(table)
    kept = _rows(source, [i for i, name in enumerate(source.names) if splits.get(name) == split])
    if not kept.files:
        known = ", ".join(sorted(set(splits.values()) - {""})) or "none"
        raise PartposeError(f"{readable(table)} has no picture of split {split!r}; splits there: {known}")
    return kept


def _existing(root: Path) -> Path:
    # Of os.path, because pathlib's raise on what may not be entered.
    if not os.path.exists(root):  # noqa: PTH110
        raise PartposeError(f"{readable(root)} does not exist or may not be entered, expected pictures or videos")
    return root


def _inside_or_passed_over(root: Path) -> tuple[list[Path], list[Skipped], int]:
    try:
        return _inside(root)
    except PartposeError as error:
        return [], [Skipped(readable(root), str(error).removeprefix(f"{readable(root)}/"))], 0


def _inside(root: Path) -> tuple[list[Path], list[Skipped], int]:
    """The pictures and videos of one input, what could not be reached, and how many files are neither."""
    if not root.is_dir():
        return ([root], [], 0) if _is_known(root) else ([], [Skipped(readable(root), "has an unknown ending")], 1)
    if os.path.isfile(root / LANDMARKS):  # noqa: PTH113
        return *_listed(root), 0
    files, skipped = walk(root)
    known = [path for path in files if _is_known(path)]
    return known, skipped, len(files) - len(known)


def _listed(root: Path) -> tuple[list[Path], list[Skipped]]:
    """The files of an annotated set that are there, and those that are not."""
    listed = [root / name for name in read_split(root / LANDMARKS)]
    there = {path for path in listed if os.path.isfile(path)}  # noqa: PTH113
    reason = f"is listed in {LANDMARKS} but is not there"
    missing = [Skipped(readable(path), reason) for path in listed if path not in there]
    return [path for path in listed if path in there], missing


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _sources_of(root: Path, found: list[Path]) -> list[Source]:
    """One source of all the pictures, then one a video."""
    base = root if root.is_dir() else root.parent
    videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES]
    pictures = [path for path in found if path.suffix.lower() not in VIDEO_SUFFIXES]
    sources = [Source(path, "video", (path,), (name,), _stem(name)) for path in videos for name in [_name(path, base)]]
    if pictures:
        names = tuple(_name(path, base) for path in pictures)
        stem = _safe(readable(root.resolve().name)) if root.is_dir() else _stem(names[0])
        sources.insert(0, Source(root, "pictures", tuple(pictures), names, stem))
    return sources


def _name(path: Path, base: Path) -> str:
    return readable((path.relative_to(base) if path.is_relative_to(base) else path).as_posix())


def _stem(name: str) -> str:
    """day1/cam 2.mp4 → day1_cam 2"""
    return _safe(str(Path(name).with_suffix("")))


def _safe(name: str) -> str:
    """A file name that all systems take; letters of all languages and blanks stay."""
    return re.sub(r"[^\w.\- ]+", "_", name).strip(" .-")[:100] or "input"


def _with_own_stems(sources: list[Source]) -> list[Source]:
    """Tell equal stems apart by a number, also where a file system takes upper and lower case for the same."""
    taken: set[str] = set()
    result = []
    for source in sources:
        stem, number = source.stem, 2
        while stem.casefold() in taken:
            stem, number = f"{source.stem}-{number}", number + 1
        taken.add(stem.casefold())
        result.append(source._replace(stem=stem))
    return result


def _nothing_found(inputs: Iterable[str | PathLike], skipped: list[Skipped], others: int) -> str:
    where = ", ".join(readable(path) for path in inputs)
    endings = " ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES))
    found = (
        f"{others} file{'' if others == 1 else 's'} in {where}, but no" if others else f"nothing in {where}, expected a"
    )
    text = f"found {found} picture or video; endings known: {endings}"
    return f"{text}; passed over: {skipped[0].path} {skipped[0].reason}" if skipped else text


def _held_out(root: Path) -> set[Path]:
    """Files that a table in the input, or above it, gives to the test."""
    around = _around(root)
    for folder in {path.parent for path in around if path.name == KEYPOINTS}:
        if command := half_made_by(folder):
            raise PartposeError(f"{readable(folder)} was not made to its end: run `{command}` on it again")
    tables = [path for path in around if path.name in _TABLES and has_split(path)]
    splits = [(table.parent / name, split) for table in tables for name, split in read_split(table).items()]
    return {path.resolve() for path, split in splits if split == "test"}


def _around(root: Path) -> list[Path]:
    """All files in the input, and what might describe them in the two folders above it, also of a link's target."""
    inside, levels = (walk(root)[0], 2) if root.is_dir() else ([], 3)
    above = {folder for path in (Path(os.path.abspath(root)), root.resolve()) for folder in path.parents[:levels]}  # noqa: PTH100
    described = [folder / name for folder in sorted(above) for name in (KEYPOINTS, *_TABLES)]
    return inside + [path for path in described if os.path.isfile(path)]  # noqa: PTH113


def _without(source: Source, apart: set[Path]) -> Source:
    return _rows(source, [i for i, path in enumerate(source.files) if path.resolve() not in apart])


def _rows(source: Source, keep: list[int]) -> Source:
    return source._replace(files=tuple(source.files[i] for i in keep), names=tuple(source.names[i] for i in keep))
