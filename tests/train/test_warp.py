"""Two views of a picture, the exact map between them, and their colours."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partpose.config import TransformSettings, load_preset
from partpose.geometry import centres, det2, grid, moments
from partpose.train import warp
from partpose.train.warp import (
    CONTROLS,
    Transform,
    between,
    draw_transform,
    sample,
    spline_basis,
    warp_maps,
)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def similarity(zoom: float = 1.0, angle: float = 0.0, offset=(0.0, 0.0)) -> Transform:
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    matrix = torch.tensor([[[cos, -sin], [sin, cos]]])
    return Transform(matrix, torch.tensor([offset]), torch.zeros(1, CONTROLS**2, 2))


def gaussians(mean: torch.Tensor, sigma: float, size: int) -> torch.Tensor:
    """Part maps (B, K, size, size) around means (B, K, 2)."""
    d2 = (grid(size, size) - mean[:, :, None, None]).square().sum(-1)
    maps = torch.exp(-d2 / (2 * sigma**2))
    return maps / maps.sum((-2, -1), keepdim=True)


def pushed_forward(maps: torch.Tensor, view: Transform) -> tuple[torch.Tensor, torch.Tensor]:
    """Moments of the density σ(t(u)) in the view, by pushing every source cell forward with its own Jacobian."""
    size = maps.shape[-1]
    exact = Transform(*(t.double() for t in view))
    u = grid(size, size).flatten(0, 1).double()[None]
    places = exact.inverse(u, 15)[0]
    step = 1e-4
    x, y = torch.tensor([step, 0.0]).double(), torch.tensor([0.0, step]).double()
    across = (exact.inverse(u + x, 15) - exact.inverse(u - x, 15))[0] / (2 * step)
    down = (exact.inverse(u + y, 15) - exact.inverse(u - y, 15))[0] / (2 * step)
    jacobian = (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]).abs()
    weight = maps.flatten().double() * jacobian
    weight = (weight / weight.sum()).float()
    centre = weight @ places.float()
    d = places.float() - centre
    return centre, torch.einsum("n,ni,nj->ij", weight, d, d)


# ---- points and pictures


def test_the_identity_shows_the_picture_as_it_is():
    picture = torch.rand(1, 3, 16, 16, generator=rng())
    torch.testing.assert_close(sample(picture, similarity().at(16)), picture)


def test_a_quarter_turn_shows_the_picture_turned():
    """t turns a view's points by +90° (x to y): what the view shows is turned back."""
    picture = torch.rand(1, 3, 16, 16, generator=rng())
    seen = sample(picture, similarity(angle=math.pi / 2).at(16))
    torch.testing.assert_close(seen, picture.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_zoom_and_offset_are_shares_of_the_canvas():
    t = similarity(zoom=0.5, offset=(0.25, -0.1))
    corners = torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]])
    torch.testing.assert_close(t(corners), torch.tensor([[[-0.25, -0.6], [0.75, 0.4]]]))


def test_the_grid_of_a_view_is_its_points_moved():
    t = draw_transform(3, TransformSettings(), 1.0, True, rng())
    torch.testing.assert_close(t.at(12).flatten(1, 2), t(grid(12, 12).flatten(0, 1).expand(3, -1, -1)))


def test_the_spline_moves_its_control_points_exactly():
    controls = grid(CONTROLS, CONTROLS).flatten(0, 1)
    torch.testing.assert_close(spline_basis(controls), torch.eye(CONTROLS**2), atol=2e-4, rtol=0)


def test_the_spline_moves_all_points_alike_when_its_controls_do():
    """Its basis sums to one, and reproduces straight lines."""
    points = torch.rand(50, 2, generator=rng()) * 3 - 1.5
    basis = spline_basis(points)
    torch.testing.assert_close(basis.sum(-1), torch.ones(50), atol=1e-3, rtol=0)
    torch.testing.assert_close(basis @ grid(CONTROLS, CONTROLS).flatten(0, 1), points, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["faces", "figures", "lorenz2019"])
