"""Filters on paths of which the answer is known: polynomials, outliers, gaps, two objects in one file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partpose.errors import PartposeError
from partpose.predict.filtering import (
    interpolate_gaps,
    mask_low_confidence,
    median_filter,
    savgol_filter,
    series,
    unfiltered,
)
from partpose.predict.kalman import kalman_smooth
from partpose.predict.poses import Poses, same

NAN = np.nan
SMOOTHERS = [median_filter, savgol_filter, kalman_smooth]


def poses(points, frames=None, time=None, **changes):
    """Poses of (n,), (n, K) or (n, K, 2) points; of the first two y is minus x."""
    points = np.asarray(points, float)
    points = points[:, None] if points.ndim == 1 else points
    mean = np.stack([points, -points], axis=-1) if points.ndim == 2 else points
    rows, parts = mean.shape[:2]
    frames = np.arange(rows) if frames is None else np.asarray(frames)
    values = {
        "mean": mean,
        "covariance": np.zeros((rows, parts, 2, 2)),
        "confidence": np.ones((rows, parts)),
        "source": "clip.mp4",
        "sizes": np.full((rows, 2), 100),
        "frame_index": frames,
        "time_stamp": frames / 25 if time is None else time,
    }
    return Poses(**{**values, **changes})


def x_of(found, part=0):
    return found.mean[:, part, 0]


def test_median_takes_out_a_wild_frame_and_leaves_a_step():
    path = np.array([1, 1, 1, 90, 1, 1, 5, 5, 5, 5.0])
    np.testing.assert_array_equal(x_of(median_filter(poses(path), 3)), [1, 1, 1, 1, 1, 1, 5, 5, 5, 5])


def test_median_of_what_is_known_in_the_window():
    path = np.array([1, NAN, 4, 6, NAN, NAN, NAN, 9.0])
    np.testing.assert_array_equal(x_of(median_filter(poses(path), 3)), [1, NAN, 5, 5, NAN, NAN, NAN, 9])


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_savgol_reproduces_a_polynomial_at_uneven_times_and_beside_gaps(degree):
    rng = np.random.default_rng(degree)
    time = np.cumsum(rng.uniform(0.02, 0.06, 60))
    path = np.polynomial.Polynomial(rng.normal(0, 20, degree + 1))(time)
    path[[7, 8, 30, *range(40, 50)]] = NAN
    found = savgol_filter(poses(path, time=time), window=9, degree=degree)
    np.testing.assert_allclose(x_of(found), path, atol=1e-8)


def test_savgol_of_noise_is_the_published_kernel():
    """(-3, 12, 17, 12, -3) / 35: degree 2, window 5 (Savitzky & Golay 1964, table I)."""
    path = np.random.default_rng(0).normal(size=30)
    expected = np.convolve(path, np.array([-3, 12, 17, 12, -3]) / 35, "valid")
    np.testing.assert_allclose(x_of(savgol_filter(poses(path), 5, 2))[2:-2], expected, atol=1e-12)


def test_savgol_uses_nothing_beyond_a_long_gap():
    path = np.concatenate([np.zeros(10), [NAN] * 3, np.full(10, 50.0)])
    np.testing.assert_allclose(x_of(savgol_filter(poses(path), 9, 1, max_gap=2)), path, atol=1e-9)
    assert np.nanmax(np.abs(x_of(savgol_filter(poses(path), 9, 1, max_gap=3)) - path)) > 1


def test_a_gap_is_one_of_frames_that_are_lacking_too():
    path, frames = np.concatenate([np.zeros(10), np.full(10, 50.0)]), [*range(10), *range(13, 23)]
    np.testing.assert_allclose(x_of(savgol_filter(poses(path, frames), 9, 1, max_gap=2)), path, atol=1e-9)


def test_every_fifth_frame_of_a_video_has_no_gaps():
    path = np.arange(12.0)
    path[5] = 90
    found = median_filter(poses(path, frames=5 * np.arange(12)), 3)
    assert x_of(found)[5] == 6
    assert [one.place[-1] for one in series(found)] == [11]


def test_gaps_are_filled_in_time_up_to_a_length():
    path = np.array([NAN, 1, NAN, 4, NAN, NAN, NAN, 8, NAN])
    time = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9]) / 10
    filled = interpolate_gaps(poses(path, time=time), 2)
    np.testing.assert_allclose(x_of(filled), [NAN, 1, 2, 4, NAN, NAN, NAN, 8, NAN])
    np.testing.assert_allclose(x_of(interpolate_gaps(filled, 3)), [NAN, 1, 2, 4, 5, 6, 7, 8, NAN])


def test_keypoints_of_low_or_unknown_confidence_become_nan():
    sure = np.array([[0.2, 0.9], [0.5, NAN]])
    found = mask_low_confidence(poses(np.ones((2, 2)), confidence=sure), 0.5)
    np.testing.assert_array_equal(np.isnan(found.mean[..., 0]), [[True, False], [False, True]])
    assert found.history == ("mask_low_confidence(threshold=0.5)",)


def test_raw_stays_what_was_predicted_through_all_filters():
    first = poses(np.random.default_rng(0).normal(size=30))
    last = interpolate_gaps(median_filter(mask_low_confidence(first, 0.5), 3), 2)
    np.testing.assert_array_equal(last.raw, first.mean)
    assert last.history == (
        "mask_low_confidence(threshold=0.5)",
        "median_filter(window=3)",
        "interpolate_gaps(max_gap=2)",
    )
    np.testing.assert_array_equal(unfiltered(last).mean, first.mean)
    assert unfiltered(last).raw is None
    assert unfiltered(first) is first


@pytest.mark.parametrize("smooth", [*SMOOTHERS, interpolate_gaps], ids=lambda f: f.__name__)
def test_each_object_is_filtered_by_itself(smooth):
    rng = np.random.default_rng(1)
    one, other = (rng.normal(base, 3, (40, 2, 2)) for base in (10, 80))
    one[5:7] = NAN
    both = poses(np.stack([one, other], 1).reshape(80, 2, 2), frames=np.repeat(np.arange(40), 2), track=("a", "b") * 40)
    found = smooth(both).mean.reshape(40, 2, 2, 2)
    np.testing.assert_array_equal(found[:, 0], smooth(poses(one)).mean)
    np.testing.assert_array_equal(found[:, 1], smooth(poses(other)).mean)


VALUES = st.floats(-1e3, 1e3) | st.just(NAN)
POINTS = st.integers(0, 25).flatmap(lambda rows: arrays(float, (rows, 2, 2), elements=VALUES))


@settings(max_examples=40, deadline=None)
@given(POINTS, st.sampled_from(SMOOTHERS))
def test_no_smoother_makes_or_takes_unknown_keypoints(points, smooth):
    before = poses(points)
    after = smooth(before)
    np.testing.assert_array_equal(np.isnan(after.mean), np.isnan(before.mean))
    assert same(before, poses(points))


@settings(max_examples=40, deadline=None)
@given(POINTS, st.sampled_from([1, 3, 7]))
def test_a_median_is_never_outside_of_what_it_saw(points, window):
    before, after = poses(points).mean, median_filter(poses(points), window).mean
    seen = np.isfinite(before).all(-1)
    if seen.any():
        assert np.nanmin(before[seen], initial=1e4) <= after[seen].min()
        assert after[seen].max() <= before[seen].max()


@settings(max_examples=30, deadline=None)
@given(POINTS, st.integers(0, 4))
def test_interpolation_leaves_what_is_known_and_only_fills(points, max_gap):
    before, after = poses(points).mean, interpolate_gaps(poses(points), max_gap).mean
    seen = np.isfinite(before).all(-1)
    np.testing.assert_array_equal(after[seen], before[seen])
    assert (np.isnan(after) <= np.isnan(before)).all()


@pytest.mark.parametrize("window", [0, 4, -1])
def test_an_even_window_is_refused(window):
    with pytest.raises(PartposeError, match="window must be an odd number"):
        median_filter(poses([1.0, 2.0]), window)


def test_a_degree_that_does_not_fit_is_refused():
    with pytest.raises(PartposeError, match=r"from 0 to 4 \(of a window of 5 frames\), got 5"):
        savgol_filter(poses([1.0, 2.0]), 5, 5)
    with pytest.raises(PartposeError, match=r"from 0 to 10 \(of a window of 51 frames\), got 11"):
        savgol_filter(poses([1.0, 2.0]), 51, 11)


@pytest.mark.parametrize("gap", [100, 10_000, 1_000_000])
@pytest.mark.parametrize(("window", "degree"), [(9, 2), (21, 4)])
def test_savgol_is_as_precise_beside_a_gap_of_an_hour(gap, window, degree):
    half = np.arange(40) / 25
    path = 200 + 30 * np.sin(half)
    index = np.concatenate([np.arange(40), np.arange(40) + 40 + gap])
    found = savgol_filter(poses(np.tile(path, 2), index), window, degree)
    alone = savgol_filter(poses(path, time=half), window, degree)
    np.testing.assert_allclose(x_of(found), np.tile(x_of(alone), 2), atol=1e-6)


def test_savgol_of_a_keypoint_that_is_seldom_seen_is_that_of_least_squares():
    time = np.arange(101) / 25
    path = np.full(101, NAN)
    path[44:57] = np.random.default_rng(0).normal(300, 5, 13)
    found = x_of(savgol_filter(poses(path, time=time), 101, 10))
    expected = np.polynomial.Chebyshev.fit(time[44:57], path[44:57], 10)(time[44:57])
    np.testing.assert_allclose(found[44:57], expected, atol=1e-5)


@pytest.mark.parametrize("window", [13, 31, 101])
def test_a_high_degree_is_fitted_as_precisely_as_a_low_one(window):
    path = np.random.default_rng(window).normal(300, 50, window)
    time = np.arange(window) / 25
    found = x_of(savgol_filter(poses(path, time=time), window, 10))
    middle = window // 2
    expected = np.polynomial.Chebyshev.fit(time, path, 10)(time[middle])
    np.testing.assert_allclose(found[middle], expected, atol=1e-6)


def test_pictures_of_two_folders_are_two_sequences():
    path = np.array([0.0, 0, 0, 0, 9, 9, 9, 9])
    files = tuple(f"{'ab'[i // 4]}/{i}.png" for i in range(8))
    still = poses(path, time=np.full(8, NAN), files=files, track=("7",) * 8)
    for smooth in (median_filter, savgol_filter):
        np.testing.assert_allclose(x_of(smooth(still)), path, atol=1e-9)


def test_pictures_have_no_time_stamps_and_are_filtered_in_order():
    path = np.array([0, 1, NAN, 3, 4.0])
    found = interpolate_gaps(poses(path, time=np.full(5, NAN), files=tuple("abcde")), 1)
    np.testing.assert_allclose(x_of(found), [0, 1, 2, 3, 4])
