"""Pedestrians cut out: where their joints are, what is black, what is done again, and what the tables say."""

import csv
import inspect
import json

import numpy as np
import pytest
from streets import DOT, HEIGHT, WIDTH, Walker, save_frame, save_street

from partpose import cli_convert
from partpose.data import kia_convert
from partpose.data.crops import Crop, read_crops
from partpose.data.cut import Box
from partpose.data.images import read_image
from partpose.data.kia import find
from partpose.data.kia_convert import AS_USUAL, Crops, convert_kia, place_of
from partpose.data.kia_frames import JOINTS, PedestrianFilter, frames_of
from partpose.data.landmarks import read_landmarks
from partpose.data.sources import training_files
from partpose.errors import PartposeError

ALL = Crops(64, filters=PedestrianFilter(0, 1, 1e9, 0))


@pytest.fixture(params=[False, True], ids=["kia", "valerie22"])
def street(tmp_path, request):
    return save_street(tmp_path / "street", valerie=request.param)


def one(tmp_path, *walkers, crops=ALL, **frame):
    """The set of one frame with these walkers."""
    save_frame(tmp_path / "seq", "f1", list(walkers), **frame)
    convert_kia(tmp_path / "seq", tmp_path / "set", crops)
    return read_landmarks(tmp_path / "set")


def meta(folder):
    with (folder / "meta.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(landmarks, row=0):
    return read_image(landmarks.root / landmarks.files[row]).pixels


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- pictures -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [64, 200])
@pytest.mark.parametrize(("left", "top"), [(100, 60), (2, 3), (288, 148)], ids=["inside", "left top", "right bottom"])
def test_the_dot_at_a_joint_is_where_landmarks_csv_says(tmp_path, left, top, size):
    found = one(tmp_path, Walker(70000, left, top), crops=ALL._replace(size=size))
    picture = pixels(found).astype(float)
    assert picture.shape == (size, size, 3)
    weights = np.clip(picture[..., 2] - 150, 0, None)  # the body's blue is 90
    rows, columns = np.mgrid[:size, :size]
    centre = np.average(columns, weights=weights), np.average(rows, weights=weights)
    np.testing.assert_allclose(found.points[0, JOINTS.index(DOT)], centre, atol=0.15)


def test_all_that_is_not_the_person_turns_black(tmp_path):
    found = one(tmp_path, Walker(70000, 100, 60), Walker(5, 125, 60))  # the other one hides all from column 125 on
    place = place_of(Box(100, 60, 30, 90), 0.25, WIDTH, HEIGHT)
    x, y = ((np.arange(64) + 0.5) * place.width / 64 + edge for edge in place[:2])
    depth = np.minimum(
        np.minimum(x - 100, 125 - x), np.minimum(y - 60, 150 - y)[:, None]
    )  # inside the body, frame pixels
    light = pixels(found).max(-1)
    assert (light[depth > 5] > 120).all()
    assert (light[depth < -5] == 0).all()


@pytest.mark.parametrize("frame", [{"masked": False}, {}], ids=["no instance picture", "no masks asked for"])
def test_without_masks_the_street_stays(tmp_path, frame):
    found = one(tmp_path, Walker(1, 100, 60), crops=ALL._replace(masks="masked" in frame), **frame)
    assert pixels(found)[:, 60:].min() >= 10


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(100, 60, 30, 90), Box(58, 48, 113, 113)),  # 90 × 1.25 = 112.5 around (115, 105)
        (Box(-20, 60, 30, 90), Box(0, 48, 113, 113)),
        (Box(310, 200, 30, 90), Box(WIDTH - 113, HEIGHT - 113, 113, 113)),
        (Box(10, 5, 200, 230), Box(0, -24, 288, 288)),  # as wide as the frame has room for, but higher
        (Box(-1e9, -1e9, 2e9, 2e9), Box(-160, -200, 640, 640)),
    ],
)
def test_a_crop_is_moved_into_the_frame_or_lies_around_it(box, expected):
    assert place_of(box, 0.25, WIDTH, HEIGHT) == expected


def test_the_margin_is_around_the_person(tmp_path):
    found = one(tmp_path, Walker(1, 100, 60), crops=ALL._replace(margin=1.0))
    lit = np.flatnonzero((pixels(found).max(-1) > 75).any(1))
    assert (lit[-1] - lit[0] + 1) / 64 == pytest.approx(0.5, abs=0.04)
    assert abs(lit[0] + lit[-1] - 63) <= 1


# ---- tables ---------------------------------------------------------------------------------------------------------
def test_the_set_has_a_row_for_each_pedestrian(street, tmp_path):
    done = convert_kia(street, tmp_path / "set", ALL)
    found = read_landmarks(tmp_path / "set")
    assert len(found.files) == len(set(found.files)) == sum(done.pictures.values()) == 24
    assert (done.sequences, done.skipped) == (3, [])
    assert (found.names, found.category, len(found.flip_pairs), len(found.skeleton)) == (JOINTS, "pedestrian", 8, 19)
    assert all((tmp_path / "set" / name).is_file() for name in found.files)
    assert not np.isnan(found.points).any()


