"""From parts to annotated landmarks by a linear map: ridge regression, or least squares where a protocol wants it.

Everything is fitted in the unit frame (see `predict.landmark_map`), in float64, by singular values: a part that never moves,
or two that always lie on one spot, make the system rank-deficient. Directions in which the parts spread less than 1e-5 of
their largest spread count as none. Those that spread a little more would still get weights so large that the map is useless
on pictures of another place, and the labelled ones cannot tell, however many they are: so all are fitted by ridge.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from partpose.errors import PartposeError
from partpose.predict.landmark_map import LandmarkMap

FOLDS = 5
STRENGTHS = np.logspace(-8, 0, 17)
RANK_TOLERANCE = 1e-5


def fit(
    parts: NDArray,
    landmarks: NDArray,
    intercept: bool = True,
    *,
    ridge: bool = True,
    groups: NDArray | None = None,
    names: tuple[str, ...] = (),
    protocol: str = "image-size",
    model_hash: str = "",
) -> LandmarkMap:
    """The linear map from parts (N, K, 2) to landmarks (N, J, 2), both in the inside frame of N training pictures.

    A landmark that some pictures lack (NaN) is fitted on the others; one that all lack gets NaN. The ridge's one strength λ,
    kept in the map's `ridge`, is the one of `STRENGTHS` that five-fold cross-validation on these pictures prefers, so that
    the frames of one video or one person do not test themselves: the folds are groups, else runs of neighbouring pictures.
    The penalty is λ times the number of labelled pictures, also for a landmark that few of them show.

    groups: (N,) one name for pictures that belong together, as of one farm: the map is to be good at new ones.
    ridge: False for plain least squares, as published protocols have it.

    Raises `PartposeError` where no picture shows any landmark, or the shapes do not fit.
    """
    x, y = _unit(parts, landmarks)
    count = y.shape[1] // 2
    seen = np.isfinite(y[:, ::2]) & np.isfinite(y[:, 1::2])
    if not seen.any():
        raise PartposeError("no training picture has a labelled landmark; label some, with split=train")
    strength = _choose_strength(x, y, seen, intercept, groups) if ridge else None
    weights, offset = _fit_groups(x, y, seen, strength or 0.0, intercept)
    matrix = weights.reshape(count, 2, -1, 2)
    names = tuple(names) or tuple(f"landmark_{j}" for j in range(count))
    constant = offset.reshape(count, 2) if intercept else None
    return LandmarkMap(matrix, names, protocol, constant, strength, model_hash, nearest=_nearest(x, y, seen))


def mean_pose(landmarks: NDArray) -> NDArray:
    """(J, 2) mean of the training landmarks (N, J, 2) in the inside frame: the guess that knows nothing of a picture.

    NaN for a landmark that no picture shows.
    """
    seen = ~np.isnan(landmarks).any(axis=2, keepdims=True)
    count = seen.sum(axis=0)
    total = np.where(seen, landmarks, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _nearest(x: NDArray, y: NDArray, seen: NDArray) -> tuple[int, ...]:
    """Of each part in rows (N, 2K) the landmark in rows (N, 2J) that it is nearest to, on average where that is seen."""
    parts, points = (rows.reshape(len(rows), -1, 2) for rows in (x, y))
    apart = np.full((parts.shape[1], points.shape[1]), np.inf)
    for j in np.flatnonzero(seen.any(axis=0)):
        apart[:, j] = np.linalg.norm(parts[seen[:, j]] - points[seen[:, j], None, j], axis=2).mean(axis=0)
    return tuple(apart.argmin(axis=1).tolist())


def _unit(parts: NDArray, landmarks: NDArray) -> tuple[NDArray, NDArray]:
    """Parts and landmarks as rows (N, 2K) and (N, 2J) of the unit frame."""
    parts, landmarks = np.asarray(parts, np.float64), np.asarray(landmarks, np.float64)
    if parts.ndim != 3 or landmarks.ndim != 3 or len(parts) != len(landmarks):
        raise PartposeError(
            f"parts and landmarks must have the shapes (N, K, 2) and (N, J, 2), got {parts.shape} and {landmarks.shape}"
        )
    if not np.isfinite(parts).all():
        raise PartposeError("parts must be finite, got NaN or infinity; the model may have diverged in training")
    return (_rows(parts) + 1) / 2, (_rows(landmarks) + 1) / 2


def _rows(points: NDArray) -> NDArray:
    return points.reshape(len(points), 2 * points.shape[1])


def _groups(seen: NDArray):
    """Landmarks that the same pictures show, solved together: pairs of (J,) landmarks and (N,) pictures."""
    patterns, which = np.unique(seen.T, axis=0, return_inverse=True)
    return [(which.ravel() == number, rows) for number, rows in enumerate(patterns)]


def solve(x: NDArray, y: NDArray, penalties: ArrayLike, intercept: bool = True) -> tuple[NDArray, NDArray]:
    """Weights (S, E, D) and offsets (S, E) of min |y - x wᵀ - b|² + p |w|² for each p of `penalties` (S,).

    x: (N, D).  y: (N, E). The offset is never penalised. All come from one singular value decomposition.
    """
    x_mean, y_mean = (x.mean(axis=0), y.mean(axis=0)) if intercept else (np.zeros(x.shape[1]), np.zeros(y.shape[1]))
    left, values, right = np.linalg.svd(x - x_mean, full_matrices=False)
    known = values > RANK_TOLERANCE * values.max(initial=0)
    left, values, right = left[:, known], values[known], right[known]
    shrunk = values / (np.square(values) + np.asarray(penalties)[:, None])
    weights = shrunk[:, None] * ((y - y_mean).T @ left) @ right
    return weights, y_mean - weights @ x_mean


def _fit_groups(x: NDArray, y: NDArray, seen: NDArray, strength: float, intercept: bool) -> tuple[NDArray, NDArray]:
    """Weights (2J, 2K) and offsets (2J,), each landmark's from the pictures that show it; NaN where none does."""
    penalty = seen.any(axis=1).sum() * strength
    weights, offset = np.full((y.shape[1], x.shape[1]), np.nan), np.full(y.shape[1], np.nan)
    for columns, rows in _groups(seen):
        some = np.repeat(columns, 2)
        if rows.any():
            some_weights, some_offset = solve(x[rows], y[np.ix_(rows, some)], [penalty], intercept)
            weights[some], offset[some] = some_weights[0], some_offset[0]
    return weights, offset


