"""Painting with signed distances: smooth solids whose edges are antialiased exactly, at any size, in plain numpy.

Coordinates are pixels, x right, y down, z to the viewer, and the centre of the top-left pixel is (0, 0). A solid is tens of
pixels wide, so a picture costs what its numpy calls cost: all that is one number for the whole solid is plain Python.
"""

from dataclasses import dataclass
from math import hypot, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour

STATIONS = np.linspace(0, 1, 13)
Box = tuple[slice, slice]
Point = tuple[float, float, float]


class Light(NamedTuple):
    """direction: towards the lamp, of unit length. ambient, diffuse: float32 (3, 1, 1), in every colour."""

    direction: Point
    ambient: NDArray
    diffuse: NDArray


class Canvas:
    """What has been painted so far: colour (3, size, size), already multiplied by the cover (size, size) in [0, 1]."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.colour = np.zeros((3, size, size), np.float32)
        self.cover = np.zeros((size, size), np.float32)
        self._axis = np.arange(size, dtype=np.float32)

    def box(self, left: float, top: float, right: float, bottom: float) -> Box | None:
        """The rows and columns that these pixels touch, or None outside of the picture."""
        x0, x1 = max(int(left) - 1, 0), min(int(right) + 2, self.size)
        y0, y1 = max(int(top) - 1, 0), min(int(bottom) + 2, self.size)
        return (slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None

    def grid(self, box: Box, x: float, y: float) -> tuple[NDArray, NDArray]:
        """x (1, w) and y (h, 1) of the centres of a box's pixels, seen from a point."""
        return self._axis[None, box[1]] - x, self._axis[box[0], None] - y

    def lay(self, box: Box, alpha: NDArray, colour: NDArray, shade: NDArray | None = None) -> None:
        """Put a colour (3, h, w), already multiplied by its alpha (h, w), over what is there.

        `shade` (h, w) first darkens what lies under it.
        """
        rest = 1 - alpha
        cover = self.cover[box]
        cover *= rest
        cover += alpha
        if shade is not None:
            rest *= shade
        under = self.colour[:, *box]
        under *= rest
        under += colour


def ramp(signed: NDArray) -> NDArray:
    """Coverage of a pixel whose centre lies `signed` pixels outside of an edge."""
    return np.minimum(np.maximum(0.5 - signed, 0), 1)


def planes(colour: Colour) -> NDArray:
    """A colour as float32 (3, 1, 1)."""
    return np.array(colour, np.float32).reshape(3, 1, 1)


def mix(first: Colour, second: Colour, weight: NDArray) -> NDArray:
    """From the first colour (weight 0) to the second (weight 1); weight (h, w) to (3, h, w)."""
    base = planes(first)
    return base + weight * (planes(second) - base)


@dataclass(slots=True)
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
        (x0, y0, z0), (x1, y1, z1) = self.start.tolist(), self.end.tolist()
        reach = float(self.radii.max())
        spread = 0.7 * reach if self.shadow else 0.0
        more = reach + spread
        box = canvas.box(min(x0, x1) - more, min(y0, y1) - more, max(x0, x1) + more, max(y0, y1) + more)
        if box is None:
            return
        length = max(hypot(x1 - x0, y1 - y0), 1e-3)
        axis = ((x1 - x0) / length, (y1 - y0) / length, (z1 - z0) / length)
        along, side, beyond, radius = self._locate(*canvas.grid(box, x0, y0), axis, length)
        distance = np.sqrt(side * side + beyond * beyond)
        outside = distance - radius
        # Ends are shaded flatter than they are, so that two limbs flow into each other where they are joined.
        side /= radius
        beyond *= 0.4 / radius
        front = np.sqrt(np.maximum(1 - side * side - beyond * beyond, 0))
        alpha = ramp(outside)
        paint = light_up(alpha, side, beyond, front, axis, light)
        paint *= self._cloth(along, front, length)
        canvas.lay(box, alpha, paint, self._shade(outside, along, spread) if self.shadow else None)

    def _locate(self, x: NDArray, y: NDArray, axis: Point, length: float) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """For every pixel its share of the length, its offset from the axis, how far it is beyond an end, the radius."""
        dx, dy, _ = axis
        along = x * (dx / length) + y * (dy / length)
        on_axis = np.minimum(np.maximum(along, 0), 1)
        along -= on_axis
        along *= length * self.cap
        radius = np.interp(on_axis, STATIONS, self.radii).astype(np.float32)
        return on_axis, y * dx - x * dy, along, radius

    def _cloth(self, along: NDArray, front: NDArray, length: float) -> NDArray:
        """The colour before light, (3, h, w) or (3, 1, 1)."""
        if self.other is None:
            return planes(self.colour)
        if not self.stripes:
            return mix(self.colour, self.other, ramp((self.edge - along) * length))
        # Bands run around the body, so they sag towards the viewer.
        phase = (along + 0.05 * front) * self.stripes
        return mix(
            self.colour, self.other, ramp((np.abs(phase - np.floor(phase) - 0.5) - 0.25) * (length / self.stripes))
        )

    def _shade(self, outside: NDArray, along: NDArray, spread: float) -> NDArray:
        """A soft shadow around the limb; none at its ends, where it is joined to what lies under it."""
        near = np.minimum(np.maximum(1 - outside * (1 / spread), 0), 1)
        return 1 - (4 * self.shadow) * near * near * along * (1 - along)


def light_up(alpha: NDArray, side: NDArray, beyond: NDArray, front: NDArray, axis: Point, light: Light) -> NDArray:
    """How bright a round surface is times its alpha, (3, h, w).

    side, beyond, front: the surface's normal across the axis, along it, and towards the viewer, each (h, w).
    axis: its direction; (x, y) of unit length, z in proportion.
    """
    to_side = axis[0] * light.direction[1] - axis[1] * light.direction[0]
    to_end = axis[0] * light.direction[0] + axis[1] * light.direction[1]
    # A limb that points at the viewer shows its end rather than its flank; halfway between the two is right enough.
    long = sqrt(1 + axis[2] ** 2)
    up = (-axis[2] / long * axis[0], -axis[2] / long * axis[1], 1 / long + 1)
    to_front = sum(a * b for a, b in zip(up, light.direction, strict=True)) / hypot(*up)
    lambert = side * (0.8 * to_side) + beyond * (0.8 * to_end) + front * (0.8 * to_front)
    lambert += 0.2
    # Surfaces that turn away look darker, which draws a soft outline around every part.
    rim = np.minimum(front * 0.65 + 0.62, 1)
    rim *= alpha
    lit = light.diffuse * (np.maximum(lambert, 0) * rim)
    lit += light.ambient * rim
    return lit


def smooth(*radii: float) -> NDArray:
    """Radii at `STATIONS`, a smooth curve through evenly spaced ones."""
    curve = np.interp(np.linspace(-1 / 12, 1 + 1 / 12, 15), np.linspace(0, 1, len(radii)), radii)
    return (curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4
