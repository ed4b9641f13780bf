"""A swap keeps shapes and changes looks, of all parts or of some, and its grid is made of just these pictures."""

import numpy as np
import pytest
import torch
from dots import dots, places, predictor

from partpose.data.cut import Box
from partpose.data.images import as_channels
from partpose.data.reading import View
from partpose.edit.swap import swap, swap_picture
from partpose.model.part_model import PartModel
from partpose.predict.predictor import Predictor

DOTS = predictor()


def views(count: int, width: int = 80, height: int = 80, seed: int = 0) -> list[View]:
    """Pictures of dots as the model sees them."""
    place = Box(0, 0, width, height).square()
    made = []
    for i, (bright, dark) in enumerate(places(count, width, height, seed)):
        pixels = DOTS.canvas(dots(width, height, bright, dark))
        made.append(View(i, 0, np.nan, width, height, place, "", pixels))
    return made


def test_ones_own_looks_are_the_reconstruction():
    some = views(3)
    rows = swap(DOTS, some, some)
    for i, view in enumerate(some):
        rebuilt = DOTS.decode(DOTS.encode(view.pixels))[0]
        np.testing.assert_allclose(rows[i][i].astype(int), rebuilt, atol=1)


def test_shapes_go_across_and_looks_down():
    shapes, looks = views(3), views(2, seed=1)
    rows = swap(DOTS, shapes, looks)
    assert [row.shape for row in rows] == [(3, 80, 80, 3)] * 2
    shape, worn = DOTS.encode(shapes[2].pixels), DOTS.encode(looks[1].pixels)
    np.testing.assert_allclose(rows[1][2].astype(int), DOTS.decode(shape.replace(worn))[0], atol=1)


def test_parts_that_are_not_named_keep_their_looks():
    shapes, looks = views(1), views(1, seed=1)
    shape, worn = DOTS.encode(shapes[0].pixels), DOTS.encode(looks[0].pixels)
    found = swap(DOTS, shapes, looks, iter([1]))[0][0]
    np.testing.assert_allclose(found.astype(int), DOTS.decode(shape.replace(worn, [1]))[0], atol=1)
    np.testing.assert_array_equal(swap(DOTS, shapes, looks, [])[0], swap(DOTS, shapes, shapes)[0])


@pytest.mark.parametrize("background", ["none", "masked"])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_models_of_any_channels_and_background(channels, background):
    torch.manual_seed(0)
    settings = DOTS.settings.override({"model": {"channels": channels, "background": background}}, "the test")
    model = Predictor(PartModel(settings.model).eval(), settings, {}, "a", "b")
    some = [view._replace(pixels=as_channels(view.pixels, channels)) for view in views(2)]
    assert swap_picture(model, some, some).shape[2] == 3


def test_a_grid_has_the_pictures_at_its_edges():
    grid = swap_picture(DOTS, views(3), views(2, seed=1))
    # Pictures of 80 pixels are enlarged to 320, with 8 between and around them
    assert grid.shape == (8 + 3 * 328, 8 + 4 * 328, 3)
    first = grid[8:328, 336:656].reshape(80, 4, 80, 4, 3).mean(axis=(1, 3))
    assert np.abs(first - views(3)[0].pixels).mean() < 3
    assert (grid[8:328, 8:328].reshape(-1, 3).mean(0) > 245).all()


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(80, 80, (320, 320)), (160, 80, (280, 560)), (50, 100, (320, 160))]
)
def test_a_single_swap_is_as_wide_and_high_as_its_picture_in_proportion(width, height, expected):
    found = swap_picture(DOTS, views(1, width, height), views(1, seed=1))
    assert found.shape[:2] == expected
