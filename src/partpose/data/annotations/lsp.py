"""Leeds Sports Pose and its extension: `joints.mat` and a folder `images`.

MATLAB counts from 1: the centre of the top-left pixel is (1, 1) in the file.
"""

import math
import zlib
from pathlib import Path

import numpy as np

from partpose.data.annotations.files import candidates, root_of
from partpose.data.annotations.matlab import read_mat
from partpose.data.annotations.names import flip_pairs_of
from partpose.data.annotations.rows import Row, landmarks_of, located
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError

NAME = "lsp"
JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist"),
    *("right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top"),
)
SKELETON = (
    (0, 1),
    (1, 2),
    (3, 4),
    (4, 5),
    (6, 7),
    (7, 8),
    (9, 10),
    (10, 11),
    (8, 12),
    (9, 12),
    (12, 13),
    (2, 8),
    (3, 9),
)
TRAINED = 1000
"""How many pictures of the first set are for training, by its README; all of the extension are."""


def find(path: Path) -> list[Path]:
    """The file named joints.mat in a folder, or any MATLAB file that was named and has an array `joints`."""
    named = [file for file in candidates(path, ".mat") if file == path or file.name == "joints.mat"]
    return [file for file in named if _has_joints(file)][:1]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set. In the extension a joint without its third value is missing; in the first set, whose third value
    tells what is covered, all are there.

    Raises PartposeError for a file that is broken or has other joints, and where scipy is missing.
    """
    file, root = found[0], root_of(path)
    joints = read_mat(file, ["joints"]).get("joints", np.empty(0))
    extended = joints.ndim == 3 and joints.shape[:2] == (len(JOINTS), 3)
    if not extended and (joints.ndim != 3 or joints.shape[:2] != (3, len(JOINTS))):
        raise PartposeError(
            f"{readable(file)}: joints must be 14 × 3 × pictures or 3 × 14 × pictures, got {joints.shape}"
        )
    values = np.moveaxis(joints, 2, 0) if extended else joints.transpose(2, 1, 0)
    points = values[:, :, :2].astype(np.float64) - 1
    if extended:
        points[values[:, :, 2] == 0] = math.nan
    digits, train = (5, len(points)) if extended else (4, TRAINED)
    splits = ["train" if i < train else "test" for i in range(len(points))]
    rows = [Row(f"images/im{i + 1:0{digits}d}.jpg", splits[i], points[i]) for i in range(len(points))]
    about = {"flip_pairs": flip_pairs_of(JOINTS), "skeleton": SKELETON, "category": "person", "format": NAME}
    return landmarks_of(root, located(rows, root, file.parent), JOINTS, **about)


def _has_joints(file: Path) -> bool:
    """Whether the first array of a MATLAB file is named so, or any of version 7.3. Never raises."""
    try:
        with file.open("rb") as opened:
            head = opened.read(2048)
        if head.startswith(b"MATLAB 7.3"):
            return _is_in_hdf5(file)
        packed = zlib.decompressobj().decompress(head[136:], 128) if head[128:129] == b"\x0f" else head[128:256]
        return head.startswith(b"MATLAB 5.0") and b"joints" in packed
    except (OSError, RuntimeError, zlib.error):
        return False


def _is_in_hdf5(file: Path) -> bool:
    import h5py

    with h5py.File(file, "r") as opened:
        return "joints" in opened