def test_inverse_undoes_the_transform_with_its_spline(name):
    t = draw_transform(16, load_preset(name).transform, 1.0, True, rng())
    assert not t.is_affine()
    points = torch.rand(16, 40, 2, generator=rng(1)) * 2 - 1
    assert (t.inverse(t(points)) - points).abs().max() < 1e-4
    assert (t(t.inverse(points)) - points).abs().max() < 1e-4


def test_inverse_of_a_similarity_needs_no_steps():
    t = similarity(0.7, 0.4, (0.1, -0.2))
    points = torch.rand(1, 9, 2, generator=rng())
    torch.testing.assert_close(t.inverse(t(points), steps=0), points)


def test_transform_has_the_right_gradient():
    parts = [p.double().requires_grad_() for p in draw_transform(1, TransformSettings(), 1.0, True, rng())]
    points = (torch.rand(1, 3, 2, dtype=torch.float64, generator=rng()) - 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, o, s, p: Transform(m, o, s)(p), (*parts, points))


@pytest.mark.parametrize("seed", range(4))
def test_landmarks_move_by_the_inverse_with_the_picture(seed):
    """Augmentation libraries are known to move the image under a spline and leave the keypoints where they were."""
    t = draw_transform(1, TransformSettings(rotation=1.0), 1.0, True, rng(seed))
    dot = t(torch.tensor([[[0.3, -0.2]]]))  # lies in the view
    picture = gaussians(dot, 0.012, 256)
    seen = sample(picture, t.at(256))
    landed = moments(seen / seen.sum((-2, -1), keepdim=True))[0]
    expected = t.inverse(dot)
    assert (landed - expected).norm() < 2e-3
    assert (dot - expected).norm() > 0.05
    assert (t(dot) - expected).norm() > 0.05


def test_the_map_between_views_is_source_inverse_after_view():
    source = draw_transform(4, TransformSettings(), 1.0, False, rng(1))
    view = draw_transform(4, TransformSettings(), 1.0, True, rng(2))
    where = between(source, view, 20)
    torch.testing.assert_close(source(where.flatten(1, 2)), view.at(20).flatten(1, 2), atol=1e-5, rtol=0)


def test_the_map_between_a_view_and_itself_is_the_identity():
    view = draw_transform(2, TransformSettings(), 1.0, False, rng())
    torch.testing.assert_close(between(view, view, 8), grid(8, 8).expand(2, -1, -1, -1), atol=1e-5, rtol=0)


def test_a_warped_source_is_refused():
    warped = draw_transform(1, TransformSettings(), 1.0, True, rng())
    with pytest.raises(ValueError, match="affine"):
        between(warped, warped, 8)


def test_the_map_between_views_is_exact_under_mixed_precision():
    source = draw_transform(2, TransformSettings(), 1.0, False, rng(1))
    view = draw_transform(2, TransformSettings(), 1.0, True, rng(2))
    warp._grid_basis.cache_clear()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = view.at(24), between(source, view, 24)
    warp._grid_basis.cache_clear()
    assert torch.equal(mixed[0], view.at(24))
    assert torch.equal(mixed[1], between(source, view, 24))


def test_the_same_seed_draws_the_same_transform_and_strength_0_a_still_one():
    s = TransformSettings(keep_inside=False)
    a, b = draw_transform(2, s, 1.0, True, rng(3)), draw_transform(2, s, 1.0, True, rng(3))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    still = draw_transform(2, s, 0.0, True, rng(3))
    torch.testing.assert_close(still.at(8), 0.8 * grid(8, 8).expand(2, -1, -1, -1))


# ---- moments of moved maps


@pytest.mark.parametrize("seed", range(3))
def test_moments_of_warped_maps_are_those_of_the_moved_mass(seed):
    """Moving only the mean as a point is off by up to 0.019, pulling back without the Jacobian by 0.012."""
    view = draw_transform(1, TransformSettings(warp=0.12, zoom=0.9), 1.0, True, rng(seed))
    mean = view(torch.tensor([[[0.1, -0.15]]]))
    maps = gaussians(mean, 0.15, 80)
    moved, share = warp_maps(maps, between(similarity(), view, 80))
    found_mean, found_cov = moments(moved)
    expected_mean, expected_cov = pushed_forward(maps, view)
    assert float(share) > 0.8
    assert (found_mean[0, 0] - expected_mean).norm() < 1e-3
    assert (found_cov[0, 0] - expected_cov).abs().max() < 1e-3


