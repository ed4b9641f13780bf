"""Pictures read ahead by threads: Pillow decodes without holding Python's lock."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from partpose.data.images import Picture, Unreadable, read_image

AHEAD = 64


def read_ahead(files: Sequence[Path], channels: int = 3, side: int | None = None) -> Iterator[Picture | Unreadable]:
    """Each file's picture, or why it has none, in order; at most `AHEAD` are held at a time."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        waiting: deque = deque()
        rest = iter(files)
        for file in rest:
            waiting.append(pool.submit(_try, file, channels, side))
            if len(waiting) >= AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _try(file: Path, channels: int, side: int | None) -> Picture | Unreadable:
    try:
        return read_image(file, channels, side)
    except Unreadable as error:
        return error
