"""Painting with signed distances: smooth solids whose edges are antialiased exactly, at any size, in plain numpy.

Coordinates are pixels, x right, y down, z to the viewer, and the centre of the top-left pixel is (0, 0).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_people import Colour

STATIONS = np.linspace(0, 1, 13, dtype=np.float32)


@dataclass(frozen=True)
class Light:
    """direction: (3,), towards the lamp, of unit length. ambient, diffuse: (3,), in every colour."""

    direction: NDArray
    ambient: NDArray
    diffuse: NDArray


class Canvas:
    """What has been painted so far: colour (3, size, size), already multiplied by the cover (size, size) in [0, 1]."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.colour = np.zeros((3, size, size), np.float32)
        self.cover = np.zeros((size, size), np.float32)
        self._axis = np.arange(size, dtype=np.float32)

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice] | None:
        """The rows and columns that these pixels touch, or None outside of the picture."""
        x0, x1 = max(int(left) - 1, 0), min(int(right) + 2, self.size)
        y0, y1 = max(int(top) - 1, 0), min(int(bottom) + 2, self.size)
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    def grid(self, box: tuple[slice, slice]) -> tuple[NDArray, NDArray]:
        """x (1, w) and y (h, 1) of the pixels' centres in a box."""
        return self._axis[None, box[1]], self._axis[box[0], None]

    def lay(self, box: tuple[slice, slice], alpha: NDArray, colour: NDArray, shade: NDArray | None = None) -> None:
        """Put a colour (3, h, w) over what is there; `shade` (h, w) first darkens what lies under it."""
        under = self.colour[:, *box]
        rest = 1 - alpha
        under *= rest if shade is None else rest * shade
        under += alpha * colour
        cover = self.cover[box]
        cover *= rest
        cover += alpha


def ramp(signed: NDArray) -> NDArray:
    """Coverage of a pixel whose centre lies `signed` pixels outside of an edge."""
    return np.clip(0.5 - signed, 0, 1)


@dataclass(frozen=True)
class Limb:
    """A solid of revolution between two points, with rounded ends.

    start, end: (3,).  radii: at `STATIONS` along the axis.  depth: larger is nearer to the viewer.
    colour, other: the cloth; `other` shows from `edge` (the share of the length) on, or in `stripes` bands.
    cap: 1 for a half ball at the ends, more for flatter ends.  shadow: how much it darkens what it passes in front of.
    """

    start: NDArray
    end: NDArray
    radii: NDArray
    depth: float
    colour: Colour
    other: Colour | None = None
    edge: float = 1.0
    stripes: float = 0.0
    cap: float = 1.0
    shadow: float = 0.0

    def paint(self, canvas: Canvas, light: Light) -> None:
        """Put the limb over what is there."""
        reach = float(self.radii.max())
        spread = 0.8 * reach if self.shadow else 0.0
        low, high = np.minimum(self.start, self.end) - reach - spread, np.maximum(self.start, self.end) + reach + spread
        box = canvas.box(low[0], low[1], high[0], high[1])
        if box is None:
            return
        axis, along, side, beyond, radius = self._locate(*canvas.grid(box))
        distance = np.sqrt(side * side + beyond * beyond)
        shade = self._shade(distance - radius, along, spread) if self.shadow else None
        # Ends are shaded flatter than they are, so that two limbs flow into each other where they are joined.
        across, ahead = side / radius, np.float32(0.4) * beyond / radius
        bulge = np.maximum(1 - across * across - ahead * ahead, 0)
        lit = light_up(across, ahead, np.sqrt(bulge), axis, light)
        canvas.lay(box, ramp(distance - radius), self._cloth(along, bulge) * lit, shade)

    def _locate(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
        """The axis' direction (3,); for every pixel its share of the length, offsets from the axis, and the radius there."""
        vector = self.end - self.start
        length = max(float(np.hypot(vector[0], vector[1])), 1e-3)
        dx, dy = float(vector[0]) / length, float(vector[1]) / length
        x, y = x - np.float32(self.start[0]), y - np.float32(self.start[1])
        travel = x * np.float32(dx) + y * np.float32(dy)
        on_axis = np.clip(travel, 0, np.float32(length))
        side = y * np.float32(dx) - x * np.float32(dy)
        along = on_axis / np.float32(length)
        radius = np.interp(along, STATIONS, self.radii).astype(np.float32)
        return vector / np.linalg.norm(vector), along, side, (travel - on_axis) * np.float32(self.cap), radius

    def _cloth(self, along: NDArray, bulge: NDArray) -> NDArray:
        """The colour before light, (3, h, w)."""
        base = np.array(self.colour, np.float32)[:, None, None]
        if self.other is None:
            return base
        length = np.float32(np.hypot(*(self.end - self.start)[:2]) + 1e-3)
        if self.stripes:
            # Bands run around the body, so they sag towards the viewer.
            phase = (along + 0.05 * bulge) * np.float32(self.stripes)
            weight = ramp((np.abs(phase - np.floor(phase) - 0.5) - 0.25) * (length / np.float32(self.stripes)))
        else:
            weight = ramp((np.float32(self.edge) - along) * length)
        return base + weight * (np.array(self.other, np.float32)[:, None, None] - base)

    def _shade(self, outside: NDArray, along: NDArray, spread: float) -> NDArray:
        """A soft shadow around the limb; none at its ends, where it is joined to what lies under it."""
        near = np.clip(1 - outside / np.float32(spread), 0, 1)
        return 1 - np.float32(4 * self.shadow) * near * near * along * (1 - along)


def light_up(side: NDArray, beyond: NDArray, front: NDArray, axis: NDArray, light: Light) -> NDArray:
    """How bright a round surface is, (3, h, w).

    side, beyond, front: the surface's normal across the axis, along it, and towards the viewer, each (h, w).
    """
    flat = max(float(np.hypot(axis[0], axis[1])), 1e-3)
    across = np.array([-axis[1], axis[0], 0]) / flat
    ahead = np.array([axis[0], axis[1], 0]) / flat
    # A limb that points at the viewer shows its end rather than its flank; halfway between the two is right enough.
    facing = np.array([-axis[2] * ahead[0], -axis[2] * ahead[1], flat + 1])
    facing /= np.linalg.norm(facing)
    to_side, to_end, to_front = (np.float32(d @ light.direction) for d in (across, ahead, facing))
    lambert = np.maximum(side * to_side + beyond * to_end + front * to_front, -0.25) * np.float32(0.8) + np.float32(0.2)
    # Surfaces that turn away look darker, which draws a soft outline around every part.
    rim = np.minimum(front * np.float32(0.65) + np.float32(0.62), 1)
    lit = light.ambient[:, None, None] + light.diffuse[:, None, None] * lambert
    return lit * rim


def smooth(*radii: float) -> NDArray:
    """Radii at `STATIONS`, a smooth curve through evenly spaced ones."""
    knots = np.linspace(0, 1, len(radii))
    curve = np.interp(np.linspace(-1 / 12, 1 + 1 / 12, 15), knots, radii)
    return ((curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4).astype(np.float32)