def test_meta_csv_keeps_frame_instance_and_what_is_known(tmp_path):
    root = save_street(tmp_path / "street", 2, 1)
    save_frame(
        find(root)[0],
        "f1",
        [Walker(70000, 100, 60, joints={"neck": [-9, 0], "pelvis": None}, about={"distance": None})],
    )
    convert_kia(root, tmp_path / "set", ALL)
    row = next(row for row in meta(tmp_path / "set") if row["frame"].endswith("f1.png"))
    sequence = "tranche_3/bit_results_sequence_0070"
    assert row.pop("split") in ("train", "test")
    assert row == {
        "file": f"images/{sequence}/f1_70000.png",
        "sequence": sequence,
        "frame": f"{sequence}/sensor/camera/left/png/f1.png",
        "frame_size": f"{WIDTH} {HEIGHT}",
        "instance": "70000",
        "crop": "58 48 171 161",
        "distance": "",
        "occlusion": "0",
        "pixels": "2700",
        "visibility": "1222222022222222222",
    }
    crop = read_crops(tmp_path / "set")[row["file"]]
    assert crop == Crop(row["frame"], (WIDTH, HEIGHT), "70000", 58, 48, 113)


def test_joints_that_cannot_be_seen_are_empty_in_landmarks_csv(tmp_path):
    found = one(tmp_path, Walker(1, 100, 60, joints={"neck": [0, 0], "pelvis": None}))
    gone = np.isnan(found.points[0]).all(-1)
    assert [name for name, missing in zip(JOINTS, gone, strict=True) if missing] == ["neck", "pelvis"]


def test_a_sequence_is_of_one_split_and_the_test_is_held_out(street, tmp_path):
    done = convert_kia(street, tmp_path / "set", ALL)
    splits = {}
    for row in meta(tmp_path / "set"):
        splits.setdefault(row["sequence"], set()).add(row["split"])
    assert sorted(len(one) for one in splits.values()) == [1, 1, 1]
    held = training_files(tmp_path / "set")
    assert (held.held_out, len(held.sources[0].files)) == (done.pictures["test"], done.pictures["train"])


def test_of_a_sequence_alone_the_gap_is_left_out(tmp_path):
    street = find(save_street(tmp_path / "street", 1, 20))[0]
    assert convert_kia(street, tmp_path / "set", ALL).pictures == {"train": 30, "test": 8}
    assert not any("-0015_" in row["file"] for row in meta(tmp_path / "set"))
    assert {row["sequence"] for row in meta(tmp_path / "set")} == {street.name}


def test_filters_hold(tmp_path):
    close = ALL._replace(filters=ALL.filters._replace(max_distance=20))
    found = one(tmp_path, Walker(1, 10, 10, about={"distance": 30}), Walker(2, 100, 10), crops=close)
    assert found.files == ("images/seq/f1_2.png",)


def test_an_id_that_is_no_number_becomes_a_file_name(tmp_path):
    save_frame(tmp_path / "seq", "f1", [Walker(1, 10, 10)], masked=False)
    frame = frames_of(tmp_path / "seq")[0]
    frame.boxes.write_text(frame.boxes.read_text().replace('"1"', '"../1 a"'))
    convert_kia(tmp_path / "seq", tmp_path / "set", ALL)
    assert read_landmarks(tmp_path / "set").files == ("images/seq/f1_.._1_a.png",)


# ---- going on -------------------------------------------------------------------------------------------------------
def test_the_same_again_changes_nothing_and_cuts_nothing(street, tmp_path, monkeypatch):
    convert_kia(street, tmp_path / "set", ALL)
    before = snapshot(tmp_path / "set")
    monkeypatch.setattr(kia_convert, "cut_out", None)
    done = convert_kia(street, tmp_path / "set", ALL)
    assert snapshot(tmp_path / "set") == before
    assert sum(done.pictures.values()) == 24


def test_threads_change_nothing(street, tmp_path):
    convert_kia(street, tmp_path / "one", ALL, jobs=1)
    convert_kia(street, tmp_path / "four", ALL, jobs=4)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "four")


