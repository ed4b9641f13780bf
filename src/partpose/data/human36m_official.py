"""The official downloads of Human3.6M, unpacked: videos, joints, and who is where in every frame.

`S<i>/Videos/<Action>[ n].<camera>.mp4`, `S<i>/MyPoseFeatures/D2_Positions/<same>.cdf` and, as MATLAB 7.3 files,
`S<i>/MySegmentsMat/ground_truth_bb/<same>.mat` and `ground_truth_bs/<same>.mat`. In both of these `Masks` is a cell array
with one logical picture a frame: white in the person's box, or where the person is.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.cut import Box
from partpose.data.human36m import NAMES, PICTURES, POSES, SEGMENTS, VIDEOS, find, is_used
from partpose.data.walk import natural, readable
from partpose.errors import PartposeError

KNOWN_CORRUPT = {("S11", "Directions.54138969"): "is known to be corrupt as it is downloaded"}


class Video(NamedTuple):
    """One video and what belongs to it. subject: S1, ….  name: action, take and camera, as in "Directions 1.54138969"."""

    subject: str
    name: str
    path: Path

    @property
    def joints(self) -> Path:
        """The CDF file of the joints."""
        return self._beside(POSES, "D2_Positions", ".cdf")

    @property
    def boxes(self) -> Path:
        """The MATLAB file that is white in the person's box."""
        return self._beside(SEGMENTS, "ground_truth_bb", ".mat")

    @property
    def masks(self) -> Path:
        """The MATLAB file that is white where the person is."""
        return self._beside(SEGMENTS, "ground_truth_bs", ".mat")

    def _beside(self, kind: str, feature: str, suffix: str) -> Path:
        return self.path.parents[1] / kind / feature / f"{self.name}{suffix}"


def find_videos(root: Path) -> list[Video]:
    """The videos of the six actions, by subject and name. Raises PartposeError where there is none."""
    subjects = find(root)
    paths = [path for subject in subjects for path in (subject / VIDEOS).glob("*.mp4") if is_used(path.name)]
    if not paths:
        there = any((subject / PICTURES).is_dir() for subject in subjects)
        why = "it is in the simplified layout already" if there else "unpack the downloads of each subject side by side"
        example = f"S1/{VIDEOS}/Directions.54138969.mp4 beside S1/{POSES} and S1/{SEGMENTS}"
        raise PartposeError(f"{readable(root)} holds no {example}, or the like of another subject: {why}")
    paths.sort(key=lambda path: natural(path.as_posix()))
    return [Video(path.parents[1].name, path.stem, path) for path in paths]


def require_cdflib() -> Any:
    """The library that reads joints. Raises PartposeError, with what to install, where it or scipy is missing."""
    try:
        import cdflib
        import scipy.io  # noqa: F401  joints are written with it, and that should not be found out later
    except ImportError as error:
        raise PartposeError(
            f"{error.name} is missing, which Human3.6M's files of joints need: pip install 'partpose[human36m]'"
        ) from None
    return cdflib


def read_joints(path: Path) -> NDArray[np.float64]:
    """(T, 32, 2) pixels of every frame. Raises PartposeError for a file that is missing, broken or of another shape."""
    cdflib = require_cdflib()
    if not path.is_file():
        raise PartposeError(f"{readable(path)} does not exist")
    try:
        poses = np.asarray(cdflib.CDF(str(path)).varget("Pose"), np.float64)
    except Exception as error:  # a damaged file makes it raise nearly anything
        raise PartposeError(f"{readable(path)} is no CDF file with the variable Pose: {error}") from error
    if not poses.size or poses.size % (2 * len(NAMES)) or poses.shape[-1] != 2 * len(NAMES):
        raise PartposeError(f"{readable(path)}: Pose must be 1×T×{2 * len(NAMES)}, got {poses.shape}")
    return poses.reshape(-1, len(NAMES), 2)


class Masks:
    """The logical pictures of an open MATLAB 7.3 file; one is read at a time, as all of a video are gigabytes."""

    def __init__(self, file: Any, path: Path):
        import h5py

        self._file, self._path, self._data = file, path, file.get("Masks")
        if not isinstance(self._data, h5py.Dataset):
            raise PartposeError(f"{readable(path)} has no array Masks")
        cells = h5py.check_ref_dtype(self._data.dtype) is not None
        self._cells = self._data[()].ravel() if cells else None

    def __len__(self) -> int:
        return len(self._data if self._cells is None else self._cells)

    def frame(self, index: int) -> NDArray[np.bool_]:
        """(H, W); (0, 0) for an empty cell. Raises PartposeError where it cannot be read."""
        try:
            if self._cells is None:
                values = self._data[index]
            else:
                cell = self._file[self._cells[index]]
                values = np.zeros((0, 0)) if cell.attrs.get("MATLAB_empty", 0) else cell[()]
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise PartposeError(f"{readable(self._path)} is broken at frame {index}: {error}") from error
        return values.T.astype(bool)  # HDF5 has MATLAB's axes in reverse


@contextmanager
def open_masks(path: Path) -> Generator[Masks]:
    """The masks of a video, to be read one by one. Raises PartposeError where there is no such file."""
    import h5py

    if not path.is_file():
        raise PartposeError(f"{readable(path)} does not exist")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise PartposeError(f"{readable(path)} is no whole MATLAB 7.3 file: {error}") from error
    with file:
        yield Masks(file, path)


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box around what is white in (H, W), None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    left, top = int(columns[0]), int(rows[0])
    return Box(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
