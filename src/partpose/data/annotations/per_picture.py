"""Formats with a file of landmarks beside each picture, of the same name."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.annotations.files import candidates, root_of
from partpose.data.annotations.names import split_of
from partpose.data.annotations.rows import Row, landmarks_of
from partpose.data.landmarks import Landmarks
from partpose.data.walk import IMAGE_SUFFIXES, readable
from partpose.errors import PartposeError, Skipped


class Annotation(NamedTuple):
    """The landmarks of one picture: (J, 2) pixels, J names, pairs that are joined by lines, and those that a mirror swaps."""

    points: NDArray[np.float64]
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...] = ()
    flip_pairs: tuple[tuple[int, int], ...] = ()


def find_files(path: Path, suffix: str, is_one: Callable[[Path], bool]) -> list[Path]:
    """All files with that ending, where one of the first is of the format: a broken one is to be reported, not missed."""
    files = candidates(path, suffix, few=False)
    return files if any(is_one(file) for file in files[:10]) else []


def read_files(path: Path, found: Sequence[Path], parse: Callable[[Path], Annotation], format_name: str) -> Landmarks:
    """The annotated set of these files. `parse` reads one, and raises PartposeError or ValueError where it is broken.

    Files that are broken, or have other landmarks than most, are passed over. A picture that is not there is listed as
    .jpg. Raises PartposeError where no file is left.
    """
    parsed, skipped = _parsed(found, parse)
    if not parsed:
        raise PartposeError(f"{skipped[0].path}: {skipped[0].reason}")
    names, _ = Counter(one.names for one in parsed.values()).most_common(1)[0]
    other = [file for file, one in parsed.items() if one.names != names]
    skipped += [Skipped(readable(file), _difference(parsed[file].names, names)) for file in other]
    same = {file: one for file, one in parsed.items() if one.names == names}
    root = root_of(path)
    rows = [
        Row(picture, split_of(file, root), same[file].points) for file, picture in _pictures(list(same), root).items()
    ]
    one = next(iter(same.values()))
    about = {"flip_pairs": one.flip_pairs, "skeleton": one.skeleton, "format": format_name, "skipped": tuple(skipped)}
    return landmarks_of(root, rows, names, **about)


def _parsed(found: Sequence[Path], parse: Callable[[Path], Annotation]) -> tuple[dict[Path, Annotation], list[Skipped]]:
    parsed, skipped = {}, []
    for file in found:
        try:
            parsed[file] = parse(file)
        except (PartposeError, ValueError) as error:
            skipped.append(Skipped(readable(file), str(error).removeprefix(f"{readable(file)} ")))
    return parsed, skipped


def _difference(names: tuple[str, ...], most: tuple[str, ...]) -> str:
    if len(names) != len(most):
        return f"has {len(names)} landmarks, most others have {len(most)}"
    return "names its landmarks otherwise than most others"


def _pictures(files: Sequence[Path], root: Path) -> dict[Path, str]:
    """The picture of each file, relative to root: of its name beside it, or in a folder images there or above."""
    listings: dict[Path, dict[str, str]] = {}
    pictures = {}
    for file in files:
        folders = [file.parent, file.parent / "images", file.parent.parent / "images"]
        listings |= {folder: _by_stem(folder) for folder in folders if folder not in listings}
        picture = next(
            (f / listings[f][file.stem] for f in folders if file.stem in listings[f]), file.with_suffix(".jpg")
        )
        pictures[file] = Path(os.path.relpath(picture, root)).as_posix()
    return pictures


def _by_stem(folder: Path) -> dict[str, str]:
    try:
        names = sorted(os.listdir(folder), reverse=True)  # noqa: PTH208
    except OSError:
        return {}
    return {Path(name).stem: name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES}
