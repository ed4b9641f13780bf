"""The appearance stream."""

import pytest
import torch

from partpose.model.appearance import Appearance, pool


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def hot_maps(*cells: tuple[int, int], side: int = 16) -> torch.Tensor:
    """(1, K, side, side), each with its mass at (x, y)."""
    maps = torch.zeros(1, len(cells), side, side)
    for k, (x, y) in enumerate(cells):
        maps[0, k, y, x] = 1
    return maps


def test_pool_under_a_hot_cell_is_the_feature_there():
    features = torch.rand(1, 5, 16, 16, generator=rng())
    pooled = pool(features, hot_maps((3, 7), (15, 0)))
    assert torch.equal(pooled[0], torch.stack([features[0, :, 7, 3], features[0, :, 0, 15]]))


def test_pool_under_a_flat_map_is_the_mean_of_the_features():
    features = torch.rand(1, 5, 16, 16, generator=rng())
    flat = torch.full((1, 1, 16, 16), 1 / 256)
    torch.testing.assert_close(pool(features, flat)[0, 0], features[0].mean((-2, -1)))


@pytest.mark.parametrize("side", [32, 48, 80])
def test_every_part_gets_its_vector_at_every_size(side):
    maps = torch.rand(2, 3, side // 2, side // 2, generator=rng())
    maps = maps / maps.sum((-2, -1), keepdim=True)
    assert Appearance(3, 7, 8)(torch.rand(2, 3, side, side), maps).shape == (2, 3, 7)


def test_shrinking_the_maps_keeps_their_mass():
    """With a constant feature map and a grey picture every part's vector is those two constants."""
    stream = Appearance(1, 4, 8).eval()
    head = stream.features[-1]
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, 0.7)
    found = stream(torch.full((1, 1, 32, 32), 0.75), hot_maps((0, 0), (9, 4)))
    torch.testing.assert_close(found[..., 1:], torch.full((1, 2, 3), 0.7))
    torch.testing.assert_close(found[..., :1], torch.full((1, 2, 1), 0.5))


def test_the_first_dimensions_are_the_mean_colour_under_the_map():
    picture = torch.zeros(1, 3, 32, 32)
    picture[:, 0], picture[:, 1, :, 16:] = 1, 1  # red, and yellow on the right
    found = Appearance(3, 5, 8).eval()(picture, hot_maps((2, 8), (13, 8)))
    torch.testing.assert_close(found[0, :, :3], torch.tensor([[1.0, -1, -1], [1, 1, -1]]))


def test_fewer_dimensions_than_colours_leave_colours_alone():
    assert Appearance(3, 2, 8)(torch.rand(1, 3, 32, 32), hot_maps((0, 0), (9, 4))).shape == (1, 2, 2)


def test_a_part_sees_its_own_place():
    torch.manual_seed(0)
    stream = Appearance(1, 4, 8).eval()
    picture = torch.rand(1, 1, 64, 64, generator=rng())
    changed = picture.clone()
    changed[..., 48:, 48:] = 1 - changed[..., 48:, 48:]
    maps = hot_maps((4, 4), (28, 28), side=32)
    before, after = stream(picture, maps), stream(changed, maps)
    assert torch.equal(before[0, 0], after[0, 0])
    assert (before[0, 1] - after[0, 1]).abs().max() > 1e-3
