"""A PNG encoder for pictures of a few kilobytes.

Pillow's takes longer than drawing does at 64 pixels; this one has the one row filter that suits smooth pictures.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """uint8 (h, w) or (h, w, 3) to the bytes of an 8-bit PNG."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    # Filter 2: every byte less the one above it, modulo 256 (PNG specification, section 9).
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">2I5B", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