def _choose_strength(x: NDArray, y: NDArray, seen: NDArray, intercept: bool, groups: NDArray | None) -> float:
    """The strength with the smallest squared error on left-out pictures, over all landmarks."""
    errors, penalties = np.zeros(len(STRENGTHS)), seen.any(axis=1).sum() * STRENGTHS
    for columns, rows in _groups(seen):
        some, own = np.repeat(columns, 2), np.flatnonzero(rows)
        for test in _folds(own, groups):
            learn = np.setdiff1d(own, test)
            found = solve(x[learn], y[np.ix_(learn, some)], penalties, intercept)
            for number, (weights, offset) in enumerate(zip(*found, strict=True)):
                errors[number] += np.square(x[test] @ weights.T + offset - y[np.ix_(test, some)]).sum()
    # Where nothing can be compared, with one picture or with an offset two, all strengths tie. With an offset the strongest
    # is the most careful, nearly the mean pose; without one it would draw all landmarks into the picture's corner
    tried = slice(None, None, -1 if intercept else 1)
    return float(STRENGTHS[tried][errors[tried].argmin()])


def _folds(own: NDArray, groups: NDArray | None) -> list[NDArray]:
    """Which of the pictures `own` are left out together: those of some groups, or, where all are of one, of neighbours."""
    names = [] if groups is None else list(dict.fromkeys(groups[own]))
    if groups is None or len(names) < 2:
        return np.array_split(own, FOLDS) if len(own) > 1 else []
    return [own[np.isin(groups[own], some)] for some in np.array_split(names, min(FOLDS, len(names)))]
