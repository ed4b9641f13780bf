"""Human3.6M in its three layouts: simplified (Zhang et al. 2018), the original release's own, and the official downloads.

Simplified: `S<i>/WithBackground/<action folder>/<frame>.jpg`, `S<i>/BackgroudMask/…/<frame>.png` and
`S<i>/Landmarks/…/<frame>.mat`. The release's own: `{train,test}/<subject>/<action>/<frame>.jpg`. The official downloads are
recognised, and refused with the command that converts them (`human36m_convert`).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.annotations.matlab import read_mat
from partpose.data.cut import Cut, Mask
from partpose.data.landmarks import Landmarks
from partpose.data.walk import IMAGE_SUFFIXES, natural, readable
from partpose.errors import PartposeError, Skipped

NAME = "human36m"
ACTIONS = ("Directions", "Discussion", "Posing", "Waiting", "Greeting", "Walking")
"""Of the fifteen, those that are used: a folder's first word. Its number tells the two takes apart."""
SPLIT = {"S1": "train", "S5": "train", "S6": "train", "S7": "train", "S8": "train", "S9": "train", "S11": "test"}
"""The subjects whose joints are published, and what they are for."""
PICTURES, MASKS, JOINTS = "WithBackground", "BackgroudMask", "Landmarks"
VIDEOS, POSES, SEGMENTS = "Videos", "MyPoseFeatures", "MySegmentsMat"

_LEG = ("hip", "knee", "ankle", "toe", "toe_end")
_ARM = ("collar", "shoulder", "elbow", "wrist", "thumb", "thumb_end", "hand", "hand_end")
NAMES = (
    *("pelvis", *(f"right_{name}" for name in _LEG), *(f"left_{name}" for name in _LEG)),
    *("spine", "torso", "neck", "head", "head_top"),
    *(*(f"left_{name}" for name in _ARM), *(f"right_{name}" for name in _ARM)),
)
"""Of the 32 joints, in the file's order. Some share a place: spine and pelvis, both collars and neck, thumb and wrist."""
FLIP_PAIRS = tuple((NAMES.index(n), NAMES.index(n.replace("left", "right"))) for n in NAMES if n.startswith("left"))
_PARENTS = (
    *(0, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14),
    *(12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30),
)
SKELETON = tuple((parent, joint) for joint, parent in enumerate(_PARENTS) if joint)


class Picture(NamedTuple):
    """One picture of a set. split: train or test.  mask, joints: where they should be; None in layouts without."""

    file: Path
    split: str
    mask: Path | None
    joints: Path | None

    @property
    def cut(self) -> Cut | None:
        """The person, where there is a mask."""
        return None if self.mask is None else Cut(mask=Mask(self.mask))


def find(path: str | os.PathLike) -> list[Path]:
    """The folders of subjects in a folder, in natural order; none where this is not Human3.6M in one of its layouts.

    Only folders are listed, and nothing is raised.
    """
    root = Path(path)
    found = [root / name for name in _names(root) if name in SPLIT]
    known = [subject for subject in found if _is_laid_out(set(_names(subject)))]
    if known:
        return known
    inside = [root / split / name for split in ("train", "test") for name in _names(root / split)]
    return [subject for subject in inside if _is_subject(subject.name) and _actions(subject)]


def is_official(path: str | os.PathLike) -> bool:
    """Whether a folder holds the official downloads, unpacked: videos beside poses, and no pictures."""
    subjects = [set(_names(subject)) for subject in find(path)]
    return any(VIDEOS in names and PICTURES not in names for names in subjects)


def list_pictures(path: str | os.PathLike, skipped: list[Skipped] | None = None) -> list[tuple[Path, str, Cut | None]]:
    """Every picture of the six actions with its split, and the mask by which all but the person turns black. Reads no joints.

    In the order of subjects, actions and frames. A picture without its mask, in a set that has masks, joins `skipped`.
    Raises PartposeError where there is none, and for the official downloads, with the command that converts them.
    """
    return [(picture.file, picture.split, picture.cut) for picture in _pictures(Path(path), skipped)]


