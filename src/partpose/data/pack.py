"""Packs: the squares of a training input in one file that is mapped rather than read, and a table of what they are.

A pack is a folder of three files, which open without us:

pictures.npy: uint8 (N, side, side, channels), `numpy.load(path, mmap_mode="r")`.
rows.csv: for each of the N its name and clip as in `Canvases`, its split where it has one, the width and height of the
    original upright picture, and left, top and side of the square of it that is shown, in pixel edges of the original.
pack.json: how it was made, and by what each part is known to be whole.
"""

import csv
import hashlib
import zlib
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from partpose.config import Settings
from partpose.data.ahead import in_threads
from partpose.data.canvas import Canvases, extents
from partpose.data.walk import PACK, PACKED, TABLE, readable
from partpose.errors import PartposeError, Skipped

COLUMNS = ("name", "clip", "split", "width", "height", "left", "top", "side")
CHECKED_AT_START = 1 << 28
"""Bytes of pictures that are compared with their checksums whenever a pack is opened: all of a small one."""


class About(BaseModel):
    """What pack.json says.

    size, channels, margin, frames_per_video: the settings it was made with.  margin is None where no picture was cut out
    by a box.  side: of a square.  held_out: files of split=test that are not in it.  plan: see `pack_write`.
    table: blake2b of rows.csv.  blocks: how many rows, and their crc32, one after the other.  digest: of all the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["partpose pack"] = "partpose pack"
    version: Literal[1] = 1
    partpose: str
    date: str
    source: str
    count: int
    size: int
    side: int
    channels: int
    margin: float | None
    frames_per_video: int
    held_out: int
    plan: str
    table: str
    skipped: list[Skipped]
    blocks: list[tuple[int, int]]
    digest: str = ""

    def sealed(self) -> "About":
        """The same with its digest."""
        return self.model_copy(update={"digest": _digest([self.model_copy(update={"digest": ""}).lines().encode()])})

    def lines(self) -> str:
        """JSON, a field a line."""
        fields = (self.model_dump_json(include={name}).strip("{}") for name in type(self).model_fields)
        return "{" + ",\n ".join(fields) + "}\n"


class Pack(NamedTuple):
    """An opened pack. canvases: as from the pictures themselves, but `pixels` is a memmap, which may not be written to."""

    about: About
    canvases: Canvases


def read_about(folder: str | PathLike) -> About:
    """What a pack says of itself. Raises PartposeError where its pack.json was changed or is broken."""
    path = Path(folder) / PACK
    try:
        about = About.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise damaged(folder, f"its {PACK} cannot be read") from error
    if about != about.sealed():
        raise damaged(folder, f"its {PACK} was changed")
    return about


def open_pack(folder: str | PathLike, settings: Settings | None = None) -> Pack:
    """A pack, whose squares stay on disk; with settings, those that are to be trained with.

    The table is compared with its digest, and of the pictures as many with their checksums as `CHECKED_AT_START` says,
    chosen at random anew in every call. Raises PartposeError for a pack that is not as it was written, or that was made
    for other settings.
    """
    about = read_about(folder)
    if settings is not None:
        _check_fits(folder, about, settings)
    names, clip, extent = _read_table(Path(folder), about)
    pixels = _map(Path(folder), about)
    _compare(Path(folder), pixels, about, _some(about))
    return Pack(about, Canvases(pixels, names, clip, about.skipped, extent))


def check_pack(folder: str | PathLike, progress: Callable[[int, int], None] | None = None) -> About:
    """Compare all of a pack with its checksums; progress(done, total) is called in rows. Raises as `open_pack`."""
    about = read_about(folder)
    _read_table(Path(folder), about)
    _compare(Path(folder), _map(Path(folder), about), about, range(len(about.blocks)), progress)
    return about


def damaged(folder: str | PathLike, what: str) -> PartposeError:
    """The one line for whatever is wrong with a pack."""
    return PartposeError(f"{readable(folder)} is not as it was packed, {what}: copy it again, or pack it again")


def digest_of(path: Path) -> str:
    """blake2b of a file, 16 bytes in hexadecimal."""
    with path.open("rb") as file:
        return _digest(iter(lambda: file.read(1 << 20), b""))


def _digest(pieces: Iterable[bytes]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def _check_fits(folder: str | PathLike, about: About, settings: Settings) -> None:
    model = settings.model
    there: dict[str, float] = {"model.size": about.size, "model.channels": about.channels}
    asked: dict[str, float] = {"model.size": model.size, "model.channels": model.channels}
    if about.margin is not None:
        there["data.margin"], asked["data.margin"] = about.margin, settings.data.margin
    if there == asked:
        return
    was, came = (", ".join(f"{name} {value}" for name, value in one.items()) for one in (there, asked))
    add = " ".join(f"--{name} {value}" for name, value in there.items() if value != asked[name])
    raise PartposeError(
        f"{readable(folder)} was packed for {was}, and this training has {came}: add {add}, or pack "
        f"{about.source} again for these"
    )


def _read_table(folder: Path, about: About) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.float32]]:
    """Names, clips and extents."""
    path = folder / TABLE
    try:
        if digest_of(path) != about.table:
            raise damaged(folder, f"its {TABLE} was changed")
        names, numbers = _columns(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise damaged(folder, f"its {TABLE} cannot be read ({why})") from error
    return names, numbers[:, 0].astype(np.int64), extents(numbers[:, 1:3], numbers[:, 3:])


def _columns(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The names, and (N, 6) clips and places, of a table.

    Twice through the file: numpy reads numbers three times as fast as they can be taken from the cells of csv.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        names = tuple(row[0] for row in reader)
    if not names:
        return names, np.empty((0, 6))
    how: dict[str, Any] = {"delimiter": ",", "quotechar": '"', "comments": None, "encoding": "utf-8"}
    return names, np.loadtxt(path, skiprows=1, usecols=(1, 3, 4, 5, 6, 7), ndmin=2, **how)


def _map(folder: Path, about: About) -> np.memmap:
    path = folder / PACKED
    try:
        pixels = np.lib.format.open_memmap(path, mode="r")
        size = path.stat().st_size
    except OSError as error:
        raise damaged(folder, f"its {PACKED} cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # no header, or more rows in it than in the file
        raise damaged(folder, f"its {PACKED} is cut short or has no header") from error
    shape = (about.count, about.side, about.side, about.channels)
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise damaged(folder, f"its {PACKED} has {pixels.dtype} {pixels.shape}, expected uint8 {shape}")
    if size != pixels.offset + pixels.nbytes:
        raise damaged(folder, f"its {PACKED} has {size} bytes, expected {pixels.offset + pixels.nbytes}")
    return pixels


def _some(about: About) -> Iterable[int]:
    """Blocks to look at, in order."""
    largest = max(rows for rows, _ in about.blocks) * about.side**2 * about.channels
    most = max(1, CHECKED_AT_START // largest)
    return np.sort(np.random.default_rng().permutation(len(about.blocks))[:most]).tolist()


def _compare(
    folder: Path,
    pixels: np.memmap,
    about: About,
    blocks: Iterable[int],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Read blocks as bytes, some at a time: what is mapped would be read in pages, and stay in memory."""
    ends = np.cumsum([rows for rows, _ in about.blocks])
    row = about.side**2 * about.channels

    def checksum(block: int) -> tuple[int, int, int]:
        count, _ = about.blocks[block]
        first = int(ends[block]) - count
        with (folder / PACKED).open("rb") as file:
            file.seek(pixels.offset + first * row)
            return block, first, zlib.crc32(file.read(count * row))

    for block, first, crc in in_threads(checksum, blocks, ahead=8):
        count, expected = about.blocks[block]
        if crc != expected:
            raise damaged(folder, f"pictures {first} to {first + count - 1} were changed")
        if progress:
            progress(first + count, about.count)
