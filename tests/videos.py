"""Small videos for the tests."""

import itertools
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer

from partpose.data.video import VideoWriter

MATRICES = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))
"""By quarter turns counter-clockwise: (a, b, c, d) of x' = a x + c y, y' = b x + d y, y downwards (QuickTime format)."""


def save_video(path: Path, frames: list[np.ndarray], fps: float = 25) -> Path:
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps) as writer:
        for pixels in frames:
            writer.write(pixels)
    return path


class _Breaking(NamedTuple):
    container: InputContainer
    packets: int
    words: str

    def __getattr__(self, name):
        return getattr(self.container, name)

    def demux(self, stream):
        yield from itertools.islice(self.container.demux(stream), self.packets)
        raise av.error.InvalidDataError(5, self.words)


@contextmanager
def breaking_off(path: Path, packets: int, words: str) -> Iterator[_Breaking]:
    """An open video that cannot be read any further after so many packets, for a reason in words."""
    with av.open(str(path)) as container:
        yield _Breaking(container, packets, words)


def turn(path: Path, turns: int) -> None:
    """Write into an MP4 that it is to be shown turned by so many quarters counter-clockwise."""
    data = path.read_bytes()
    at = data.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in MATRICES[turns])
    path.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :])


def save_uneven(path: Path, frames: list[np.ndarray], times: list[int]) -> Path:
    """A video whose frames come at these times, in 1/100 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for pixels, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def save_growing(path: Path, small: list[np.ndarray], large: list[np.ndarray]) -> Path:
    """A video whose later frames are of another size: two transport streams end to end, as from a camera that was reset."""
    parts = []
    for i, frames in enumerate((small, large)):
        part = path.with_name(f"part{i}.ts")
        with av.open(str(part), "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for pixels in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))
    return path
