"""Frames while they come: from a camera, an address on the network, a file or a program; what is late may be left out."""

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from partpose.data.ahead import in_background
from partpose.data.cut import Box, Cut
from partpose.data.frame import Frame
from partpose.data.images import Unreadable
from partpose.data.reading import Look, View, array_view, frame_views
from partpose.data.video import Damage, decode, main_stream, open_video
from partpose.errors import PartposeError

_DEVICES = {"linux": ("/dev/video{}", "v4l2"), "darwin": ("{}", "avfoundation")}
_PATIENCE = 10.0
"""Seconds in which an address has to answer, or to send the next frame."""
# What a server sends must not make FFmpeg open files of this machine
_NETWORK = {"protocol_whitelist": "http,https,tcp,tls,udp,rtp,rtsp,rtmp,srt,crypto"}


class _Address(NamedTuple):
    name: str
    format: str | None = None
    options: dict[str, str] = {}  # noqa: RUF012
    patience: float | None = None


def live_views(
    camera: str | Path | int | Iterable[NDArray[np.uint8]], look: Look, box: Box | None = None, latest: bool = False
) -> Iterator[View]:
    """One view a frame, of what lies in the box or of all of it, each read when it is asked for.

    latest: a thread reads all the while, and what is given is the newest frame; older ones are dropped.

    Raises PartposeError for what is no picture, and where the box lies outside; Unreadable for what cannot be opened, and after
    the last frame of a camera or address that breaks off.
    """
    cut = Cut(box)
    frames = _frames(camera) if isinstance(camera, str | Path | int) else enumerate(camera)
    for frame in in_background(frames, 1, newest=True) if latest else frames:
        if not isinstance(frame, Frame):
            yield array_view(*frame, look, cut)
            continue
        (view,) = frame_views(frame, [cut], look)
        if isinstance(view, PartposeError):
            raise view
        yield view


def _frames(camera: str | Path | int) -> Iterator[Frame]:
    with _opened(camera) as (container, name):
        stream, damage = main_stream(container, name), Damage()
        stream.thread_type = "SLICE"  # to decode several frames at once means to hold them back
        yield from decode(container, stream, name, damage)
    if damage.end and _address_of(camera) is not None:  # a file that is cut short is used as far as it goes
        raise Unreadable(name, f"broke off: {damage.end}")


@contextmanager
def _opened(camera: str | Path | int) -> Generator[tuple[InputContainer, str]]:
    address = _address_of(camera)
    if address is None:
        with open_video(str(camera)) as (container, _):
            yield container, str(camera)
        return
    name, form, options, patience = address
    try:
        container = av.open(name, format=form, options=options, timeout=patience)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Unreadable(name, f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    with container:
        yield container, name


def _address_of(camera: str | Path | int) -> _Address | None:
    """How FFmpeg is to open what is no file."""
    if isinstance(camera, int):
        if sys.platform not in _DEVICES:
            raise PartposeError(f"cameras have names here, not numbers: expected 'video=NAME', got {camera}")
        name, form = _DEVICES[sys.platform]
        return _Address(name.format(camera), form)
    if str(camera).startswith("/dev/video"):
        return _Address(str(camera), "v4l2")
    if str(camera).startswith("video="):
        return _Address(str(camera), "dshow")
    if isinstance(camera, str) and "://" in camera:
        return _Address(camera, None, _NETWORK, _PATIENCE)
    return None
