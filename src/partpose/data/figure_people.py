"""Who is drawn: every person's build, skin, hair and clothes. Lengths are in units of the body's height."""

from collections.abc import Sequence
from typing import NamedTuple

from numpy.random import Generator

from partpose.data.figure_colours import Colour, palette, pick, picks

SKIN = palette("f6d7c3", "eec1a2", "e0ac85", "c98e66", "a86f49", "86532f", "653c25")
HAIR = palette("2e2421", "4a2f20", "6d4526", "a5692f", "d9ae62", "b5482a", "8d8a88", "3b3350")
SHIRT = palette(
    *("e4572e", "f3a712", "2e86ab", "3bb273", "d1495b", "7768ae", "f2e8cf", "e36397"),
    *("17bebb", "98c1d9", "ffd166", "8ac926", "c77dff", "f08a5d", "5fa8d3", "ef476f"),
)
BOTTOM = palette(
    *("3d5a80", "5c6b9c", "b08968", "8d99ae", "6a994e", "9c6644"),
    *("577590", "a44a3f", "c9ada7", "7f5a83", "4f772d"),
)
SHOES = palette("f4f1de", "e63946", "ffb703", "457b9d", "a8dadc", "bc6c25", "6d6875", "90be6d")


class Hair(NamedTuple):
    """volume: how far it stands off the head, in head radii; line: where it begins on the forehead, -1 (chin) to 1
    (crown); length: how far it falls, in head radii; bun: a knot on top; beard: on the chin as well."""

    volume: float
    line: float
    length: float = 0.0
    bun: bool = False
    beard: bool = False


STYLES = {
    "short": Hair(0.08, 0.38),
    "cropped": Hair(0.02, 0.5),
    "bearded": Hair(0.06, 0.45, beard=True),
    "full": Hair(0.2, 0.3),
    "bob": Hair(0.14, 0.34, length=1.15),
    "long": Hair(0.12, 0.36, length=2.3),
    "bun": Hair(0.07, 0.42, bun=True),
    "curly": Hair(0.38, 0.36, length=0.7),
}


class Build(NamedTuple):
    """Lengths of the bones and half-widths of the body, in units of the body's height."""

    shoulder: float
    hip: float
    torso: float
    neck: float
    head: float
    upper_arm: float
    forearm: float
    thigh: float
    shin: float
    girth: float


class Person(NamedTuple):
    """What stays the same in all pictures of one person. Colours are (r, g, b) in [0, 1].

    sleeve, leg: the share of the arm and of the leg that cloth covers (1: down to the wrist, to the ankle).
    stripe: the second colour of the shirt, or None for a plain one.
    """

    build: Build
    skin: Colour
    hair: Hair
    hair_colour: Colour
    shirt: Colour
    stripe: Colour | None
    sleeve: float
    bottom: Colour
    leg: float
    skirt: bool
    shoes: Colour


def draw_person(rng: Generator) -> Person:
    """One random person."""
    skin = pick(rng, SKIN, 0.015)
    shirt = _apart(rng, SHIRT, skin)
    skirt = bool(rng.random() < 0.2)
    return Person(
        build=_draw_build(rng),
        skin=skin,
        hair=STYLES[str(rng.choice(list(STYLES)))],
        hair_colour=pick(rng, HAIR, 0.02),
        shirt=shirt,
        stripe=_apart(rng, SHIRT, shirt, skin) if rng.random() < 0.4 else None,
        sleeve=float(rng.choice([0.3, 0.42, 0.97])),
        bottom=_apart(rng, BOTTOM, skin, shirt),
        leg=float(rng.choice([0.42, 0.5])) if skirt or rng.random() < 0.33 else 0.95,
        skirt=skirt,
        shoes=pick(rng, SHOES),
    )


def _draw_build(rng: Generator) -> Build:
    """Proportions of an adult, a little large in the head, as drawn figures are."""
    long, wide = rng.uniform(0.95, 1.05, 7), rng.uniform(0.9, 1.28)
    return Build(
        shoulder=0.108 * (0.6 + 0.4 * wide) * long[0],
        hip=0.05 * (0.5 + 0.5 * wide),
        torso=0.295 * long[1],
        neck=0.116 * long[2],
        head=0.079 * rng.uniform(0.95, 1.08),
        upper_arm=0.165 * long[3],
        forearm=0.145 * long[4],
        thigh=0.245 * long[5],
        shin=0.24 * long[6],
        girth=wide,
    )


def _apart(rng: Generator, palette: Sequence[Colour], *others: Colour) -> Colour:
    """A colour of the palette that can be told from the others."""
    return next((c for c in picks(rng, palette, 12) if all(_differ(c, other) for other in others)), palette[0])


def _differ(first: Colour, second: Colour) -> bool:
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) > 0.1
