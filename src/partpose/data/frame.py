"""One decoded frame of a video, brought to RGB as far as that is needed."""

import threading
from functools import cached_property

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Every pixel counts, and colours are not shifted by half a one: within half a level of the exact reduction
_REDUCE = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class _Converters(threading.local):
    """One a thread: the tables that they work by need not be made anew for every frame."""

    def __init__(self) -> None:
        self.full, self.reduced = VideoReformatter(), VideoReformatter()


_CONVERTERS = _Converters()


class Frame:
    """One frame of a video, brought to RGB when that is asked for.

    index: place in presentation order, from 0.  time: the file's own stamp in seconds.  width, height: upright.
    """

    def __init__(self, index: int, time: float, decoded: av.VideoFrame) -> None:
        self.index, self.time, self._decoded = index, time, decoded
        self._turns = round(decoded.rotation / 90) % 4  # counter-clockwise, as its display matrix says
        shape = decoded.width, decoded.height
        self.width, self.height = shape[::-1] if self._turns % 2 else shape

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8 (height, width, 3), RGB, upright."""
        return self._upright(_CONVERTERS.full.reformat(self._decoded, format="rgb24", threads=1))

    def reduced(self, factor: int) -> NDArray[np.uint8]:
        """The whole frame as uint8 RGB with both sides divided by `factor` and rounded up, each pixel a mean."""
        if factor == 1:
            return self.pixels
        width, height = (-(-side // factor) for side in (self._decoded.width, self._decoded.height))
        return self._upright(
            _CONVERTERS.reduced.reformat(self._decoded, width, height, "rgb24", interpolation=_REDUCE, threads=1)
        )

    def _upright(self, converted: av.VideoFrame) -> NDArray[np.uint8]:
        return np.ascontiguousarray(np.rot90(np.asarray(converted.to_ndarray(), np.uint8), self._turns))
