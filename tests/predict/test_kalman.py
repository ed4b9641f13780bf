"""The Kalman smoother against straight lines, the textbook's dense solution, and noise of a known size."""

import numpy as np
import pytest
from test_filtering import poses, x_of

from partpose.predict.kalman import FEWEST, _backward, _filter, kalman_smooth, noise_level

NAN = np.nan


def uneven(rows, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.02, 0.06, rows))


def wave(time, seed=0, sigma=1.0):
    """A path (n, 1, 2) and noisy measurements of it; sigma: (n, 1) or a number."""
    path = np.stack([200 + 50 * np.sin(3 * time), 100 + 80 * np.cos(2 * time)], -1)[:, None]
    noise = np.random.default_rng(seed).normal(size=path.shape)
    return path, path + noise * np.reshape(sigma, (-1, 1, 1))


def error(found, path):
    return float(np.sqrt(np.nanmean((found.mean - path) ** 2)))


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_constant_velocity_stays_as_it_is_at_uneven_times(sigma):
    time = uneven(80)
    line = np.stack([10 + 25 * time, 70 - 8 * time], -1)[:, None]
    line[20:25] = NAN
    measured = {} if sigma is None else {"uncertainty": np.full((80, 1), sigma)}
    found = kalman_smooth(poses(line, time=time, **measured))
    np.testing.assert_allclose(found.mean, line, atol=1e-4)


def test_filter_and_smoother_are_the_least_squares_they_stand_for():
    """Of all paths, the one of greatest posterior density: solved once as one dense system."""
    rng, rows, q = np.random.default_rng(2), 12, 30.0
    time, sigma = uneven(rows, 2), rng.uniform(0.5, 2, (rows, 1))
    points = rng.normal(0, 5, (rows, 1, 2))
    points[4] = NAN
    density = np.array([[q]])
    found = _backward(_filter(points, sigma, time, density, keep=True)[1], time, density)
    equations, values = [], []
    for i in range(rows):
        if i != 4:
            row = np.zeros(2 * rows)
            row[2 * i] = 1 / sigma[i, 0]
            equations.append(row)
            values.append(points[i, 0] / sigma[i, 0])
    for i in range(rows - 1):
        d = time[i + 1] - time[i]
        root = np.linalg.cholesky(np.linalg.inv(q * np.array([[d**3 / 3, d**2 / 2], [d**2 / 2, d]]))).T
        rows_of_step = np.zeros((2, 2 * rows))
        rows_of_step[:, 2 * i : 2 * i + 2] = -root @ np.array([[1, d], [0, 1]])
        rows_of_step[:, 2 * i + 2 : 2 * i + 4] = root
        equations += list(rows_of_step)
        values += [np.zeros(2)] * 2
    solved = np.linalg.lstsq(np.array(equations), np.array(values), rcond=None)[0][::2]
    np.testing.assert_allclose(found[:, 0], solved, rtol=1e-3, atol=1e-3)


def test_noise_is_smoothed_away():
    time = uneven(300)
    path, seen = wave(time, sigma=2.0)
    before = error(poses(seen), path)
    assert error(kalman_smooth(poses(seen, time=time, uncertainty=np.full((300, 1), 2.0))), path) < 0.6 * before
    assert error(kalman_smooth(poses(seen, time=time)), path) < 0.6 * before


def test_uncertain_frames_count_less():
    time = uneven(300)
    sigma = np.random.default_rng(1).choice([0.3, 5.0], (300, 1), p=[0.7, 0.3])
    path, seen = wave(time, sigma=sigma)
    weighted = error(kalman_smooth(poses(seen, time=time, uncertainty=sigma)), path)
    even = error(kalman_smooth(poses(seen, time=time, uncertainty=np.full_like(sigma, 3.0))), path)
    assert weighted < 0.5 * even


def test_a_wild_frame_that_is_known_to_be_uncertain_does_no_harm():
    time = np.arange(50) / 25
    path = np.stack([30 + 10 * time, 20 + 5 * time], -1)[:, None]
    seen, sigma = path.copy(), np.full((50, 1), 0.5)
    seen[20] += 60
    sigma[20] = 60
    found = kalman_smooth(poses(seen, uncertainty=sigma))
    assert np.abs(found.mean - path).max() < 0.5
    np.testing.assert_array_equal(found.raw, seen)


def test_the_extent_of_a_part_has_no_part_in_it():
    _, seen = wave(uneven(60), sigma=2.0)
    large = np.tile(1e4 * np.eye(2), (60, 1, 1, 1))
    np.testing.assert_array_equal(kalman_smooth(poses(seen, covariance=large)).mean, kalman_smooth(poses(seen)).mean)


def test_history_says_where_the_noise_comes_from():
    path = np.random.default_rng(0).normal(size=(20, 2))
    some = np.full((20, 2), 0.5)
    assert kalman_smooth(poses(path)).history == ("kalman_smooth(noise='from second differences')",)
    assert kalman_smooth(poses(path, uncertainty=some)).history == ("kalman_smooth(noise='measured')",)
    some[:, 1] = NAN
    assert "measured where known" in kalman_smooth(poses(path, uncertainty=some)).history[0]


def test_a_frame_without_uncertainty_gets_the_keypoints_median():
    _, seen = wave(uneven(40), sigma=1.0)
    whole = np.full((40, 1), 0.8)
    holes = whole.copy()
    holes[::3] = NAN
    found = (kalman_smooth(poses(seen, uncertainty=sigma)).mean for sigma in (holes, whole))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("sigma", "gap"), [(1e-3, 25), (1e-3, 500), (0.02, 999)])
def test_a_long_gap_behind_the_first_point_costs_no_digits(sigma, gap):
    """The start is vague, and after a gap so vague that the covariance's determinant as a difference is all rounding."""
    rng = np.random.default_rng(gap)
    path = 300 + np.cumsum(np.cumsum(rng.normal(0, 0.02, (gap + 300, 1, 2)), 0), 0)
    seen = path + rng.normal(0, sigma, path.shape)
    seen[1 : gap + 1] = NAN
    found = kalman_smooth(poses(seen, uncertainty=np.full((len(path), 1), sigma)))
    kept = np.r_[0, gap + 1 : len(path)]
    np.testing.assert_allclose(found.mean[kept], path[kept], atol=0.2)


def test_too_few_points_are_left_alone():
    path = np.full(9, NAN)
    path[: FEWEST - 1] = [3.0, 70.0, 1.0]
    np.testing.assert_array_equal(x_of(kalman_smooth(poses(path))), path)


def test_noise_level_is_that_of_white_noise_on_a_line_in_spite_of_outliers():
    time = uneven(4000)
    noise = np.random.default_rng(0).normal(0, 1.5, (4000, 1, 2))
    noise[::50] += 40
    found = noise_level(noise + (time * 30)[:, None, None], time)
    np.testing.assert_allclose(found, 1.5, rtol=0.12)
    assert noise_level(noise[:2], time[:2]) == 0
