"""Painting limbs: solids of revolution, from which all of a body but the head is made."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour
from partpose.data.figure_render import Fragments, Layer, Light, bands, mix, planes, ramp, shine

STATIONS = 13


class Limb(NamedTuple):
    """A solid of revolution between two points, with rounded ends.

    start, end: (3,), pixels.  radii: (13,), pixels, evenly spaced along the axis.  depth: larger is nearer to the viewer.
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


class _Surface(NamedTuple):
    """For every pixel: along, its share of the limb's length; outside, pixels from the edge; front, lambert as in `shine`;
    shade, what the limb's shadow leaves."""

    along: NDArray
    outside: NDArray
    front: NDArray
    lambert: NDArray
    shade: NDArray


def limb_layers(limbs: list[Limb], size: int, light: Light) -> list[Layer]:
    """The layers of limbs, in their order."""
    start, end, radii = (np.array(values) for values in zip(*(limb[:3] for limb in limbs), strict=True))
    spread = 0.7 * radii.max(1) * np.array([limb.shadow > 0 for limb in limbs])
    reach = (radii.max(1) + spread + 0.5)[:, None]
    fragments = Fragments(size, np.minimum(start, end)[:, :2] - reach, np.maximum(start, end)[:, :2] + reach)
    length = np.maximum(np.hypot(*(end - start)[:, :2].T), 1e-3)
    surface = _trace(fragments, limbs, start, (end - start) / length[:, None], length, radii, spread + 1e-3, light)
    alpha = ramp(surface.outside)
    lit = shine(alpha, surface.front, surface.lambert, light)
    cuts = [fragments.cut(flat) for flat in (alpha, lit, surface.along, surface.front, surface.shade)]
    return [
        Layer(box, a, _cloth(limb, along, front, long) * paint, shade if limb.shadow else None)
        for limb, long, box, a, paint, along, front, shade in zip(limbs, length, fragments.boxes, *cuts, strict=True)
    ]


def _trace(
    fragments: Fragments,
    limbs: list[Limb],
    start: NDArray,
    axis: NDArray,
    length: NDArray,
    radii: NDArray,
    spread: NDArray,
    light: Light,
) -> _Surface:
    """Where every pixel is on its limb. axis: (P, 3), (x, y) of unit length, z in proportion."""
    put = fragments.spread
    dx, dy = put(axis[:, 0]), put(axis[:, 1])
    x, y = fragments.x - put(start[:, 0]), fragments.y - put(start[:, 1])
    travel = (x * dx + y * dy) * put(1 / length)
    along = np.minimum(np.maximum(travel, 0), 1)
    radius = fragments.look_up(radii, along)
    side, beyond = y * dx - x * dy, (travel - along) * put(length * np.array([limb.cap for limb in limbs]))
    outside = np.sqrt(side * side + beyond * beyond) - radius
    # Ends are shaded flatter than they are, so that two limbs flow into each other where they are joined.
    side, beyond = side / radius, beyond * 0.4 / radius
    front = np.sqrt(np.maximum(1 - side * side - beyond * beyond, 0))
    to_side, to_end, to_front = _facing(axis, light)
    lambert = side * put(to_side) + beyond * put(to_end) + front * put(to_front)
    # A soft shadow around the limb; none at its ends, where it is joined to what lies under it.
    near = np.minimum(np.maximum(1 - outside * put(1 / spread), 0), 1)
    shade = 1 - put(4 * np.array([limb.shadow for limb in limbs])) * (near * near * along * (1 - along))
    return _Surface(along, outside, front, lambert, shade)


def _facing(axis: NDArray, light: Light) -> tuple[NDArray, NDArray, NDArray]:
    """How much a limb's side, its end and its front face the lamp, (P,) each."""
    (x, y, z), (lx, ly, _) = axis.T, light.direction
    # A limb that points at the viewer shows its end rather than its flank; halfway between the two is right enough.
    long = np.sqrt(1 + z * z)
    front = np.stack([-z * x, -z * y, 1 + long]) / long
    return x * ly - y * lx, x * lx + y * ly, np.array(light.direction) @ front / np.linalg.norm(front, axis=0)


def _cloth(limb: Limb, along: NDArray, front: NDArray, length: float) -> NDArray:
    """The colour before light, (3, h, w) or (3, 1, 1)."""
    if limb.other is None:
        return planes(limb.colour)
    if not limb.stripes:
        return mix(limb.colour, limb.other, ramp((limb.edge - along) * float(length)))
    # Bands run around the body, so they sag towards the viewer.
    phase = (along + 0.05 * front) * limb.stripes
    return mix(limb.colour, limb.other, bands(phase, float(length) / limb.stripes))


def smooth(*radii: float) -> NDArray:
    """(13,), a smooth curve through evenly spaced radii."""
    margin = 1 / (STATIONS - 1)
    curve = np.interp(np.linspace(-margin, 1 + margin, STATIONS + 2), np.linspace(0, 1, len(radii)), radii)
    return (curve[:-2] + 2 * curve[1:-1] + curve[2:]) / 4
