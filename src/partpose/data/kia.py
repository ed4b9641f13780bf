"""KIA and VALERIE22: streets with pedestrians, `<tranche>/<sequence>/{sensor,ground-truth}/…`, read where they lie.

`kia_frames` reads one frame; here is what makes a set of them: sequences, their split, and the rows.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from partpose.data.ahead import in_threads
from partpose.data.cut import Cut
from partpose.data.kia_frames import (
    BOXES,
    JOINTS,
    PICTURES,
    USUAL,
    Frame,
    PedestrianFilter,
    frames_of,
    read_contents,
    read_pedestrians,
)
from partpose.data.landmarks import Landmarks
from partpose.data.walk import natural, readable
from partpose.errors import PartposeError, Skipped

Result = TypeVar("Result")
NAME = "kia"
DEEPEST = 3
"""Sequences are looked for this many folders down: root, tranche, sequence, and one for the archive's own folder."""
TEST_SHARE, GAP_SHARE = 0.2, 0.05
GAP = "gap"
LINES = (
    *("eye_r eye_l", "eye_r neck", "eye_l neck", "neck shoulder_avg", "shoulder_avg pelvis"),
    *("shoulder_avg shoulder_r", "shoulder_r elbow_r", "elbow_r wrist_r", "pelvis hip_r", "hip_r knee_r"),
    *("knee_r heel_r", "heel_r toe_r", "shoulder_avg shoulder_l", "shoulder_l elbow_l", "elbow_l wrist_l"),
    *("pelvis hip_l", "hip_l knee_l", "knee_l heel_l", "heel_l toe_l"),
)
FLIP_PAIRS = tuple((JOINTS.index(n), JOINTS.index(f"{n[:-1]}l")) for n in JOINTS if n.endswith("_r"))
SKELETON = tuple((JOINTS.index(a), JOINTS.index(b)) for a, b in map(str.split, LINES))
TRUNK = [JOINTS.index("neck"), JOINTS.index("pelvis")]
NORMALISER = {"type": "distance", "indices": TRUNK, "name": "trunk (neck to pelvis)"}


def find(path: str | os.PathLike) -> list[Path]:
    """The sequences in a folder, which may be one itself, in natural order; none where this is something else.

    Only folders are listed, and nothing is raised.
    """
    found = list(_sequences(Path(path), DEEPEST))
    return sorted(found, key=lambda sequence: natural(sequence.as_posix()))


def list_pictures(
    path: str | os.PathLike,
    filters: PedestrianFilter = USUAL,
    skipped: list[Skipped] | None = None,
) -> list[tuple[Path, str, Cut]]:
    """Every pedestrian that passes, as the file of its frame, its split, and what of the frame it is. Reads no skeleton.

    In the order of sequences, frames and ids; a frame with several people comes as often. Cut: the box of the whole body,
    the mask where there is an instance picture, and the instance id as track, which names a person within a sequence.
    Split: see `split_frames`. What cannot be read joins `skipped`.
    Raises PartposeError where there is no sequence, and where nobody passes.
    """
    missed: list[Skipped] = [] if skipped is None else skipped
    rows = [
        (frame.picture, split, person.cut(frame))
        for frame, split, people in each_frame(read_pedestrians, split_tree(path), missed)
        for person in people
        if filters.keeps(person)
    ]
    if not rows:
        raise PartposeError(nobody(path, filters, missed))
    return rows


def read(path: str | os.PathLike, found: Sequence[Path] | None = None, filters: PedestrianFilter = USUAL) -> Landmarks:
    """The joints of every pedestrian who passes, one row each; `found` is what `find` gave.

    Joints that are outside the picture, outside the person's own instance or absent are NaN. What is broken is listed in
    `skipped`. Raises PartposeError as `list_pictures`.
    """
    root, missed = Path(path), list[Skipped]()
    splits = split_tree(path) if found is None else split_frames(_found(path, found))
    contents = each_frame(lambda frame, skipped: read_contents(frame, filters, skipped), splits, missed)
    rows = [(frame, split, seen) for frame, split, one in contents if one is not None for seen in one.people]
    if not rows:
        raise PartposeError(nobody(path, filters, missed))
    files = [frame.picture.relative_to(root).as_posix() for frame, _, _ in rows]
    cuts = tuple(seen.person.cut(frame) for frame, _, seen in rows)
    points = [seen.points for _, _, seen in rows]
    return replace(annotated(root, files, [split for _, split, _ in rows], points, cuts), skipped=tuple(missed))


