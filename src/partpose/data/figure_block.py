"""Painting rounded boxes: what rooms and clutter are made of. Lengths are in sides of the scene, y down."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour
from partpose.data.figure_render import Canvas, Fragments, Layer, bands, mix, planes, ramp


class Block(NamedTuple):
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


def paint_blocks(canvas: Canvas, blocks: Iterable[Block]) -> None:
    """Put blocks over what is there, the first one first."""
    for layer in _layers(list(blocks), canvas.size):
        canvas.lay(layer)


def _layers(blocks: list[Block], size: int) -> list[Layer]:
    centre, half = (np.array(values) * size for values in zip(*(block[:2] for block in blocks), strict=True))
    rounded, angle, shadow, shade = (
        np.array(values) for values in zip(*((b.rounded, b.angle, b.shadow, b.shade) for b in blocks), strict=True)
    )
    cos, sin = np.cos(angle), np.sin(angle)
    reach = np.abs(cos)[:, None] * half + np.abs(sin)[:, None] * half[:, ::-1] + (shadow * size)[:, None] + 0.5
    fragments = Fragments(size, centre - 0.5 - reach, centre - 0.5 + reach)
    put = fragments.spread
    x, y = fragments.x - put(centre[:, 0] - 0.5), fragments.y - put(centre[:, 1] - 0.5)
    c, s = put(cos), put(sin)
    u = c * x + s * y
    outside = _distance(u, c * y - s * x, *(put(v) for v in (*half.T, np.minimum(rounded * size, half.min(1)))))
    near = np.minimum(np.maximum(0.8 - outside * put(1 / (shadow * size + 1e-3)), 0), 1)
    alpha = ramp(outside)
    bright = alpha * (1 - put(shade / half.sum(1)) * (x + y))
    cuts = [fragments.cut(flat) for flat in (alpha, bright, 1 - 0.4 * near * near, u)]
    return [
        Layer(box, a, _cloth(block, across, size) * lit, dark if block.shadow else None)
        for block, box, a, lit, dark, across in zip(blocks, fragments.boxes, *cuts, strict=True)
    ]


def _distance(u: NDArray, v: NDArray, wide: NDArray, tall: NDArray, rounded: NDArray) -> NDArray:
    """Signed distance to a box with rounded corners (Quilez, "2D distance functions")."""
    a, b = np.abs(u) - (wide - rounded), np.abs(v) - (tall - rounded)
    p, q = np.maximum(a, 0), np.maximum(b, 0)
    return np.sqrt(p * p + q * q) + np.minimum(np.maximum(a, b), 0) - rounded


def _cloth(block: Block, across: NDArray, size: int) -> NDArray:
    """The colour, or two in bands, (3, h, w) or (3, 1, 1)."""
    if block.other is None:
        return planes(block.colour)
    width = 2 * block.half[0] * size / block.bands
    return mix(block.colour, block.other, bands(across * (1 / width), width))
