"""The terms of the loss, on cases made by hand."""

import math

import pytest
import torch

from partpose.geometry import grid, moments
from partpose.train.losses import (
    _ssim,
    concentration,
    covariance_difference,
    dissimilarity,
    evidence,
    flatness,
    focus,
    mean_difference,
    pyramid,
    separation,
    weighted_l2,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def covs(*variances: float) -> torch.Tensor:
    """(1, K, 2, 2) round covariances."""
    return torch.stack([v * torch.eye(2) for v in variances])[None]


# ---- reconstruction


def test_focus_sums_to_one_and_is_zero_far_from_all_parts():
    weight = focus(torch.tensor([[[0.5, 0.0], [0.5, 0.1]]]), 32)
    torch.testing.assert_close(weight.sum(), torch.tensor(1.0))
    assert weight[0, 16, 4] == 0
    assert weight[0, 16, 24] > 0


def test_focus_is_the_clipped_sum_of_heavy_tails():
    mean = torch.tensor([[[0.0, 0.0], [0.1, 0.0], [0.05, 0.05]]])
    d2 = (grid(24, 24)[None] - mean[0, :, None, None]).square().sum(-1)
    raw = (1 / (1 + d2 / 0.01)).sum(0).clamp(max=1)
    raw[raw < 0.2] = 0
    torch.testing.assert_close(focus(mean, 24)[0], raw / raw.sum())


def test_focus_of_parts_outside_of_the_picture_is_finite():
    assert focus(torch.full((1, 2, 2), 5.0), 16).abs().max() == 0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_weight_of_the_reconstruction_has_no_gradient(share):
    """Otherwise parts flee from what is hard to rebuild."""
    mean = torch.zeros(1, 2, 2, requires_grad=True)
    rebuilt = torch.rand(1, 3, 16, 16, generator=rng()).requires_grad_()
    target = torch.rand(1, 3, 16, 16, generator=rng(1))
    (weighted_l2(rebuilt, target, mean) + pyramid(rebuilt, target, mean, share)).backward()
    assert mean.grad is None
    assert rebuilt.grad is not None
    assert rebuilt.grad.abs().max() > 0


def test_weighted_l2_is_the_squared_error_under_the_weight():
    mean = torch.tensor([[[0.2, -0.3]]])
    target = torch.rand(1, 3, 16, 16, generator=rng())
    assert float(weighted_l2(target, target, mean)) == 0
    assert float(weighted_l2(target + 0.5, target, mean)) == pytest.approx(3 * 0.25, rel=1e-5)
    far = target.clone()
    far[..., 14:, :4] += 1
    assert float(weighted_l2(far, target, mean)) == 0


def test_pyramid_of_a_constant_error_is_that_error():
    target = torch.rand(2, 3, 32, 32, generator=rng())
    mean = torch.zeros(2, 1, 2)
    assert float(pyramid(target, target, mean, 0.0)) == 0
    assert float(pyramid(target + 0.25, target, mean, 0.0)) == pytest.approx(0.25, rel=1e-5)
    assert float(pyramid(target + 0.25, target, mean, 1.0)) == pytest.approx(0.25, rel=1e-2)


def test_pyramid_counts_gradients_at_every_scale():
    """A ramp of slope s a pixel: mean |value| at each scale, and s, 2s and 4s for the gradients."""
    slope = 0.01
    ramp = slope * torch.arange(16.0).expand(1, 1, 16, 16)
    value = float(ramp.mean())
    expected = (3 * value + slope + 2 * slope + 4 * slope) / 3
    assert float(pyramid(ramp, torch.zeros_like(ramp), torch.zeros(1, 1, 2), 0.0)) == pytest.approx(expected, rel=1e-5)


def test_focus_of_the_pyramid_leaves_the_rest_its_share():
    target = torch.zeros(1, 1, 32, 32)
    near, far = target.clone(), target.clone()
    near[..., 14:18, 14:18], far[..., :4, :4] = 1, 1
    mean = torch.zeros(1, 1, 2)
    assert pyramid(far, target, mean, 1.0) < 1e-6
    assert pyramid(near, target, mean, 0.8) > pyramid(near, target, mean, 0.0) > 0
    assert pyramid(far, target, mean, 0.8) == pytest.approx(0.2 * float(pyramid(far, target, mean, 0.0)), rel=1e-4)


# ---- equivariance


def test_mean_difference_is_a_distance_or_half_its_square():
    a, b = torch.zeros(1, 2, 2), torch.tensor([[[0.3, 0.4], [0.0, 0.0]]])
    both, first = torch.ones(1, 2), torch.tensor([[1.0, 0.0]])
    assert float(mean_difference(a, b, first, False)) == pytest.approx(0.5, abs=1e-4)
    assert float(mean_difference(a, b, first, True)) == pytest.approx(0.125)
    assert float(mean_difference(a, b, both, True)) == pytest.approx(0.0625)


def test_covariance_difference_is_of_roots_or_as_the_original():
    a, b, valid = covs(0.04), covs(0.09), torch.ones(1, 1)
    assert float(covariance_difference(a, b, valid, True)) == pytest.approx(0.05 * math.sqrt(2), abs=1e-3)
    assert float(covariance_difference(a, b, valid, False)) == pytest.approx(0.1 * math.sqrt(2), abs=1e-3)


def test_parts_that_leave_the_picture_are_left_out():
    a, b, none = torch.zeros(1, 2, 2), torch.full((1, 2, 2), 9.0), torch.zeros(1, 2)
    a.requires_grad_()
    assert float(mean_difference(a, b, none, False).detach()) == 0
    assert float(covariance_difference(covs(1.0, 2.0), covs(3.0, 4.0), none, False)) == 0
    mean_difference(a, b, torch.tensor([[1.0, 0.0]]), False).backward()
    assert a.grad is not None
    assert a.grad[0, 1].abs().max() == 0


@pytest.mark.parametrize("squared", [True, False])
def test_gradients_on_equal_sharp_maps_are_finite(squared):
    """√0 has an infinite gradient: equal means, and covariances of zero, must not give NaN."""
    logits = torch.zeros(1, 2, 16, 16)
    logits[0, 0, 3, 5] = logits[0, 1, 9, 9] = 300
    logits.requires_grad_()
    mean, cov = moments(logits.flatten(2).softmax(-1).view_as(logits))
    valid = torch.ones(1, 2)
    loss = mean_difference(mean, mean.detach(), valid, squared)
    loss = loss + covariance_difference(cov, cov.detach(), valid, squared) + separation(mean, 0.1) + concentration(cov)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


# ---- separation and concentration


def test_separation_of_two_parts_at_one_place_is_one():
    assert float(separation(torch.zeros(3, 2, 2), 0.12)) == pytest.approx(1)


def test_separation_at_one_radius():
    mean = torch.tensor([[[0.0, 0.0], [0.12, 0.0]]])
    assert float(separation(mean, 0.12)) == pytest.approx(math.exp(-0.5))


def test_separation_of_far_parts_or_a_single_one_is_zero():
    assert float(separation(torch.tensor([[[-0.9, 0.0], [0.9, 0.0]]]), 0.12)) == 0
    assert float(separation(torch.zeros(2, 1, 2), 0.12)) == 0


def test_separation_does_not_depend_on_the_order_or_the_batch():
    mean = torch.rand(2, 7, 2, generator=rng()) * 0.4
    shuffled = mean[:, torch.randperm(7, generator=rng())]
    torch.testing.assert_close(separation(shuffled, 0.12), separation(mean, 0.12))
    torch.testing.assert_close(separation(mean.repeat(3, 1, 1), 0.12), separation(mean, 0.12))


def test_separation_pushes_parts_that_share_a_place_apart():
    """Without it all parts sit on one point."""
    mean = torch.tensor([[[0.0, 0.0], [0.02, 0.0]]], requires_grad=True)
    separation(mean, 0.12).backward()
    assert mean.grad is not None
    assert mean.grad[0, 0, 0] > 0 > mean.grad[0, 1, 0]  # descent moves the left one left, the right one right


def test_concentration_is_the_trace():
    assert float(concentration(covs(0.1, 0.3))) == pytest.approx(0.4)


def hot(size: int, row: int, column: int) -> torch.Tensor:
    """One part map with all of its mass in one cell."""
    maps = torch.zeros(1, 1, size, size)
    maps[0, 0, row, column] = 1
    return maps


def test_evidence_is_the_mass_on_flat_patches():
    images = torch.zeros(1, 3, 64, 64)
    images[..., 32:] = 1  # an edge down the middle
    on_the_edge, away = evidence(hot(32, 16, 16), images), evidence(hot(32, 16, 2), images)
    assert on_the_edge == pytest.approx(0.05 / (0.05 + 0.5), rel=0.05)
    assert away == pytest.approx(1.0)


def test_evidence_draws_a_map_towards_what_can_be_seen():
    images = torch.zeros(1, 3, 64, 64)
    images[..., 20:24, 40:44] = 1
    logits = torch.zeros(1, 1, 32 * 32, requires_grad=True)
    evidence(logits.softmax(-1).unflatten(-1, (32, 32)), images).backward()
    assert logits.grad is not None
    assert int(logits.grad.argmin()) in {r * 32 + c for r in range(8, 14) for c in range(18, 24)}


def test_evidence_does_not_depend_on_the_pictures_side():
    small = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    maps = hot(16, 3, 9)
    at = [evidence(maps, torch.nn.functional.interpolate(small, (n, n))) for n in (64, 128)]
    assert at[0] == pytest.approx(float(at[1]), abs=0.03)


def test_contrast_is_the_deviation_within_the_window_cut_at_the_border():
    images = torch.rand(2, 3, 32, 32, generator=rng())
    places = [(r, c) for r in range(32) for c in range(32)]
    cut = [images[:, :, max(r - 2, 0) : r + 3, max(c - 2, 0) : c + 3] for r, c in places]
    deviation = torch.stack([w.var((-2, -1), correction=0).mean(1).sqrt() for w in cut], -1).unflatten(-1, (32, 32))
    torch.testing.assert_close(flatness(images, 32), 0.05 / (0.05 + deviation), rtol=1e-3, atol=1e-4)


def test_before_a_known_scene_evidence_is_where_the_picture_differs_from_it():
    """A chequered floor is full of contrast; only the plain square that stands on it tells where the object is."""
    floor = ((torch.arange(64)[:, None] // 4 + torch.arange(64) // 4) % 2).float().expand(1, 3, 64, 64) * 0.3
    picture = floor.clone()
    picture[..., 8:24, 8:24] = 0.8
    scene = torch.cat([floor, torch.ones(1, 1, 64, 64)], 1)
    on_it, beside_it = hot(32, 8, 8), hot(32, 24, 24)
    assert evidence(on_it, picture, scene) < 0.15
    assert evidence(beside_it, picture, scene) > 0.9
    assert evidence(beside_it, picture) < 0.4
    unknown = torch.zeros_like(scene)
    torch.testing.assert_close(evidence(beside_it, picture, unknown), evidence(beside_it, picture))


# ---- structure


def test_equal_pictures_have_no_dissimilarity_and_their_negatives_much():
    x = torch.rand(2, 3, 32, 32, generator=rng())
    assert float(dissimilarity(x, x)) == pytest.approx(0, abs=1e-6)
    assert float(dissimilarity(1 - x, x)) > 0.7


def test_dissimilarity_is_that_of_the_formula_on_one_window():
    """Wang et al. 2004, equation 13, where the window is the whole of a picture: all 7 of 7 pixels."""
    a, b = torch.rand(2, 1, 1, 7, 7, generator=rng(3))
    c1, c2 = 0.01**2, 0.03**2
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    expected = (2 * a.mean() * b.mean() + c1) * (2 * covariance + c2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + c1) * (a.var(correction=0) + b.var(correction=0) + c2)
    torch.testing.assert_close(_ssim(a, b, 7)[0, 0, 3, 3], expected)


def test_structure_counts_more_than_brightness():
    x = torch.rand(2, 1, 32, 32, generator=rng()) * 0.8
    flat = torch.full_like(x, float(x.mean()))
    assert dissimilarity(x + 0.1, x) < 0.2 * dissimilarity(flat, x)


def test_dissimilarity_has_a_finite_gradient_on_flat_pictures():
    flat = torch.zeros(1, 3, 32, 32, requires_grad=True)
    dissimilarity(flat, torch.zeros(1, 3, 32, 32)).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()
