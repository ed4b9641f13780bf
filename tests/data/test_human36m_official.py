"""The files of Human3.6M's downloads give what is in them, with the right axes, or say what is wrong with them."""

import sys

import cdflib.cdfwrite
import h5py
import numpy as np
import pytest
from human36m_replica import joints_of, save_joints, save_masks, save_official, save_simplified

from partpose.data.cut import Box
from partpose.data.human36m_official import box_of, find_videos, open_masks, read_joints
from partpose.errors import PartposeError

CORNER = np.zeros((6, 9), bool)
CORNER[1:3, 4:9] = True


def test_joints_are_those_of_the_file(tmp_path):
    joints = np.stack([joints_of(i, 5) for i in range(5)])
    save_joints(tmp_path / "a.cdf", joints)
    np.testing.assert_allclose(read_joints(tmp_path / "a.cdf"), joints)


def test_a_single_frame_has_joints_too(tmp_path):
    save_joints(tmp_path / "a.cdf", joints_of(0, 1)[None])
    assert read_joints(tmp_path / "a.cdf").shape == (1, 32, 2)


def test_broken_and_missing_joints_are_said(tmp_path):
    with pytest.raises(PartposeError, match=r"a\.cdf does not exist"):
        read_joints(tmp_path / "a.cdf")
    (tmp_path / "a.cdf").write_bytes(b"no CDF" * 99)
    with pytest.raises(PartposeError, match=r"a\.cdf is no CDF file with the variable Pose"):
        read_joints(tmp_path / "a.cdf")
    file = cdflib.cdfwrite.CDF(tmp_path / "b.cdf")
    spec = {"Variable": "Pose", "Data_Type": 45, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": [3, 96]}
    file.write_var(spec, var_data=np.zeros((1, 3, 96)))
    file.close()
    with pytest.raises(PartposeError, match=r"Pose must be 1×T×64, got \(1, 3, 96\)"):
        read_joints(tmp_path / "b.cdf")


@pytest.mark.parametrize("module", ["cdflib", "scipy.io"])
def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PartposeError, match=rf"{module} is missing, .*: pip install 'partpose\[human36m\]'"):
        read_joints(tmp_path / "a.cdf")


def test_masks_have_rows_and_columns_as_matlab_shows_them(tmp_path):
    save_masks(tmp_path / "a.mat", [CORNER, ~CORNER, np.zeros((0, 0))])
    with open_masks(tmp_path / "a.mat") as masks:
        assert len(masks) == 3
        np.testing.assert_array_equal(masks.frame(0), CORNER)
        np.testing.assert_array_equal(masks.frame(1), ~CORNER)
        assert (masks.frame(2).shape, box_of(masks.frame(2))) == ((0, 0), None)


def test_masks_may_be_one_array(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["Masks"] = np.stack([CORNER, ~CORNER], axis=2).T.astype(np.uint8)
    with open_masks(tmp_path / "a.mat") as masks:
        assert len(masks) == 2
        np.testing.assert_array_equal(masks.frame(1), ~CORNER)


def test_broken_and_missing_masks_are_said(tmp_path):
    def opened(name):
        with open_masks(tmp_path / name) as masks:
            return masks.frame(0)

    with pytest.raises(PartposeError, match=r"a\.mat does not exist"):
        opened("a.mat")
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0" * 99)
    with pytest.raises(PartposeError, match=r"a\.mat is no whole MATLAB 7\.3 file"):
        opened("a.mat")
    with h5py.File(tmp_path / "b.mat", "w") as file:
        file["Feat"] = np.zeros(3)
    with pytest.raises(PartposeError, match=r"b\.mat has no array Masks"):
        opened("b.mat")
    save_masks(tmp_path / "c.mat", [CORNER])
    with h5py.File(tmp_path / "c.mat", "r+") as file:
        del file["#refs#/0"]
    with pytest.raises(PartposeError, match=r"c\.mat is broken at frame 0"):
        opened("c.mat")


def test_a_box_is_in_edges():
    assert box_of(CORNER) == Box(4, 1, 5, 2)
    assert box_of(np.ones((6, 9), bool)) == Box(0, 0, 9, 6)
    assert box_of(np.zeros((6, 9), bool)) is None


def test_videos_are_those_of_the_six_actions_with_the_files_beside_them(tmp_path):
    names = ["Walking 1.54138969", "WalkTogether.54138969", "_ALL.54138969"]
    root = save_official(tmp_path, {"S11": ["Posing.60457274"], "S5": names}, frames=1)
    videos = find_videos(root)
    assert [(video.subject, video.name) for video in videos] == [
        ("S5", "Walking 1.54138969"),
        ("S11", "Posing.60457274"),
    ]
    assert all(path.is_file() for v in videos for path in (v.path, v.joints, v.boxes, v.masks))


def test_a_folder_without_videos_says_what_it_lacks(tmp_path):
    with pytest.raises(PartposeError, match=r"no S1/Videos/Directions\.54138969\.mp4 .*: unpack the downloads"):
        find_videos(tmp_path)
    save_simplified(tmp_path, {"S1": ["Posing"]})
    with pytest.raises(PartposeError, match="in the simplified layout already"):
        find_videos(tmp_path)
