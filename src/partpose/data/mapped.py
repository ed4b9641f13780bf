"""Rows of an array that lies in a file larger than memory: only what is asked for is read, and all of it at once."""

import mmap

import numpy as np
from numpy.typing import NDArray


def take(pixels: NDArray, rows: NDArray) -> NDArray:
    """pixels[rows], a copy; rows: whole numbers (B,).

    A mapped file is read a page at a time, each after the last has come, and the system reads on beyond each: measured
    on rows of 19 kB chosen at random, 1 500 a second with 46 times their bytes read. To ask for all rows first, and for
    no more, gave 36 000 a second, and nothing else enters the memory that the system keeps for files.
    """
    ask(pixels, rows)
    return pixels[rows]


def ask(pixels: NDArray, rows: NDArray) -> None:
    """Have the system read these rows (B,) of a mapped file, without waiting for it: they will be wanted soon."""
    mapped = _map_of(pixels)
    if mapped is None or not len(pixels):
        return
    mapped.madvise(mmap.MADV_RANDOM)
    start, size = _address(pixels) - _address(np.frombuffer(mapped, np.uint8)), pixels[0].nbytes
    for row in rows.tolist():
        first = start + row * size
        page = first - first % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_WILLNEED, page, first + size - page)


def _map_of(pixels: NDArray) -> mmap.mmap | None:
    """The mapped file behind an array or a view of one."""
    base = pixels
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _address(array: NDArray) -> int:
    return array.__array_interface__["data"][0]
