"""The .npz comes back as it was, and NumPy alone reads it."""

import json

import numpy as np
import pytest
from test_formats import filtered, pictures, several, unknown_points, video

from partpose.errors import PartposeError
from partpose.predict.npz import read_npz, write_npz
from partpose.predict.poses import same

ALL = [video(), filtered(), several(), pictures(), unknown_points(), video(()), video((0,), 1, skeleton=((0, 0),))]


@pytest.mark.parametrize("poses", ALL, ids=repr)
def test_npz_is_lossless(tmp_path, poses):
    write_npz(poses, tmp_path / "poses.npz")
    assert same(read_npz(tmp_path / "poses.npz"), poses)


def test_numpy_reads_it_without_pickle(tmp_path):
    poses = pictures()
    write_npz(poses, tmp_path / "poses.npz")
    with np.load(tmp_path / "poses.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["mean"], poses.mean)
        assert stored["names"].tolist() == ["part_0", "part_1", "part_2"]
        assert stored["files"].tolist() == list(poses.files)
        assert json.loads(str(stored["provenance"])) == poses.provenance


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\3\4 broken"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "poses.npz").write_bytes(content)
    with pytest.raises(PartposeError, match=r"is not a complete \.npz file of poses"):
        read_npz(tmp_path / "poses.npz")


def test_foreign_truncated_and_missing_files_are_refused(tmp_path):
    np.savez(tmp_path / "foreign.npz", mean=np.zeros(3))
    np.save(tmp_path / "one.npz", np.zeros(3))
    (tmp_path / "one.npz.npy").rename(tmp_path / "array.npz")
    write_npz(video(), tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("foreign.npz", "array.npz", "cut.npz"):
        with pytest.raises(PartposeError, match="is not a complete"):
            read_npz(tmp_path / name)
    with pytest.raises(PartposeError, match="no such file"):
        read_npz(tmp_path / "poses.npz")


def test_a_newer_file_is_refused(tmp_path):
    write_npz(video(), tmp_path / "poses.npz")
    with np.load(tmp_path / "poses.npz") as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "poses.npz", **{**arrays, "about": json.dumps({"partpose_format": 99})})
    with pytest.raises(PartposeError, match="newer partpose"):
        read_npz(tmp_path / "poses.npz")


@pytest.mark.parametrize("start", [200, 800])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, start):
    write_npz(video(), tmp_path / "poses.npz")
    content = bytearray((tmp_path / "poses.npz").read_bytes())
    content[start : start + 60] = b"x" * 60
    (tmp_path / "poses.npz").write_bytes(content)
    with pytest.raises(PartposeError, match="is not a complete"):
        read_npz(tmp_path / "poses.npz")


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(PartposeError, match="cannot be written"):
        write_npz(video(), tmp_path)
    assert list(tmp_path.iterdir()) == []
