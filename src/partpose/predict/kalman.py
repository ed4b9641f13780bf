"""A Kalman smoother whose measurement noise is the measured uncertainty of each keypoint in each frame.

A keypoint moves with nearly constant velocity: its acceleration is white noise of density q (pixels² / s³), the same along x
and y. With the state (position, velocity) and a step of d seconds (Bar-Shalom, Li & Kirubarajan 2001, section 6.2.2):

    F = [[1, d], [0, 1]]      Q = q [[d³/3, d²/2], [d²/2, d]]      R = σ²

σ is `Poses.uncertainty`. q is the one of greatest likelihood, for each keypoint of each object. Forward runs a Kalman
filter, backward the smoother of Rauch, Tung & Striebel (1965).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.predict.filtering import filtered, known, series
from partpose.predict.poses import Poses

FEWEST = 4  # known points, below which there is no telling noise from motion
SMALLEST = 1e-3  # pixels: a noise of nothing would leave nothing to weigh
# What is tried for q d³ / σ²: from one straight line through all points to a line from point to point
RATIOS = np.logspace(-8, 4, 25)
TO_SIGMA = 1.4826  # of the median absolute deviation of a normal distribution


class _State(NamedTuple):
    """Position and velocity (G, K, 2), and their covariance (G, K): the same along both axes, which do not correlate.

    det: pp vv − pv², carried along by sums of what is positive. Behind a gap the difference itself has no digit left.
    """

    position: NDArray
    velocity: NDArray
    pp: NDArray
    pv: NDArray
    vv: NDArray
    det: NDArray


def kalman_smooth(poses: Poses) -> Poses:
    """The smoothed path of every keypoint; uncertain keypoints count less. NaN stays NaN.

    Where some of a keypoint's frames have no uncertainty, its median stands in. Where it was not measured at all, σ is
    estimated from how far the points lie off the straight line between their neighbours, robustly, which takes fast turns
    for noise; `history` says which of the two it was. A part's covariance is its extent and has no part in this.
    """
    mean, measured = poses.mean.copy(), 0
    for one in series(poses):
        points = poses.mean[one.rows]
        sigma = _filled(poses.uncertainty[one.rows])
        some = np.flatnonzero(known(points).sum(axis=0) >= FEWEST)
        lacking = np.isnan(sigma[0])
        sigma[:, lacking] = noise_level(points[:, lacking], one.time)
        measured += int(np.sum(~lacking))
        if len(some):
            mean[np.ix_(one.rows, some)] = _smooth(points[:, some], np.maximum(sigma[:, some], SMALLEST), one.time)
    total = poses.mean.shape[1] * len(poses.tracks())
    noise = "measured" if measured == total else "from second differences" if not measured else "measured where known"
    return filtered(poses, np.where(known(poses.mean)[..., None], mean, poses.mean), f"kalman_smooth(noise={noise!r})")


def noise_level(points: NDArray, time: NDArray) -> NDArray[np.float64]:
    """The standard deviation (K,) along one axis of white noise on smooth paths (n, K, 2), robustly.

    The distance e of a point from the straight line between its neighbours has the variance σ² (1 + w² + (1 - w)²), with
    w = ½ for even time stamps; σ is 1.4826 times the median of |e| over the root of that. 0 where nothing can be said.
    """
    before, here, after = time[:-2], time[1:-1], time[2:]
    weight = ((after - here) / (after - before))[:, None, None]
    off = points[1:-1] - weight * points[:-2] - (1 - weight) * points[2:]
    off = np.abs(off / np.sqrt(1 + weight**2 + (1 - weight) ** 2))
    values = [one[np.isfinite(one)] for one in off.transpose(1, 0, 2)]
    return np.array([TO_SIGMA * np.median(one) if len(one) else 0.0 for one in values])


def _filled(sigma: NDArray) -> NDArray[np.float64]:
    """(n, K) with each column's median in the place of NaN; NaN for columns that have nothing else."""
    filled = sigma.copy()
    for column in filled.T:
        if (given := column[np.isfinite(column)]).size:
            column[np.isnan(column)] = np.median(given)
    return filled


