"""Part names are kept beside the model, and every keypoint gets one of its own."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training import save_untrained

from partpose.edit.names import NAMES, keypoint_names, named, read_names, write_names
from partpose.errors import PartposeError
from partpose.predict.poses import part_names

PARTS = 5


@pytest.fixture
def folder(tmp_path):
    return save_untrained(tmp_path / "run")


def test_names_come_back_in_the_order_of_the_parts(folder):
    assert read_names(folder) == {}
    kept = {3: "torso", 0: " linke Hand ", 4: "torso", 1: "  "}
    assert write_names(folder, kept) == {0: "linke Hand", 3: "torso", 4: "torso"}
    assert list(read_names(folder).items()) == [(0, "linke Hand"), (3, "torso"), (4, "torso")]
    assert json.loads((folder / NAMES).read_text()) == {"0": "linke Hand", "3": "torso", "4": "torso"}


def test_what_is_written_replaces_what_was(folder):
    write_names(folder, {0: "head"})
    write_names(folder, {1: "tail"})
    assert read_names(folder) == {1: "tail"}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["all", "part_3", "Part_07", "3", "a,b", "a=b", "-x", "a\nb", "x" * 41, "../x", "<b>"])
def test_what_can_be_no_name_is_refused_and_leaves_the_old_ones(folder, name):
    write_names(folder, {0: "head"})
    with pytest.raises(PartposeError, match="cannot be called"):
        write_names(folder, {1: name})
    assert read_names(folder) == {0: "head"}


@pytest.mark.parametrize("part", [-1, PARTS])
def test_a_part_that_is_not_there_is_refused(folder, part):
    with pytest.raises(PartposeError, match=f"no part {part} .*expected 0 to 4"):
        write_names(folder, {part: "head"})


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', '{"1": 2}', "\0", '"x"'])
def test_a_broken_file_is_one_line(folder, content):
    (folder / NAMES).write_text(content)
    with pytest.raises(PartposeError, match=r"names.json is broken") as caught:
        read_names(folder)
    assert "\n" not in str(caught.value)


def test_names_belong_to_a_model(tmp_path):
    with pytest.raises(PartposeError, match="no trained model"):
        write_names(tmp_path, {0: "head"})


def test_shared_names_get_their_parts_numbers():
    names = {0: "head", 3: "torso", 4: "Torso"}
    assert keypoint_names(names, 12) == ("head", "part_01", "part_02", "torso_03", "Torso_04", *part_names(12)[5:])


@settings(max_examples=100)
@given(st.dictionaries(st.integers(0, 11), st.sampled_from(["a", "A", "a_03", "a_3", "b", "b_11", "B_11"])))
def test_keypoints_never_share_a_name(names):
    found = keypoint_names(names, 12)
    assert len({name.casefold() for name in found}) == 12


def test_poses_take_the_names():
    from dots import dots, predictor

    poses = predictor().predict([dots(64, 64, (20, 20), (40, 40))])
    assert named(poses, {1: "tail"}).names == ("part_0", "tail")
    assert named(poses, {}) is poses
