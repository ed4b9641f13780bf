import numpy as np
import pytest
from scenery import frame, path, scene

from partpose.data.cut import Box
from partpose.data.planes import planes
from partpose.data.scene import choose_scene, find_thing


@pytest.fixture(scope="module")
def known():
    """The scene that the disc moves in front of, as it is found from 24 frames."""
    return choose_scene([frame(scene(), at, i) for i, at in enumerate(path(24))])


def painted(*boxes, value=0):
    """The scene with black boxes (left, top, right, bottom)."""
    pixels = scene().astype(np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = value
    return planes(pixels)


def test_the_scene_is_the_median_where_one_thing_moves(known):
    found, verdict = known
    assert np.abs(found.background - planes(scene())).max() < 10
    assert verdict.found == 1
    assert verdict.clear > 0.9


def test_the_box_is_around_the_thing(known):
    thing = find_thing(painted((30, 20, 60, 80)), known[0])
    np.testing.assert_allclose(thing.box, (30, 20, 30, 60), atol=1.5)
    assert thing.share == 1
    assert thing.second == 0


def test_nothing_and_too_little_are_none(known):
    assert find_thing(painted(), known[0]) is None
    assert find_thing(painted((50, 50, 51, 51)), known[0]) is None


def test_a_hair_does_not_widen_the_box(known):
    thing = find_thing(painted((40, 40, 80, 80), (80, 60, 150, 61)), known[0])
    assert thing.box.width < 60


def test_parts_that_nearly_touch_are_one_thing(known):
    thing = find_thing(painted((40, 40, 60, 60), (62, 40, 80, 60)), known[0])
    np.testing.assert_allclose(thing.box, (40, 40, 40, 20), atol=2)


def test_the_largest_is_taken_unless_another_was_there_before(known):
    pixels = painted((10, 10, 40, 40), (100, 70, 126, 96))
    thing = find_thing(pixels, known[0])
    np.testing.assert_allclose(thing.box, (10, 10, 30, 30), atol=1.5)
    assert thing.second == pytest.approx((26 / 30) ** 2, abs=0.05)
    assert thing.share == pytest.approx(900 / (900 + 676), abs=0.03)
    followed = find_thing(pixels, known[0], Box(104, 74, 26, 26))
    np.testing.assert_allclose(followed.box, (100, 70, 26, 26), atol=1.5)


def test_a_shadow_is_no_part_of_the_thing(known):
    pixels = painted((40, 40, 60, 60))
    pixels[:, 40:60, 60:90] = pixels[:, 40:60, 60:90] * 0.85
    np.testing.assert_allclose(find_thing(pixels, known[0]).box, (40, 40, 20, 20), atol=2)


def test_of_a_dark_thing_that_rests_the_upper_values_are_the_scene():
    background = np.full((120, 160, 3), 180, np.float32)
    frames = [frame(background, (50, 50), i) for i in range(16)]
    frames += [frame(background, at, i) for i, at in enumerate(path(8))]
    found, verdict = choose_scene(frames)
    assert np.median(found.background) > 178
    assert found.background[:, 50, 50].min() > 170
    assert verdict.found == 1
