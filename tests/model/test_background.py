"""The heavily masked copy that keeps parts from having to explain the background."""

import pytest
import torch

from partpose.model.background import BLOCKS, behind, masked_copy


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("side", [32, 48, 80, 128])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_quarter_of_the_side_and_one_channel_more(side, channels):
    found = masked_copy(torch.rand(2, channels, side, side), rng())
    assert found.shape == (2, channels + 1, side // 4, side // 4)


def test_four_fifths_are_hidden():
    shown = masked_copy(torch.ones(200, 1, 64, 64), rng())[:, -1]
    assert float(shown.mean()) == pytest.approx(0.2, abs=0.02)


def test_what_is_hidden_is_zero_and_what_is_shown_is_the_picture():
    picture = torch.rand(3, 2, 64, 64, generator=rng()) + 0.1
    found = masked_copy(picture, rng())
    shown = found[:, -1:].bool()
    small = torch.nn.functional.avg_pool2d(picture, 4)
    torch.testing.assert_close(found[:, :-1], torch.where(shown, small, 0.0))


def test_whole_blocks_are_hidden():
    shown = masked_copy(torch.ones(4, 1, 64, 64), rng())[:, -1]
    blocks = shown.unflatten(1, (BLOCKS, 2)).unflatten(3, (BLOCKS, 2))
    assert torch.equal(blocks.amax((2, 4)), blocks.amin((2, 4)))


def test_training_hides_others_each_time_and_prediction_always_the_same():
    picture = torch.ones(2, 1, 64, 64)
    g = rng()
    assert not torch.equal(masked_copy(picture, g), masked_copy(picture, g))
    assert torch.equal(masked_copy(picture, None), masked_copy(picture, None))


def test_behind_the_object_is_the_scene_where_it_is_known_and_the_masked_copy_elsewhere():
    images, scene = torch.rand(200, 3, 32, 32), torch.zeros(200, 4, 32, 32)
    scene[:100, :3], scene[:100, 3] = 0.25, 1.0
    found = behind(images, scene, rng())
    given = (found[:, 3] == 1).all((1, 2)) & (found[:, :3] == 0.25).all((1, 2, 3))
    assert not given[100:].any()
    assert 80 <= int(given[:100].sum()) < 100, "a few get their masked copy all the same"
