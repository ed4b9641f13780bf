"""Human3.6M as it is downloaded, in small: H.264 videos, CDF joints, MATLAB 7.3 boxes and masks, of a drawn person."""

from pathlib import Path

import cdflib.cdfwrite
import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat
from videos import save_video

WIDTH, HEIGHT = 120, 112
CAMERA = "54138969"
MARKED = 19
"""The joint (the left wrist) at which a bright dot is drawn."""


def joints_of(frame: int, frames: int) -> np.ndarray:
    """(32, 2) pixels: two rows of joints on a person who walks to the right, of which the marked one swings."""
    middle = np.array([30 + 60 * frame / max(frames - 1, 1), 56.0])
    places = np.stack([np.linspace(-9, 9, 32), np.linspace(-30, 30, 32)], axis=1)
    places[MARKED] = 4 * np.cos(frame), -12 + 6 * np.sin(frame)
    return middle + places


def draw(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A frame (H, W, 3) with a dark person on grey, and where the person is (H, W)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (joints.min(0) + joints.max(0)) / 2
    person = ((columns - x) / 13) ** 2 + ((rows - y) / 34) ** 2 < 1
    dot = np.exp(-((columns - joints[MARKED, 0]) ** 2 + (rows - joints[MARKED, 1]) ** 2) / (2 * 2.5**2))
    grey = np.where(person, 40, 110 + 30 * np.sin(columns / 9)) + 200 * dot
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), person


def save_joints(path: Path, joints: np.ndarray) -> None:
    """(T, 32, 2) as one record of the variable Pose, 1×T×64."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = {"Variable": "Pose", "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [len(joints), 64]}
    file = cdflib.cdfwrite.CDF(path)
    file.write_var(spec, var_data=joints.reshape(1, len(joints), 64))
    file.close()


def save_masks(path: Path, masks: list[np.ndarray]) -> None:
    """As MATLAB's `save -v7.3` writes a 1×T cell array of logical pictures; one without pixels is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = np.empty((len(masks), 1), h5py.ref_dtype)
        for i, mask in enumerate(masks):
            data = mask.T.astype(np.uint8) if mask.size else np.zeros(2, np.uint64)
            item = file.create_dataset(f"#refs#/{i:x}", data=data, compression="gzip" if mask.size else None)
            item.attrs["MATLAB_class"], item.attrs["MATLAB_int_decode"] = np.bytes_("logical"), np.int32(1)
            if not mask.size:
                item.attrs["MATLAB_empty"] = np.uint8(1)
            cells[i, 0] = item.ref
        file.create_dataset("Masks", data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\0\2IM")


def save_official(root: Path, videos: dict[str, list[str]], frames: int = 6) -> Path:
    """subject → names such as "Walking 1.54138969"."""
    for subject, names in videos.items():
        for name in names:
            save_official_video(root / subject, name, frames)
    return root


def save_official_video(subject: Path, name: str, frames: int = 6) -> None:
    joints = np.stack([joints_of(i, frames) for i in range(frames)])
    drawn = [draw(one) for one in joints]
    (subject / "Videos").mkdir(parents=True, exist_ok=True)
    save_video(subject / "Videos" / f"{name}.mp4", [pixels for pixels, _ in drawn], fps=50)
    save_joints(subject / "MyPoseFeatures/D2_Positions" / f"{name}.cdf", joints)
    boxes = [np.outer(mask.any(1), mask.any(0)) for _, mask in drawn]
    save_masks(subject / "MySegmentsMat/ground_truth_bb" / f"{name}.mat", boxes)
    save_masks(subject / "MySegmentsMat/ground_truth_bs" / f"{name}.mat", [mask for _, mask in drawn])


def save_simplified(root: Path, folders: dict[str, list[str]], frames: int = 3, size: int = 32) -> Path:
    """The simplified layout as others have it: subject → action folders; the marked joint's dot is drawn."""
    for subject, actions in folders.items():
        for action in actions:
            for frame in range(1, frames + 1):
                pixels, mask = draw(joints_of(frame, frames + 1))
                _save(pixels, root / subject / "WithBackground" / action / f"{frame}.jpg", size)
                _save(mask, root / subject / "BackgroudMask" / action / f"{frame}.png", size)
                path = root / subject / "Landmarks" / action / f"{frame}.mat"
                path.parent.mkdir(parents=True, exist_ok=True)
                savemat(path, {"keypoints_2d": (joints_of(frame, frames + 1) + 0.5) / (WIDTH, HEIGHT)})
    return root


def save_release(root: Path, folders: dict[str, list[str]], frames: int = 3, size: int = 32) -> Path:
    """The original release's own layout: "train/S1" → actions."""
    for subject, actions in folders.items():
        for action in actions:
            for frame in range(frames):
                _save(draw(joints_of(frame, frames))[0], root / subject / action / f"{frame}.jpg", size)
    return root


def _save(pixels: np.ndarray, path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).resize((size, size)).save(path)
