"""From parts to annotated landmarks by a linear map: plain least squares, or ridge where few pictures are labelled.

Everything is fitted in the unit frame (see `predict.landmark_map`), on the CPU, in float64, by the driver gelsd: a part
that never moves, or two that always lie on one spot, make the system rank-deficient, and gels answered those with
weights of 1e14. Directions in which the parts spread less than 1e-5 of their largest spread count as none.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.errors import PartposeError
from partpose.predict.landmark_map import LandmarkMap

PICTURES_A_COORDINATE = 10
FOLDS = 5
STRENGTHS = np.logspace(-8, 0, 17)
RANK_TOLERANCE = 1e-5


def fit(
    parts: NDArray,
    landmarks: NDArray,
    intercept: bool = True,
    *,
    names: tuple[str, ...] = (),
    protocol: str = "image-size",
    model_hash: str = "",
) -> LandmarkMap:
    """The linear map from parts (N, K, 2) to landmarks (N, J, 2), both in the inside frame of N training pictures.

    A landmark that some pictures lack (NaN) is fitted on the others; one that all lack gets NaN. Landmarks seen in
    fewer than ten pictures a part coordinate (2K) are fitted by ridge. Its one strength λ, kept in the map's `ridge`,
    is the one that five-fold cross-validation on these pictures prefers; the folds are runs of neighbouring pictures,
    so that the frames of one video or one person do not test themselves.

    Raises `PartposeError` where no picture shows any landmark, or the shapes do not fit.
    """
    x, y = _unit(parts, landmarks)
    count = y.shape[1] // 2
    seen = np.isfinite(y[:, ::2]) & np.isfinite(y[:, 1::2])
    if not seen.any():
        raise PartposeError("no training picture has a labelled landmark; label some, with split=train")
    number = seen.sum(axis=0)
    few = (number > 0) & (number < PICTURES_A_COORDINATE * x.shape[1])
    strength = _choose_strength(x, y, seen, few, intercept) if few.any() else None

    weights = np.full((2 * count, x.shape[1]), np.nan)
    offset = np.full(2 * count, np.nan)
    for columns, rows in _groups(seen):
        for ridge in (False, True):
            some = np.repeat(columns & (few == ridge), 2)
            if rows.any() and some.any():
                solve_with = strength if ridge else None
                weights[some], offset[some] = _solve(x[rows], y[rows][:, some], intercept, solve_with)
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


def _solve(x: NDArray, y: NDArray, intercept: bool, strength: float | None) -> tuple[NDArray, NDArray]:
    """Weights (C, 2K) and offsets (C,) of min |y - x wᵀ - b|²/N + λ |w|²; the offset is never penalised."""
    x_mean, y_mean = (x.mean(axis=0), y.mean(axis=0)) if intercept else (np.zeros(x.shape[1]), np.zeros(y.shape[1]))
    a, b = x - x_mean, y - y_mean
    if strength is not None:
        a = np.concatenate([a, np.sqrt(len(x) * strength) * np.eye(x.shape[1])])
        b = np.concatenate([b, np.zeros((x.shape[1], y.shape[1]))])
    solution = torch.linalg.lstsq(torch.from_numpy(a), torch.from_numpy(b), rcond=RANK_TOLERANCE, driver="gelsd")
    weights = solution.solution.numpy().T
    return weights, y_mean - weights @ x_mean


def _choose_strength(x: NDArray, y: NDArray, seen: NDArray, few: NDArray, intercept: bool) -> float:
    """The strength with the smallest squared error on left-out runs of pictures, over all landmarks that need it."""
    errors = np.zeros(len(STRENGTHS))
    for left_out in np.array_split(np.arange(len(x)), min(FOLDS, len(x))):
        kept = np.ones(len(x), bool)
        kept[left_out] = False
        for columns, rows in _groups(seen):
            some = np.repeat(columns & few, 2)
            learn, test = rows & kept, rows & ~kept
            if some.any() and learn.any() and test.any():
                for number, strength in enumerate(STRENGTHS):
                    weights, offset = _solve(x[learn], y[learn][:, some], intercept, strength)
                    errors[number] += np.square(x[test] @ weights.T + offset - y[test][:, some]).sum()
    # One or two pictures leave nothing to compare by, all strengths tie: be as careful as can be
    return float(STRENGTHS[::-1][errors[::-1].argmin()])
