"""Painting with signed distances: smooth shapes whose edges are antialiased exactly, at any size, in plain numpy.

Coordinates are pixels, x right, y down, z to the viewer, and the centre of the top-left pixel is (0, 0). A shape is tens of
pixels wide, so that a picture would cost what its many small numpy calls cost: shapes of one kind are computed together, as
`Fragments`, and only then laid over each other one by one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour

Box = tuple[slice, slice]


class Light(NamedTuple):
    """direction: towards the lamp, of unit length. ambient, diffuse: float32 (3, 1, 1), in every colour."""

    direction: tuple[float, float, float]
    ambient: NDArray
    diffuse: NDArray


class Layer(NamedTuple):
    """What is to be laid over a canvas. box: its h rows and w columns. alpha: (h, w). colour: (3, h, w), already multiplied
    by alpha. shade: (h, w), a factor for what lies under it, or None."""

    box: Box
    alpha: NDArray
    colour: NDArray
    shade: NDArray | None = None


class Canvas:
    """What has been painted so far: colour (3, size, size), already multiplied by the cover (size, size) in [0, 1]."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.colour = np.zeros((3, size, size), np.float32)
        self.cover = np.zeros((size, size), np.float32)

    def lay(self, layer: Layer) -> None:
        """Put a layer over what is there."""
        rest = 1 - layer.alpha
        cover = self.cover[layer.box]
        cover *= rest
        cover += layer.alpha
        if layer.shade is not None:
            rest *= layer.shade
        under = self.colour[:, *layer.box]
        under *= rest
        under += layer.colour


class Fragments:
    """The N pixels of P boxes, one box after the other. x, y: float32 (N,), pixels. boxes: P."""

    def __init__(self, size: int, low: NDArray, high: NDArray) -> None:
        """low, high: (P, 2), the corners of the boxes; what is outside of the picture is left out."""
        first = np.clip(np.floor(low), 0, size).astype(np.int32)
        last = np.clip(np.ceil(high) + 1, first, size).astype(np.int32)
        wide, tall = (last - first).T
        counts = wide * tall
        self._owner = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum(counts) - counts
        place = np.arange(len(self._owner), dtype=np.int32) - starts.astype(np.int32)[self._owner]
        row = place // wide[self._owner]
        place -= row * wide[self._owner]
        self.x = (place + first[self._owner, 0]).astype(np.float32)
        self.y = (row + first[self._owner, 1]).astype(np.float32)
        corners = zip(first.tolist(), last.tolist(), strict=True)
        self.boxes: list[Box] = [(slice(y0, y1), slice(x0, x1)) for (x0, y0), (x1, y1) in corners]
        self._spans = list(zip(starts.tolist(), (starts + counts).tolist(), tall.tolist(), wide.tolist(), strict=True))

    def spread(self, values: NDArray) -> NDArray:
        """One number a box, (P,), to one a pixel, float32 (N,)."""
        return values.astype(np.float32)[self._owner]

    def look_up(self, tables: NDArray, share: NDArray) -> NDArray:
        """Interpolate in a table a box, (P, T), at shares in [0, 1] of its length, (N,); float32 (N,)."""
        last = tables.shape[1] - 1
        place = share * last
        cell = np.minimum(place.astype(np.int32), last - 1)
        place -= cell
        cell += self._owner * np.int32(last + 1)
        flat = tables.astype(np.float32).ravel()
        low = flat[cell]
        return low + place * (flat[cell + 1] - low)

    def cut(self, flat: NDArray) -> list[NDArray]:
        """Values of all pixels, (..., N), to P views of (..., h, w)."""
        return [flat[..., a:b].reshape(*flat.shape[:-1], tall, wide) for a, b, tall, wide in self._spans]


def ramp(signed: NDArray) -> NDArray:
    """Coverage of a pixel whose centre lies `signed` pixels outside of an edge."""
    return np.minimum(np.maximum(0.5 - signed, 0), 1)


def bands(phase: NDArray, width: NDArray | float) -> NDArray:
    """0 and 1 in turns, twice with every whole number of `phase`, which is `width` pixels long."""
    return ramp((np.abs(phase - np.floor(phase) - 0.5) - 0.25) * width)


def planes(colour: Colour) -> NDArray:
    """A colour as float32 (3, 1, 1)."""
    return np.array(colour, np.float32).reshape(3, 1, 1)


def mix(first: Colour, second: Colour, weight: NDArray) -> NDArray:
    """From the first colour (weight 0) to the second (weight 1); weight (h, w) to (3, h, w)."""
    base = planes(first)
    return base + weight * (planes(second) - base)


def shine(alpha: NDArray, front: NDArray, lambert: NDArray, light: Light) -> NDArray:
    """How bright a round surface is times its alpha, from (...) to (3, ...).

    front: how much it faces the viewer; lambert: how much it faces the lamp; both at most 1.
    """
    # Surfaces that turn away look darker, which draws a soft outline around every part.
    rim = np.minimum(front * 0.65 + 0.62, 1)
    rim *= alpha
    shape = (3,) + (1,) * alpha.ndim
    lit = light.diffuse.reshape(shape) * (np.maximum(0.8 * lambert + 0.2, 0) * rim)
    lit += light.ambient.reshape(shape) * rim
    return lit
