"""The networks of the original, at small sizes."""

import pytest
import torch

from partpose.model import lorenz
from partpose.model.lorenz import Hourglass, LorenzAppearance, LorenzGenerator, LorenzShape, stem


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """The original's 256 channels take seconds a picture; the layout does not depend on their number."""
    monkeypatch.setattr(lorenz, "WIDTH", 32)


def poolings(module: torch.nn.Module) -> int:
    """How many hourglasses stand inside one another."""
    return sum(isinstance(m, Hourglass) for m in module.modules())


def test_the_shape_hourglass_has_five_poolings_and_the_appearance_hourglass_two():
    assert poolings(LorenzShape(3, 16, 64, 3.0, 0.2)) == 5
    assert poolings(LorenzAppearance(3, 16, 64, 64)) == 2


@pytest.mark.parametrize(("size", "maps"), [(32, 32), (64, 64), (96, 48), (128, 64), (256, 64)])
def test_part_maps_are_at_64_for_the_originals_sizes(size, maps):
    with torch.no_grad():
        assert stem(3, size)(torch.rand(1, 3, size, size)).shape == (1, 32, maps, maps)


@pytest.mark.parametrize("side", [32, 48, 80])
def test_an_hourglass_keeps_sides_that_do_not_halve_evenly(side):
    with torch.no_grad():
        assert Hourglass(8, 4)(torch.rand(2, 8, side, side)).shape == (2, 8, side, side)


@pytest.mark.parametrize("size", [32, 64])
def test_shape_and_appearance_of_views_and_of_the_larger_canvas(size):
    shape, appearance = LorenzShape(3, 5, size, 3.0, 0.0), LorenzAppearance(3, 5, 7, size)
    for side in (size, size + 16):
        with torch.no_grad():
            images = torch.rand(2, 3, side, side)
            maps = shape(images)
            assert appearance(images, maps).shape == (2, 5, 7)
        torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(2, 5))


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 16])
@pytest.mark.parametrize("size", [32, 96, 256])
def test_every_parts_appearance_enters_at_one_level(parts, size):
    """Parts 0-1 at 4², 2-3 at 8², the others at 16²; for K < 5 the coarse levels hold what parts there are."""
    spans = {n: s for n, s in LorenzGenerator(3, parts, 4, size, 0.8, 0).spans.items() if s}
    assert [k for s in spans.values() for k in range(*s)] == list(range(parts))
    assert set(spans) <= {4, 8, 16}


def test_heats_of_the_first_parts_on_the_coarse_levels_and_of_all_above():
    generator = LorenzGenerator(3, 16, 4, 256, 0.8, 0)
    assert generator.levels == [4, 8, 16, 32, 64, 128, 256]
    assert list(generator.heats.values()) == [2, 4, 16, 16, 16, 16, 16]


@pytest.mark.parametrize("background", [0, 4])
@pytest.mark.parametrize(("parts", "channels"), [(1, 1), (2, 4), (5, 3)])
def test_pictures_of_the_views_size_and_of_the_canvas(parts, channels, background):
    torch.manual_seed(0)
    generator = LorenzGenerator(channels, parts, 4, 32, 0.8, background)
    mean, cov = torch.rand(2, parts, 2) - 0.5, 0.02 * torch.eye(2).expand(2, parts, 2, 2)
    for size in (32, 48):
        behind = torch.rand(2, background, size // 4, size // 4) if background else None
        with torch.no_grad():
            picture = generator(mean, cov, torch.rand(2, parts, 4), size, behind)
        assert picture.shape == (2, channels, size, size)
        assert picture.min() >= 0
        assert picture.max() <= 1
