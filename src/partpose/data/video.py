"""Videos: frames by their place among the decoded ones and their own time stamps, never by the container's count."""

import math
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from partpose.data.atomic import atomic
from partpose.data.frame import Frame
from partpose.data.images import MOST_PIXELS, SHORTEST_SIDE, Unreadable
from partpose.data.spread import spread
from partpose.data.walk import VIDEO_SUFFIXES, readable
from partpose.errors import PartposeError, Skipped

__all__ = [
    "VIDEO_SUFFIXES",
    "Frame",
    "VideoInfo",
    "VideoWriter",
    "count_packets",
    "decode",
    "main_stream",
    "open_video",
    "probe",
    "read_frames",
    "sample_frames",
]

# Only what VIDEO_SUFFIXES stand for, whatever a file is called: a playlist would make FFmpeg open the files that it names.
_SAFELY = {"format_whitelist": "mov,matroska,avi,mpeg,mpegts,mpegvideo,asf", "protocol_whitelist": "file"}
_FALLBACK_RATE = Fraction(25)
_CLOCK = 90_000
"""Units of time a second in written files: divisible by the usual frame rates, fine enough for all others."""


class VideoInfo(NamedTuple):
    """width, height: upright pixels.  fps: mean frames per second.  frames_estimate: from the header, may be wrong."""

    width: int
    height: int
    fps: float
    frames_estimate: int | None


def probe(path: str | PathLike) -> VideoInfo:
    """What a video's header says, with one frame decoded for its rotation. Raises Unreadable."""
    return _probed(str(path), _stamp(path))


@lru_cache(256)  # several stages ask, and to open and decode takes as long as a dozen frames
def _probed(path: str, _stamp: tuple[int, int] | None) -> VideoInfo:
    with open_video(path) as (container, stream):
        frame = next(decode(container, stream, path, Damage()), None)
        if frame is None:
            raise Unreadable(path, "holds no frame that can be decoded")
        rate = _rate(stream)
        seconds = float(container.duration / av.time_base) if container.duration else 0.0
        return VideoInfo(frame.width, frame.height, float(rate), stream.frames or round(seconds * rate) or None)


def _stamp(path: str | PathLike) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@dataclass
class Damage:
    """first: what could not be decoded, the first of it, for a camera may go on for days.  end: why reading broke off."""

    first: str = ""
    end: str = ""

    def note(self, what: str) -> None:
        """Something could not be decoded."""
        self.first = self.first or what


def read_frames(
    path: str | PathLike,
    start: int = 0,
    stop: int | None = None,
    every: int = 1,
    skipped: list[Skipped] | None = None,
) -> Iterator[Frame]:
    """Frames start, start + every, … before stop, counted as they are decoded.

    A file that is cut short or damaged in places yields what can be decoded; `skipped` then gets one line on it.
    Raises Unreadable, on the first frame that is asked for, where there is no video at all.
    """
    if start < 0 or every < 1:
        raise PartposeError(f"expected start >= 0 and every >= 1, got start={start} and every={every}")
    wanted = range(start, 2**62 if stop is None else stop, every)
    return _read(path, wanted, skipped)


def sample_frames(
    path: str | PathLike, count: int, skipped: list[Skipped] | None = None, among: Sequence[int] | None = None
) -> Iterator[Frame]:
    """At most `count` frames spread evenly over a video; the same ones in every call. Raises as `read_frames`.

    among: the indices to choose from, rising; without them all frames.
    """
    known = range(max(count_packets(path), 1)) if among is None else among
    return _read(path, [known[i] for i in spread(len(known), count)], skipped)


def count_packets(path: str | PathLike) -> int:
    """How many frames a video should have: its packets, without decoding them. Raises Unreadable."""
    total = 0
    with open_video(path) as (container, stream):
        try:
            for packet in container.demux(stream):
                total += packet.size > 0 and not packet.is_discard
        except av.FFmpegError:
            pass  # cut short: what has been counted is there
    return total


