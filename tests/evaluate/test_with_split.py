"""A set of another tool gets a test split."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from partpose.data.landmarks import Landmarks
from partpose.evaluate.pictures import with_split


def foreign(split: str, frames: tuple[int, ...] | None = None, count: int = 200) -> Landmarks:
    """A set of another tool whose pictures all have one split."""
    files = ("clip.mp4",) * count if frames else tuple(f"{i}.png" for i in range(count))
    points = np.zeros((count, 1, 2))
    return Landmarks(Path(), files, (split,) * count, points, ("nose",), frames=frames, format="deeplabcut")


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_set_of_another_tool_without_a_test_split_gets_one(split):
    one = with_split(foreign(split))
    assert 0.1 < one.split.count("test") / 200 < 0.3
    assert one.split == with_split(foreign(split)).split
    fewer = with_split(foreign(split, count=150))
    assert fewer.split == one.split[:150], "it goes by the names alone"


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_however_few_pictures_there_are_one_is_tested_and_one_is_not(count):
    for name in range(20):
        files = tuple(f"{name}_{i}.png" for i in range(count))
        assert set(with_split(replace(foreign("train", count=count), files=files)).split) == {"train", "test"}


@pytest.mark.parametrize("stride", [1, 10, 50])
def test_frames_of_a_video_are_split_in_blocks(stride):
    split = with_split(foreign("train", tuple(range(0, 200 * stride, stride)))).split
    changes = sum(a != b for a, b in pairwise(split))
    assert 0 < changes <= 100
    assert all(split[i] == split[i + 1] for i in range(0, 200, 4))


def test_our_own_sets_keep_their_splits():
    own = replace(foreign("train"), format="partpose")
    assert with_split(own) is own
