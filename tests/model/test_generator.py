"""The generator of the compact network."""

import pytest
import torch

from partpose.geometry import heavy_tailed
from partpose.model.generator import Generator, coverage, floored, paint, project


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def parts(batch: int = 2, k: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    mean = torch.rand(batch, k, 2, generator=rng()) - 0.5
    return mean, 0.02 * torch.eye(2).expand(batch, k, 2, 2)


def test_the_floor_is_one_cell_squared():
    found = floored(torch.zeros(1, 1, 2, 2), 16)
    torch.testing.assert_close(found[0, 0], (2 / 16) ** 2 * torch.eye(2))


def test_a_hot_cell_is_still_seen_between_the_centres_of_a_coarse_grid():
    """Without the floor a part narrower than a cell would vanish, and take its gradient with it."""
    mean = torch.zeros(1, 1, 2)  # the corner of four cells
    heat = heavy_tailed(mean, floored(torch.zeros(1, 1, 2, 2), 8), 8)
    assert float(heat.max()) > 0.5


def test_project_is_the_share_of_each_parts_heat():
    """F = Σ_k a_k g_k / (1 + Σ_j g_j)."""
    appearance = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]])
    heats = torch.tensor([1.0, 0.5])[None, :, None, None].expand(1, 2, 3, 3)
    found = project(appearance, heats)
    torch.testing.assert_close(found[0, :, 0, 0], torch.tensor([1.0, 4 * 0.5]) / 2.5)


def test_project_does_not_depend_on_the_order_of_the_parts():
    appearance, heats = torch.rand(2, 4, 5, generator=rng()), torch.rand(2, 4, 6, 6, generator=rng())
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(project(appearance[:, order], heats[:, order]), project(appearance, heats))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [32, 48, 80])
def test_pictures_of_any_size_and_channels_in_0_1(size, channels):
    mean, cov = parts()
    picture = Generator(channels, 3, 4, 8)(mean, cov, torch.randn(2, 3, 4, generator=rng()) * 100, size)
    assert picture.shape == (2, channels, size, size)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_gradients_of_sharp_and_of_wide_parts_are_finite():
    mean, _ = parts(1, 2)
    cov = torch.stack([torch.zeros(2, 2), torch.eye(2)])[None]
    mean, cov = mean.requires_grad_(), cov.requires_grad_()
    Generator(3, 2, 4, 8)(mean, cov, torch.rand(1, 2, 4), 32).sum().backward()
    for given in (mean, cov):
        assert given.grad is not None
        assert given.grad.isfinite().all()
        assert given.grad.abs().max() > 0


def test_the_background_is_seen_where_there_is_one():
    torch.manual_seed(0)
    generator, (mean, cov), appearance = Generator(3, 3, 4, 8, background=4).eval(), parts(), torch.rand(2, 3, 4)
    dark, light = torch.zeros(2, 4, 8, 8), torch.ones(2, 4, 8, 8)
    assert not torch.equal(generator(mean, cov, appearance, 32, dark), generator(mean, cov, appearance, 32, light))


def test_paint_gives_every_place_the_colour_of_its_part():
    mean = torch.tensor([[[-0.5, 0.0], [0.5, 0.0]]])
    heats = heavy_tailed(mean, torch.eye(2).expand(1, 2, 2, 2) * 0.01, 32)
    painted = paint(torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]]), heats, 64)
    assert painted.shape == (1, 2, 64, 64)
    torch.testing.assert_close(painted[0, :, 32, 16], torch.tensor([2.0, -2.0]), rtol=0.05, atol=0.05)
    torch.testing.assert_close(painted[0, :, 32, 48], torch.tensor([-2.0, 2.0]), rtol=0.05, atol=0.05)
    assert painted[0, :, 0, 32].abs().max() < 0.1


def test_coverage_is_high_on_parts_and_low_far_from_them():
    mean, cov = torch.tensor([[[-0.5, 0.0], [0.5, 0.0]]]), torch.eye(2).expand(1, 2, 2, 2) * 0.003
    found = coverage(heavy_tailed(mean, floored(cov, 32), 32), 64)
    assert found.shape == (1, 1, 64, 64)
    assert found[0, 0, 32, 16] > 1
    assert found[0, 0, 32, 48] > 1
    assert found[0, 0, 2, 32] < -4


def test_a_known_scene_shows_wherever_no_part_is():
    """Before learning, what is opaque is where the parts are; a scene that is not known is painted."""
    torch.manual_seed(0)
    generator, appearance = Generator(3, 1, 4, 8, background=4).eval(), torch.zeros(1, 1, 4)
    torch.nn.init.zeros_(generator.out.weight)
    mean, cov = torch.tensor([[[-0.6, -0.6]]]), torch.eye(2).expand(1, 1, 2, 2) * 0.002
    scene = torch.rand(1, 4, 64, 64, generator=rng())
    scene[:, 3] = 1.0
    scene[:, 3, :, 48:] = 0.0
    found = generator(mean, cov, appearance, 64, torch.zeros(1, 4, 16, 16), scene)
    torch.testing.assert_close(found[..., 40:, :48], scene[:, :3, 40:, :48], atol=0.02, rtol=0)
    assert (found[..., 40:, 48:] - scene[:, :3, 40:, 48:]).abs().mean() > 0.1
    assert (found[..., 12, 12] - scene[:, :3, 12, 12]).abs().max() > 0.1
