"""What can be read from a vector: linearly, and by which other vectors it is near to."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.evaluate.regression import solve

FOLDS = 5
STRENGTHS = np.logspace(-6, 2, 17)


class Retrieval(NamedTuple):
    """Finding the same person again. rank1: share of queries whose nearest picture shows that person.  mean_precision: mAP.

    chance: what rank1 is for vectors that know nothing.
    """

    rank1: float
    mean_precision: float
    chance: float


class Standard(NamedTuple):
    """What vectors are divided by and moved by, so that all dimensions count alike: mean and deviation of training ones."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray) -> "Standard":
        """Of (N, D); a dimension that never changes stays at 0."""
        deviation = vectors.std(axis=0)
        return cls(vectors.mean(axis=0), np.where(deviation > 1e-9, deviation, np.inf))

    def __call__(self, vectors: NDArray) -> NDArray[np.float64]:
        return (vectors - self.mean) / self.deviation


def read_out(x: NDArray, y: NDArray, people: NDArray, new: NDArray) -> NDArray[np.float64]:
    """What ridge regression with intercept from (N, D) to (N, E), fitted on these, makes of `new` (M, D): (M, E).

    Its strength is the one with the smallest squared error on people (N,) that are left out of the fit, in five folds. x is
    expected in standard units.
    """
    kinds = np.unique(people)
    errors = np.zeros(len(STRENGTHS))
    for left_out in np.array_split(kinds, min(FOLDS, len(kinds))):
        test = np.isin(people, left_out)
        if not test.all():
            guesses = _guesses(x[~test], y[~test], x[test], STRENGTHS)
            errors += np.square(guesses - y[test]).sum(axis=(1, 2))
    return _guesses(x, y, new, STRENGTHS[[errors.argmin()]])[0]


def explained(found: NDArray, truth: NDArray, known: NDArray) -> float:
    """R² of (M, E) against the mean of the training values (N, E): 1 is perfect, 0 no better than that mean, below 0 worse."""
    left, total = np.square(found - truth).sum(), np.square(truth - known.mean(axis=0)).sum()
    return float(1 - left / total)


def retrieve(vectors: NDArray, people: NDArray) -> Retrieval:
    """Look for each person's odd pictures among everybody's even ones, by Euclidean distance.

    vectors: (N, D) in standard units.  people: (N,) who is in each picture. The pictures of each person are counted in their
    order, so no picture is both a query and in the gallery. Precision is averaged over all of a person's pictures there.
    """
    count = np.zeros(len(people), int)
    for person in np.unique(people):
        count[people == person] = np.arange((people == person).sum())
    query, gallery = count % 2 == 1, count % 2 == 0
    q, g = vectors[query], vectors[gallery]
    distance = np.square(q).sum(1)[:, None] + np.square(g).sum(1) - 2 * q @ g.T
    right = people[gallery][distance.argsort(axis=1, kind="stable")] == people[query][:, None]
    ranks = np.arange(1, right.shape[1] + 1)
    precision = (np.cumsum(right, axis=1) / ranks * right).sum(axis=1) / right.sum(axis=1)
    chance = (people[gallery] == people[query][:, None]).mean()
    return Retrieval(float(right[:, 0].mean()), float(precision.mean()), float(chance))


def _guesses(x: NDArray, y: NDArray, new: NDArray, strengths: NDArray) -> NDArray:
    """(S, M, E): what the ridge of each strength (S,) makes of `new`."""
    weights, offset = solve(x, y, len(x) * strengths)
    return new @ weights.transpose(0, 2, 1) + offset[:, None]
