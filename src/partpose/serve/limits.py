"""How much the page takes from anybody, and what it says when that is too little."""

from dataclasses import dataclass

from partpose.errors import PartposeError


@dataclass(frozen=True)
class Limits:
    """What one page accepts, and what it holds at a time for everybody together."""

    upload: int = 64 * 2**20
    """Bytes of a file."""
    body: int = 2**20
    """Bytes of any other request."""
    pixels: int = 50_000_000
    """Pixels of a picture."""
    video_pixels: int = 10_000_000
    """Pixels of a frame."""
    frames: int = 1500
    """Frames of a video: a minute of 25 a second."""
    shown: int = 60
    """Frames of a video that are looked at, spread evenly."""
    pictures: int = 200
    """Pictures and videos held; those that were not used for the longest time go first."""
    memory: int = 256 * 2**20
    """Bytes in memory held for all of them."""
    disk: int = 2 * 2**30
    """Bytes in the temporary folder held for all of them."""
    idle: float = 30 * 60
    """Seconds after which what is not used is removed."""
    waiting: int = 32
    """Requests that may wait for the network."""
    uploads: int = 12
    """Files that may be on their way in."""
    patience: float = 30
    """Seconds that a file on its way in may pause."""
    slowest: int = 4096
    """Bytes a second that must come of it on average, after the first `patience` seconds."""


class Refusal(PartposeError):
    """A request that is not answered as it was asked: an HTTP status and one line that says why."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)
