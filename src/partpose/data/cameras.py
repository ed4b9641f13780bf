"""Pictures of one fixed camera show one scene: found by their borders, taken apart from the object by their median.

A scene that is the same in many pictures is an object with landmarks of its own, on which parts would settle; a generator
that is given it for nothing, and a loss that looks for parts where a picture differs from it, have no use for that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CELLS = 16
ALIKE = 5.0
"""Two borders are of one scene where the median difference of their cells is below this, of 255 levels."""
FEWEST = 8
MOST = 256
LEARNT_FROM = 2000
PATIENCE = 200
FRAMES = 100
STEADY = 10.0
"""A pixel belongs to the scene where half of the pictures differ from their median by less than this, of 255 levels."""


class Cameras(NamedTuple):
    """M cameras behind N pictures.

    number: int64 (N,), which camera took each picture, -1 for none of them.  median: uint8 (M, side, side, C), its scene.
    steady: bool (M, side, side), where the median is the scene, and not what moves in front of it.
    """

    number: NDArray[np.int64]
    median: NDArray[np.uint8]
    steady: NDArray[np.bool_]


def find_cameras(pixels: NDArray[np.uint8], seed: int = 0) -> Cameras:
    """The cameras of uint8 (N, side, side, C) squares; one that took fewer than `FEWEST` of them counts for none."""
    leaders = _leaders(_borders(pixels, _some(len(pixels), LEARNT_FROM, seed)))
    blocks = np.array_split(np.arange(len(pixels)), -(-len(pixels) // 512))
    nearest = np.concatenate([_nearest(_borders(pixels, rows), leaders) for rows in blocks])
    median, steady, number = [], [], np.full(len(pixels), -1)
    for i in range(len(leaders)):
        rows = np.flatnonzero(nearest == i)
        if len(rows) >= FEWEST:
            number[rows] = len(median)
            scene = _scene(pixels[rows[_some(len(rows), FRAMES, seed)]])
            median.append(scene[0])
            steady.append(scene[1])
    shape = (len(median), *pixels.shape[1:])
    return Cameras(number, np.array(median, np.uint8).reshape(shape), np.array(steady, bool).reshape(shape[:-1]))


def _borders(pixels: NDArray[np.uint8], rows: NDArray) -> NDArray[np.float32]:
    """(R, cells) the outer ring of the picture on a coarse grid, where objects seldom are."""
    some = pixels[rows].astype(np.float32)
    side = some.shape[1] // CELLS * CELLS
    grid = some[:, :side, :side].reshape(len(rows), CELLS, side // CELLS, CELLS, side // CELLS, -1).mean((2, 4))
    ring = np.ones((CELLS, CELLS), bool)
    ring[1:-1, 1:-1] = False
    return grid[:, ring].reshape(len(rows), -1)


def _leaders(borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """One border a scene: the first of all that are alike, of scenes that show often enough."""
    leaders: list[NDArray] = []
    rest, tries = borders, 0
    # Where hardly any two are alike, as of faces from everywhere, there is nothing to be found by going through them all
    while len(rest) and len(leaders) < MOST and tries < PATIENCE * (len(leaders) + 1):
        tries += 1
        alike = np.median(np.abs(rest - rest[0]), axis=1) < ALIKE
        if alike.sum() >= min(FEWEST, len(borders)):
            leaders.append(np.median(rest[alike], axis=0))
        rest = rest[~alike]
    return np.array(leaders, np.float32).reshape(-1, borders.shape[1])


def _nearest(borders: NDArray[np.float32], leaders: NDArray[np.float32]) -> NDArray[np.int64]:
    best, number = np.full(len(borders), ALIKE, np.float32), np.full(len(borders), -1)
    for i, leader in enumerate(leaders):
        distance = np.median(np.abs(borders - leader), axis=1)
        nearer = distance < best
        best[nearer], number[nearer] = distance[nearer], i
    return number


def _scene(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The median of some pictures of one camera, and where it is steady."""
    median = np.median(pixels, axis=0).astype(np.uint8)
    away = np.abs(pixels.astype(np.int16) - median).max(axis=-1)
    return median, np.median(away, axis=0) < STEADY


def _some(count: int, most: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])
