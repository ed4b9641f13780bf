"""What a user names on the command line, as pictures and videos."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple

from partpose.data import human36m, kia
from partpose.data.cut import Cut
from partpose.data.landmarks import KEYPOINTS, LANDMARKS, META, Landmarks, half_made_by, has_columns, read_split
from partpose.data.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES, is_pack, readable, walk
from partpose.errors import PartposeError, Skipped

_TABLES = (LANDMARKS, META)
Key = str | tuple[int, int]


class Source(NamedTuple):
    """All pictures of one input, or one video.

    path: the input, or the video.  files: one a picture, or the video alone.  names: of the files, relative to the
    input, with forward slashes.  stem: a file name for results, without suffix, that all systems take; see `with_own_stems`.
    cuts: what is looked at in each picture (by its row in `files`) or frame (by its index in the video); a picture or
    frame that is not in it has nothing to look at. None: each is looked at as a whole.
    frames: of a video only these, by their index: start, stop, step; None for all.
    splits: of an annotated set the split of each file, in lower case; None where there is none.
    """

    path: Path
    kind: Literal["pictures", "video"]
    files: tuple[Path, ...]
    names: tuple[str, ...]
    stem: str
    cuts: Mapping[int, tuple[Cut, ...]] | None = None
    frames: slice | None = None
    splits: tuple[str, ...] | None = None


class _Found(NamedTuple):
    """What one input holds. others: files that are neither picture nor video.  cuts, splits: as in `Source`, by file."""

    files: list[Path]
    skipped: list[Skipped]
    others: int = 0
    cuts: dict[Path, tuple[Cut, ...]] | None = None
    splits: dict[Path, str] | None = None


class TrainingInput(NamedTuple):
    """Everything that may be learned from.  held_out: how many files were left aside because their split is `test`."""

    sources: list[Source]
    skipped: list[Skipped]
    held_out: int


def find_sources(inputs: Sequence[str | PathLike]) -> tuple[list[Source], list[Skipped]]:
    """The pictures and videos behind each input, and what was passed over.

    An input is a picture, a video, a folder of any nesting, an annotated set, of which the files listed in its
    landmarks.csv are taken, or a data set in the layout of Human3.6M or KIA, with its masks and boxes. Of several inputs
    one that holds nothing, or whose table is broken, is passed over.
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
        found = _inside(root) if len(roots) == 1 else _inside_or_passed_over(root)
        sources += _sources_of(root, found)
        skipped += found.skipped
        others += found.others
        if not found.files and not found.skipped:
            empty.append(Skipped(readable(root), "holds no picture or video"))
    if not sources:
        raise PartposeError(_nothing_found(inputs, skipped, others))
    return sources, skipped + empty


def training_files(root: str | PathLike) -> TrainingInput:
    """The same for training: without the files whose split is `test` in any landmarks.csv or meta.csv in the input.

    The tables of the two folders above it count too: the input may be the images of a set. Only the columns `file` and
    `split` are read. Of a set of another tool its test or validation pictures are left out, where it has others.
    Raises as `find_sources`, where all is held out, and where a set was not made to its end, which has no split yet.
    """
    found, skipped = find_sources([root])
    tested = (path for source in found for path, split in _splits(source) if split in ("test", kia.GAP))
    listed = {key for path in tested for key in _keys(path)}
    apart = listed or _held_out(Path(root)) or _held_out_elsewhere(Path(root))
    sources = [kept for source in found if (kept := _without(source, apart)).files]
    if not sources:
        raise PartposeError(f"{readable(root)} leaves nothing to learn from: every file has split=test")
    total, kept = (sum(len(source.files) for source in some) for some in (found, sources))
    return TrainingInput(sources, skipped, total - kept)


def of_split(source: Source, split: str) -> Source:
    """The pictures of an annotated set whose split is this one.

    Raises PartposeError where the source is no annotated set, and where there are none.
    """
    where = readable(source.path)
    if source.splits is None:
        raise PartposeError(f"{where} has no split {split!r}: it is no annotated set with a {LANDMARKS}")
    kept = some_files(source, [i for i, name in enumerate(source.splits) if name == split])
    if not kept.files:
        known = ", ".join(sorted(set(source.splits) - {""})) or "none"
        raise PartposeError(f"{where} has no picture of split {split!r}; splits there: {known}")
    return kept


