"""Small pictures for the tests."""

import struct
import zlib

import numpy as np


def blob(width: int, height: int, x: float, y: float, seed: int = 0) -> np.ndarray:
    """uint8 (height, width, 3): a reddish blob at (x, y) over faint noise."""
    rows, columns = np.mgrid[:height, :width]
    bright = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (min(width, height) / 10) ** 2))
    noise = np.random.default_rng(seed).normal(40, 8, (height, width, 1))
    return np.clip(noise + bright[..., None] * [200, 90, 30], 0, 255).astype(np.uint8)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
