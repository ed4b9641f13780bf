"""Where the pictures and videos lie that an annotation file lists: such files travel, and their paths do not."""

import os
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from partpose.data.walk import IMAGE_SUFFIXES, VIDEO_SUFFIXES

DEEPEST = 3
"""How many folders below the annotation file a picture is looked for by its name."""


def locate(listed: Sequence[str], root: Path, within: Path | None = None) -> tuple[str, ...]:
    """Each listed path as one that is relative to `root`, with forward slashes, whatever system it was written on.

    A path that leads nowhere is looked for by its name in `within` (`root` unless told) and the folders below: the file
    whose path agrees with it from the end for the longest is taken, where that is one. A name that several listed paths
    end in must agree in its folder too. What is not found keeps its path, without drive and root.
    """
    plain = [_plain(path, root) for path in listed]
    missing = {path for path in plain if not os.path.isfile(root / path)}  # noqa: PTH113, pathlib's may raise
    if not missing:
        return tuple(plain)
    names = Counter(posixpath.basename(path) for path in set(plain))
    below = _by_name(within or root, root)
    found = {path: _found(path, below, names[posixpath.basename(path)] > 1) for path in missing}
    return tuple(found.get(path, path) for path in plain)


def _plain(path: str, root: Path) -> str:
    r"""C:\data\a.png → data/a.png"""
    if os.path.isabs(path) and os.path.isfile(path):  # noqa: PTH113, PTH117
        return Path(os.path.relpath(path, root)).as_posix()
    forward = re.sub(r"^([A-Za-z]:|file:)?/*", "", path.strip().replace("\\", "/"))
    return posixpath.normpath(forward)


def _by_name(top: Path, root: Path) -> Mapping[str, list[str]]:
    """All pictures and videos in a folder and a few levels below, by their names, as paths from `root`."""
    below: dict[str, list[str]] = defaultdict(list)
    for folder, inner, names in os.walk(top):
        deep = len(Path(folder).relative_to(top).parts)
        inner[:] = sorted(name for name in inner if not name.startswith(".")) if deep < DEEPEST else []
        place = Path(os.path.relpath(folder, root))
        for name in names:
            if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                below[name].append((place / name).as_posix())
    return below


def _found(path: str, below: Mapping[str, list[str]], ambiguous: bool) -> str:
    candidates = below.get(posixpath.basename(path), [])
    shared = [_agreeing(path, candidate) for candidate in candidates]
    best = max(shared, default=0)
    if shared.count(best) != 1 or (ambiguous and best < 2):
        return path
    return candidates[shared.index(best)]


def _agreeing(one: str, other: str) -> int:
    """How many names two paths have in common, from the end."""
    pairs = zip(reversed(one.split("/")), reversed(other.split("/")), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(one.count("/"), other.count("/")) + 1)
