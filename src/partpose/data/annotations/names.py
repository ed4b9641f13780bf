"""What names say where a format does not: which landmarks are left and right of each other, what is kept for the test."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

SPLITS = {
    "train": ("train", "training", "trainset", "trainval"),
    "test": ("test", "testing", "testset", "val", "valid", "validation", "minival"),
}
IBUG_68 = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)),
)
"""What changes places in a mirrored face of the 68 points of iBUG's 300-W, https://ibug.doc.ic.ac.uk/resources/300-W."""


def made_up(count: int) -> tuple[str, ...]:
    """Names for landmarks that have none: kp0, kp1, …"""
    return tuple(f"kp{j}" for j in range(count))


def flip_pairs_of(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """The landmarks that change places in a mirrored picture, as far as their names say: left_eye and right_eye, LHip and RHip.

    Two names are a pair where one turns into the other by a single left → right or l → r, whatever the case. A name that
    would have two partners has none.
    """
    places = {name.casefold(): j for j, name in enumerate(names)}
    partners = [{places[other] for other in _mirrored(name.casefold()) if other in places} for name in names]
    pairs = [(i, *found) for i, found in enumerate(partners) if len(found) == 1]
    return tuple((i, j) for i, j in pairs if i < j and partners[j] == {i})


def split_of(path: Path, root: Path) -> str:
    """train or test: what the name of an annotation file says, or else that of its folder below `root`; else train.

    Validation is not learned from, so it is test.
    """
    words = set(re.findall("[a-z]+", path.stem.lower())), {path.parent.name.lower().rstrip("0123456789")}
    for known in words if path.parent != root else words[:1]:
        found = [split for split, names in SPLITS.items() if known & set(names)]
        if len(found) == 1:
            return found[0]
    return "train"


def _mirrored(name: str) -> Iterator[str]:
    """All names with one left ↔ right or l ↔ r, in a name of lower case."""
    other = {"left": "right", "right": "left", "l": "r", "r": "l"}
    for match in re.finditer(r"left|right|(?=([lr]))", name):
        word = match[0] or match[1]
        yield name[: match.start()] + other[word] + name[match.start() + len(word) :]
