"""Where the pictures and videos lie that an annotation file lists: such files travel, and their paths do not."""

import os
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
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
    below = _by_tail(within or root, root)
    found = {path: _found(path, below, names[posixpath.basename(path)] > 1) for path in missing}
    return tuple(found.get(path, path) for path in plain)


def _plain(path: str, root: Path) -> str:
    r"""C:\data\a.png → data/a.png"""
    if os.path.isabs(path) and os.path.isfile(path):  # noqa: PTH113, PTH117
        return Path(os.path.relpath(path, root)).as_posix()
    forward = re.sub(r"^([A-Za-z]:|file:)?/*", "", path.strip().replace("\\", "/"))
    return posixpath.normpath(forward)


def _by_tail(top: Path, root: Path) -> Mapping[str, list[str]]:
    """All pictures and videos in a folder and a few levels below, as paths from `root`, by every end of these."""
    below: dict[str, list[str]] = defaultdict(list)
    for folder, inner, names in os.walk(top):
        deep = len(Path(folder).relative_to(top).parts)
        inner[:] = sorted(name for name in inner if not name.startswith(".")) if deep < DEEPEST else []
        place = Path(os.path.relpath(folder, root))
        for name in names:
            if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
                path = (place / name).as_posix()
                for tail in _tails(path):
                    below[tail].append(path)
    return below


def _tails(path: str) -> Iterator[str]:
    """c.png, b/c.png, a/b/c.png"""
    parts = path.split("/")
    return ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))


def _found(path: str, below: Mapping[str, list[str]], ambiguous: bool) -> str:
    """The file that agrees with a path for the longest, where it is one; else the path itself."""
    agreeing = list(takewhile(below.__contains__, _tails(path)))
    candidates = below[agreeing[-1]] if agreeing else []
    return path if len(candidates) != 1 or (ambiguous and len(agreeing) < 2) else candidates[0]
