"""Pictures read ahead by threads: Pillow decodes and resizes without holding Python's lock."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.images import Unreadable, read_image

AHEAD = 64


class SquarePicture(NamedTuple):
    """One picture as a network sees it.

    pixels: uint8 (side, side, C), see `images.square`.  width, height: of the original, upright.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


def read_squares(files: Sequence[Path], side: int, channels: int = 3) -> Iterator[SquarePicture | Unreadable]:
    """Each file's square, or why it has none, in order.

    At most `AHEAD` squares are held, and one whole picture a thread: a large one has hundreds of megabytes.
    """
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    waiting: deque[Future[SquarePicture | Unreadable]] = deque()
    try:
        for file in files:
            waiting.append(pool.submit(_try, file, side, channels))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _try(file: Path, side: int, channels: int) -> SquarePicture | Unreadable:
    try:
        picture = read_image(file, channels, side)
    except Unreadable as error:
        return error
    return SquarePicture(picture.square(side), picture.width, picture.height)
