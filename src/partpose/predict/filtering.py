"""Filters over the keypoints of videos: pure functions from poses to poses.

Each works on one keypoint of one object (track) at a time, says in `history` what it did with which parameters, and keeps
the keypoints as they were predicted in `raw`. Frames are counted as the poses have them: where every fifth frame of a video
was predicted, a window of 5 frames reaches over 25 of the video, and where one could not be decoded, there is a gap.
A smoother (median, Savitzky-Golay, Kalman) fills nothing and loses nothing: NaN stays NaN, and only NaN does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from partpose.errors import PartposeError
from partpose.predict.finish import highest_degree
from partpose.predict.poses import Poses

BLOCK = 2048  # rows at a time: windows take many times the memory of the keypoints
NEAR = 1e-6  # frames are counted in floating point


class Series(NamedTuple):
    """The rows of one object, in order.

    rows: (n,) which ones.  place: (n,) in frames of these poses, from 0.
    time: (n,) seconds from its first row, or `place` where there are no time stamps that rise.
    """

    rows: NDArray[np.int64]
    place: NDArray[np.float64]
    time: NDArray[np.float64]


class _Windows(NamedTuple):
    """The surroundings of some rows: values (m, W, K, 2), NaN where there is nothing to use; time (m, W) from the middle."""

    values: NDArray[np.float64]
    time: NDArray[np.float64]


def mask_low_confidence(poses: Poses, threshold: float) -> Poses:
    """NaN for keypoints whose confidence is below the threshold, or unknown."""
    keep = poses.confidence >= threshold
    return filtered(
        poses, np.where(keep[..., None], poses.mean, np.nan), f"mask_low_confidence(threshold={threshold:g})"
    )


def median_filter(poses: Poses, window: int = 5) -> Poses:
    """The median of x and that of y over a window of so many frames (odd), centred; of what is known there.

    Takes out single wild frames, and leaves steps alone. Raises PartposeError for an even window.
    """
    mean = poses.mean.copy()
    for one in series(poses):
        for rows, windows in _windows(poses.mean[one.rows], one, _half(window), np.inf):
            mean[one.rows[rows]] = _median(windows.values)
    return filtered(poses, mean, f"median_filter(window={window})")


def savgol_filter(poses: Poses, window: int = 9, degree: int = 2, max_gap: int = 5) -> Poses:
    """The value, at each frame, of the polynomial of least squares through a window around it (Savitzky & Golay 1964).

    window: frames (odd); at the ends, and beside gaps, it is what there is of it.  degree: of the polynomial, below the
    window, at most 10. Where no more than degree + 1 points are known, the polynomial goes through them: nothing changes.
    max_gap: points beyond a gap of more frames than this are not used. Time stamps need not be even.

    Raises PartposeError for an even window, or a degree that does not fit.
    """
    highest = highest_degree(window)
    if not 0 <= degree <= highest:
        raise PartposeError(f"degree must be from 0 to {highest} (of a window of {window} frames), got {degree}")
    mean = poses.mean.copy()
    for one in series(poses):
        for rows, windows in _windows(poses.mean[one.rows], one, _half(window), max_gap):
            mean[one.rows[rows]] = _local_polynomial(windows, degree)
    return filtered(poses, mean, f"savgol_filter(window={window}, degree={degree}, max_gap={max_gap})")


def interpolate_gaps(poses: Poses, max_gap: int = 5) -> Poses:
    """Fill gaps of at most so many frames, linearly in time between the keypoints on both sides.

    Nothing is filled before a keypoint's first appearance and after its last. Confidences stay the network's.
    """
    mean = poses.mean.copy()
    for one in series(poses):
        for k in range(mean.shape[1]):
            mean[one.rows, k] = _interpolated(poses.mean[one.rows, k], one, max_gap)
    return filtered(poses, mean, f"interpolate_gaps(max_gap={max_gap})")


def unfiltered(poses: Poses) -> Poses:
    """The keypoints as they were before the first filter."""
    if poses.raw is None:
        return poses
    return replace(poses, mean=poses.raw, raw=None, history=(*poses.history, "unfiltered()"))


def filtered(poses: Poses, mean: NDArray, history: str) -> Poses:
    """The same poses with other keypoints: what every filter returns."""
    raw = poses.mean if poses.raw is None else poses.raw
    return replace(poses, mean=mean, raw=raw, history=(*poses.history, history))


def series(poses: Poses) -> Iterator[Series]:
    """The rows of each object, and when they were. Pictures of different folders show different objects of one name."""
    steps = np.diff(np.unique(poses.frame_index))
    step = np.median(steps) if len(steps) else 1
    for rows in (some for track in poses.tracks().values() for some in _by_folder(track, poses.files)):
        index, stamps = poses.frame_index[rows], poses.time_stamp[rows]
        place = (index - index[0]) / step
        in_seconds = np.isfinite(stamps).all() and (np.diff(stamps) > 0).all()
        yield Series(rows, place, stamps - stamps[0] if in_seconds else place)


def _by_folder(rows: NDArray[np.int64], files: Sequence[str] | None) -> list[NDArray[np.int64]]:
    """The rows of one track, apart where their pictures lie in different folders."""
    if files is None:
        return [rows]
    found: dict[str, list[int]] = {}
    for row in rows.tolist():
        found.setdefault(files[row].rpartition("/")[0], []).append(row)
    return [np.array(some) for some in found.values()]


def known(points: NDArray) -> NDArray[np.bool_]:
    """(..., 2) points to (...) whether both coordinates are known."""
    return np.isfinite(points[..., 0]) & np.isfinite(points[..., 1])


def _half(window: int) -> int:
    if window < 1 or window % 2 == 0:
        raise PartposeError(f"window must be an odd number of frames, 1 or more, got {window}")
    return window // 2


def _windows(points: NDArray, one: Series, half: int, max_gap: float) -> Iterator[tuple[slice, _Windows]]:
    """(n, K, 2) points of a series to the windows of all its rows, a block of rows at a time."""
    piece = _pieces(known(points), one.place, max_gap)
    for start in range(0, len(points), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(points)))
        around = rows[:, None] + np.arange(-half, half + 1)
        there = (around >= 0) & (around < len(points))
        around = around.clip(0, len(points) - 1)
        there &= np.abs(one.place[around] - one.place[rows, None]) <= half + NEAR
        use = there[..., None] & (piece[around] == piece[rows, None])
        values = np.where(use[..., None], points[around], np.nan)
        yield slice(start, start + BLOCK), _Windows(values, one.time[around] - one.time[rows, None])


def _pieces(seen: NDArray[np.bool_], place: NDArray, max_gap: float) -> NDArray[np.int64]:
    """(n, K) seen to (n, K) numbers that rise by one at every gap of more than `max_gap` frames."""
    last = np.maximum.accumulate(np.where(seen, place[:, None], -np.inf), axis=0)
    before = np.vstack([np.full((1, seen.shape[1]), -np.inf), last[:-1]])
    far = seen & np.isfinite(before) & (place[:, None] - before - 1 > max_gap + NEAR)
    return np.cumsum(far, axis=0)


def _median(values: NDArray) -> NDArray:
    """(m, W, K, 2) to the medians (m, K, 2) of what is known; the middle itself where it is not."""
    middle = values[:, values.shape[1] // 2]
    seen = known(values)
    count = seen.sum(axis=1)[:, None, :, None]
    in_order = np.sort(np.where(seen[..., None], values, np.nan), axis=1)  # NaN comes last
    low, high = (np.take_along_axis(in_order, i, axis=1)[:, 0] for i in (np.maximum(count - 1, 0) // 2, count // 2))
    return np.where(known(middle)[..., None], (low + high) / 2, middle)


def _local_polynomial(windows: _Windows, degree: int) -> NDArray:
    """The polynomials' values (m, K, 2) in the middle of the windows; see `savgol_filter`."""
    seen = known(windows.values)
    parts = range(windows.values.shape[2])
    return np.stack([_fitted(windows.time, windows.values[:, :, k], seen[:, :, k], degree) for k in parts], axis=1)


