"""Names of landmarks and files mean what people mean by them."""

from pathlib import Path

import numpy as np
import pytest

from partpose.data.annotations.names import IBUG_68, flip_pairs_of, split_of


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        ("nose left_eye right_eye", [(1, 2)]),
        ("RightEar tail LeftEar", [(0, 2)]),
        ("LHip Hips RHip Spine", [(0, 2)]),
        ("eyeL eyeR forelegR1 forelegL1 forelegL2", [(0, 1), (2, 3)]),
        ("shoulder_r wrist_r shoulder_l shoulder_avg", [(0, 2)]),
        ("fl1 fl2 fr1 fr2 F B bl1 br1", [(0, 2), (1, 3), (6, 7)]),
        ("medial_right_hip lateral_right_hip medial_left_hip", [(0, 2)]),
        ("body1 body2 tail tailtip snout", []),
        ("LEFT_PAW right_paw", [(0, 1)]),
        ("ll lr rl rr", []),
        ("", []),
    ],
)
def test_pairs_are_found_by_their_names(names, pairs):
    assert list(flip_pairs_of(names.split())) == pairs


def test_the_pairs_of_a_face_mirror_it():
    """Each landmark at most once, and the middle of the face is all that stays."""
    places = np.array(IBUG_68).ravel()
    assert len(set(places)) == len(places)
    assert sorted(set(range(68)) - set(places)) == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("coco/annotations/person_keypoints_train2017.json", "train"),
        ("coco/annotations/person_keypoints_val2017.json", "test"),
        ("valid/_annotations.coco.json", "test"),
        ("train/_annotations.coco.json", "train"),
        ("val2017/labels.json", "test"),
        ("my_test/labels.json", "train"),
        ("faces/testing_with_face_landmarks.xml", "test"),
        ("helen/testset/1.pts", "test"),
        ("set/annotations.json", "train"),
        ("set/value_of_contests.json", "train"),
        ("set/train_test.json", "train"),
    ],
)
def test_the_name_says_the_split(path, split):
    assert split_of(Path(path), Path()) == split


def test_a_folder_that_the_user_named_for_a_test_holds_none():
    assert split_of(Path("test/labels.json"), Path("test")) == "train"