def test_an_interrupted_conversion_is_no_training_set_and_goes_on(street, tmp_path, monkeypatch):
    whole = convert_kia(street, tmp_path / "whole", ALL)

    def interrupt(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_kia(street, tmp_path / "set", ALL, jobs=1, progress=interrupt)
    with pytest.raises(PartposeError, match="was not made to its end: run `partpose convert kia` on it again"):
        training_files(tmp_path / "set")
    journal = tmp_path / "set" / "converted.jsonl"
    journal.write_text(journal.read_text()[:-7])  # killed while writing
    left, cut_out = [], kia_convert.cut_out
    monkeypatch.setattr(kia_convert, "cut_out", lambda *all: left.append(all[0]) or cut_out(*all))
    assert convert_kia(street, tmp_path / "set", ALL) == whole
    assert len(left) == 12 - 4
    assert snapshot(tmp_path / "set") == snapshot(tmp_path / "whole")


def test_a_picture_that_is_gone_is_cut_again(street, tmp_path):
    convert_kia(street, tmp_path / "set", ALL)
    before = snapshot(tmp_path / "set")
    (tmp_path / "set" / meta(tmp_path / "set")[3]["file"]).unlink()
    convert_kia(street, tmp_path / "set", ALL)
    after = snapshot(tmp_path / "set")
    assert {p: b for p, b in after.items() if p.suffix != ".jsonl"} == {
        p: b for p, b in before.items() if p.suffix != ".jsonl"
    }


def test_new_frames_join_the_set(street, tmp_path):
    convert_kia(street, tmp_path / "set", ALL)
    save_frame(find(street)[1], "later", [Walker(9, 50, 50)])
    assert sum(convert_kia(street, tmp_path / "set", ALL).pictures.values()) == 25


def test_a_broken_frame_is_reported_each_time_until_it_is_mended(street, tmp_path):
    frame = frames_of(find(street)[0])[1]
    good = frame.picture.read_bytes()
    frame.picture.write_bytes(good[: len(good) // 2])
    for _ in range(2):
        done = convert_kia(street, tmp_path / "set", ALL)
        assert sum(done.pictures.values()) == 22
        assert [one.path for one in done.skipped] == [str(frame.picture)]
    frame.picture.write_bytes(good)
    assert sum(convert_kia(street, tmp_path / "set", ALL).pictures.values()) == 24


# ---- refusals -------------------------------------------------------------------------------------------------------
def test_another_way_of_cutting_needs_another_folder(street, tmp_path):
    convert_kia(street, tmp_path / "set", ALL)
    with pytest.raises(PartposeError, match=r"set was made with size 64, .* asked for size 32, .* name a new folder"):
        convert_kia(street, tmp_path / "set", ALL._replace(size=32))


def test_a_folder_of_something_else_is_left_alone(street, picture_folder):
    before = snapshot(picture_folder)
    with pytest.raises(PartposeError, match="is not empty and was not made by this command: name a new folder"):
        convert_kia(street, picture_folder, ALL)
    assert snapshot(picture_folder) == before


def test_frames_of_another_street_need_another_folder(street, tmp_path):
    convert_kia(street, tmp_path / "set", ALL)
    with pytest.raises(PartposeError, match=r"holds frames that .* lacks \(tranche_3/bit_results_sequence_0070/"):
        convert_kia(street / "tranche_3", tmp_path / "set", ALL)


def test_where_nobody_passes_the_filter_is_named(street, tmp_path):
    with pytest.raises(PartposeError, match=r"no pedestrian in .* passes the filter .*min_height 500"):
        convert_kia(street, tmp_path / "set", ALL._replace(filters=PedestrianFilter(min_height=500)))


def test_a_folder_without_sequences_is_named(picture_folder, tmp_path):
    with pytest.raises(PartposeError, match="holds no sequence of KIA"):
        convert_kia(picture_folder, tmp_path / "set", ALL)
    assert not (tmp_path / "set").exists()


def test_a_journal_that_is_something_else_is_named(street, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "converted.jsonl").write_text("what?\n")
    with pytest.raises(PartposeError, match=r"converted.jsonl cannot be read: .*; remove its folder"):
        convert_kia(street, tmp_path / "set", ALL)


# ---- the command ----------------------------------------------------------------------------------------------------
def test_the_command_converts_and_says_what_it_did(street, tmp_path, capsys):
    words = [str(street), str(tmp_path / "set"), "--size", "32", "--no-masks", "--min-height", "80", "--jobs", "1"]
    cli_convert.convert(["kia", *words], result_action="return_value")
    assert capsys.readouterr().out.startswith("12 pictures (")
    assert json.loads((tmp_path / "set" / "converted.jsonl").read_text().splitlines()[0])["masks"] is False
    assert pixels(read_landmarks(tmp_path / "set")).shape == (32, 32, 3)


def test_the_command_and_python_cut_in_the_same_way():
    asked = {name: p.default for name, p in inspect.signature(cli_convert.kia).parameters.items()}
    usual = {**AS_USUAL._asdict(), **AS_USUAL.filters._asdict()}
    assert {name: asked[name] for name in usual if name != "filters"} == {
        k: v for k, v in usual.items() if k != "filters"
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.png,f.png,1 1", "no column 'crop': its pictures were not cut out of larger frames"),
        ("a.png,f.png,64,1,0 0 8 8", "line 2: expected 2 numbers with blanks between, got '64'"),
        ("a.png,f.png,64 64,1,0 0 8 x", "line 2: expected 4 numbers with blanks between, got '0 0 8 x'"),
        ("a.png,f.png,64 64,1,0 0 8 9", r"line 2: crop must be a square \(left top right bottom\), got '0 0 8 9'"),
    ],
)
def test_a_meta_csv_without_crops_is_refused_in_words(tmp_path, line, words):
    header = "file,frame,frame_size,instance,crop" if line.count(",") == 4 else "file,frame,frame_size"
    (tmp_path / "meta.csv").write_text(f"{header}\n{line}\n")
    with pytest.raises(PartposeError, match=words):
        read_crops(tmp_path)
