"""Human3.6M is read in each of its layouts: files, split, joints in pixels, masks; the official downloads are refused."""

import shutil

import numpy as np
import pytest
from human36m_replica import HEIGHT, MARKED, WIDTH, joints_of, save_official, save_release, save_simplified
from PIL import Image
from scipy.io import savemat

from partpose.data import human36m
from partpose.errors import PartposeError

ACTION = "Directions 1.54138969"
FOLDERS = {"S11": ["Walking.60457274"], "S9": [ACTION, "Posing.58860488"], "S10": ["Waiting.54138969"]}


@pytest.fixture
def simplified(tmp_path):
    """Eight pictures that count, and others: another action, a subject without published joints."""
    return save_simplified(tmp_path / "h36m", {**FOLDERS, "S1": ["WalkTogether.54138969", "Discussion"]}, frames=2)


def test_pictures_are_listed_with_split_and_mask_and_without_joints(simplified):
    shutil.rmtree(simplified / "S1" / "Landmarks")
    listed = human36m.list_pictures(simplified)
    assert [(file.relative_to(simplified).as_posix(), split) for file, split, _ in listed] == [
        *((f"S1/WithBackground/Discussion/{i}.jpg", "train") for i in (1, 2)),
        *((f"S9/WithBackground/{ACTION}/{i}.jpg", "train") for i in (1, 2)),
        *((f"S9/WithBackground/Posing.58860488/{i}.jpg", "train") for i in (1, 2)),
        *((f"S11/WithBackground/Walking.60457274/{i}.jpg", "test") for i in (1, 2)),
    ]
    file, _, cut = listed[2]
    assert cut is not None
    assert cut.box is None
    assert cut.mask is not None
    assert cut.mask.path == simplified / "S9" / "BackgroudMask" / ACTION / "1.png"
    inside = cut.mask.read(32, 32)
    pixels = np.asarray(Image.open(file).convert("L"))
    assert 0.05 < inside.mean() < 0.4
    assert np.median(pixels[inside]) + 40 < np.median(pixels[~inside])


def test_frames_are_in_the_order_of_their_numbers(tmp_path):
    root = save_simplified(tmp_path, {"S5": ["Greeting"]}, frames=11)
    assert [file.stem for file, _, _ in human36m.list_pictures(root)] == [str(i) for i in range(1, 12)]


def test_joints_are_in_pixels_of_the_picture(simplified):
    landmarks = human36m.read(simplified, human36m.find(simplified))
    assert (landmarks.format, len(landmarks.files), landmarks.points.shape) == ("human36m", 8, (8, 32, 2))
    assert landmarks.split == ("train",) * 6 + ("test",) * 2
    assert landmarks.cuts is not None
    assert all(cut.mask is not None for cut in landmarks.cuts)
    expected = (joints_of(1, 3) + 0.5) * 32 / (WIDTH, HEIGHT) - 0.5
    np.testing.assert_allclose(landmarks.points[2], expected)


def test_the_marked_joint_lies_on_its_dot(tmp_path):
    landmarks = human36m.read(save_simplified(tmp_path, {"S6": ["Posing"]}, size=96))
    for file, points in zip(landmarks.files, landmarks.points, strict=True):
        bright = np.asarray(Image.open(tmp_path / file).convert("L")) > 160
        found = np.argwhere(bright).mean(axis=0)[::-1]
        np.testing.assert_allclose(found, points[MARKED], atol=0.5)


def test_left_and_right_are_pairs_that_the_skeleton_mirrors():
    names = human36m.NAMES
    assert (len(names), len(set(names)), names[MARKED]) == (32, 32, "left_wrist")
    assert len(human36m.FLIP_PAIRS) == 13
    exchanged = {j: j for j in range(32)}
    for left, right in human36m.FLIP_PAIRS:
        assert names[left].removeprefix("left_") == names[right].removeprefix("right_")
        exchanged |= {left: right, right: left}
    bones = {frozenset(bone) for bone in human36m.SKELETON}
    assert {frozenset(exchanged[joint] for joint in bone) for bone in bones} == bones
    assert len(bones) == 31


def test_a_set_without_masks_is_used_as_it_is(simplified):
    for subject in ("S1", "S9", "S11"):
        shutil.rmtree(simplified / subject / "BackgroudMask")
    assert {cut for _, _, cut in human36m.list_pictures(simplified)} == {None}
    assert human36m.read(simplified).cuts is None


def test_what_is_missing_or_broken_is_passed_over_and_said(simplified):
    action = simplified / "S9" / "{}" / ACTION
    (simplified / "S11/BackgroudMask/Walking.60457274/1.png").unlink()
    (simplified / "S11/Landmarks/Walking.60457274/2.mat").unlink()
    (simplified / "S1/Landmarks/Discussion/1.mat").write_bytes(b"no MATLAB file" * 20)
    savemat(simplified / "S1/Landmarks/Discussion/2.mat", {"keypoints_2d": np.zeros((17, 2))})
    savemat(str(action).format("Landmarks") + "/1.mat", {"keypoints_3d": np.zeros((32, 3))})
    landmarks = human36m.read(simplified)
    assert len(landmarks.files) == 3
    reasons = [(line.path.removeprefix(f"{simplified}/"), line.reason) for line in landmarks.skipped]
    for name, words in (
        ("S11/WithBackground/Walking.60457274/1.jpg", "has no mask"),
        ("S11/WithBackground/Walking.60457274/2.jpg", "2.mat"),
        ("S1/WithBackground/Discussion/1.jpg", "no whole MATLAB file"),
        ("S1/WithBackground/Discussion/2.jpg", "keypoints_2d of 32×2 numbers, got 17×2"),
        (f"S9/WithBackground/{ACTION}/1.jpg", "32×2 numbers, got none"),
    ):
        assert [reason for path, reason in reasons if path == name and words in reason], name
    assert len(reasons) == 5


def test_a_set_of_which_no_joint_can_be_read_is_refused(simplified):
    for path in simplified.rglob("*.mat"):
        path.unlink()
    with pytest.raises(PartposeError, match=r"none of the 8 pictures of .* has joints: .*1\.mat"):
        human36m.read(simplified)


@pytest.mark.parametrize("names", [("S1", "S11"), ("s_01", "s_11"), ("1", "11"), ("Subject1", "Subject11")])
def test_the_release_s_own_layout_is_split_by_its_folders(tmp_path, names):
    folders = {f"train/{names[0]}": ["walking", "Eating"], f"test/{names[1]}": ["Posing_1"]}
    root = save_release(tmp_path / "pictures", folders, frames=2)
    listed = human36m.list_pictures(root)
    assert [(file.relative_to(root).as_posix(), split, cut) for file, split, cut in listed] == [
        *((f"train/{names[0]}/walking/{i}.jpg", "train", None) for i in (0, 1)),
        *((f"test/{names[1]}/Posing_1/{i}.jpg", "test", None) for i in (0, 1)),
    ]
    with pytest.raises(PartposeError, match=r"has no joints: .* pictures alone, .* `partpose convert human36m`"):
        human36m.read(root)


def test_the_official_downloads_are_recognised_and_refused_with_the_command(tmp_path):
    root = save_official(tmp_path / "official", {"S1": [ACTION]}, frames=2)
    assert human36m.find(root) == [root / "S1"]
    assert human36m.is_official(root)
    for use in (human36m.list_pictures, human36m.read):
        with pytest.raises(PartposeError, match=rf"run `partpose convert human36m {root} DST`, and use DST"):
            use(root)


@pytest.mark.parametrize("folders", [[], ["S1/images"], ["train/cats/1", "test/dogs/2"], ["train/1/2"], ["S1/Videos"]])
def test_other_folders_are_not_taken_for_human36m(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / folder / "1.jpg")
    assert human36m.find(tmp_path) == []
    assert human36m.find(tmp_path / "nowhere") == []
    with pytest.raises(PartposeError, match=r"no picture of the actions of Human3\.6M"):
        human36m.list_pictures(tmp_path)


def test_a_set_with_other_actions_alone_says_which_are_used(tmp_path):
    root = save_simplified(tmp_path, {"S1": ["Eating"]})
    with pytest.raises(PartposeError, match=r"no picture of the actions of Human3\.6M \(Directions, .*, Walking\)"):
        human36m.list_pictures(root)
