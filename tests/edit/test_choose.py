"""Every way to say which parts are meant leads to those parts, and to no others."""

from dataclasses import replace

import numpy as np
import pytest

from partpose.edit.choose import choose_parts
from partpose.errors import PartposeError
from partpose.predict.landmark_map import LandmarkMap

LANDMARKS = ("left_wrist", "right_wrist", "leftKnee", "neck", "eye2")
MAP = LandmarkMap(np.zeros((5, 2, 12, 2)), LANDMARKS, "image-size", nearest=(0, 0, 1, 2, 3, 3, 4, 0, 1, 3, 3, 3))
NAMES = {2: "Torso", 3: "torso", 5: "left_hand", 6: "right hand"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("all", list(range(12))),
        ("3,4,7", [3, 4, 7]),
        ("7, 3 ,3", [3, 7]),
        ("3-5,4-6", [3, 4, 5, 6]),
        ("part_03", [3]),
        ("PART_11", [11]),
        ("0", [0]),
    ],
)
def test_by_number(words, expected):
    assert choose_parts(words, 12) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("torso", [2, 3]),
        ("TORSO,0", [0, 2, 3]),
        ("left hand", [5]),
        ("arms", [5, 6]),
        ("right arm", [6]),
        ("hand", [5, 6]),
    ],
)
def test_by_the_names_that_the_user_gave(words, expected):
    assert choose_parts(words, 12, NAMES) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("left_wrist", [0, 1, 7]),
        ("wrist", [0, 1, 2, 7, 8]),
        ("arms", [0, 1, 2, 7, 8]),
        ("left arm", [0, 1, 7]),
        ("right_arm,head", [2, 6, 8]),
        ("torso", [4, 5, 9, 10, 11]),
        ("neck", [4, 5, 9, 10, 11]),
        ("head", [6]),
        ("legs", [3]),
        ("left knee", [3]),
    ],
)
def test_by_the_landmarks_that_parts_are_nearest_to(words, expected):
    assert choose_parts(words, 12, None, MAP) == expected


def test_names_count_before_landmarks():
    assert choose_parts("torso", 12, NAMES, MAP) == [2, 3]
    assert choose_parts("neck", 12, NAMES, MAP) == [4, 5, 9, 10, 11]


@pytest.mark.parametrize("words", ["12", "3-12", "5-3", "", "all,", "legs", "left_torso", "3 4"])
def test_what_is_not_there_is_one_line(words):
    with pytest.raises(PartposeError, match="0 to 11") as caught:
        choose_parts(words, 12)
    assert "\n" not in str(caught.value)


def test_an_unknown_word_gets_what_is_known():
    with pytest.raises(PartposeError, match=r"'tail'.*names Torso, torso, left_hand.*left_wrist.*eye2.*regions head"):
        choose_parts("tail", 12, NAMES, MAP)
    with pytest.raises(PartposeError, match=r"partpose name.*--landmarks"):
        choose_parts("torso", 12)


def test_a_map_that_does_not_know_where_parts_lie_is_refused():
    with pytest.raises(PartposeError, match="keep it anew"):
        choose_parts("torso", 12, None, replace(MAP, nearest=()))