def read(path: str | os.PathLike, found: list[Path] | None = None) -> Landmarks:
    """The 32 joints of every picture, in its pixels; `found` is what `find` gave.

    `keypoints_2d` is in [0, 1] between the picture's outer edges. What cannot be read is listed in `skipped`.
    Raises PartposeError as `list_pictures`, where no joints can be read, and for the release's own layout, which has none.
    """
    root = Path(path)
    missed: list[Skipped] = []
    pictures = _pictures(root, missed, found)
    if pictures[0].joints is None:
        raise PartposeError(
            f"{readable(root)} has no joints: the layout {{train,test}}/<subject>/<action> of Human3.6M holds pictures "
            "alone, to train on and to predict; an evaluation needs what `partpose convert human36m` makes"
        )
    points = [(picture, joints) for picture in pictures if (joints := _joints(picture, missed)) is not None]
    if not points:
        raise PartposeError(f"none of the {len(pictures)} pictures of {readable(root)} has joints: {missed[0].reason}")
    rows = [picture for picture, _ in points]
    cuts = tuple(picture.cut or Cut() for picture in rows)
    return Landmarks(
        root,
        tuple(picture.file.relative_to(root).as_posix() for picture in rows),
        tuple(picture.split for picture in rows),
        np.stack([joints for _, joints in points]),
        NAMES,
        FLIP_PAIRS,
        SKELETON,
        category="person",
        cuts=cuts if any(cut.mask for cut in cuts) else None,
        format=NAME,
        skipped=tuple(missed),
    )


def is_used(folder: str) -> bool:
    """Whether a folder or video is of one of the six actions: "Walking 1.54138969" is, "WalkTogether" is not."""
    word = re.match(r"[a-z]*", folder, re.IGNORECASE)
    return word is not None and word[0].title() in ACTIONS


def _pictures(root: Path, skipped: list[Skipped] | None, found: list[Path] | None = None) -> list[Picture]:
    subjects = find(root) if found is None else found
    if is_official(root):
        raise PartposeError(
            f"{readable(root)} holds the official downloads of Human3.6M, videos and MATLAB files, which are not read "
            f"directly: run `partpose convert human36m {readable(root)} DST`, and use DST"
        )
    missed: list[Skipped] = [] if skipped is None else skipped
    pictures = [picture for subject in subjects for picture in _of_subject(subject, missed)]
    if not pictures:
        reason = f"; {missed[0].path}: {missed[0].reason}" if missed else ""
        actions = ", ".join(ACTIONS)
        raise PartposeError(f"{readable(root)} holds no picture of the actions of Human3.6M ({actions}){reason}")
    return pictures


def _of_subject(subject: Path, skipped: list[Skipped]) -> Iterator[Picture]:
    if subject.name not in SPLIT or subject.parent.name in ("train", "test"):
        for action in _actions(subject):
            yield from (Picture(file, subject.parent.name, None, None) for file in _images(action))
        return
    masks, joints = subject / MASKS, subject / JOINTS
    for action in _actions(subject / PICTURES):
        there = set(_names(masks / action.name)) if masks.is_dir() else None
        for file in _images(action):
            name = f"{file.stem}.png"
            if there is not None and name not in there:
                skipped.append(Skipped(readable(file), f"has no mask {readable(masks / action.name / name)}"))
                continue
            mask = None if there is None else masks / action.name / name
            yield Picture(file, SPLIT[subject.name], mask, joints / action.name / f"{file.stem}.mat")


def _joints(picture: Picture, skipped: list[Skipped]) -> NDArray[np.float64] | None:
    """(32, 2) pixels; None, and the reason, where they cannot be had."""
    try:
        with Image.open(picture.file, formats=("JPEG", "PNG", "BMP")) as image:
            size = image.size
        found = read_mat(picture.joints or "", ["keypoints_2d"]).get("keypoints_2d")
    except (PartposeError, OSError, ValueError) as error:
        skipped.append(Skipped(readable(picture.file), str(error)))
        return None
    shape = "none" if found is None else "×".join(map(str, found.shape))
    if found is None or found.shape != (len(NAMES), 2) or found.dtype.kind not in "fiu":
        reason = f"{readable(picture.joints or '')} has no keypoints_2d of 32×2 numbers, got {shape}"
        skipped.append(Skipped(readable(picture.file), reason))
        return None
    return found * np.array(size) - 0.5


def _is_laid_out(names: set[str]) -> bool:
    """Whether a subject's folder holds pictures, or the downloads; videos alone may be of any study."""
    return PICTURES in names or (VIDEOS in names and bool({POSES, SEGMENTS} & names))


def _is_subject(name: str) -> bool:
    """S1, s_01, subject1 or 1."""
    number = re.fullmatch(r"(?:s|subject)?[ _-]?0*([0-9]+)", name, re.IGNORECASE)
    return number is not None and f"S{number[1]}" in SPLIT


def _actions(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if is_used(name)]


def _images(action: Path) -> Iterator[Path]:
    return (action / name for name in _names(action) if Path(name).suffix.lower() in IMAGE_SUFFIXES)


def _names(folder: Path) -> list[str]:
    """What is in a folder but for hidden files, in natural order; nothing where it cannot be listed."""
    try:
        return sorted((name for name in os.listdir(folder) if not name.startswith(".")), key=natural)  # noqa: PTH208
    except OSError:
        return []
