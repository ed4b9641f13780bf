"""Pedestrians read where they lie: both variants of the files, filters, splits, joints, and what is broken."""

import math
import os
import shutil

import numpy as np
import pytest
from streets import HEIGHT, WIDTH, Walker, save_frame, save_json, save_street

from partpose.data.cut import Box, Cut, Mask
from partpose.data.kia import FLIP_PAIRS, NORMALISER, SKELETON, find, list_pictures, read, split_frames
from partpose.data.kia_frames import (
    BOXES,
    INSTANCES,
    JOINTS,
    PICTURES,
    SKELETONS,
    PedestrianFilter,
    frames_of,
    read_contents,
    read_pedestrians,
)
from partpose.data.sources import training_files
from partpose.errors import PartposeError

ALL = PedestrianFilter(0, 1, math.inf, 0)


@pytest.fixture(params=[False, True], ids=["kia", "valerie22"])
def street(tmp_path, request):
    return save_street(tmp_path / "street", valerie=request.param)


@pytest.fixture
def sequence(tmp_path):
    return tmp_path / "sequence_0001"


def only(sequence, filters=ALL):
    """The people of a sequence's one frame, and what was passed over."""
    skipped = []
    contents = read_contents(frames_of(sequence)[0], filters, skipped)
    return contents.people if contents else [], skipped


# ---- where it is ----------------------------------------------------------------------------------------------------
def test_sequences_are_found_from_the_root_a_tranche_or_one_of_them(street):
    tranche = street / "tranche_3"
    sequences = [tranche / f"bit_results_sequence_00{n}" for n in (70, 71, 72)]
    assert find(street) == find(tranche) == find(street.parent) == sequences
    assert find(sequences[1]) == [sequences[1]]


def test_other_places_hold_no_sequence(tmp_path, picture_folder):
    (tmp_path / "file").touch()
    assert [find(p) for p in (picture_folder, tmp_path / "file", tmp_path / "nowhere")] == [[], [], []]


def test_pictures_without_boxes_are_no_sequence(street):
    shutil.rmtree(street / "tranche_3" / "bit_results_sequence_0070" / BOXES)
    assert len(find(street)) == 2


# ---- what is in it --------------------------------------------------------------------------------------------------
def test_every_pedestrian_is_a_row_with_box_mask_and_track(street):
    rows = list_pictures(street)
    assert len(rows) == 3 * 4 * 2
    sequence, name = street / "tranche_3" / "bit_results_sequence_0070", "arb-camera001-0070-0001.png"
    picture, split, cut = rows[3]
    assert picture == sequence / PICTURES / name
    assert split in ("train", "test")
    assert cut == Cut(Box(103, 60, 30, 90), Mask(sequence / INSTANCES / name, 70000), "70000")
    assert rows[2][2].box == Box(203, 90, 22, 66)


def test_a_mask_holds_the_person_and_nobody_else(street):
    cut = list_pictures(street)[1][2]
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[60:150, 100:130] = True
    assert (cut.mask.read(WIDTH, HEIGHT) == expected).all()


def test_a_mask_is_read_anew_where_its_picture_has_changed(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10)])
    mask = list_pictures(sequence)[0][2].mask
    before = mask.read(WIDTH, HEIGHT)
    save_frame(sequence, "f1", [Walker(1, 100, 10)])
    os.utime(mask.path, ns=(0, 0))
    assert (mask.read(WIDTH, HEIGHT) == np.roll(before, 90, axis=1)).all()


@pytest.mark.parametrize("instance", [0x1000000 + 70000, -1])
def test_an_id_that_no_colour_has_is_nowhere(sequence, instance):
    save_frame(sequence, "f1", [Walker(70000, 10, 10)])
    mask = list_pictures(sequence)[0][2].mask
    assert not mask._replace(instance=instance).read(WIDTH, HEIGHT).any()


def test_without_instance_pictures_there_is_no_mask(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10)], masked=False)
    assert list_pictures(sequence)[0][2].mask is None


