"""Painting rounded boxes: what rooms and clutter are made of. Lengths are in sides of the scene, y down."""

from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour
from partpose.data.figure_render import mix, planes, ramp


@dataclass(slots=True)
class Block:
    """A box, or with large `rounded` corners a disc or a pill.

    half: half of its width and height.  angle: radians.  other: a second colour, in so many `bands` across the width.
    shadow: how far a soft shadow reaches around it.  shade: how much darker it is at its lower right than in its middle.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    colour: Colour
    rounded: float = 0.0
    angle: float = 0.0
    other: Colour | None = None
    bands: float = 3.0
    shadow: float = 0.0
    shade: float = 0.12

    def paint(self, scene: NDArray) -> None:
        """Put the block over a scene, float32 (3, size, size)."""
        size = scene.shape[-1]
        (rows, y), (columns, x) = (self._span(size, axis) for axis in (1, 0))
        x, y = x[None, :], y[:, None]
        c, s = cos(self.angle), sin(self.angle)
        u, v = (c * x + s * y, c * y - s * x) if self.angle else (x, y)
        outside, lower = self._distance(u, v), (x + y) * (1 / sum(self.half))
        alpha = ramp(outside * size)
        rest = 1 - alpha
        if self.shadow:
            near = np.minimum(np.maximum(0.8 - outside * (1 / self.shadow), 0), 1)
            near *= near
            rest *= 1 - 0.4 * near
        alpha *= 1 - self.shade * lower
        region = scene[:, rows, columns]
        region *= rest
        region += self._cloth(u, size) * alpha

    def _span(self, size: int, axis: int) -> tuple[slice, NDArray]:
        """The rows (axis 1) or columns (axis 0) that it touches, and how far their centres are from its own."""
        centre, (ahead, aside) = self.centre[axis], (self.half[axis], self.half[1 - axis])
        reach = abs(cos(self.angle)) * ahead + abs(sin(self.angle)) * aside
        low, high = ((centre + side * (reach + self.shadow)) * size for side in (-1, 1))
        span = slice(min(max(int(low) - 1, 0), size), min(max(int(high) + 2, 0), size))
        return span, (np.arange(span.start, span.stop, dtype=np.float32) + 0.5) * (1 / size) - centre

    def _distance(self, u: NDArray, v: NDArray) -> NDArray:
        """Signed distance to a box with rounded corners (Quilez, "2D distance functions")."""
        if not self.rounded:
            return np.maximum(np.abs(u) - self.half[0], np.abs(v) - self.half[1])
        round_off = min(self.rounded, *self.half)
        a, b = np.abs(u) - (self.half[0] - round_off), np.abs(v) - (self.half[1] - round_off)
        p, q = np.maximum(a, 0), np.maximum(b, 0)
        return np.sqrt(p * p + q * q) + (np.minimum(np.maximum(a, b), 0) - round_off)

    def _cloth(self, u: NDArray, size: int) -> NDArray:
        """The colour, or two in bands, (3, h, w)."""
        if self.other is None:
            return planes(self.colour)
        phase, width = u * (self.bands / (2 * self.half[0])), 2 * self.half[0] / self.bands
        return mix(self.colour, self.other, ramp((np.abs(phase - np.floor(phase) - 0.5) - 0.25) * (size * width)))
