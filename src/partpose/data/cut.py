"""What of a file is one picture to the network: a box in it, of one object, perhaps with everything else masked out."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.errors import PartposeError

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
Window = tuple[int, int, int, int]
"""left, top, right, bottom in whole pixels, the last two exclusive."""


class Box(NamedTuple):
    """A rectangle in pixels of the original upright picture; left and top are *edges*, counted from its outer corner.

    The box of a whole picture is (0, 0, width, height). A box may reach beyond the picture.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def square(self, margin: float = 0.0) -> "Box":
        """The smallest square around the middle that holds the box, larger by the share `margin` of its side."""
        reach = max(self.width, self.height) * (1 + margin)
        return Box(self.left + (self.width - reach) / 2, self.top + (self.height - reach) / 2, reach, reach)


class Mask(NamedTuple):
    """What belongs to the object: the bright pixels of `path`, or those of one instance.

    Bright is above 127; in a picture that has nothing so bright, such as one of zeros and ones, all but zero. A mask has the
    size of its picture, or the same proportions. instance: R·65536 + G·256 + B in an instance picture.
    """

    path: Path
    instance: int | None = None

    def read(self, width: int, height: int, window: Window | None = None) -> NDArray[np.bool_]:
        """(height, width) True where the object is, or only a window of that.

        Raises PartposeError where the file is missing or broken.
        """
        try:
            stored = self._grey() if self.instance is None else _colours(self.path, self.path.stat().st_mtime_ns)
        except Exception as error:  # a damaged file makes decoders raise nearly anything
            raise PartposeError(f"the mask {self.path} cannot be read: {error}") from error
        part = _part(stored, width, height, window or (0, 0, width, height))
        if self.instance is None:
            return part > (127 if stored.max() > 127 else 0)
        colour = self.instance >> 16, self.instance >> 8 & 255, self.instance & 255
        return np.logical_and.reduce([part[..., i] == colour[i] for i in range(3)])

    def _grey(self) -> NDArray[np.uint8]:
        with Image.open(self.path, formats=_FORMATS) as image:
            return np.asarray(image.convert("L"))


def _part(stored: NDArray[np.uint8], width: int, height: int, window: Window) -> NDArray[np.uint8]:
    """The window of what is stored, were it (height, width): the nearest pixels."""
    left, top, right, bottom = window
    if stored.shape[:2] == (height, width):
        return stored[top:bottom, left:right]
    rows = (2 * np.arange(top, bottom) + 1) * stored.shape[0] // (2 * height)
    columns = (2 * np.arange(left, right) + 1) * stored.shape[1] // (2 * width)
    return stored[rows[:, None], columns]


@lru_cache(8)  # one a thread that reads: the people of a frame share its instance picture
def _colours(path: Path, _modified: int) -> NDArray[np.uint8]:
    with Image.open(path, formats=_FORMATS) as image:
        return np.asarray(image.convert("RGB"))


class Cut(NamedTuple):
    """One object in one picture or frame.

    box: where it is, None for the whole picture.  mask: what of it is kept, None for all; the rest turns black.
    track: which object it is, "" where there is only one.
    """

    box: Box | None = None
    mask: Mask | None = None
    track: str = ""
