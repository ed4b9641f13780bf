"""What a user says of the drawing, as it is meant; anything else in one line."""

import json

import pytest

from partpose.errors import PartposeError
from partpose.predict.style import Style

NAMES = ("nose", "left ear", "tail")


def test_words_in_any_order_each_once():
    assert Style().words == ("ellipses",)
    assert Style(draw="names, trails,names").words == ("names", "trails")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"draw": "ellipses,arrows"},
            "--draw expects some of ellipses, trails, skeleton, names, boxes, .*got 'arrows'",
        ),
        ({"trail": 0}, "--trail must be a number of frames, 1 or more, got 0"),
        ({"sheets": -1}, "--sheets must be 0 or more, got -1"),
    ],
)
def test_mistakes_are_named(changes, message):
    with pytest.raises(PartposeError, match=message):
        Style(**changes)


def test_lines_by_names_and_by_numbers():
    assert Style(skeleton="nose:left ear, 1:2").edges(NAMES) == ((0, 1), (1, 2))


def test_a_name_that_is_a_number_is_a_name():
    assert Style(skeleton="1:0").edges(("7", "0", "1")) == ((2, 1),)


def test_lines_that_the_poses_know_are_drawn_only_where_they_are_asked_for():
    assert Style(draw="skeleton").edges(NAMES, [(0, 2)]) == ((0, 2),)
    assert Style().edges(NAMES, [(0, 2)]) == ()
    assert Style(skeleton="0:1").edges(NAMES, [(0, 2)]) == ((0, 1),), "those of the user come first"


@pytest.mark.parametrize("key", ["keypoints", "names"])
def test_lines_of_a_file_are_found_by_name(tmp_path, key):
    """A keypoints.json or a landmark map, whose landmarks may be in another order."""
    (tmp_path / "file").write_text(json.dumps({key: ["tail", "nose"], "skeleton": [[0, 1]]}))
    assert Style(skeleton=str(tmp_path / "file")).edges(NAMES) == ((2, 0),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "has no skeleton"),
        ('{"names": ["a"], "skeleton": [[0, 5]]}', "has no skeleton"),
        ("[]", "has no skeleton"),
    ],
)
def test_a_file_without_a_skeleton(tmp_path, content, message):
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(PartposeError, match=message):
        Style(skeleton=str(tmp_path / "map.json")).edges(NAMES)


@pytest.mark.parametrize(
    ("style", "message"),
    [
        (Style(draw="skeleton"), "no skeleton is known"),
        (Style(skeleton="nose-tail"), "goes from a part to another, as a:b, got 'nose-tail'"),
        (Style(skeleton="nose:toe"), "names 'toe', but the parts are nose, left ear, tail or their numbers from 0"),
        (Style(skeleton="0:3"), "names '3'"),
        (Style(skeleton="nowhere.json"), "cannot read the skeleton nowhere.json"),
    ],
)
def test_skeletons_that_do_not_fit(style, message):
    with pytest.raises(PartposeError, match=message):
        style.edges(NAMES)
