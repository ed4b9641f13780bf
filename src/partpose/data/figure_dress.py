"""Dressing a skeleton: which solids a person is made of, and in which order they hide each other."""

from collections.abc import Iterator
from math import hypot

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_head import Head
from partpose.data.figure_limb import Limb, limb_layers, smooth
from partpose.data.figure_people import Person
from partpose.data.figure_poses import JOINTS, Skeleton
from partpose.data.figure_render import Canvas, Light

SLEEVE = smooth(0.0376, 0.0342, 0.0308)
FOREARM = smooth(0.0291, 0.0302, 0.0245, 0.0188)
THIGH = smooth(0.0570, 0.0570, 0.0490, 0.0399)
SHIN = smooth(0.0388, 0.0422, 0.0342, 0.0251)
TROUSER = smooth(0.0422, 0.0410, 0.0376, 0.0376)
HAND = smooth(0.018, 0.025, 0.018)
SHOE = smooth(0.027, 0.029, 0.027, 0.02)
SEAT = smooth(0.05, 0.056, 0.05)
NECK = smooth(0.036, 0.03, 0.03)
FALL = smooth(0.95, 1.02, 0.98, 0.7)
CUFF = smooth(0.0342, 0.0331, 0.0296, 0.0279)


class Placed:
    """A skeleton put into a picture: points (N, 3) in pixels, x right, y down, z to the viewer; `scale` pixels a height."""

    def __init__(self, skeleton: Skeleton, origin: NDArray, scale: float) -> None:
        self.scale = scale
        self.skeleton = skeleton
        self._origin = np.array([*origin, 0.0])
        self.joints = self.pixels(skeleton.joints)
        self.hands, self.toes = self.pixels(skeleton.hands), self.pixels(skeleton.toes)

    def pixels(self, points: NDArray) -> NDArray:
        """From units of the body's height, y up, to pixels."""
        return points * (self.scale * np.array([1, -1, 1])) + self._origin

    def joint(self, name: str) -> NDArray:
        """(3,)"""
        return self.joints[JOINTS.index(name)]


def paint_person(canvas: Canvas, person: Person, placed: Placed, light: Light) -> None:
    """Paint all solids of a person, the far ones first."""
    solids = sorted(dress(person, placed), key=lambda solid: solid.depth)
    limbs = iter(limb_layers([solid for solid in solids if isinstance(solid, Limb)], canvas.size, light))
    for solid in solids:
        for layer in solid.layers(canvas.size, light) if isinstance(solid, Head) else (next(limbs),):
            canvas.lay(layer)


def dress(person: Person, placed: Placed) -> Iterator[Limb | Head]:
    """The solids of a person; their depths (units of the body's height) sort them from back to front."""
    yield from _torso(person, placed)
    yield from _head(person, placed)
    for i, side in enumerate(("left", "right")):
        yield from _arm(person, placed, side, placed.hands[i])
        yield from _leg(person, placed, side, placed.toes[i])
    if person.skirt:
        yield _skirt(person, placed)


def _width(half: float, deep: float, axes: NDArray) -> float:
    """Half of what a body part `half` wide and `deep` thick covers when it is turned."""
    return hypot(half * hypot(axes[0, 0], axes[1, 0]), deep * hypot(axes[0, 2], axes[1, 2]))


def _torso(person: Person, placed: Placed) -> Iterator[Limb]:
    build, scale = person.build, placed.scale
    neck, pelvis = placed.joint("neck"), placed.joint("pelvis")
    girth, chest, hips = build.girth, placed.skeleton.chest, placed.skeleton.pelvis
    shoulders = _width(build.shoulder + 0.012, 0.055 * girth, chest)
    ribs = _width(0.9 * build.shoulder, 0.068 * girth, chest)
    waist, seat = _width(0.076 * girth, 0.062 * girth, chest), _width(build.hip + 0.042 * girth, 0.068 * girth, hips)
    down = neck - pelvis
    radii = scale * smooth(0.74 * shoulders, shoulders, ribs, 0.5 * (ribs + waist), waist, 0.5 * (waist + seat), seat)
    middle, stripes = _depth(placed, neck, pelvis), 5.0 if person.stripe else 0.0
    start, end = pelvis + 0.97 * down, pelvis + 0.08 * down
    yield Limb(start, end, radii, middle, person.shirt, person.stripe, stripes=stripes, cap=3.0, shadow=0.25)
    top, crotch, trousers = pelvis + 0.25 * down, pelvis - 0.14 * down, scale * smooth(waist, seat, seat, 0.7 * seat)
    yield Limb(top, crotch, trousers, middle - 0.012, person.bottom, cap=2.0)
    left, right = placed.joint("left_hip"), placed.joint("right_hip")
    yield Limb(left, right, (scale * girth) * SEAT, _depth(placed, left, right) - 0.014, person.bottom)


