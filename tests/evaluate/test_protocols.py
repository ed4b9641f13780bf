"""Each protocol on numbers that can be worked out by hand."""

import numpy as np
import pytest

from partpose.errors import PartposeError
from partpose.evaluate.protocols import (
    bootstrap,
    choose_protocol,
    errors,
    flip_forgiven,
    left_out,
    lengths,
    mean_error,
    per_landmark,
)

NAN = np.nan
EYES = {"type": "distance", "indices": [0, 1], "name": "inter-ocular"}
TRUTH = np.array([[[0.0, 0], [40, 30], [10, 0]], [[5, 5], [5, 5], [7, 5]], [[0, 0], [NAN, NAN], [9, 9]]])
SIZES = np.array([(200, 100), (50, 80), (64, 64)])


def moved(by):
    return TRUTH + np.array(by, float)


def test_image_size_is_per_cent_of_the_short_side():
    found = errors(moved((3, 4)), TRUTH, SIZES, choose_protocol("image-size", EYES))
    np.testing.assert_allclose(found, [[5, 5, 5], [10, 10, 10], [7.8125, NAN, 7.8125]])


def test_normalised_is_per_cent_of_the_named_distance():
    protocol = choose_protocol(None, EYES)
    found = errors(moved((3, 4)), TRUTH, SIZES, protocol)
    np.testing.assert_allclose(found, [[10, 10, 10], [NAN] * 3, [NAN] * 3])
    assert left_out(TRUTH, SIZES, protocol) == 2


def test_pictures_without_labels_are_not_counted_as_left_out():
    truth = np.concatenate([TRUTH, np.full((1, 3, 2), NAN)])
    sizes = np.concatenate([SIZES, [(9, 9)]])
    assert left_out(truth, sizes, choose_protocol(None, EYES)) == 2
    assert left_out(truth, sizes, choose_protocol("image-size", EYES)) == 0


def test_pck_is_the_share_within_alpha():
    predicted = TRUTH + np.array([[[3.0, 0]], [[0, 0]], [[0, 0]]]) * np.array([[[1.0], [2], [1.6]]])
    found = errors(predicted, TRUTH, SIZES, choose_protocol("pck@0.1", EYES))
    np.testing.assert_allclose(found[0], [100, 0, 100])
    assert np.isnan(found[1:]).all()
    short_side = errors(moved((0, 6.4)), TRUTH, SIZES, choose_protocol("pck@0.1", None))
    np.testing.assert_allclose(short_side, [[100, 100, 100], [0, 0, 0], [100, NAN, 100]])


def test_lengths_of_every_type():
    np.testing.assert_allclose(lengths(TRUTH, SIZES, EYES), [50, NAN, NAN])
    np.testing.assert_allclose(lengths(TRUTH, SIZES, {"type": "bbox_of_keypoints"}), [40, 2, 9])
    np.testing.assert_allclose(lengths(TRUTH, SIZES, {"type": "image_side"}), [100, 50, 64])
    np.testing.assert_allclose(lengths(TRUTH, SIZES, None), [100, 50, 64])


def test_a_box_of_nothing_has_no_length():
    assert np.isnan(lengths(np.full((1, 3, 2), NAN), SIZES[:1], {"type": "bbox_of_keypoints"})).all()
    assert np.isnan(lengths(np.ones((1, 3, 2)), SIZES[:1], {"type": "bbox_of_keypoints"})).all()


@pytest.mark.parametrize(
    "normaliser", [{"type": "volume"}, {}, {"type": "distance"}, {"type": "distance", "indices": [0, 3]}]
)
def test_normalisers_that_make_no_sense(normaliser):
    with pytest.raises(PartposeError, match="normaliser"):
        lengths(TRUTH, SIZES, normaliser)


def test_the_default_is_normalised_where_it_can_be():
    assert choose_protocol(None, EYES).name == "normalised"
    assert choose_protocol(None, EYES).unit == "% of inter-ocular"
    assert choose_protocol(None, None).name == "image-size"
    assert choose_protocol(None, None).unit == "% of short side"
    assert choose_protocol("pck@0.05", None).unit == "% of landmarks within 0.05 × short side"


