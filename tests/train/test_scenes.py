"""What the cameras see is at hand on the device, whether the pictures lie there or not."""

import numpy as np
import pytest
import torch

from partpose.data.cameras import find_cameras
from partpose.train import scenes
from partpose.train.scenes import Scenes, cameras_of

CPU, SIDE = torch.device("cpu"), 32


def pictures(rooms: int = 2, each: int = 20, others: int = 5) -> np.ndarray:
    """Pictures of a few rooms, and some that are each of their own, with a square that moves, in any order."""
    rng = np.random.default_rng(0)
    room = rng.integers(0, 255, (rooms + others, 4, 4, 3), np.uint8).repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    pixels = room[rng.permutation([*np.repeat(np.arange(rooms), each), *range(rooms, rooms + others)])]
    for picture in pixels:
        x, y = rng.integers(4, 20, 2)
        picture[y : y + 6, x : x + 6] = 250
    return pixels


@pytest.mark.parametrize("most", [1, 1 << 24])
def test_pictures_on_the_device_have_the_cameras_that_they_have_elsewhere(monkeypatch, most):
    pixels = pictures()
    found, rows = find_cameras(pixels), np.arange(len(pixels))
    monkeypatch.setattr(scenes, "MOST", max(most, found.leaders.size))
    there = cameras_of(torch.from_numpy(pixels), torch.from_numpy(found.leaders))
    np.testing.assert_array_equal(there, found.of(rows))
    assert set(there.tolist()) == {-1, 0, 1}


def test_a_step_gets_the_same_scenes_either_way():
    pixels, rows = pictures(), np.array([3, 0, 44, 3])
    found = find_cameras(pixels)
    near, far = (Scenes(found, CPU, resident)(rows) for resident in (torch.from_numpy(pixels), None))
    assert near.shape == (4, 4, SIDE, SIDE)
    torch.testing.assert_close(near, far)


def test_the_cpu_looks_at_no_picture_that_is_on_the_device(monkeypatch):
    pixels = pictures()
    found = find_cameras(pixels)
    monkeypatch.setattr(type(found), "of", lambda *_: pytest.fail("it did"))
    assert Scenes(found, CPU, torch.from_numpy(pixels))(np.array([0, 1])) is not None


def test_without_cameras_there_are_no_scenes():
    pixels = pictures(0, 0, 30)
    assert Scenes(find_cameras(pixels), CPU, torch.from_numpy(pixels))(np.array([0])) is None
