"""Leeds Sports Pose, the first set and its extension."""

import math
import os

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat

from partpose.data.annotations.lsp import JOINTS, find, read
from partpose.errors import PartposeError


def joints(count: int) -> np.ndarray:
    """(14, 3, count): joint j of picture i at (j + 1, i + 1), from 1; joint 0 of picture 0 has the flag 0."""
    j, i = np.mgrid[:14, :count]
    values = np.stack([j + 1.0, i + 1.0, np.ones_like(j)], axis=1)
    values[0, 2, 0] = 0
    return values


def test_the_genuine_file_gives_what_is_in_it(suite):
    path = suite / "lspet"
    raw = loadmat(path / "joints.mat")["joints"]
    found = read(path, find(path))
    assert found.points.shape == (10000, 14, 2)
    assert (found.names[0], found.names[13], len(found.flip_pairs)) == ("right_ankle", "head_top", 6)
    visible = raw[:, 2].T == 1
    np.testing.assert_array_equal(found.points[visible], raw[:, :2].transpose(2, 0, 1)[visible] - 1)
    assert np.isnan(found.points[~visible]).all()
    assert visible.sum() == 123213
    there = [file for file in found.files if os.path.isfile(path / file)]  # noqa: PTH113
    assert there == [f"images/im{i:05d}.jpg" for i in range(2, 8)]
    assert set(found.split) == {"train"}
    assert find(path / "joints.mat") == find(path)


def test_the_first_set_has_other_axes_and_a_flag_of_covered_joints(tmp_path):
    savemat(tmp_path / "joints.mat", {"joints": joints(1002).transpose(1, 0, 2)}, do_compression=True)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "im1001.jpg")
    found = read(tmp_path, find(tmp_path))
    assert found.points[1001, 5].tolist() == [5.0, 1001.0]
    assert np.isfinite(found.points).all()
    assert (found.split.count("train"), found.split[999:1001]) == (1000, ("train", "test"))
    assert found.files[1000] == "images/im1001.jpg"


def test_a_missing_joint_of_the_extension_is_nan(tmp_path):
    savemat(tmp_path / "other name.mat", {"joints": joints(2)})
    path = tmp_path / "other name.mat"
    found = read(path, find(path))
    assert math.isnan(found.points[0, 0, 0])
    assert found.points[1, 0].tolist() == [0.0, 1.0]
    assert find(tmp_path) == []


def test_other_joints_are_one_line(tmp_path):
    for name, values in {"joints": np.ones((16, 3, 5)), "joints3": np.ones(3)}.items():
        savemat(tmp_path / "joints.mat", {name: values})
        with pytest.raises(PartposeError, match="joints must be 14 × 3 × pictures or 3 × 14 × pictures"):
            read(tmp_path, find(tmp_path))


def test_other_files_are_not_taken_for_it(tmp_path):
    savemat(tmp_path / "joints.mat", {"keypoints_2d": np.ones((32, 2))})
    assert find(tmp_path) == []
    for content in (
        b"",
        b"MATLAB 5.0",
        b"MATLAB 5.0".ljust(128) + b"\x0f\0\0\0\1\1\1\1nonsense",
        b"MATLAB 7.3 joints",
        b"joints",
    ):
        (tmp_path / "joints.mat").write_bytes(content)
        assert find(tmp_path) == find(tmp_path / "joints.mat") == []


def test_a_truncated_file_is_one_line(tmp_path):
    savemat(tmp_path / "joints.mat", {"joints": joints(50)}, do_compression=True)
    path = tmp_path / "joints.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PartposeError, match=r"joints\.mat (is no whole MATLAB file|cannot be read)"):
        read(tmp_path, find(tmp_path))


def test_there_are_fourteen_joints():
    assert len(set(JOINTS)) == 14
