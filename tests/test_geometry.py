"""Every geometric function against what can be worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partpose.geometry import (
    Parts,
    Square,
    centres,
    confidence,
    det2,
    extent_to_pixels,
    grid,
    heavy_tailed,
    inverse2,
    moments,
    parts_of,
    parts_to_pixels,
    root2,
    squares_around,
    to_inside,
    to_pixels,
)

COV = torch.tensor([[0.02, 0.008], [0.008, 0.01]])


def gaussian(mean, cov, size: int = 64) -> torch.Tensor:
    """One part map (1, 1, size, size) of a Gaussian."""
    u = grid(size, size).double() - torch.tensor(mean).double()
    distance2 = torch.einsum("hwi,ij,hwj->hw", u, torch.linalg.inv(torch.as_tensor(cov).double()), u)
    density = torch.exp(-distance2 / 2)
    return (density / density.sum()).float()[None, None]


def hot_cell(x: int, y: int, size: int = 32) -> torch.Tensor:
    """A part map whose whole mass is in one cell."""
    maps = torch.zeros(1, 1, size, size)
    maps[..., y, x] = 1
    return maps


def rotation(angle: float) -> torch.Tensor:
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def random_covs(count: int, seed: int = 0) -> torch.Tensor:
    """Well-conditioned covariances in double precision."""
    a = torch.randn(count, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return a @ a.mT + 0.1 * torch.eye(2, dtype=torch.float64)


def test_centres_are_those_of_align_corners_false():
    assert centres(4).tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert centres(1).tolist() == [0]


def test_grid_holds_x_then_y():
    g = grid(2, 4)
    assert g.shape == (2, 4, 2)
    assert g[0, 3].tolist() == [0.75, -0.5]


def test_grid_sampled_at_its_own_centres_is_the_picture():
    picture = torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    again = torch.nn.functional.grid_sample(picture, grid(6, 10)[None], align_corners=False)
    torch.testing.assert_close(again, picture)


def test_moments_of_a_gaussian_are_its_parameters():
    mean, cov = moments(gaussian([0.2, -0.1], COV))
    torch.testing.assert_close(mean[0, 0], torch.tensor([0.2, -0.1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(cov[0, 0], COV, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (31, 0), (5, 20)])
def test_moments_of_a_hot_cell_are_its_centre_and_no_spread(x, y):
    mean, cov = moments(hot_cell(x, y))
    torch.testing.assert_close(mean[0, 0], torch.stack([centres(32)[x], centres(32)[y]]))
    assert cov.abs().max() == 0


def test_moments_do_not_cancel_on_sharp_maps_far_from_the_middle():
    """E[u²] - E[u]² in single precision would lose this covariance, or make it negative."""
    cov = moments(gaussian([0.9, 0.9], 1e-4 * torch.eye(2), 256).double())[1]
    narrow = moments(gaussian([0.9, 0.9], 1e-4 * torch.eye(2), 256))[1]
    torch.testing.assert_close(narrow.double(), cov, rtol=1e-4, atol=1e-9)
    assert (narrow.diagonal(dim1=-2, dim2=-1) > 0).all()


def test_moments_of_a_wide_picture_use_each_sides_own_cells():
    maps = torch.zeros(1, 1, 2, 8)
    maps[0, 0, 1] = 1 / 8
    mean, cov = moments(maps)
    torch.testing.assert_close(mean[0, 0], torch.tensor([0.0, 0.5]))
    torch.testing.assert_close(cov[0, 0], torch.tensor([[centres(8).square().mean(), 0.0], [0.0, 0.0]]))


def test_moments_turn_with_the_map():
    """A quarter turn about the middle maps (x, y) to (y, -x)."""
    maps = gaussian([0.3, -0.2], COV)
    mean, cov = (m[0, 0] for m in moments(maps))
    mean_t, cov_t = (m[0, 0] for m in moments(maps.rot90(1, (2, 3))))
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    torch.testing.assert_close(mean_t, quarter @ mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(cov_t, quarter @ cov @ quarter.T, atol=1e-6, rtol=0)


def test_moments_have_the_right_gradient():
    logits = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: moments(z.flatten(2).softmax(-1).view_as(z)), logits)


def test_moments_are_exact_under_mixed_precision():
    maps = gaussian([0.37, -0.61], COV)
    mean, cov = moments(maps)
    with torch.autocast("cpu", torch.bfloat16):
        mixed_mean, mixed_cov = moments(maps)
    assert torch.equal(mixed_mean, mean)
    assert torch.equal(mixed_cov, cov)


def test_confidence_is_one_for_a_peak_and_zero_for_two_distant_ones():
    two = (hot_cell(2, 16) + hot_cell(29, 16)) / 2
    flat = torch.full((1, 1, 32, 32), 1 / 32**2)
    for maps, expected in [(hot_cell(9, 9), 1.0), (two, 0.0), (flat, math.pi * 0.25**2 / 4)]:
        found = confidence(maps, moments(maps)[0])
        assert float(found) == pytest.approx(expected, abs=0.01)


def test_confidence_never_leaves_0_1():
    maps = hot_cell(3, 3) * 1.0000002
    assert float(confidence(maps, moments(hot_cell(3, 3))[0])) == 1.0


def test_parts_of_are_moments_and_confidence():
    maps = gaussian([0.2, -0.1], COV)
    parts = parts_of(maps)
    assert torch.equal(parts.mean, moments(maps)[0])
    assert torch.equal(parts.cov, moments(maps)[1])
    assert torch.equal(parts.confidence, confidence(maps, parts.mean))


def test_det2_and_inverse2_agree_with_linear_algebra():
    m = torch.randn(5, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(det2(m), torch.linalg.det(m))
    torch.testing.assert_close(inverse2(m), torch.linalg.inv(m))


def test_inverse2_of_a_rotation_is_the_opposite_rotation():
    torch.testing.assert_close(inverse2(rotation(0.7)[None])[0], rotation(-0.7))


def test_inverse2_has_the_right_gradient():
    assert torch.autograd.gradcheck(inverse2, random_covs(3).requires_grad_())


def test_root2_squared_is_the_covariance():
    cov = random_covs(20)
    root = root2(cov, floor=0.0)
    torch.testing.assert_close(root @ root, cov)
    torch.testing.assert_close(root, root.mT)


def test_root2_of_a_diagonal_is_the_standard_deviations():
    cov = torch.tensor([[[0.04, 0.0], [0.0, 0.25]]])
    torch.testing.assert_close(root2(cov, floor=0.0), torch.tensor([[[0.2, 0.0], [0.0, 0.5]]]))


def test_root2_turns_with_the_covariance():
    r = rotation(0.4)
    torch.testing.assert_close(root2((r @ COV @ r.T)[None])[0], r @ root2(COV[None])[0] @ r.T)


def test_root2_has_the_right_gradient():
    assert torch.autograd.gradcheck(root2, random_covs(3).requires_grad_())


@pytest.mark.parametrize("variance", [0.0, -1e-9], ids=["zero", "rounded below zero"])
def test_root2_of_a_variance_that_vanishes_is_finite_with_its_gradient(variance):
    """√ of a variance that rounds below 0 gives NaN on sharp maps."""
    cov = (variance * torch.eye(2))[None].requires_grad_()
    root = root2(cov)
    root.sum().backward()
    assert root.isfinite().all()
    assert cov.grad is not None
    assert cov.grad.isfinite().all()


def test_gradient_through_moments_and_root_is_finite_on_a_hot_cell():
    logits = torch.zeros(1, 1, 16, 16)
    logits[..., 3, 5] = 200
    logits.requires_grad_()
    maps = logits.flatten(2).softmax(-1).view_as(logits)
    mean, cov = moments(maps)
    assert cov.abs().max() == 0
    (root2(cov).sum() + mean.sum()).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_heavy_tailed_is_one_at_the_mean_and_a_half_at_one_sigma():
    u = centres(32)
    mean = torch.tensor([[[u[10], u[20]]]])
    sigma = float(u[14] - u[10])  # four cells
    cov = torch.tensor([[[[sigma**2, 0.0], [0.0, (2 * sigma) ** 2]]]])
    heat = heavy_tailed(mean, cov, 32)[0, 0]
    assert float(heat[20, 10]) == pytest.approx(1.0)
    assert float(heat[20, 14]) == pytest.approx(0.5, abs=1e-5)
    assert float(heat[28, 10]) == pytest.approx(0.5, abs=1e-5)
    assert float(heat[20, 18]) == pytest.approx(0.2, abs=1e-5)


def test_heavy_tailed_scale_of_08_multiplies_squared_distances_by_064():
    mean, cov = torch.tensor([[[0.1, -0.2]]]), COV[None, None]
    distance2 = 1 / heavy_tailed(mean, cov, 16) - 1
    scaled = 1 / heavy_tailed(mean, cov, 16, 0.8) - 1
    torch.testing.assert_close(scaled, 0.64 * distance2, rtol=1e-3, atol=1e-4)


def test_heavy_tailed_is_the_formula_for_a_tilted_gaussian():
    mean = torch.tensor([[[0.1, -0.2]]])
    d = grid(16, 16) - mean[0, 0]
    expected = 1 / (1 + torch.einsum("hwi,ij,hwj->hw", d, torch.linalg.inv(COV), d))
    torch.testing.assert_close(heavy_tailed(mean, COV[None, None], 16)[0, 0], expected)


def test_heavy_tailed_has_the_right_gradient():
    mean = torch.tensor([[[0.1, -0.2], [0.5, 0.3]]], dtype=torch.float64, requires_grad=True)
    cov = random_covs(2)[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda m, c: heavy_tailed(m, c, 4), (mean, cov))


def test_heavy_tailed_of_a_hot_cell_is_finite_with_its_gradient_once_floored():
    from partpose.model.generator import floored

    maps = hot_cell(7, 7).requires_grad_()
    mean, cov = moments(maps)
    heat = heavy_tailed(mean, floored(cov, 16), 16)
    heat.sum().backward()
    assert heat.isfinite().all()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize(
    ("width", "height"), [(200, 100), (100, 200), (64, 64)], ids=["landscape", "portrait", "square"]
)
def test_square_puts_the_pictures_middle_at_zero(width, height):
    square = Square.around(width, height)
    assert square.side == max(width, height)
    np.testing.assert_allclose(square.to_pixels(np.zeros(2)), [(width - 1) / 2, (height - 1) / 2])


def test_square_of_a_landscape_reaches_above_and_below_it():
    square = Square.around(200, 100)
    np.testing.assert_allclose(square.to_pixels(np.array([-1.0, -1.0])), [-0.5, -50.5])
    np.testing.assert_allclose(square.to_pixels(np.array([1.0, 1.0])), [199.5, 149.5])


def test_square_of_a_portrait_reaches_beside_it():
    square = Square.around(100, 200)
    np.testing.assert_allclose(square.to_pixels(np.array([-1.0, -1.0])), [-50.5, -0.5])


def test_centre_of_the_top_left_pixel_is_0_0_in_files():
    u = centres(8).numpy()
    np.testing.assert_allclose(Square.around(8, 8).to_pixels(np.array([u[0], u[0]])), [0, 0], atol=1e-6)
    np.testing.assert_allclose(Square.around(8, 8).to_pixels(np.array([u[7], u[2]])), [7, 2], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(-2, 2), st.floats(-2, 2))
def test_square_there_and_back_is_the_same_point(width, height, x, y):
    square = Square.around(width, height)
    there = square.to_pixels(np.array([[x, y]]))
    np.testing.assert_allclose(square.from_pixels(there), [[x, y]], atol=1e-9)


def test_covariances_and_points_go_to_pixels_alike():
    square = Square.around(120, 80)
    points = np.random.default_rng(0).normal(0, 0.3, (500, 2))
    np.testing.assert_allclose(square.cov_to_pixels(np.cov(points.T)), np.cov(square.to_pixels(points).T), rtol=1e-9)
    np.testing.assert_allclose(square.cov_from_pixels(square.cov_to_pixels(np.cov(points.T))), np.cov(points.T))


def test_arrays_move_between_pixels_and_inside_frame_as_single_squares_do():
    squares = squares_around(np.array([(160, 120), (33, 500)]))
    points = np.random.default_rng(1).uniform(-1, 1, (2, 5, 2))
    pixels = to_pixels(points, squares)
    np.testing.assert_allclose(pixels[1], Square.around(33, 500).to_pixels(points[1]))
    np.testing.assert_allclose(to_inside(pixels, squares), points, atol=1e-12)
    cov = np.broadcast_to(np.eye(2), (2, 3, 2, 2))
    np.testing.assert_allclose(extent_to_pixels(cov, squares)[0], Square.around(160, 120).cov_to_pixels(cov[0]))


@pytest.mark.parametrize("size", [(160, 120), (33, 500), (64, 64)])
def test_parts_go_to_pixels_as_arrays_do(size):
    rng = np.random.default_rng(2)
    points, cov = rng.uniform(-1, 1, (2, 5, 2)), np.broadcast_to(np.cov(rng.normal(size=(2, 50))), (2, 5, 2, 2))
    parts = Parts(torch.from_numpy(points), torch.from_numpy(cov.copy()), torch.rand(2, 5))
    found = parts_to_pixels(parts, torch.tensor(size, dtype=torch.float32))
    np.testing.assert_allclose(found.mean, Square.around(*size).to_pixels(points), rtol=1e-6)
    np.testing.assert_allclose(found.cov, Square.around(*size).cov_to_pixels(cov), rtol=1e-6)
    assert found.confidence is parts.confidence