@pytest.mark.parametrize(
    "name", ["Human36M", "pck", "pck@", "pck@x", "pck@-1", "pck@0", "pck@nan", "pck@inf", "Normalised"]
)
def test_other_protocols_are_refused(name):
    with pytest.raises(PartposeError, match=r"pck@0\.1"):
        choose_protocol(name, EYES)


PEOPLE = choose_protocol("human36m", EYES, flip_pairs=((0, 1),))


def test_human36m_is_per_cent_of_the_side_whatever_the_normaliser_and_fits_no_intercept_and_no_ridge():
    assert (PEOPLE.normaliser, PEOPLE.intercept, PEOPLE.ridge, PEOPLE.unit) == (None, False, False, "% of image size")
    assert choose_protocol("image-size", EYES).ridge
    truth = np.zeros((1, 32, 2))
    found = errors(truth + np.array([1.28 * 3, 1.28 * 4]), truth, np.array([(128, 128)]), PEOPLE)
    np.testing.assert_allclose(found, np.full((1, 32), 5))


def test_a_person_seen_the_wrong_way_round_is_forgiven_as_a_whole_or_not_at_all():
    truth = np.array([[[10.0, 50], [90, 50], [50, 10]]] * 3)
    exchanged = truth[:, [1, 0, 2]]
    half = truth.copy()
    half[:, 0] = truth[:, 1]
    predicted = np.stack([truth[0], exchanged[1], half[2]])
    sizes = np.full((3, 2), 100)
    np.testing.assert_allclose(errors(predicted, truth, sizes, PEOPLE), [[0, 0, 0], [80, 80, 0], [80, 0, 0]])
    forgiven = flip_forgiven(predicted, truth, sizes, PEOPLE)
    # One limb on the wrong side stays wrong: exchanged, the other one would be
    np.testing.assert_allclose(forgiven, [[0, 0, 0], [0, 0, 0], [80, 0, 0]])


def test_forgiveness_compares_what_is_seen():
    truth = np.array([[[10.0, 50], [NAN, NAN], [50, 10]], [[NAN, NAN]] * 3])
    predicted = np.array([[[90.0, 50], [10, 50], [50, 14]]] * 2)
    forgiven = flip_forgiven(predicted, truth, np.full((2, 2), 100), PEOPLE)
    np.testing.assert_allclose(forgiven, [[NAN, 0, 4], [NAN] * 3])


def test_human36m_without_flip_pairs_is_refused():
    with pytest.raises(PartposeError, match=r"no flip_pairs .* left from right; use image-size"):
        choose_protocol("human36m", EYES)


def test_normalised_without_a_normaliser_is_refused():
    with pytest.raises(PartposeError, match="use the protocol image-size"):
        choose_protocol("normalised", None)


def test_the_mean_is_over_landmarks_not_over_pictures():
    found = np.array([[1.0, 2, 3], [6, NAN, NAN]])
    assert mean_error(found) == 3
    np.testing.assert_allclose(per_landmark(found), [3.5, 2, 3])
    np.testing.assert_allclose(per_landmark(np.array([[NAN, 1.0]])), [NAN, 1])


def test_the_interval_is_that_of_a_mean_and_resamples_whole_pictures():
    rng = np.random.default_rng(0)
    pictures = rng.normal(10, 2, 400)
    alike = np.repeat(pictures[:, None], 5, axis=1)
    low, high = bootstrap(alike, seed=1)
    # Five equal landmarks of a picture say no more than one
    assert (high - low) / (2 * 1.96 * 2 / 20) == pytest.approx(1, abs=0.15)
    assert low < mean_error(alike) < high
    assert bootstrap(alike, seed=1) == (low, high)
    assert bootstrap(alike, seed=2) != (low, high)


def test_unlabelled_pictures_do_not_change_the_interval():
    found = np.random.default_rng(0).uniform(0, 5, (30, 4))
    found[3, 1] = NAN
    more = np.concatenate([found, np.full((50, 4), NAN)])
    assert bootstrap(more, seed=0) == bootstrap(found, seed=0)


@pytest.mark.parametrize("measure", [mean_error, lambda found: bootstrap(found, seed=0)])
@pytest.mark.parametrize("nothing", [np.full((4, 3), NAN), np.zeros((0, 3))])
def test_nothing_to_measure_is_said(measure, nothing):
    with pytest.raises(PartposeError, match="no test picture has a landmark"):
        measure(nothing)