def test_warped_maps_sum_to_one_or_to_nothing():
    maps = gaussians(torch.tensor([[[0.0, 0.0], [0.95, 0.95]]]), 0.02, 64)
    moved, share = warp_maps(maps, similarity(zoom=0.5).at(64))
    torch.testing.assert_close(moved.sum((-2, -1)), torch.tensor([[1.0, 0.0]]), atol=1e-3, rtol=0)
    torch.testing.assert_close(share, torch.tensor([[1.0, 0.0]]), atol=0.02, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 4, math.pi / 2, math.pi, 2.5])
@pytest.mark.parametrize("zoom", [0.6, 0.8, 1.0, 1.25])
def test_share_of_a_part_in_view_is_one(angle, zoom):
    maps = gaussians(torch.tensor([[[0.1, -0.2]]]), 0.08, 32)
    share = warp_maps(maps, similarity(zoom, angle).at(32))[1]
    assert float(share) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("angle", [0.0, math.pi / 2])
def test_share_of_a_part_on_the_edge_of_the_view_is_a_half(angle):
    maps = gaussians(torch.tensor([[[0.5, 0.0]]]), 0.08, 64)
    share = warp_maps(maps, similarity(0.5, angle).at(64))[1]
    assert float(share) == pytest.approx(0.5, abs=0.03)


def test_no_part_in_view_is_left_out_for_where_the_spline_stretches():
    s = TransformSettings()
    for seed in range(10):
        g = rng(seed)
        source, view = draw_transform(16, s, 1.0, False, g), draw_transform(16, s, 1.0, True, g)
        mean = torch.rand(16, 8, 2, generator=g) * 1.4 - 0.7
        seen = (view.inverse(source(mean)).abs() < 0.75).all(-1)
        share = warp_maps(gaussians(mean, 0.07, 32), between(source, view, 32))[1]
        assert share[seen].min() > 0.9


def test_jacobian_is_right_up_to_the_border():
    """From zero-padded finite differences it is about 11 times too large there."""
    found = warp.areas(similarity(0.7, 0.4).at(16))
    torch.testing.assert_close(found, torch.full((1, 16, 16), (0.7 * 2 / 16) ** 2))


def test_warping_maps_has_the_right_gradient():
    maps = torch.rand(1, 1, 4, 4, dtype=torch.float64, generator=rng()).requires_grad_()
    where = similarity(0.7, 0.3).at(4).double()
    assert torch.autograd.gradcheck(lambda m: warp_maps(m, where)[0], maps)


# ---- borders


