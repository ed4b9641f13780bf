"""Several objects in one picture or frame, of annotations that have no boxes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partpose.data.cut import Box, Cut

MARGIN = 0.5
"""How much larger than the visible landmarks' own square a box is, as a share of its side."""


def cuts_around(points: NDArray, places: Sequence[tuple], tracks: Sequence[str]) -> tuple[Cut, ...] | None:
    """What each of N rows is about: a box around its landmarks, and its track; None where no place has two rows.

    points: (N, J, 2) in pixels, each row with a landmark that is not NaN.  places: N, the picture, or video and frame.
    tracks: N names; a row without one gets its number among those of its place. The boxes are square, and none is smaller
    than the usual one: of an object with one visible landmark nothing else says how large it is.
    """
    if len(set(places)) == len(places):
        return None
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    sides = (high - low).max(axis=1) + 1
    sides = np.maximum(sides, np.median(sides)) * (1 + MARGIN)
    corners = (low + high + 1 - sides[:, None]) / 2
    boxes = [Box(float(x), float(y), float(side), float(side)) for (x, y), side in zip(corners, sides, strict=True)]
    numbers: dict[tuple, int] = {}
    names = []
    for place, track in zip(places, tracks, strict=True):
        names.append(track or str(numbers.get(place, 0)))
        numbers[place] = numbers.get(place, 0) + 1
    return tuple(Cut(box, None, name) for box, name in zip(boxes, names, strict=True))