def test_what_is_no_person_is_passed_over_in_silence(sequence):
    cars = [Walker(1, 10, 10, about={"class_id": "car"}), Walker(2, 10, 10, about={"class_id": 7})]
    save_frame(sequence, "f1", [*cars, Walker(3, 100, 10), Walker(4, 200, 10, about={"class_id": None})])
    skipped = []
    assert [p.instance for p in read_pedestrians(frames_of(sequence)[0], skipped)] == ["3", "4"]
    assert skipped == []


# ---- filters --------------------------------------------------------------------------------------------------------
FILTERS = [
    ({"min_pixels": 900}, {"instance_pixels": 899}, {"instance_pixels": 900}),
    ({"max_occlusion": 0.3}, {"occlusion_est": 0.31}, {"occlusion_est": 0.3}),
    ({"max_distance": 20}, {"distance": 20.5}, {"distance": 20}),
    ({"min_height": 50}, {"h": 49}, {"h": 50}),
]


@pytest.mark.parametrize(("filters", "out", "kept"), FILTERS, ids=[next(iter(f[0])) for f in FILTERS])
def test_a_filter_keeps_what_reaches_its_bound(sequence, filters, out, kept):
    save_frame(sequence, "f1", [Walker(1, 10, 10, about=out), Walker(2, 100, 10, about=kept)])
    cuts = [cut for _, _, cut in list_pictures(sequence, ALL._replace(**filters))]
    assert [cut.track for cut in cuts] == ["2"]
    assert [cut.track for _, _, cut in list_pictures(sequence, ALL)] == ["1", "2"]


def test_what_is_not_known_is_held_against_nobody(sequence):
    unknown = dict.fromkeys(("instance_pixels", "occlusion_est", "distance"))
    save_frame(sequence, "f1", [Walker(1, 10, 10, about=unknown)])
    assert len(list_pictures(sequence, PedestrianFilter(10**6, 0, 0, 0))) == 1


def test_pixels_that_no_file_tells_are_counted(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10, 60, about={"instance_pixels": None})])
    (seen,), _ = only(sequence)
    assert seen.person.pixels == 60 * 20
    assert only(sequence, ALL._replace(min_pixels=60 * 20 + 1))[0] == []


def test_occlusion_that_no_file_tells_is_what_the_visible_box_lacks(sequence):
    visible = {"c_x": 25, "c_y": 30, "w": 30, "h": 45}
    save_frame(sequence, "f1", [Walker(1, 10, 10, about={"occlusion_est": None, "bb_vis": visible})], valerie=True)
    (person,) = read_pedestrians(frames_of(sequence)[0], [])
    assert (person.box, person.occlusion) == (Box(10, 10, 30, 90), 0.5)


def test_where_nobody_passes_the_filter_is_named(street):
    with pytest.raises(PartposeError, match=r"no pedestrian in .* passes the filter .*min_height 500"):
        list_pictures(street, PedestrianFilter(min_height=500))
    with pytest.raises(PartposeError, match=r"no pedestrian in .* passes the filter .*min_height 500"):
        read(street, filters=PedestrianFilter(min_height=500))


def test_a_folder_of_something_else_is_refused_in_words(picture_folder):
    with pytest.raises(PartposeError, match="holds no sequence of KIA: expected sensor/camera/left/png beside"):
        list_pictures(picture_folder)


# ---- joints ---------------------------------------------------------------------------------------------------------
def test_the_set_has_every_joint_where_it_is(street):
    found = read(street, find(street))
    assert (found.format, found.names, found.root, found.skipped) == ("kia", JOINTS, street, ())
    assert found.points.shape == (24, 19, 2)
    name = "tranche_3/bit_results_sequence_0070/sensor/camera/left/png/arb-camera001-0070-0001.png"
    assert (found.files[3], found.cuts[3].track) == (name, "70000")
    expected = [Walker(70000, 103, 60).places()[joint] for joint in JOINTS]
    np.testing.assert_array_equal(found.points[3], expected)
    listed = list_pictures(street)
    assert [(street / f, s, c) for f, s, c in zip(found.files, found.split, found.cuts, strict=True)] == listed


def test_a_joint_outside_the_picture_is_not_visible(sequence):
    beyond = {"toe_r": [60.0, HEIGHT + 3.0], "heel_r": [-0.6, 50.0], "neck": [-0.5, 200.0], "eye_l": [1e300, 0.0]}
    save_frame(sequence, "f1", [Walker(1, 0, 180, joints=beyond)])
    (seen,), _ = only(sequence)
    seen_at = dict(zip(JOINTS, seen.visibility, strict=True))
    assert {name: seen_at[name] for name in beyond} == {"toe_r": 1, "heel_r": 1, "neck": 2, "eye_l": 1}
    assert np.isnan(seen.points[[JOINTS.index(name) for name in ("toe_r", "heel_r", "eye_l")]]).all()
    assert seen.points[JOINTS.index("neck")].tolist() == [-0.5, 200.0]


def test_a_joint_on_somebody_else_is_not_visible(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10), Walker(2, 10, 60, 90)])
    (behind, before), _ = only(sequence)
    hidden = [Walker(1, 10, 10).places()[name][1] >= 60 for name in JOINTS]
    assert behind.visibility == tuple(1 if h else 2 for h in hidden)
    assert np.isnan(behind.points[hidden]).all()
    assert not np.isnan(behind.points[~np.array(hidden)]).any()
    assert set(before.visibility) == {2}


def test_an_absent_joint_is_missing(sequence):
    odd = {"eye_r": None, "eye_l": [None, 3], "toe_l": "nowhere", "pelvis": [5.0], "hat": [1.0, 1.0]}
    save_frame(sequence, "f1", [Walker(1, 10, 10, joints=odd)])
    (seen,), skipped = only(sequence)
    gone = [j for j, state in enumerate(seen.visibility) if state == 0]
    assert [JOINTS[j] for j in gone] == ["pelvis", "eye_r", "eye_l", "toe_l"]
    assert np.isnan(seen.points[gone]).all()
    assert skipped == []


def test_without_an_instance_picture_only_the_frame_hides_joints(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10, joints={"neck": [300, 200], "eye_l": [-9, 9]})], masked=False)
    (seen,), _ = only(sequence)
    assert (seen.visibility[JOINTS.index("neck")], seen.visibility[JOINTS.index("eye_l")]) == (2, 1)


def test_an_instance_picture_of_another_size_is_stretched_over_the_frame(sequence):
    from PIL import Image

    save_frame(sequence, "f1", [Walker(1, 10, 10)])
    path = frames_of(sequence)[0].instances
    Image.open(path).resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.NEAREST).save(path)
    (seen,), _ = only(sequence)
    assert set(seen.visibility) == {2}


def test_without_skeletons_all_joints_are_missing(sequence):
    save_frame(sequence, "f1", [Walker(1, 10, 10)])
    shutil.rmtree(sequence / SKELETONS)
    (seen,), skipped = only(sequence)
    assert (set(seen.visibility), skipped) == ({0}, [])


def test_pairs_and_lines_are_between_the_right_joints():
    assert {(JOINTS[a], JOINTS[b]) for a, b in FLIP_PAIRS} == {
        (f"{part}_r", f"{part}_l") for part in ("shoulder", "elbow", "wrist", "hip", "knee", "heel", "eye", "toe")
    }
    assert {j for pair in SKELETON for j in pair} == set(range(19))
    assert [JOINTS[j] for j in NORMALISER["indices"]] == ["neck", "pelvis"]


# ---- what is broken -------------------------------------------------------------------------------------------------
BROKEN = {"no JSON": "{", "no object": "[1]", "no text": "\x00", "deep": "[" * 100_000}


@pytest.mark.parametrize("what", BROKEN)
def test_a_frame_with_broken_boxes_is_reported_and_passed_over(street, what):
    frames = frames_of(find(street)[0])
    save_json(frames[1].boxes, BROKEN[what])
    skipped = []
    rows = list_pictures(street, skipped=skipped)
    assert len(rows) == 22
    assert [one.path for one in skipped] == [str(frames[1].picture)]
    assert frames[1].boxes.name in skipped[0].reason


def test_a_frame_without_boxes_is_reported(street):
    frames_of(find(street)[0])[2].boxes.unlink()
    skipped = []
    assert len(list_pictures(street, skipped=skipped)) == 22
    assert "No such file" in skipped[0].reason


@pytest.mark.parametrize("odd", [{"w": None}, {"w": 0}, {"h": "90"}, {"c_x": math.nan}, {"c_y": math.inf}])
def test_a_person_without_a_box_is_reported_and_the_others_stay(sequence, odd):
    save_frame(sequence, "f1", [Walker(1, 10, 10, about=odd), Walker(2, 100, 10)])
    skipped = []
    assert [cut.track for _, _, cut in list_pictures(sequence, skipped=skipped)] == ["2"]
    assert [one.reason.split(" in ")[0] for one in skipped] == ["pedestrian 1 has no box (c_x, c_y, w and h)"]


@pytest.mark.parametrize(
    ("folder", "word"), [(SKELETONS, "is not JSON"), (INSTANCES, "not a picture"), (PICTURES, "picture")]
)
def test_a_broken_file_beside_the_boxes_loses_its_frame_alone(street, folder, word):
    frame = frames_of(find(street)[0])[0]
    path = {SKELETONS: frame.skeletons, INSTANCES: frame.instances, PICTURES: frame.picture}[folder]
    path.write_text("{broken")
    found = read(street, find(street))
    assert len(found.files) == 22
    assert [(one.path, word in one.reason) for one in found.skipped] == [(str(frame.picture), True)]


def test_a_person_who_cannot_be_seen_anywhere_is_reported(sequence):
    far = {"c_x": 900, "c_y": 900}
    save_frame(sequence, "f1", [Walker(1, 10, 10), Walker(2, 10, 10), Walker(3, 100, 10, about=far)])
    people, skipped = only(sequence)
    assert [seen.person.instance for seen in people] == ["2"]
    assert [one.reason.split(" in ")[0] for one in skipped] == [f"pedestrian {i} is nowhere" for i in (1, 3)]


# ---- splits ---------------------------------------------------------------------------------------------------------
def splits(street):
    return {frame.sequence.name: split for frame, split in split_frames(find(street)).items()}


def test_a_sequence_is_of_one_split_wherever_it_lies(tmp_path):
    here = splits(save_street(tmp_path / "a", 20, 1))
    there = splits(save_street(tmp_path / "b" / "c", 20, 1, tranche="elsewhere"))
    assert here == there
    assert 1 <= list(here.values()).count("test") <= 9


def test_a_sequence_keeps_its_split_when_others_join(tmp_path):
    few = splits(save_street(tmp_path, 12, 1))
    more = splits(save_street(tmp_path, 20, 1))
    assert "test" in few.values()
    assert {name: more[name] for name in few} == few


@pytest.mark.parametrize("sequences", range(2, 9))
def test_there_is_always_something_to_learn_from_and_to_test_on(tmp_path, sequences):
    assert set(splits(save_street(tmp_path, sequences, 1)).values()) == {"train", "test"}


def test_a_sequence_alone_is_split_in_time_with_a_gap(tmp_path):
    save_street(tmp_path, 1, 40)
    assert list(split_frames(find(tmp_path)).values()) == ["train"] * 30 + ["gap"] * 2 + ["test"] * 8


def test_neither_the_gap_nor_the_test_is_learned_from(tmp_path):
    save_street(tmp_path, 1, 40)
    (source,) = training_files(tmp_path).sources
    assert [name[-8:-4] for name in source.names] == [f"{frame:04d}" for frame in range(30)]
    assert [len(cuts) for cuts in source.cuts.values()] == [2] * 30


@pytest.mark.parametrize("frames", range(1, 12))
def test_however_short_a_sequence_it_can_be_learned_from(tmp_path, frames):
    save_street(tmp_path, 1, frames)
    found = list(split_frames(find(tmp_path)).values())
    assert (len(found), found[0]) == (frames, "train")
    assert ("gap" in found) == (frames > 3)
