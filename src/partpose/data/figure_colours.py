"""Colours, (r, g, b) in [0, 1]."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

Colour = tuple[float, float, float]

BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def palette(*codes: str) -> tuple[Colour, ...]:
    """Colours from hexadecimal codes."""
    return tuple((red / 255, green / 255, blue / 255) for red, green, blue in map(bytes.fromhex, codes))


def pick(rng: Generator, colours: Sequence[Colour], spread: float = 0.025) -> Colour:
    """A colour near one of these."""
    return picks(rng, colours, 1, spread)[0]


def picks(rng: Generator, colours: Sequence[Colour], count: int, spread: float = 0.025) -> list[Colour]:
    """Several colours near these."""
    chosen = np.array(colours)[rng.integers(len(colours), size=count)]
    near = np.clip(chosen + rng.normal(0, spread, (count, 3)), 0.04, 0.98)
    return [(red, green, blue) for red, green, blue in near.tolist()]


def between(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with a share of the second."""
    red, green, blue = (a + share * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue
