"""Persons are cut out with their joints and masks where they belong; videos are done once, whole, or said to be broken."""

import numpy as np
import pytest
from human36m_replica import HEIGHT, MARKED, WIDTH, draw, joints_of, save_masks, save_official, save_official_video
from PIL import Image
from scipy.io import loadmat

from partpose.cli import main
from partpose.data import human36m, human36m_convert
from partpose.data.atomic import alone
from partpose.data.human36m_convert import MARGIN, convert_human36m, cut_person
from partpose.data.human36m_official import box_of
from partpose.errors import PartposeError

FIRST, SECOND = "Directions 1.54138969", "Walking.60457274"


@pytest.fixture
def official(tmp_path):
    return save_official(tmp_path / "official", {"S1": [FIRST], "S11": [SECOND]})


def files(folder):
    """Everything in a folder, with the bytes; of MATLAB files without the date in their header."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_bytes()[128 if p.suffix == ".mat" else 0 :] for p in paths}


def picture(path):
    return np.asarray(Image.open(path).convert("L"), float)


def _bright(grey):
    """The middle (x, y) of what is bright."""
    weights = np.clip(grey - 150, 0, None)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    return np.average(columns, weights=weights), np.average(rows, weights=weights)


def test_the_marked_joint_is_found_where_the_landmarks_say(official, tmp_path):
    written, skipped = convert_human36m(official, tmp_path / "dst", 96, jobs=1)
    assert (written, skipped) == (12, [])
    landmarks = human36m.read(tmp_path / "dst")
    assert (len(landmarks.files), set(landmarks.split)) == (12, {"train", "test"})
    found = [_bright(picture(tmp_path / "dst" / file)) for file in landmarks.files]
    away = np.array(found) - landmarks.points[:, MARKED]
    # What H.264 does to single frames is not the same in all; half a pixel of the video would be
    np.testing.assert_allclose(away, 0, atol=0.5)
    np.testing.assert_allclose(away.mean(axis=0), 0, atol=0.15)


def test_landmarks_are_matlab_5_and_between_the_edges(official, tmp_path):
    convert_human36m(official, tmp_path / "dst", 64, jobs=1)
    path = tmp_path / "dst/S1/Landmarks" / FIRST / "000002.mat"
    assert path.read_bytes().startswith(b"MATLAB 5.0 MAT-file")
    found = loadmat(path)["keypoints_2d"]
    joints = joints_of(2, 6)
    box = box_of(draw(joints)[1])
    place = box.square(MARGIN)
    np.testing.assert_allclose(found, (joints + 0.5 - (place.left, place.top)) / place.width)
    assert 0 < found.min() < found.max() < 1


def test_a_view_of_four_fifths_holds_the_person(official, tmp_path):
    convert_human36m(official, tmp_path / "dst", 100, jobs=1)
    rows = np.asarray(Image.open(tmp_path / "dst/S1/BackgroudMask" / FIRST / "000002.png")).any(axis=1)
    assert np.flatnonzero(rows)[[0, -1]] == pytest.approx([10, 89], abs=1)


def test_the_mask_is_that_of_the_person_in_the_picture(official, tmp_path):
    convert_human36m(official, tmp_path / "dst", 64, jobs=1)
    for file, _, cut in human36m.list_pictures(tmp_path / "dst"):
        with Image.open(cut.mask.path) as image:
            assert (image.mode, image.size) == ("1", (64, 64))
        inside = cut.mask.read(64, 64)
        shown = picture(file) < 75
        # But for the bright dot, which may reach over the person's edge, and the pixels that the edge runs through
        assert (inside & shown).sum() > 0.8 * inside.sum()
        assert (shown & ~inside).sum() < 0.05 * inside.sum()


def test_of_a_person_at_the_frame_s_edge_the_mask_ends_there():
    mask = np.zeros((40, 60), bool)
    mask[10:30, :12] = True
    pixels = np.full((40, 60, 3), 200, np.uint8)
    person = cut_person(pixels, mask, box_of(mask), np.zeros((32, 2)), 50)
    # 25 pixels of the frame become 50, and 6.5 of them lie to its left
    assert not person.mask[:, :13].any()
    assert person.mask[10:40, 16:36].all()
    assert person.pixels.min() == 200
    np.testing.assert_allclose(person.joints[0], [(0.5 + 6.5) / 25, (0.5 - 7.5) / 25])


def test_every_second_frame_keeps_its_number(official, tmp_path):
    written, _ = convert_human36m(official, tmp_path / "dst", 32, every=2, jobs=1)
    assert written == 6
    names = {path.name for path in (tmp_path / "dst").rglob("*.png")}
    assert names == {"000000.png", "000002.png", "000004.png"}


def test_what_is_done_is_not_done_again(official, tmp_path, monkeypatch):
    convert_human36m(official, tmp_path / "dst", 32, jobs=1)
    save_official_video(official / "S1", "Posing.54138969")
    before = files(tmp_path / "dst")
    converted = []
    real = human36m_convert.convert_video
    monkeypatch.setattr(human36m_convert, "convert_video", lambda *a: converted.append(a[-1].name) or real(*a))
    ticks = []
    assert convert_human36m(official, tmp_path / "dst", 32, jobs=1, progress=lambda *n: ticks.append(n))[0] == 6
    assert (converted, ticks) == (["Posing.54138969"], [(3, 3)])
    assert before.items() <= files(tmp_path / "dst").items()
    assert convert_human36m(official, tmp_path / "dst", 32, jobs=1) == (0, [])


def test_an_interrupted_video_begins_anew(official, tmp_path, monkeypatch):
    convert_human36m(official, tmp_path / "whole", 32, jobs=1)
    frames = iter(range(8))

    def interrupted(*arguments):
        if next(frames, None) is None:
            raise KeyboardInterrupt
        return cut_person(*arguments)

    monkeypatch.setattr(human36m_convert, "cut_person", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert_human36m(official, tmp_path / "dst", 32, jobs=1)
    monkeypatch.undo()
    assert not (tmp_path / "dst/S11").exists() or not any((tmp_path / "dst/S11").iterdir())
    assert convert_human36m(official, tmp_path / "dst", 32, jobs=1)[0] == 6
    assert files(tmp_path / "dst") == files(tmp_path / "whole")


def test_what_a_killed_process_leaves_behind_does_no_harm(official, tmp_path):
    convert_human36m(official, tmp_path / "whole", 32, jobs=1)
    dst = tmp_path / "dst"
    for place in (f".unfinished-{FIRST}/WithBackground", f"Landmarks/{FIRST}", f"BackgroudMask/{FIRST}"):
        (dst / "S1" / place).mkdir(parents=True)
        (dst / "S1" / place / "000099.png").touch()
    assert convert_human36m(official, dst, 32, jobs=1)[0] == 12
    assert files(dst) == files(tmp_path / "whole")


def test_processes_write_the_same(official, tmp_path):
    alone = convert_human36m(official, tmp_path / "a", 32, jobs=1)
    assert convert_human36m(official, tmp_path / "b", 32, jobs=2) == alone
    assert files(tmp_path / "a") == files(tmp_path / "b")


def _break(official):
    """One more video for each thing that can be wrong; name → a word of the reason."""
    reasons = {
        "Waiting.54138969": "not a video",
        "Waiting 1.54138969": "damaged",
        "Posing.54138969": "D2_Positions/Posing.54138969.cdf does not exist",
        "Posing 1.54138969": "ground_truth_bs/Posing 1.54138969.mat does not exist",
        "Greeting.54138969": "are they of one video?",
        "Greeting 1.54138969": "shows nobody",
    }
    subject = official / "S9"
    for name in reasons:
        save_official_video(subject, name, frames=40 if name == "Waiting 1.54138969" else 3)
    (subject / "Videos/Waiting.54138969.mp4").write_bytes(b"no video" * 99)
    damaged = subject / "Videos/Waiting 1.54138969.mp4"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2 :] = b""
    damaged.write_bytes(data)
    (subject / "MyPoseFeatures/D2_Positions/Posing.54138969.cdf").unlink()
    (subject / "MySegmentsMat/ground_truth_bs/Posing 1.54138969.mat").unlink()
    save_masks(
        subject / "MySegmentsMat/ground_truth_bs/Greeting.54138969.mat", [np.ones((WIDTH, 2 * HEIGHT), bool)] * 3
    )
    save_masks(subject / "MySegmentsMat/ground_truth_bb/Greeting 1.54138969.mat", [np.zeros((0, 0))] * 3)
    return {f"S9/Videos/{name}.mp4": reason for name, reason in reasons.items()}


def test_broken_videos_are_passed_over_and_said(official, tmp_path):
    reasons = _break(official)
    save_official_video(official / "S11", "Directions.54138969")
    reasons["S11/Videos/Directions.54138969.mp4"] = "known to be corrupt"
    written, skipped = convert_human36m(official, tmp_path / "dst", 32, jobs=1)
    found = {line.path.removeprefix(f"{official}/"): line.reason for line in skipped}
    assert written == 12
    assert set(found) == set(reasons)
    assert [name for name, words in reasons.items() if words not in found[name]] == []
    assert not list((tmp_path / "dst").rglob("*Waiting*"))
    assert len(human36m.read(tmp_path / "dst").files) == 12


def test_frames_beyond_the_joints_are_left_out(official, tmp_path):
    boxes = [np.outer(mask.any(1), mask.any(0)) for _, mask in (draw(joints_of(i, 6)) for i in range(4))]
    save_masks(official / "S1/MySegmentsMat/ground_truth_bb" / f"{FIRST}.mat", boxes)
    assert convert_human36m(official, tmp_path / "dst", 32, jobs=1)[0] == 4 + 6


def test_where_nothing_can_be_used_the_first_reason_is_said(official, tmp_path):
    for path in official.rglob("*.cdf"):
        path.unlink()
    with pytest.raises(PartposeError, match=r"none of 2 videos can be used, the first: .*\.cdf does not exist"):
        convert_human36m(official, tmp_path / "dst", 32, jobs=1)


def test_two_do_not_write_to_the_same_folder(official, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        alone(tmp_path / "out"),
        pytest.raises(PartposeError, match="out is being written by another process: wait for it"),
    ):
        convert_human36m(official, tmp_path / "out", 64, jobs=1)


def test_a_folder_made_with_another_size_is_refused(official, tmp_path):
    convert_human36m(official, tmp_path / "dst", 32, jobs=1)
    before = files(tmp_path / "dst")
    with pytest.raises(PartposeError, match=r'was made with .*"size": 32.*, asked for .*"size": 64.*: name a new'):
        convert_human36m(official, tmp_path / "dst", 64, jobs=1)
    assert files(tmp_path / "dst") == before


def test_the_command_says_what_it_did_and_what_it_passed_over(official, tmp_path, capsys):
    (official / "S11/Videos" / f"{SECOND}.mp4").write_bytes(b"")
    with pytest.raises(SystemExit, match="0"):
        main(
            ["convert", "human36m", str(official), str(tmp_path / "dst"), "--size", "32", "--every", "3", "--jobs", "1"]
        )
    printed = capsys.readouterr()
    assert f"2 new pictures in {tmp_path / 'dst'}" in printed.out
    assert f"{SECOND}.mp4: is empty" in printed.err