class VideoWriter:
    """Write H.264 that browsers play; a context manager, whose file appears when it is left without an error.

        with VideoWriter("out.mp4", width, height, fps) as video:
            video.write(pixels)                     # uint8 (height, width, 3)

    Frames follow each other at `fps`, or as their own times say where `write` is given them. An odd side is made even by
    repeating its last row or column. Raises PartposeError where the file cannot be written, and where no frame came.
    """

    def __init__(self, path: str | PathLike, width: int, height: int, fps: float):
        if width < 1 or height < 1:
            raise PartposeError(f"a video needs a width and height of at least 1, got {width}×{height}")
        self.path, self.width, self.height = Path(path), width, height
        rate = Fraction(float(fps)).limit_denominator(1001) if math.isfinite(fps) and fps > 0 else 0
        self.rate = min(Fraction(rate or _FALLBACK_RATE), Fraction(_CLOCK))
        self.frames = 0
        self._place, self._shift = Fraction(-1) / self.rate, 0.0
        self._stack = ExitStack()

    def __enter__(self) -> "VideoWriter":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic(self.path))
            stack.enter_context(_in_words(self.path))
            options = {"movflags": "+faststart"}
            self._container = stack.enter_context(av.open(str(temporary), "w", format="mp4", options=options))
            self._stream = self._container.add_stream("libx264", rate=self.rate)
            self._stream.width, self._stream.height = self.width + self.width % 2, self.height + self.height % 2
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, _CLOCK)
            # As sharp as "fast" with crf 20, in half the time, for a tenth more bytes
            self._stream.options = {"crf": "18", "preset": "veryfast"}
            self._stream.thread_type = "AUTO"
            # Said, for players take an HD video that does not say so for BT.709
            self._stream.codec_context.colorspace = Colorspace.ITU601
            self._stream.codec_context.color_range = ColorRange.MPEG
            self._stack = stack.pop_all()
        return self

    def write(self, pixels: NDArray[np.uint8], time: float | None = None) -> None:
        """Add one frame, uint8 (height, width, 3).

        time: in seconds, from any origin. Without one, or where it is no number or does not rise, the frame comes 1 / fps after
        the last.
        """
        time = None if time is None or not math.isfinite(time) else time
        if pixels.shape != (self.height, self.width, 3) or pixels.dtype != np.uint8:
            came = f"{pixels.dtype} {pixels.shape}"
            raise ValueError(f"a frame must be uint8 ({self.height}, {self.width}, 3), got {came}")
        if self.height % 2 or self.width % 2:
            pixels = np.pad(pixels, ((0, self.height % 2), (0, self.width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = self._next_place(time), Fraction(1, _CLOCK)
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def _next_place(self, time: float | None) -> int:
        """Where the next frame belongs, in units of the clock."""
        follows = self._place + 1 / self.rate
        place = follows if time is None else Fraction(time + self._shift)
        if not self.frames or place < self._place + Fraction(1, _CLOCK):
            place = follows
        self._shift = 0.0 if time is None else float(place) - time
        self._place = place
        return math.floor(self._place * _CLOCK + Fraction(1, 2))

    def __exit__(self, kind, error, trace) -> None:
        with self._stack:
            if error is not None:
                raise error
            self._finish()

    def _finish(self) -> None:
        if not self.frames:
            raise PartposeError(f"{self.path} is not written: there was no frame to put into it")
        self._container.mux(self._stream.encode(None))


@contextmanager
def _in_words(path: Path) -> Generator[None]:
    try:
        yield
    except (av.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise PartposeError(f"{path} cannot be written as H.264: {error}") from error


@contextmanager
def open_video(path: str | PathLike) -> Generator[tuple[InputContainer, av.VideoStream]]:
    """A video file and its main stream, decoding with threads. Raises Unreadable."""
    try:
        container = av.open(str(path), metadata_errors="replace", options=_SAFELY)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Unreadable(path, _reason(Path(path), error)) from error
    with container:
        yield container, main_stream(container, path)


def main_stream(container: InputContainer, path: str | PathLike) -> av.VideoStream:
    """The stream that is meant where a file has several, to be decoded with threads. Raises Unreadable."""
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream):
        raise Unreadable(path, "holds no video stream")
    _check_size(path, stream.codec_context.width, stream.codec_context.height)
    stream.thread_type = "AUTO"
    return stream


def _check_size(path: str | PathLike, width: int, height: int) -> None:
    if width * height > MOST_PIXELS or 0 < min(width, height) < SHORTEST_SIDE:
        most = MOST_PIXELS // 1_000_000
        raise Unreadable(
            path, f"has {width}×{height} pixels, expected sides from {SHORTEST_SIDE} and at most {most} MP"
        )


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read (no permission)"
    if not path.exists():
        return "does not exist"
    if path.is_dir():
        return "is a folder, not a video"
    if path.stat().st_size == 0:
        return "is empty"
    return "is not a video, or its beginning or index is damaged"


def _read(path: str | PathLike, wanted: range | list[int], skipped: list[Skipped] | None) -> Iterator[Frame]:
    """The wanted frames, which are in ascending order."""
    damage = Damage()
    places = iter(wanted)
    place = next(places, None)
    frame = None
    with open_video(path) as (container, stream):
        for frame in decode(container, stream, path, damage):
            if place is None:
                break
            if frame.index == place:
                yield frame
                place = next(places, None)
        else:
            _check_decoded(path, frame, _promised(stream), damage, skipped)


def decode(container: InputContainer, stream: av.VideoStream, path: str | PathLike, damage: Damage) -> Iterator[Frame]:
    """Every frame; what could not be read or decoded is noted in `damage`. Raises Unreadable for odd sizes."""
    rate, unstamped = _rate(stream), _is_unstamped(container, stream)
    for index, frame in enumerate(_decoded(container, stream, path, damage)):
        place = None if unstamped else frame.pts
        yield Frame(index, float(index / rate if place is None else place * (stream.time_base or 1)), frame)


def _is_unstamped(container: InputContainer, stream: av.VideoStream) -> bool:
    """Whether a file says in which order frames are stored, and not when they are shown: AVI, of codecs that reorder them."""
    return container.format.name == "avi" and bool(stream.codec_context.has_b_frames)


def _promised(stream: av.VideoStream) -> float:
    """At how many seconds a Matroska file says that its video ends; 0 where nothing is said.

    Cut short it ends without an error. Others end with one; what they say of their length holds what is not to be shown.
    """
    parts = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    return sum(float(part) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True)) if parts else 0.0


def _check_decoded(
    path: str | PathLike, last: Frame | None, promised: float, damage: Damage, skipped: list[Skipped] | None
) -> None:
    """Say what was missing from a video that was read to its end."""
    if last is None:
        raise Unreadable(path, "holds no frame that can be decoded")
    early = f"it ends at {last.time:.1f} s, of {promised:.1f}" if last.time < 0.8 * promised - 1 else ""
    if (first := damage.first or damage.end or early) and skipped is not None:
        skipped.append(Skipped(readable(path), f"is damaged, {last.index + 1} frames could be decoded: {first}"))


def _decoded(
    container: InputContainer, stream: av.VideoStream, path: str | PathLike, damage: Damage
) -> Iterator[av.VideoFrame]:
    """Frames in presentation order."""
    for packet in _packets(container, stream, damage):
        try:
            frames = stream.decode(packet)
        except av.FFmpegError as error:
            damage.note(error.strerror or str(error))
            continue
        for frame in frames:
            _check_size(path, frame.width, frame.height)
            yield frame


def _packets(container: InputContainer, stream: av.VideoStream, damage: Damage) -> Iterator[av.Packet | None]:
    """The stream's packets, with a last one that makes the decoder hand out what it still holds."""
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                damage.note("a part of it is missing")
            yield packet
    except av.FFmpegError as error:
        damage.end = error.strerror or str(error)
        yield None


def _rate(stream: av.VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or stream.base_rate or _FALLBACK_RATE