def _splits(source: Source) -> Iterable[tuple[Path, str]]:
    return zip(source.files, source.splits or (), strict=source.splits is not None)


def _existing(root: Path) -> Path:
    # Of os.path, because pathlib's raise on what may not be entered.
    if not os.path.exists(root):  # noqa: PTH110
        if re.match(r"[a-z0-9]{2,}:/", str(root)):
            address = readable(root).replace(":/", "://", 1)
            raise PartposeError(f"{address} is an address, which `partpose predict --engine ray` reads: name a path")
        raise PartposeError(f"{readable(root)} does not exist or may not be entered, expected pictures or videos")
    return root


def _inside_or_passed_over(root: Path) -> _Found:
    try:
        return _inside(root)
    except PartposeError as error:
        return _Found([], [Skipped(readable(root), str(error).removeprefix(f"{readable(root)}/"))])


def _inside(root: Path) -> _Found:
    """The pictures and videos of one input, and what could not be reached."""
    if is_pack(root):
        raise PartposeError(
            f"{readable(root)} is a pack, to train from: name the pictures or videos that it was made of"
        )
    if not root.is_dir():
        return (
            _Found([root], []) if _is_known(root) else _Found([], [Skipped(readable(root), "has an unknown ending")], 1)
        )
    if os.path.isfile(root / LANDMARKS):  # noqa: PTH113
        return _listed(root)
    for layout in (human36m, kia):
        if layout.find(root):
            skipped: list[Skipped] = []
            return _laid_out(layout.list_pictures(root, skipped=skipped), skipped)
    files, skipped = walk(root)
    known = [path for path in files if _is_known(path)]
    return _Found(known, skipped, len(files) - len(known))


def _listed(root: Path) -> _Found:
    """The files of an annotated set that are there, and those that are not."""
    listed = {root / name: split for name, split in read_split(root / LANDMARKS).items()}
    there = {path: split for path, split in listed.items() if os.path.isfile(path)}  # noqa: PTH113
    reason = f"is listed in {LANDMARKS} but is not there"
    return _Found(list(there), [Skipped(readable(path), reason) for path in listed if path not in there], splits=there)


def _laid_out(pictures: Sequence[tuple[Path, str, Cut | None]], skipped: list[Skipped]) -> _Found:
    """A data set in a known layout: of one file there may be several objects."""
    splits = {file: split for file, split, _ in pictures}
    cuts: dict[Path, tuple[Cut, ...]] = {}
    for file, _, cut in pictures:
        cuts[file] = (*cuts.get(file, ()), cut or Cut())
    return _Found(list(splits), skipped, 0, cuts, splits)


