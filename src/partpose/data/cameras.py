"""Pictures of one fixed camera show one scene: found by their borders, taken apart from the object by their median.

A scene that is the same in many pictures is an object with landmarks of its own, on which parts would settle; a generator
that is given it for nothing, and a loss that looks for parts where a picture differs from it, have no use for that.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partpose.data.mapped import take

CELLS = 16
ALIKE = 8.0
"""Two borders are of one scene where three quarters of their cells differ by less than this, of 255 levels."""
FEWEST = 8
MOST = 256
LEARNT_FROM = 2000
PATIENCE = 200
FRAMES = 100
MOST_SEEN = 8000
BLOCK = 512
_NOT_ASKED = -2
STEADY = 10.0
"""A pixel belongs to the scene where half of the pictures differ from their median by less than this, of 255 levels."""


class Cameras:
    """M cameras behind N pictures, each of which is looked at when somebody asks for it, and then remembered.

    To look through all of them at the start would read a pack of a million from end to end.

    leaders: float32 (M, cells), the border that each camera's pictures have.  scene: uint8 (M, side, side, C), the median of
    some of them where that is steady, and a guess elsewhere.  steady: bool (M, side, side), where it is no guess.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        leaders: NDArray[np.float32],
        scene: NDArray[np.uint8],
        steady: NDArray[np.bool_],
    ) -> None:
        self.pixels, self.leaders, self.scene, self.steady = pixels, leaders, scene, steady
        self._number = np.full(len(pixels), _NOT_ASKED, np.int16)

    @property
    def layers(self) -> NDArray[np.uint8]:
        """(M, side, side, C + 1) each scene, and in a channel more 255 where it is steady."""
        return np.concatenate([self.scene, self.steady[..., None].astype(np.uint8) * 255], axis=-1)

    def of(self, rows: NDArray) -> NDArray[np.int64]:
        """(R,) which camera took each of these pictures, -1 for none of them."""
        new = np.unique(rows[self._number[rows] == _NOT_ASKED])
        if len(new):
            self._number[new] = _nearest(_borders(self.pixels, new), self.leaders)
        return self._number[rows].astype(np.int64)


def find_cameras(pixels: NDArray[np.uint8], seed: int = 0) -> Cameras:
    """The cameras of uint8 (N, side, side, C) squares, found among `LEARNT_FROM` of them.

    One that took fewer than `FEWEST` of those counts for none.
    """
    sample, *more = _samples(len(pixels), seed)
    borders = _borders(pixels, sample)
    leaders = _leaders(borders)
    taken = [sample[_nearest(borders, leaders) == i] for i in range(len(leaders))]
    kept = [i for i, rows in enumerate(taken) if len(rows) >= FEWEST]
    leaders, taken = leaders[kept], [taken[i] for i in kept]
    for rows in more:
        if all(len(some) >= FRAMES for some in taken):
            break
        nearest = _nearest(_borders(pixels, rows), leaders)
        taken = [np.concatenate([some, rows[nearest == i]]) for i, some in enumerate(taken)]
    return Cameras(pixels, leaders, *_scenes(pixels, taken, seed))


def _samples(count: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows to learn the cameras from, and more of them for the scenes of cameras that are seldom used."""
    order = np.random.default_rng(seed).permutation(count)[:MOST_SEEN]
    return [np.sort(some) for some in np.split(order, range(LEARNT_FROM, len(order), BLOCK))]


def _scenes(
    pixels: NDArray[np.uint8], taken: Sequence[NDArray[np.int64]], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """`Cameras.scene` and `Cameras.steady` of cameras that took these rows."""
    scenes, known = [], []
    for rows in taken:
        median, sure = steady(take(pixels, rows[_some(len(rows), FRAMES, seed)]))
        scenes.append(filled(median, sure))
        known.append(sure)
    shape = (len(taken), *pixels.shape[1:])
    return np.array(scenes, np.uint8).reshape(shape), np.array(known, bool).reshape(shape[:-1])


def _borders(pixels: NDArray[np.uint8], rows: NDArray) -> NDArray[np.float32]:
    """(R, cells) the outer ring of the picture on a coarse grid, where objects seldom are."""
    blocks = np.split(rows, range(BLOCK, len(rows), BLOCK))
    return np.concatenate([_ring(take(pixels, block)) for block in blocks])


def _ring(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    side = pixels.shape[1] // CELLS * CELLS
    cells = pixels[:, :side, :side].reshape(len(pixels), CELLS, side // CELLS, CELLS, side // CELLS, -1)
    ring = np.ones((CELLS, CELLS), bool)
    ring[1:-1, 1:-1] = False
    return cells.mean((2, 4), dtype=np.float32)[:, ring].reshape(len(pixels), -1)


def _leaders(borders: NDArray[np.float32]) -> NDArray[np.float32]:
    """One border a scene: the first of all that are alike, of scenes that show often enough."""
    leaders: list[NDArray] = []
    rest, tries = borders, 0
    # Where hardly any two are alike, as of faces from everywhere, there is nothing to be found by going through them all
    while len(rest) and len(leaders) < MOST and tries < PATIENCE * (len(leaders) + 1):
        tries += 1
        alike = _apart(rest, rest[0]) < ALIKE
        if alike.sum() >= min(FEWEST, len(borders)):
            leaders.append(np.median(rest[alike], axis=0))
        rest = rest[~alike]
    return np.array(leaders, np.float32).reshape(-1, borders.shape[1])


def _apart(borders: NDArray[np.float32], leader: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far borders (…, cells) are from others; a quarter of each may be hidden behind an object."""
    return np.quantile(np.abs(borders - leader), 0.75, axis=-1)


def _nearest(borders: NDArray[np.float32], leaders: NDArray[np.float32]) -> NDArray[np.int64]:
    """(R,) the leader that each border is alike, and nearest to; -1 where none is."""
    if not len(leaders):
        return np.full(len(borders), -1)
    distance = np.stack([_apart(borders, leader) for leader in leaders], axis=-1)
    best = distance.argmin(-1)
    return np.where(distance[np.arange(len(best)), best] < ALIKE, best, -1)


def steady(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The median of some pictures of one camera, and where it is the scene: not what moves in front of it."""
    median = np.median(pixels, axis=0).astype(np.uint8)
    away = np.abs(pixels.astype(np.int16) - median).max(axis=-1)
    return median, np.median(away, axis=0) < STEADY


def filled(pixels: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """uint8 (h, w, C) with a guess at what is not known: the mean of what is known nearby, from wider and wider around."""
    found, have, reach = pixels.astype(np.float64), known.copy(), 4
    held = np.concatenate([found, np.ones((*known.shape, 1))], axis=-1) * known[..., None]
    while known.any() and not have.all():
        sums = _sums(held, reach)
        new = ~have & (sums[..., -1] > 0)
        found[new] = sums[new, :-1] / sums[new, -1:]
        have, reach = have | new, 2 * reach
    return found.round().astype(np.uint8)


def _sums(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Sums over the squares that reach so many pixels in each direction."""
    for axis in (0, 1):
        n = values.shape[axis]
        total = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
        first, last = np.clip(np.arange(n) - reach, 0, n), np.clip(np.arange(n) + reach + 1, 0, n)
        values = total.take(last, axis) - total.take(first, axis)
    return values.round(6)


def _some(count: int, most: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])
