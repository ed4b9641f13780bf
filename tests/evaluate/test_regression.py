"""The linear map from parts to landmarks: exact where it can be, tame where the parts are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partpose.errors import PartposeError
from partpose.evaluate.regression import STRENGTHS, fit, mean_pose

RNG = np.random.default_rng(0)


def pictures(n=400, parts=4, landmarks=3, noise=0.0, intercept=True, seed=0):
    """Parts, and landmarks that a known linear map makes of them."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-0.6, 0.6, (n, parts, 2))
    weights = rng.normal(size=(landmarks, 2, parts, 2)) / parts
    unit = np.einsum("jakb,nkb->nja", weights, (x + 1) / 2) + (0.1 if intercept else 0)
    return x, 2 * (unit + noise * rng.normal(size=unit.shape)) - 1, weights


@pytest.mark.parametrize("intercept", [True, False])
def test_a_linear_map_is_found_exactly(intercept):
    x, y, weights = pictures(intercept=intercept)
    found = fit(x, y, intercept, ridge=False)
    np.testing.assert_allclose(found.matrix, weights, atol=1e-10)
    np.testing.assert_allclose(found.apply(x), y, atol=1e-10)
    assert (found.intercept is None) == (not intercept)
    assert found.ridge is None
    if found.intercept is not None:
        np.testing.assert_allclose(found.intercept, 0.1, atol=1e-10)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), intercept=st.booleans())
def test_it_equals_the_normal_equations(seed, intercept):
    x, y, _ = pictures(n=150, parts=2, noise=0.05, seed=seed)
    design = (x.reshape(len(x), -1) + 1) / 2
    if intercept:
        design = np.hstack([design, np.ones((len(x), 1))])
    solution = np.linalg.solve(design.T @ design, design.T @ ((y.reshape(len(y), -1) + 1) / 2))
    np.testing.assert_allclose(
        (fit(x, y, intercept, ridge=False).apply(x).reshape(len(y), -1) + 1) / 2, design @ solution, atol=1e-9
    )


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("trouble", ["dead", "doubled", "almost dead", "almost doubled"])
@pytest.mark.parametrize("n", [400, 30])
@pytest.mark.parametrize("ridge", [True, False])
def test_dead_and_doubled_parts_leave_sensible_weights(trouble, intercept, n, ridge):
    x, y, _ = pictures(n, parts=5, noise=0.01)
    x[:, 4] = (0.2, -0.3) if "dead" in trouble else x[:, 3]
    if "almost" in trouble:
        x[:, 4] += 1e-7 * RNG.normal(size=(n, 2))
    found = fit(x, y, intercept, ridge=ridge)
    assert np.abs(found.matrix).max() < 10
    # The useless part costs nothing: as good as without it (where all pictures are used)
    if n == 400:
        without = fit(x[:, :4], y, intercept, ridge=ridge)
        worse = np.abs(found.apply(x) - y).mean() / np.abs(without.apply(x[:, :4]) - y).mean()
        assert worse < 1.05


def test_a_missing_landmark_is_fitted_on_the_other_pictures():
    x, y, _ = pictures(noise=0.01)
    holes = y.copy()
    holes[:100, 1] = np.nan
    holes[5, 2, 0] = np.nan
    found, whole = fit(x, holes, ridge=False), fit(x, y, ridge=False)
    np.testing.assert_allclose(found.matrix[0], whole.matrix[0], atol=1e-12)
    np.testing.assert_allclose(found.matrix[1], fit(x[100:], y[100:], ridge=False).matrix[1], atol=1e-12)
    assert not np.isnan(found.apply(x)).any()


def test_a_landmark_that_no_picture_shows_stays_unknown():
    x, y, _ = pictures()
    y[:, 1] = np.nan
    found = fit(x, y).apply(x)
    assert np.isnan(found[:, 1]).all()
    assert not np.isnan(found[:, [0, 2]]).any()


def test_few_pictures_are_fitted_by_ridge_that_beats_least_squares():
    x, y, _ = pictures(n=1000, parts=12, noise=0.05)
    found = fit(x[:30], y[:30])
    design = np.hstack([x[:30].reshape(30, -1), np.ones((30, 1))])
    plain = np.linalg.lstsq(design, y[:30].reshape(30, -1), rcond=None)[0]
    guessed = np.hstack([x[30:].reshape(970, -1), np.ones((970, 1))]) @ plain
    ridge_error = np.abs(found.apply(x[30:]) - y[30:]).mean()
    assert found.ridge in STRENGTHS
    assert ridge_error < 0.8 * np.abs(guessed.reshape(y[30:].shape) - y[30:]).mean()


def test_ridge_is_strong_on_noise_and_weak_on_exact_data():
    x, exact, _ = pictures(n=60, parts=6)
    noise = np.random.default_rng(1).normal(size=exact.shape)
    weak, strong = fit(x, exact).ridge, fit(x, noise).ridge
    assert weak is not None
    assert strong is not None
    assert weak < 1e-5
    assert strong > 1e-3


def off_elsewhere(seed, ridge):
    """The error where a part moves that hardly did in the thousand pictures, of twenty people, that were labelled."""
    rng = np.random.default_rng(seed)
    known, (x, y, _) = slice(0, 1000), pictures(n=2000, parts=2, noise=0.05, seed=seed)
    still = 0.2 + 0.3 * rng.normal(size=(2000, 1, 2))
    still[known] = 0.2 + 1e-3 * rng.normal(size=(1000, 1, 2))
    y[known] += 0.05 * np.repeat(rng.normal(size=(20, 1, 2)), 50, axis=0)
    x = np.concatenate([x, still], axis=1)
    return np.abs(fit(x[known], y[known], ridge=ridge).apply(x) - y)[1000:].mean()