def _fitted(time: NDArray, values: NDArray, seen: NDArray[np.bool_], degree: int) -> NDArray:
    """One keypoint's (m, W, 2) values at times (m, W) to the polynomials' at time 0 (m, 2), by their normal equations.

    As sums of Legendre's polynomials over the span of what is seen, where they are nearly orthogonal; powers are nearly
    alike, and so is anything at a time of which the span is a small part.
    """
    middle = values.shape[1] // 2
    fits = seen[:, middle] & (seen.sum(axis=1) > degree + 1)
    first = np.where(fits, np.where(seen, time, np.inf).min(axis=1), -1)
    last = np.where(fits, np.where(seen, time, -np.inf).max(axis=1), 1)
    centre, reach = (first + last) / 2, (last - first) / 2
    scaled = np.where(seen, (time - centre[:, None]) / reach[:, None], 0)
    terms = legvander(scaled, degree) * seen[..., None]
    normal, right = np.einsum("mwi,mwj->mij", terms, terms), np.einsum("mwi,mwa->mia", terms, _zeroed(values))
    normal[~fits] = np.eye(degree + 1)
    at_middle = np.einsum("mi,mia->ma", legvander(-centre / reach, degree), np.linalg.solve(normal, right))
    return np.where(fits[:, None], at_middle, values[:, middle])


def _zeroed(values: NDArray) -> NDArray:
    return np.where(known(values)[..., None], values, 0)


def _interpolated(points: NDArray, one: Series, max_gap: int) -> NDArray:
    """(n, 2) points of one keypoint with its short gaps filled."""
    seen = np.flatnonzero(known(points))
    missing = np.flatnonzero(~known(points))
    after = np.searchsorted(seen, missing)
    inside = (after > 0) & (after < len(seen))
    missing, after = missing[inside], after[inside]
    short = one.place[seen[after]] - one.place[seen[after - 1]] - 1 <= max_gap + NEAR
    if not short.any():
        return points
    fill, whole = missing[short], points.copy()
    for axis in range(2):
        whole[fill, axis] = np.interp(one.time[fill], one.time[seen], points[seen, axis])
    return whole