@settings(max_examples=60, deadline=None)
@given(
    zoom=st.floats(0.05, 1),
    zoom_jitter=st.floats(0, 1),
    rotation=st.floats(0, math.pi),
    offset=st.floats(0, 2),
    warp=st.floats(0, 0.2),
    warped=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_views_never_show_anything_outside_of_the_canvas(zoom, zoom_jitter, rotation, offset, warp, warped, seed):
    s = TransformSettings(
        zoom=zoom, zoom_jitter=zoom_jitter, rotation=rotation, offset=offset, warp=warp, keep_inside=True
    )
    view = draw_transform(4, s, 1.0, warped, rng(seed))
    outermost = view.at(64, 64 / 63).abs().max()  # up to the very corners
    assert outermost <= 1.004


@pytest.mark.parametrize("warped", [False, True])
@pytest.mark.parametrize("name", ["faces", "lorenz2019"])
def test_borders_do_not_give_the_game_away(name, warped):
    """A view that is kept inside is the same whatever lies beyond the canvas: padding is never seen."""
    preset = load_preset(name).override({"transform": {"keep_inside": True}}, "the test")
    side, size = preset.model.canvas, preset.model.size
    canvas = torch.zeros(16, 1, side, side)
    bright = torch.nn.functional.pad(canvas, (40, 40, 40, 40), value=1.0)
    for seed in range(4):
        view = draw_transform(16, preset.transform, 1.0, warped, rng(seed))
        inside_the_frame = view.at(size) * (side / (side + 80))
        assert sample(bright, inside_the_frame).max() < 0.51  # the outermost half cell blends with its neighbour


def test_views_with_a_margin_never_show_the_pictures_frame():
    """A zoom of 0.6 without offset and turns leaves a margin of a fifth of the canvas on each side."""
    frame = torch.ones(8, 1, 80, 80)
    frame[..., 12:-12, 12:-12] = 0
    s = TransformSettings(zoom=0.6, zoom_jitter=0.05, rotation=0.1, offset=0.0, warp=0.01)
    for seed in range(5):
        assert sample(frame, draw_transform(8, s, 1.0, True, rng(seed)).at(64)).max() == 0


def test_views_that_are_inside_already_are_left_alone():
    s = TransformSettings(zoom=0.5, zoom_jitter=0.1, rotation=0.3, offset=0.1, warp=0.02, keep_inside=True)
    free = s.model_copy(update={"keep_inside": False})
    a, b = draw_transform(4, s, 1.0, True, rng()), draw_transform(4, free, 1.0, True, rng())
    torch.testing.assert_close(a.at(16), b.at(16))


def test_a_full_view_turned_by_45_degrees_shrinks_by_root_two():
    found = warp.inside(similarity(angle=math.pi / 4))
    torch.testing.assert_close(found.matrix, similarity(1 / math.sqrt(2), math.pi / 4).matrix)


def test_centres_and_views_share_one_convention():
    assert torch.equal(similarity().at(6)[0, 0, :, 0], centres(6))


def test_half_of_the_warped_views_are_mirror_images_where_that_is_asked_for():
    mirrored = TransformSettings(mirror=True, keep_inside=True)
    warped, plain = (draw_transform(400, mirrored, 1.0, warped=w, rng=rng()) for w in (True, False))
    assert (det2(plain.matrix) > 0).all()
    assert 140 < int((det2(warped.matrix) < 0).sum()) < 260
    points = torch.rand(400, 5, 2) - 0.5
    torch.testing.assert_close(warped(warped.inverse(points)), points, atol=1e-3, rtol=0)
    seen = warped.at(33, 33 / 32).flatten(1, 2)
    assert seen.abs().max() <= 1 + 1e-5


def corners(transform: warp.Transform) -> torch.Tensor:
    """(B, 4) left, top, right and bottom of what a view shows of its canvas."""
    seen = transform.at(33, 33 / 32).flatten(1, 2)
    return torch.cat([seen.amin(1), seen.amax(1)], 1)


@pytest.mark.parametrize("warped", [False, True])
def test_views_stay_inside_of_the_picture_and_out_of_its_padding(warped):
    extent = torch.tensor([[-1.0, -0.75, 1.0, 0.75], [-0.4, -1.0, 1.0, 1.0], [-1.0, -1.0, 1.0, 1.0]]).repeat(40, 1)
    drawn = draw_transform(120, TransformSettings(offset=0.5, keep_inside=True), 1.0, warped, rng(), extent)
    found = corners(drawn)
    assert (found[:, :2] >= extent[:, :2] - 1e-4).all()
    assert (found[:, 2:] <= extent[:, 2:] + 1e-4).all()
    width, height = (found[:, 2:] - found[:, :2]).unbind(1)
    assert float((width.maximum(height) / 2)[0::3].max()) > 0.7, "no smaller than need be"


def test_of_a_long_picture_some_padding_is_shown_rather_than_a_piece_of_it():
    extent = torch.tensor([[-1.0, -0.3, 1.0, 0.3]]).repeat(50, 1)
    found = corners(
        draw_transform(50, TransformSettings(rotation=0, zoom=0.9, keep_inside=True), 1.0, False, rng(), extent)
    )
    torch.testing.assert_close(found[:, 3] - found[:, 1], torch.full((50,), 1.4))
    torch.testing.assert_close(found[:, 1], torch.full((50,), -0.7))