def _is_known(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES


def _sources_of(root: Path, found: _Found) -> list[Source]:
    """One source of all the pictures, then one a video."""
    base = root if root.is_dir() else root.parent
    videos = [path for path in found.files if path.suffix.lower() in VIDEO_SUFFIXES]
    pictures = [path for path in found.files if path.suffix.lower() not in VIDEO_SUFFIXES]
    sources = [Source(path, "video", (path,), (name,), _stem(name)) for path in videos for name in [_name(path, base)]]
    if pictures:
        names = tuple(_name(path, base) for path in pictures)
        stem = _safe(readable(root.resolve().name)) if root.is_dir() else _stem(names[0])
        cuts = None if found.cuts is None else {i: found.cuts[path] for i, path in enumerate(pictures)}
        splits = None if found.splits is None else tuple(found.splits[path] for path in pictures)
        sources.insert(0, Source(root, "pictures", tuple(pictures), names, stem, cuts, splits=splits))
    return sources


def _name(path: Path, base: Path) -> str:
    return readable((path.relative_to(base) if path.is_relative_to(base) else path).as_posix())


def _stem(name: str) -> str:
    """day1/cam 2.mp4 → day1_cam 2"""
    return _safe(str(Path(name).with_suffix("")))


def _safe(name: str) -> str:
    """A file name that all systems take; letters of all languages and blanks stay."""
    whole = re.sub(r"[^\w.\- ]+", "_", name).strip(" .-")[:100]
    return whole.encode()[:200].decode(errors="ignore") or "input"  # names end at 255 bytes


def with_own_stems(sources: Iterable[Source], free: Callable[[Source, str], bool] = lambda *_: True) -> list[Source]:
    """Tell equal stems apart by a number, also where a file system takes upper and lower case for the same.

    free: whether a source may have a stem that no other source here has.
    """
    taken: set[str] = set()
    result = []
    for source in sources:
        stem, number = source.stem, 2
        while stem.casefold() in taken or not free(source, stem):
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
    if any(Path(path).suffix.lower() in (".txt", ".csv") for path in inputs):
        text += "; a list of files is for `partpose predict --engine ray`"
    return f"{text}; passed over: {skipped[0].path} {skipped[0].reason}" if skipped else text


def _keys(path: Path) -> set[Key]:
    """By which a file is known under any of its names: one letter has several forms in Unicode, one file several links."""
    known: set[Key] = {unicodedata.normalize("NFC", str(path.resolve()))}
    with suppress(OSError):
        status = path.stat()
        known |= {(status.st_dev, status.st_ino)} if status.st_ino else set()
    return known


def _held_out(root: Path) -> set[Key]:
    """Files that a table in the input, or above it, gives to the test."""
    around = _around(root)
    for folder in {path.parent for path in around if path.name == KEYPOINTS}:
        if command := half_made_by(folder):
            raise PartposeError(f"{readable(folder)} was not made to its end: run `{command}` on it again")
    tables = [path for path in around if path.name in _TABLES and has_columns(path, "split")]
    splits = [(table.parent / name, split) for table in tables for name, split in read_split(table).items()]
    return {key for path, split in splits if split == "test" for key in _keys(path)}


def _held_out_elsewhere(root: Path) -> set[Key]:
    """Pictures that the annotations of another tool give to the test; their landmarks go no further than this function.

    The set may be the input, lie in one of its folders, or hold it: the input may be the images of a set.
    """
    from partpose.data.annotations.detect import read_annotated, sets_below

    above = [folder for folder in root.resolve().parents[:2] if folder != folder.parent] if root.is_dir() else []
    held_out: set[Key] = set()
    for path in (root, *above, *(folder for folder, _ in sets_below(root) if root.is_dir())):
        try:
            held_out |= _tested(read_annotated(path))
        except PartposeError:
            continue
    return held_out


def _tested(landmarks: Landmarks) -> set[Key]:
    """The test pictures of a set that has others; frames of videos are not told apart."""
    if not {"train", "test"} <= set(landmarks.split) or landmarks.frames is not None:
        return set()
    named = zip(landmarks.files, landmarks.split, strict=True)
    return {key for file, split in named if split == "test" for key in _keys(landmarks.root / file)}


def _around(root: Path) -> list[Path]:
    """All files in the input, and what might describe them in the two folders above it, also of a link's target."""
    inside, levels = (walk(root)[0], 2) if root.is_dir() else ([], 3)
    above = {folder for path in (Path(os.path.abspath(root)), root.resolve()) for folder in path.parents[:levels]}  # noqa: PTH100
    described = [folder / name for folder in sorted(above) for name in (KEYPOINTS, *_TABLES)]
    return inside + [path for path in described if os.path.isfile(path)]  # noqa: PTH113


def _without(source: Source, apart: set[Key]) -> Source:
    if not apart:
        return source
    return some_files(source, [i for i, path in enumerate(source.files) if not apart & _keys(path)])


def some_files(source: Source, keep: Sequence[int]) -> Source:
    """A source of some of the files of another, by their rows."""
    return source._replace(
        files=tuple(source.files[i] for i in keep),
        names=tuple(source.names[i] for i in keep),
        splits=None if source.splits is None else tuple(source.splits[i] for i in keep),
        cuts=source.cuts
        if source.cuts is None or source.kind == "video"
        else {to: source.cuts[i] for to, i in enumerate(keep) if i in source.cuts},
    )
