import numpy as np
import pytest
from scenery import scene

from partpose.data.planes import evened, highest, lowest, planes


def test_planes_are_the_channels():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    assert planes(pixels).flags.c_contiguous
    np.testing.assert_array_equal(planes(pixels)[2], pixels[..., 2])


def test_highest_and_lowest_are_those_of_the_neighbours():
    a = np.random.default_rng(0).integers(0, 256, (2, 6, 7)).astype(np.uint8)
    window = np.lib.stride_tricks.sliding_window_view(np.pad(a, [(0, 0), (1, 1), (1, 1)], mode="edge"), (3, 3), (1, 2))
    np.testing.assert_array_equal(highest(a), window.max((-1, -2)))
    np.testing.assert_array_equal(lowest(a), window.min((-1, -2)))


@pytest.mark.parametrize(("gain", "offset"), [(1, (0, 0, 0)), (0.7, (0, 0, 0)), (1.2, (-20, -10, 0)), (1, (9, -9, 20))])
def test_a_frame_gets_the_brightness_of_the_scene(gain, offset):
    there = planes(scene().astype(np.uint8))
    frame = np.clip(np.round(there * gain + np.array(offset)[:, None, None]), 0, 255).astype(np.uint8)
    frame[:, :50, :50] = 0  # an object that has no brightness in common with the scene
    found = evened(frame, there).astype(int)
    assert np.abs(found - there)[:, 50:, 50:].max() <= 3
    if gain == 1:
        assert (found[:, :50, :50] == np.clip(-np.array(offset), 0, 255)[:, None, None]).all()


def test_a_scene_without_contrast_keeps_the_gain():
    flat = np.full((3, 40, 40), 100, np.uint8)
    frame = np.full((3, 40, 40), 120, np.uint8)
    frame[:, :5] = 220
    np.testing.assert_array_equal(evened(frame, flat)[:, 5:], flat[:, 5:])
    assert (evened(frame, flat)[:, :5] == 200).all()
