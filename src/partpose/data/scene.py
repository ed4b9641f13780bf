"""What a fixed camera always sees, and the largest thing in a frame that does not belong to it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.cut import Box
from partpose.data.median import quantile
from partpose.data.planes import evened, highest, lowest, planes

_CELL = 4
"""Pixels of a cell: parts of a thing that are less than a cell apart hang together."""
_LEAST_AREA = 2e-4
"""Share of the picture that a thing has at least: 13 of 256 × 256 pixels."""
_TRIM = 0.02
"""Share of a thing's area that may lie outside its box on each side: a hair of a tail does not widen it."""
_GOOD = 0.9
"""The median frame is not questioned where the largest thing is so much of all that differs."""


class Scene(NamedTuple):
    """What stays.  background: uint8 (3, h, w).  threshold: uint16 (h, w), the least `_differences` of what is none of it.

    low, high: the range of the background over 3×3 pixels, so that a jolt of the camera by a pixel is no difference.
    """

    background: NDArray[np.uint8]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    threshold: NDArray[np.uint16]


class Thing(NamedTuple):
    """box: its edges in pixels of the frame.  share: of all that differs.  second: area of the next largest by its own."""

    box: Box
    share: float
    second: float


class Verdict(NamedTuple):
    """How well a scene explains N frames.  found: share of them with a thing.  clear: mean share of the largest thing there.

    score: mean over all frames of that share, weighted by how much more of an edge the thing has in the frame than the
    background has around the same place.
    """

    found: float
    clear: float
    score: float


class _Patch(NamedTuple):
    """The pixels of a thing: inside, bool (h, w); share and second as `Thing`."""

    inside: NDArray[np.bool_]
    share: float
    second: float


def choose_scene(frames: Sequence[NDArray[np.uint8]]) -> tuple[Scene, Verdict]:
    """The background before which one thing stands out best; frames: N, uint8 (h, w, 3).

    It is the median, unless an object that rests for more than half of the time is in it. If it is darker than its
    surroundings, the upper values of each pixel are free of it, and if it is brighter the lower ones. Of the wrong
    background a ghost of the object differs, which has no edges in the frame.
    """
    scene, verdict = _judged(frames, 0.5)
    if verdict.found * verdict.clear > _GOOD:
        return scene, verdict
    others = [_judged(frames, share) for share in (0.85, 0.15)]
    best = max(others, key=lambda other: other[1].score)
    return best if best[1].score > verdict.score + 0.1 else (scene, verdict)


def find_thing(frame: NDArray[np.uint8], scene: Scene, last: Box | None = None) -> Thing | None:
    """The thing with the largest area in a frame, uint8 (3, h, w), or None.

    What lies in the `last` box counts double, so that of two like things one is followed.
    """
    patch = _largest(_differences(frame, scene), scene.threshold, last)
    return None if patch is None else Thing(_extent(patch.inside), patch.share, patch.second)


def _judged(frames: Sequence[NDArray[np.uint8]], share: float) -> tuple[Scene, Verdict]:
    """The scene that has this quantile of each pixel as background."""
    background = planes(quantile(frames, share))
    scene = Scene(background, lowest(background), highest(background), np.zeros(background.shape[1:], np.uint16))
    differences = [_differences(planes(frame), scene) for frame in frames]
    scene = scene._replace(threshold=_threshold(differences))
    edges, found, clear, score = _edges(background), 0, 0.0, 0.0
    for frame, d in zip(frames, differences, strict=True):
        if patch := _largest(d, scene.threshold):
            found += 1
            clear += patch.share
            score += patch.share * _realness(patch.inside, _edges(planes(frame)), edges)
    return scene, Verdict(found / len(frames), clear / max(found, 1), score / len(frames))


