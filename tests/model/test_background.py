"""What keeps parts from having to explain the background: masked copies, and known scenes."""

import pytest
import torch

from partpose.model.background import BLOCKS, around, elsewhere, foreground, guessed, masked_copy, trusted


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


def test_others_are_hidden_each_time():
    picture, g = torch.ones(2, 1, 64, 64), rng()
    assert not torch.equal(masked_copy(picture, g), masked_copy(picture, g))


def scenes(count: int, known: float = 1.0) -> torch.Tensor:
    """A grey of its own behind each of some pictures of 32 pixels."""
    grey = torch.linspace(0.2, 0.8, count)[:, None, None, None].expand(-1, 3, 32, 32)
    return torch.cat([grey, torch.full((count, 1, 32, 32), known)], 1)


def with_square(scene: torch.Tensor) -> torch.Tensor:
    """White squares of 8 pixels in front of scenes."""
    images = scene[:, :-1].clone()
    images[..., 8:16, 12:20] = 1
    return images


def test_a_scene_is_trusted_but_in_a_few_pictures_and_where_there_is_none():
    scene = scenes(200)
    scene[100:] = 0
    found = trusted(scene, rng())
    whole = (found == scene).flatten(1).all(1)
    assert 80 <= int(whole[:100].sum()) < 100, "a few get their masked copy all the same"
    assert (found[:100][~whole[:100]] == 0).all()
    assert (found[100:] == 0).all()


def test_a_guess_counts_as_known_where_most_of_the_scene_is():
    scene = scenes(2)
    scene[0, 3, :16] = 0
    scene[1, 3, :30] = 0
    found = guessed(scene)
    assert (found[0, 3] == 1).all()
    assert torch.equal(found[0, :3], scene[0, :3])
    assert (found[1] == 0).all()


def test_the_foreground_is_what_differs_from_the_scene():
    scene = scenes(3)
    noise = 0.02 * torch.rand(3, 3, 32, 32, generator=rng())
    found = foreground((with_square(scene) + noise).clamp(0, 1), scene)
    assert (found[..., 9:15, 13:19] == 1).all()
    assert found[..., 20:, :].max() == 0


def test_elsewhere_the_object_is_what_it_was_and_the_rest_is_not():
    scene = scenes(400)
    images = with_square(scene)
    found = elsewhere(images, scene, rng())
    torch.testing.assert_close(found[..., 9:15, 13:19], images[..., 9:15, 13:19])
    corner, own, others = found[:, :, 30, 30], scene[:, :3, 30, 30], scene[:, :3, 30, 30].roll(1, 0)
    same, other = ((corner - of).abs().amax(1) < 1e-6 for of in (own, others))
    assert same.float().mean() == pytest.approx(0.25, abs=0.06)
    assert other.float().mean() == pytest.approx(0.35, abs=0.06)
    flat = corner[~same & ~other]
    assert flat.std(0).min() > 0.2, "before a colour of its own each"


@pytest.mark.parametrize(("channels", "colours"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_elsewhere_an_alpha_channel_is_no_colour(channels, colours):
    """Where there is no object the ground is opaque, or as transparent as the other scene is; never something between."""
    scene = torch.cat([torch.full((200, channels, 32, 32), 0.5), torch.ones(200, 1, 32, 32)], 1)
    scene[:, colours:-1] = 1.0
    found = elsewhere(scene[:, :-1], scene, rng())
    assert found.shape == (200, channels, 32, 32)
    assert (found[:, colours:] == 1).all()
    assert found[:, :colours, 30, 30].std(0).min() > 0.1


def test_without_a_known_scene_nothing_is_moved():
    images = torch.rand(4, 3, 32, 32, generator=rng())
    assert torch.equal(elsewhere(images, torch.zeros(4, 4, 32, 32), rng()), images)
    one = torch.cat([scenes(1), torch.zeros(31, 4, 32, 32)])
    found = elsewhere(images.repeat(8, 1, 1, 1), one, rng())
    assert torch.equal(found[1:], images.repeat(8, 1, 1, 1)[1:]), "nor is what is before nothing taken for a scene"


def test_around_the_parts_the_picture_is_left():
    images = torch.rand(1, 3, 64, 64, generator=rng()) + 0.1
    mean, cov = torch.tensor([[[0.5, -0.5]]]), 0.004 * torch.eye(2).expand(1, 1, 2, 2)
    found = around(images, mean, cov)
    assert found.shape == (1, 4, 64, 64)
    left = found[0, 3].bool()
    assert not left[12:20, 44:52].any(), "the part itself"
    assert left[40:].all()
    assert 0.8 < left.float().mean() < 0.95
    torch.testing.assert_close(found[0, :3], images[0] * left)