def test_many_pictures_of_one_place_do_not_spare_the_ridge():
    assert np.median([off_elsewhere(seed, True) / off_elsewhere(seed, False) for seed in range(5)]) < 0.2


def off_at_a_new_farm(named: bool) -> float:
    """The error at a third place of a map that was fitted at two, where a part lies on furniture of each."""
    rng = np.random.default_rng(0)
    x, y, _ = pictures(n=900, noise=0.02)
    place = np.repeat(np.arange(3), 300)
    y[..., 0] += np.array([0.15, -0.15, 0.1])[place, None]
    furniture = np.array([-0.05, 0.05, 0.4])[place, None, None] + 1e-2 * rng.normal(size=(900, 1, 2))
    x = np.concatenate([x, furniture], axis=1)
    groups = np.array(["east", "west"])[place[:600]]
    return np.abs(fit(x[:600], y[:600], groups=groups if named else None).apply(x[600:]) - y[600:]).mean()


def test_where_groups_are_named_the_map_is_chosen_to_be_good_at_a_new_one():
    assert off_at_a_new_farm(named=True) < 0.9 * off_at_a_new_farm(named=False)


@pytest.mark.parametrize("groups", [["one"] * 400, [str(i) for i in range(400)]])
def test_one_group_or_as_many_as_pictures_say_nothing(groups):
    x, y, _ = pictures(noise=0.05)
    np.testing.assert_array_equal(fit(x, y, groups=np.array(groups)).matrix, fit(x, y).matrix)


def test_a_landmark_that_one_group_shows_is_fitted_all_the_same():
    x, y, _ = pictures(noise=0.01)
    y[200:, 1] = np.nan
    found = fit(x, y, groups=np.repeat(["east", "west"], 200)).apply(x)
    np.testing.assert_allclose(found[:200, 1], y[:200, 1], atol=0.1)


def test_published_protocols_have_no_ridge():
    x, y, _ = pictures(n=30, parts=6, noise=0.1)
    assert fit(x, y).ridge
    assert fit(x, y, ridge=False).ridge is None


def test_pictures_without_landmarks_count_for_nothing():
    x, y, _ = pictures(n=300, parts=6, noise=0.1)
    holes = y.copy()
    holes[60:] = np.nan
    found, alone = fit(x, holes), fit(x[:60], y[:60])
    assert found.ridge == alone.ridge
    np.testing.assert_allclose(found.matrix, alone.matrix, atol=1e-12)


def test_a_landmark_that_few_pictures_show_is_penalised_as_those_that_all_show():
    """With a penalty that grew with its own pictures, it would be fitted nearly without one."""
    x, y, _ = pictures(n=1500, parts=12, noise=0.1)
    holes = y[:1000].copy()
    holes[20:, 1] = np.nan
    off = np.abs(fit(x[:1000], holes).apply(x[1000:]) - y[1000:])[:, 1].mean()
    assert off < 1.1 * np.abs(fit(x[:20], y[:20]).apply(x[1000:]) - y[1000:])[:, 1].mean()


def test_where_nothing_tells_strengths_apart_the_strongest_is_taken():
    """With two pictures each fold has learned a constant, from one."""
    x, y, _ = pictures(n=2, parts=4)
    assert fit(x, y).ridge == STRENGTHS[-1]


def test_without_an_intercept_one_picture_is_fitted():
    """The strongest ridge would take its landmarks to the corner."""
    x, y, _ = pictures(n=1, parts=4)
    np.testing.assert_allclose(fit(x, y, intercept=False).apply(x), y, atol=1e-6)


def test_the_same_pictures_give_the_same_map():
    x, y, _ = pictures(n=40, noise=0.1)
    one, other = fit(x, y), fit(x, y)
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert one.ridge == other.ridge


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_pictures_give_something_near_the_mean_pose(n):
    x, y, _ = pictures(n=n, parts=12)
    found = fit(x, y)
    assert np.isfinite(found.matrix).all()
    assert np.abs(found.apply(x) - y.mean(axis=0)).max() <= np.abs(y - y.mean(axis=0)).max() + 1e-9


def test_what_cannot_be_fitted_is_refused():
    x, y, _ = pictures()
    with pytest.raises(PartposeError, match="no training picture has a labelled landmark"):
        fit(x, np.full_like(y, np.nan))
    with pytest.raises(PartposeError, match="no training picture"):
        fit(x[:0], y[:0])
    with pytest.raises(PartposeError, match=r"must have the shapes .* got \(400, 4, 2\) and \(399, 3, 2\)"):
        fit(x, y[1:])
    with pytest.raises(PartposeError, match="parts must be finite"):
        fit(x * np.nan, y)


def test_the_mean_pose_leaves_missing_landmarks_out():
    points = np.array([[[0.0, 0.0], [1.0, 1.0], [np.nan, 0.0]], [[1.0, 2.0], [np.nan, np.nan], [0.0, np.nan]]])
    np.testing.assert_array_equal(mean_pose(points), [[0.5, 1.0], [1.0, 1.0], [np.nan, np.nan]])


def test_every_part_has_the_landmark_that_it_is_nearest_to():
    """Part 0 lies beside landmark 1; part 1 on landmark 2, where that is seen; part 2 nearest to landmark 0."""
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(-0.2, 0.2, (200, 4, 2)) + np.array([(-0.8, 0), (0.8, 0), (0, 0.8), (0, -0.8)])
    parts = np.stack([landmarks[:, 1] + 0.1, landmarks[:, 2], np.full((200, 2), (-0.3, 0))], axis=1)
    landmarks[100:, 2] = np.nan
    landmarks[:, 3] = np.nan
    assert fit(parts, landmarks).nearest == (1, 2, 0)