def _threshold(differences: list[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """Five times a pixel's noise, at least 8 levels, and at least 0.4 times the contrast of the things: shadows have less.

    The noise is that between successive samples, on which an object that rests somewhere for long has no influence.
    1.05 = 1.4826 / √2, from the median of the differences to a standard deviation.
    """
    steps = [np.abs(a.astype(np.int32) - b) for a, b in pairwise(differences)]
    noise = 1.05 * highest(np.median(steps, axis=0))
    base = np.maximum(5 * noise, 9 * 8).astype(np.uint16)
    contrasts = [np.median(d[patch.inside]) for d in differences if (patch := _largest(d, base))]
    return np.maximum(base, 0.4 * np.median(contrasts) if contrasts else 0).astype(np.uint16)


def _differences(frame: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint16]:
    """uint16 (h, w): by how many levels a frame lies outside the scene's range, summed over 3×3 pixels."""
    frame = evened(frame, scene.background)
    outside = (np.maximum(frame, scene.high) - scene.high) + (scene.low - np.minimum(frame, scene.low))
    padded = np.pad(outside.max(0).astype(np.uint16), 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _largest(differences: NDArray[np.uint16], threshold: NDArray[np.uint16], last: Box | None = None) -> _Patch | None:
    differs = differences > threshold
    cells = _cells(differs)
    labels = _labels(cells)
    areas = _areas(labels, cells)
    label = int((areas if last is None else areas + _areas(*_near(last, labels, cells))).argmax())
    if areas[label] < max(_LEAST_AREA * differs.size, 4):
        return None
    height, width = differs.shape
    inside = differs & (labels == label).repeat(_CELL, 0).repeat(_CELL, 1)[:height, :width]
    second = float(np.delete(areas, label).max(initial=0) / areas[label])
    return _Patch(inside, float(areas[label] / areas.sum()), second)


def _cells(differs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pixels of each cell differ."""
    height, width = differs.shape
    padded = np.pad(differs, ((0, -height % _CELL), (0, -width % _CELL)))
    return padded.reshape(padded.shape[0] // _CELL, _CELL, -1, _CELL).sum((1, 3))


def _labels(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 where nothing differs; cells that touch, also by a corner, have the same number: the largest spreads over all."""
    some = cells > 0
    labels = np.where(some, np.arange(1, cells.size + 1).reshape(cells.shape), 0)
    while True:
        spread = np.where(some, highest(labels), 0)
        if np.array_equal(spread, labels):
            return labels
        labels = spread


def _areas(labels: NDArray[np.int64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """By label; 0 for what does not differ."""
    areas = np.bincount(labels.ravel(), cells.ravel(), labels.size + 1).astype(np.int64)
    areas[0] = 0
    return areas


def _near(box: Box, labels: NDArray[np.int64], cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same with nothing outside the box."""
    left, top, width, height = (round(value / _CELL) for value in box)
    inside = np.zeros(cells.shape, bool)
    inside[top : top + height + 1, left : left + width + 1] = True
    return labels, np.where(inside, cells, 0)


def _extent(inside: NDArray[np.bool_]) -> Box:
    """The box of a thing, without a little of its area on each side."""
    left, right = _ends(inside.sum(0).cumsum())
    top, bottom = _ends(inside.sum(1).cumsum())
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def _ends(area: NDArray[np.int64]) -> tuple[int, int]:
    """The edges between which all but a little of an area lies, from the area before the end of each pixel."""
    first, last = (int(np.searchsorted(area, share * area[-1], "right")) for share in (_TRIM, 1 - _TRIM))
    return first, min(last + 1, len(area))


def _edges(frame: NDArray[np.uint8]) -> NDArray[np.int32]:
    """How much each pixel's neighbourhood varies, (h, w)."""
    return (highest(frame) - lowest(frame)).sum(0, dtype=np.int32)


def _realness(inside: NDArray[np.bool_], frame: NDArray[np.int32], background: NDArray[np.int32]) -> float:
    """From 0 to 1: how much of the edges around a thing are the frame's, and not the background's."""
    outline = highest(inside) & ~lowest(inside)
    mine, other = frame[outline].sum(), background[outline].sum()
    return float(mine / max(mine + other, 1))