def _skirt(person: Person, placed: Placed) -> Limb:
    hips = (placed.joint("left_hip") + placed.joint("right_hip")) / 2
    knees = [hip + person.leg * (placed.joint(f"{s}_knee") - hip) * 1.25 for s, hip in _hips(placed)]
    hem = (knees[0] + knees[1]) / 2
    narrow = _width(person.build.hip + 0.04, 0.06, placed.skeleton.pelvis) * placed.scale
    wide = hypot(*(knees[0] - knees[1])[:2]) / 2 + 0.058 * placed.scale
    near = max(_depth(placed, hip, knee) for (_, hip), knee in zip(_hips(placed), knees, strict=True))
    radii = np.linspace(narrow, max(wide, 1.1 * narrow), 13)
    return Limb(hips, hem, radii, near + 0.02, person.bottom, cap=4.0, shadow=0.3)


def _hips(placed: Placed) -> tuple[tuple[str, NDArray], ...]:
    return tuple((side, placed.joint(f"{side}_hip")) for side in ("left", "right"))


def _head(person: Person, placed: Placed) -> Iterator[Limb | Head]:
    neck, centre = placed.joint("neck"), placed.joint("head")
    axes = placed.skeleton.head * np.array([[1], [-1], [1]])
    radius, depth = person.build.head * placed.scale, _depth(placed, neck, centre)
    thick = placed.scale * (0.6 + 0.4 * person.build.girth) * NECK
    yield Limb(neck + 0.12 * (neck - centre), centre, thick, depth + 0.005, person.skin)
    yield Head(centre, radius, axes, depth + 0.05, person)
    if person.hair.length:
        top, tip = (
            centre - 0.4 * radius * axes[:, 2],
            centre + radius * (axes @ np.array([0, -person.hair.length, -0.5])),
        )
        fall = radius * FALL
        yield Limb(top, tip, fall, depth - 0.05 - 0.1 * max(axes[2, 2], 0), person.hair_colour)


def _arm(person: Person, placed: Placed, side: str, hand: NDArray) -> Iterator[Limb]:
    shoulder, elbow, wrist = (placed.joint(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
    size = placed.scale * (0.45 + 0.55 * person.build.girth)
    # An arm beside the body hangs a little in front of it.
    upper, lower = _depth(placed, shoulder, elbow) + 0.03, _depth(placed, elbow, wrist) + 0.045
    if person.sleeve > 0.6:
        yield Limb(shoulder, elbow, size * (SLEEVE + 0.003), upper, person.shirt, shadow=0.35)
        yield Limb(elbow, wrist, size * CUFF, lower, person.shirt, person.skin, 0.93, shadow=0.4)
    else:
        edge = 2 * person.sleeve
        yield Limb(shoulder, elbow, size * (SLEEVE + 0.003), upper, person.shirt, person.skin, edge, shadow=0.35)
        yield Limb(elbow, wrist, size * FOREARM, lower, person.skin, shadow=0.4)
    yield Limb(wrist, hand, size * HAND, _depth(placed, wrist, hand) + 0.05, person.skin)


def _leg(person: Person, placed: Placed, side: str, toe: NDArray) -> Iterator[Limb]:
    hip, knee, ankle = (placed.joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
    size = placed.scale * (0.35 + 0.65 * person.build.girth)
    upper, lower = _depth(placed, hip, knee) - 0.02, _depth(placed, knee, ankle) - 0.025
    if person.leg > 0.6:
        yield Limb(hip, knee, size * (THIGH + 0.003), upper, person.bottom, shadow=0.3)
        yield Limb(knee, ankle, size * TROUSER, lower, person.bottom, person.skin, 0.97, shadow=0.3)
    else:
        edge = 1.6 * person.leg
        yield Limb(hip, knee, size * (THIGH + 0.005), upper, person.bottom, person.skin, edge, shadow=0.3)
        yield Limb(knee, ankle, size * SHIN, lower, person.skin, shadow=0.3)
    heel = ankle + 0.018 * placed.scale * np.array([0, 1, 0]) - 0.12 * (toe - ankle)
    shoe = placed.scale * SHOE
    yield Limb(heel, toe, shoe, _depth(placed, ankle, toe) - 0.03, person.shoes)


def _depth(placed: Placed, start: NDArray, end: NDArray) -> float:
    """How near the middle of a bone is to the viewer."""
    return float(start[2] + end[2]) / (2 * placed.scale)