def annotated(
    root: Path, files: Sequence[str], splits: Sequence[str], points: Sequence[NDArray], cuts: tuple[Cut, ...] | None
) -> Landmarks:
    """A set of pedestrians with these joints, each (19, 2) in pixels of its file."""
    return Landmarks(
        root,
        tuple(files),
        tuple(splits),
        np.stack(points),
        JOINTS,
        flip_pairs=FLIP_PAIRS,
        skeleton=SKELETON,
        normaliser=NORMALISER,
        category="pedestrian",
        cuts=cuts,
        format=NAME,
    )


def each_frame(
    work: Callable[[Frame, list[Skipped]], Result],
    splits: Mapping[Frame, str],
    skipped: list[Skipped],
    jobs: int | None = None,
) -> Iterator[tuple[Frame, str, Result]]:
    """Every frame in order, with its split and work(frame, skipped), by threads."""

    def run(frame: Frame) -> tuple[Result, list[Skipped]]:
        missed: list[Skipped] = []
        return work(frame, missed), missed

    for (frame, split), (result, missed) in zip(splits.items(), in_threads(run, splits, jobs), strict=True):
        skipped += missed
        yield frame, split, result


def split_tree(path: str | os.PathLike) -> dict[Frame, str]:
    """Every frame in a folder, with its split. Raises PartposeError where there is no sequence."""
    return split_frames(_found(path, find(path)))


def split_frames(sequences: Sequence[Path]) -> dict[Frame, str]:
    """Each frame's split, in order.

    A sequence is `train` or `test` as a whole, for its frames are alike: a hash of its name gives a fifth of all sequences
    to `test`, and at least one. A sequence that is alone gives its last fifth to `test`; the frames just before, a twentieth
    of all, are `gap`: neither to be learned from nor to be measured on.
    """
    if len(sequences) == 1:
        frames = frames_of(sequences[0])
        return dict(zip(frames, _by_time(len(frames)), strict=True))
    tested = _tested(sequences)
    return {frame: "test" if one in tested else "train" for one in sequences for frame in frames_of(one)}


def _tested(sequences: Sequence[Path]) -> set[Path]:
    order = sorted(sequences, key=_share)
    below = sum(_share(sequence) < TEST_SHARE for sequence in order)
    return set(order[: min(max(below, 1), len(order) - 1)])


def _share(sequence: Path) -> float:
    """A number in [0, 1) that goes by the name alone, wherever the folder lies and whatever else is there."""
    return int.from_bytes(hashlib.sha256(os.fsencode(sequence.name)).digest()[:6]) / 2**48


def _by_time(frames: int) -> list[str]:
    test = round(frames * TEST_SHARE)
    gap = max(1, round(frames * GAP_SHARE)) if frames > 3 else 0
    return ["train"] * (frames - gap - test) + [GAP] * gap + ["test"] * test


def _sequences(folder: Path, deeper: int) -> Iterator[Path]:
    # Of os.path, because pathlib's raises on what may not be entered
    if os.path.isdir(folder / PICTURES) and os.path.isdir(folder / BOXES):  # noqa: PTH112
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            inner = [entry.path for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return
    for path in inner if deeper else ():
        yield from _sequences(Path(path), deeper - 1)


def _found(path: str | os.PathLike, sequences: Sequence[Path]) -> Sequence[Path]:
    if not sequences:
        raise PartposeError(f"{readable(path)} holds no sequence of KIA: expected {PICTURES} beside {BOXES} in one")
    return sequences


def nobody(path: str | os.PathLike, filters: PedestrianFilter, skipped: Sequence[Skipped]) -> str:
    """Why a tree gives no picture."""
    asked = ", ".join(f"{name} {value:g}" for name, value in filters._asdict().items())
    broken = f"; passed over, the first: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
    return f"no pedestrian in {readable(path)} passes the filter ({asked}){broken}"