def _smooth(points: NDArray, sigma: NDArray, time: NDArray) -> NDArray[np.float64]:
    """(n, K, 2) points with noise (n, K) to their smoothed path."""
    grid = RATIOS[:, None] * np.median(sigma, axis=0) ** 2 / np.median(np.diff(time)) ** 3
    best = _filter(points, sigma, time, grid)[0].argmax(axis=0)
    density = np.take_along_axis(grid, best[None], axis=0)
    return _backward(_filter(points, sigma, time, density, keep=True)[1], time, density)


def _filter(
    points: NDArray, sigma: NDArray, time: NDArray, density: NDArray, keep: bool = False
) -> tuple[NDArray, list[_State]]:
    """The log-likelihood (G, K) of the points under each `density` (G, K), but for a constant, and the states, if kept."""
    state, likelihood, states = _start(points, sigma, time, density), np.zeros(density.shape), []
    steps = np.diff(time, prepend=time[:1])
    for point, variance, step, seen in zip(points, sigma**2, steps, known(points), strict=True):
        before = _predicted(state, step, density)
        spread = before.pp + variance
        off = np.where(seen[:, None], point - before.position, 0)
        likelihood -= np.where(seen, np.log(spread) + 0.5 * np.square(off).sum(axis=-1) / spread, 0)
        state = _updated(before, off, np.where(seen, 1 / spread, 0), np.where(seen, variance / spread, 1))
        if keep:
            states.append(state)
    return likelihood, states


def _start(points: NDArray, sigma: NDArray, time: NDArray, density: NDArray) -> _State:
    """Anywhere in the picture, at any speed: as good as no knowledge, so that the first points alone count."""
    shape, centre = density.shape, np.nanmean(points, axis=0)
    reach = 10 * (np.nanmax(np.abs(points - centre), axis=(0, 2)) + sigma.max(axis=0))
    speed = reach / np.median(np.diff(time))
    position, velocity = np.broadcast_to(centre, (*shape, 2)), np.zeros((*shape, 2))
    pp, vv = np.broadcast_to(reach**2, shape), np.broadcast_to(speed**2, shape)
    return _State(position, velocity, pp, np.zeros(shape), vv, pp * vv)


def _predicted(state: _State, step: float, density: NDArray) -> _State:
    """F x and F P Fᵀ + Q."""
    position, velocity, pp, pv, vv, det = state
    return _State(
        position + step * velocity,
        velocity,
        pp + 2 * step * pv + step**2 * vv + density * step**3 / 3,
        pv + step * vv + density * step**2 / 2,
        vv + density * step,
        det + density * step * (pp + step * pv + step**2 * vv / 3) + density**2 * step**4 / 12,
    )


def _updated(state: _State, off: NDArray, weight: NDArray, kept: NDArray) -> _State:
    """The state after a measurement that lies `off`; weight is 1 / (P + R) and kept R / (P + R), or 0 and 1 without one."""
    position, velocity, pp, pv, vv, det = state
    gain, gain_v = pp * weight, pv * weight
    return _State(
        position + gain[..., None] * off,
        velocity + gain_v[..., None] * off,
        pp * kept,
        pv * kept,
        vv * kept + det * weight,
        det * kept,
    )


def _backward(states: list[_State], time: NDArray, density: NDArray) -> NDArray[np.float64]:
    """The smoothed positions (n, K, 2): x ← x + P Fᵀ P'⁻¹ (x₊ - x'), from the last row to the first."""
    position, velocity = states[-1].position, states[-1].velocity
    path = [position[0]]
    for now, step in zip(states[-2::-1], np.diff(time)[::-1], strict=True):
        then = _predicted(now, step, density)
        to_p, to_v = now.pp + step * now.pv, now.pv + step * now.vv  # P Fᵀ, whose second column is (pv, vv)
        inverse = 1 / then.det
        off_p, off_v = position - then.position, velocity - then.velocity
        # P'⁻¹ (x₊ - x')
        p = (then.vv * inverse)[..., None] * off_p - (then.pv * inverse)[..., None] * off_v
        v = (then.pp * inverse)[..., None] * off_v - (then.pv * inverse)[..., None] * off_p
        position = now.position + to_p[..., None] * p + now.pv[..., None] * v
        velocity = now.velocity + to_v[..., None] * p + now.vv[..., None] * v
        path.append(position[0])
    return np.array(path[::-1])
