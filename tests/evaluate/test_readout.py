"""What a linear map can read is read, of new people too, and nothing is found where there is nothing."""

import numpy as np
import pytest

from partpose.evaluate.readout import Standard, explained, read_out, retrieve

RNG = np.random.default_rng(0)
PEOPLE = np.repeat(np.arange(12), 10)


def test_a_linear_relation_is_found():
    x, new = RNG.normal(size=(120, 5)), RNG.normal(size=(40, 5))
    weights = RNG.normal(size=(5, 3))
    found = read_out(x, x @ weights + 2, PEOPLE, new)
    np.testing.assert_allclose(found, new @ weights + 2, atol=1e-3)
    assert explained(found, new @ weights + 2, x @ weights + 2) > 0.999


def test_it_is_ridge_regression():
    """With noise, of one strength of the list, by the normal equations."""
    x, new, noise = RNG.normal(size=(120, 5)), RNG.normal(size=(7, 5)), RNG.normal(size=(120, 2))
    y = x @ RNG.normal(size=(5, 2)) + noise
    found = read_out(x, y, PEOPLE, new)
    centred = x - x.mean(0)
    candidates = []
    for strength in np.logspace(-6, 2, 17):
        weights = np.linalg.solve(centred.T @ centred + len(x) * strength * np.eye(5), centred.T @ (y - y.mean(0)))
        candidates.append((new - x.mean(0)) @ weights + y.mean(0))
    assert min(np.abs(found - one).max() for one in candidates) < 1e-9


def test_what_holds_for_each_person_alone_is_not_read():
    """Who it is tells nothing of people who are new: the strength is chosen by people who are left out, and is large."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 9))[PEOPLE] + 0.05 * rng.normal(size=(120, 9)), rng.normal(size=(12, 2))[PEOPLE]
    new, truth = rng.normal(size=(300, 9)), rng.normal(size=(300, 2))
    assert explained(read_out(x, y, PEOPLE, x), y, y) < 0.5
    assert explained(read_out(x, y, PEOPLE, new), truth, y) > -0.2


def test_the_mean_explains_nothing_and_worse_is_below_nothing():
    known, truth = RNG.normal(size=(50, 2)), RNG.normal(size=(20, 2))
    assert explained(np.broadcast_to(known.mean(0), (20, 2)), truth, known) == 0
    assert explained(-truth, truth, known) < -1


def test_dimensions_count_alike():
    x = RNG.normal(size=(50, 3)) * (1, 100, 0) + (5, 0, 7)
    z = Standard.of(x)(x)
    np.testing.assert_allclose(z.std(0), [1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-12)


def test_people_apart_are_all_found():
    vectors = np.eye(12)[PEOPLE] * 10 + RNG.normal(size=(120, 12)) * 0.1
    found = retrieve(vectors, PEOPLE)
    assert (found.rank1, found.mean_precision) == (1, 1)
    assert found.chance == pytest.approx(1 / 12)


def test_vectors_that_know_nothing_are_at_chance():
    people = np.repeat(np.arange(4), 250)
    found = retrieve(RNG.normal(size=(1000, 6)), people)
    assert found.rank1 == pytest.approx(0.25, abs=0.06)
    assert found.mean_precision == pytest.approx(0.25, abs=0.03)


def test_a_picture_does_not_find_itself():
    """All pictures of a person are alike but one, which is nearest to itself and to nobody else's."""
    vectors, people = np.array([[0.0], [10.0], [1.0], [11.0], [9.5], [9.5]]), np.array([0, 0, 1, 1, 2, 2])
    found = retrieve(vectors, people)
    # Queries are the second, fourth and sixth: 10 and 11 find the 9.5 of person 2, who finds it too
    assert found.rank1 == pytest.approx(1 / 3)
    assert found.mean_precision == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)


def test_precision_is_averaged_over_all_of_a_persons_pictures():
    vectors = np.array([[1.0], [0.0], [3.0], [50.0], [2.0], [60.0]])
    people = np.array([0, 0, 0, 0, 1, 1])
    # For 0 and 50: 1 | 2(other) | 3, and 3 | 2(other) | 1: right at ranks 1 and 3; for 60: 3, 2, right at rank 2
    assert retrieve(vectors, people).mean_precision == pytest.approx(((1 + 2 / 3) / 2 * 2 + 1 / 2) / 3)
