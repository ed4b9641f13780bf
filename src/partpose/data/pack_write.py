"""Write a pack: decoded once, block by block, so that it takes little memory and goes on after an interruption."""

import csv
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BytesIO, StringIO
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from partpose.config import Settings
from partpose.data.ahead import in_threads
from partpose.data.atomic import alone, make_folder
from partpose.data.canvas import file_views, row_name
from partpose.data.images import Unreadable
from partpose.data.journal import Journal
from partpose.data.pack import COLUMNS, About, damaged, digest_of, read_about
from partpose.data.reading import Look, View
from partpose.data.sources import Source, TrainingInput
from partpose.data.walk import PACK, PACKED, TABLE, is_pack, readable
from partpose.errors import PartposeError, Skipped
from partpose.version import __version__

JOURNAL = "journal.jsonl"
BLOCK = 256
"""About so many rows have one checksum, and are written down as done when their files are."""
MOST_HELD = 1 << 28
"""Bytes of whole videos that are decoded side by side; where one may need more, each is written as it is decoded."""


class _File(NamedTuple):
    """File i of source `number`."""

    number: int
    source: Source
    i: int


class _Piece(NamedTuple):
    """What came of a file, or of the next part of a video, whose last part `ends` it."""

    file: _File
    views: list[View]
    skipped: list[Skipped]
    ends: bool


class _Done(NamedTuple):
    """How far a pack is written.  files, rows: so many in all.  table: bytes of rows.csv up to there.

    blocks: (rows, crc32) of each since the last of these.  skipped: since then.
    """

    files: int
    rows: int
    table: int
    blocks: Sequence[tuple[int, int]] = ()
    skipped: Sequence[Skipped] = ()


def write_pack(
    found: TrainingInput, source: str, out: Path, settings: Settings, progress: Callable[[int, int], None] | None = None
) -> About:
    """Decode all that was found into a pack at `out`, which appears when it is complete.

    What `settings` say of model.size, model.channels, data.margin and data.frames_per_video decides how it is decoded.
    Until the end all lies in a hidden folder beside `out`. The same call goes on where it was interrupted, but begins the
    video that it was at anew; it does nothing where `out` is this pack. progress(done, total) is called in files.

    Raises PartposeError where nothing can be read, where `out` is there or being written, and where there is no room.
    """
    look = Look(settings.model.canvas, settings.model.channels, settings.data.margin)
    files = [_File(number, one, i) for number, one in enumerate(found.sources) for i in range(len(one.files))]
    plan = _plan(files, look, settings.data.frames_per_video)
    if is_pack(out) and read_about(out).plan == plan:
        return read_about(out)
    with _alone(out) as part:
        asked = {"input": source, "size": settings.model.size, "channels": look.channels, "contents": plan}
        journal = Journal(part / JOURNAL, asked)
        _check_room(part, len(files), look)
        with _Writer(part, journal, look) as writer:
            for piece in _pieces(files[writer.done.files :], look, settings.data.frames_per_video):
                writer.add(piece)
                if progress:
                    progress(writer.files, len(files))
        steps = [_Done(*rows) for rows in journal.rows.values()]
        about = _about(part, found, source, settings, plan, steps)
        (part / PACK).write_text(about.lines(), encoding="utf-8")
        part.rename(out)
        (out / JOURNAL).unlink()
    return about


class _Writer:
    """Appends to the two files of a pack from where its journal ends; a context manager, which is left when all was added.

    done: what the journal knows.  files: how many have been added, before and now.
    """

    def __init__(self, part: Path, journal: Journal, look: Look) -> None:
        self.part, self.journal, self.look = part, journal, look
        self.done = _Done(*list(journal.rows.values())[-1]) if journal.rows else _Done(0, 0, 0)
        self.files, self.rows, self.blocks = self.done.files, self.done.rows, []
        self.waiting: list[tuple[_File, View]] = []
        self.skipped: list[Skipped] = []

    def __enter__(self) -> "_Writer":
        row = self.look.side**2 * self.look.channels
        self.pixels = _at(self.part / PACKED, len(_header(0, self.look)) + self.rows * row if self.rows else 0)
        self.table = _at(self.part / TABLE, self.done.table)
        if not self.rows:
            self.pixels.write(_header(0, self.look))
            self.table.write(_csv([COLUMNS]))
        return self

    def __exit__(self, kind, error, trace) -> None:
        with self.pixels, self.table:
            if error is None:
                if self.files > self.done.files:
                    self._write_block()
                    self._note()
                self.pixels.seek(0)
                self.pixels.write(_header(self.rows, self.look))

    def add(self, piece: _Piece) -> None:
        """Take what came of the next file, or of a part of it."""
        self.waiting += [(piece.file, view) for view in piece.views]
        self.skipped += piece.skipped
        self.files += piece.ends
        if self.rows + len(self.waiting) - self.done.rows >= BLOCK and piece.ends:
            self._write_block()
            self._note()
        elif len(self.waiting) >= BLOCK:
            self._write_block()

    def _write_block(self) -> None:
        if not self.waiting:
            return
        squares = np.stack([view.pixels for _, view in self.waiting])
        self.pixels.write(squares.data)
        self.table.write(_csv(_line(file, view) for file, view in self.waiting))
        self.blocks.append((len(squares), zlib.crc32(squares.data)))
        self.rows += len(squares)
        self.waiting = []

    def _note(self) -> None:
        """Write down how far it has come, once that is on the disk."""
        for file in (self.pixels, self.table):
            file.flush()
            os.fsync(file.fileno())
        self.done = _Done(self.files, self.rows, self.table.tell(), self.blocks, self.skipped)
        self.journal.add(str(self.files), list(self.done))
        self.blocks, self.skipped = [], []


def _plan(files: Iterable[_File], look: Look, frames: int) -> str:
    """A digest of all that decides what will be in the pack, as far as it can be had without decoding."""
    state = hashlib.blake2b(repr((look, frames)).encode(), digest_size=16)
    for number, source, i in files:
        size = time = 0
        with suppress(OSError):  # it will be passed over
            status = source.files[i].stat()
            size, time = status.st_size, status.st_mtime_ns
        cuts = source.cuts.get(i) if source.cuts is not None and source.kind == "pictures" else source.cuts
        state.update(repr((number, source.names[i], size, time, source.frames, cuts)).encode())
    return state.hexdigest()


@contextmanager
def _alone(out: Path) -> Generator[Path]:
    """The hidden folder to write to, of one process at a time."""
    if out.exists() and not out.is_dir():
        raise PartposeError(f"{readable(out)} is a file: name a new folder for the pack")
    if out.exists() and any(out.iterdir()):
        raise PartposeError(
            f"{readable(out)} is there, and no pack of this input as it is now with these settings: name a new folder"
        )
    part = out.absolute().with_name(f".{out.absolute().name}.partial")
    make_folder(part)
    try:
        with alone(part, out):
            yield part
    except OSError as error:
        kept = "what is done is kept, the same command goes on"
        raise PartposeError(f"{readable(out)} cannot be written ({error.strerror}): {kept}") from error


def _check_room(part: Path, files: int, look: Look) -> None:
    """Before hours of work, not after; videos and several objects in a picture may need more."""
    there = sum(path.stat().st_size for path in part.iterdir())
    need, room = files * look.side**2 * look.channels, shutil.disk_usage(part).free + there
    if need > room:
        raise PartposeError(
            f"there is no room for the pack: it needs {need / 1e9:.1f} GB, {room / 1e9:.1f} GB are free"
        )


def _at(path: Path, size: int) -> IO[bytes]:
    """A file to be written on from its byte `size`."""
    there = path.stat().st_size if path.exists() else 0
    if there < size:
        raise damaged(path.parent, f"its {path.name} has {there} bytes, expected {size}")
    file = path.open("r+b" if there else "w+b")
    file.truncate(size)
    file.seek(size)
    return file


def _pieces(files: Iterable[_File], look: Look, frames: int) -> Iterator[_Piece]:
    """All that comes of the files, in their order."""
    held = MOST_HELD // (frames * look.side**2 * look.channels)
    for kind, group in groupby(files, key=lambda file: file.source.kind):
        if kind == "video" and held < 2:
            for file in group:
                yield from _parts(file, look, frames)
        else:
            ahead = 64 if kind == "pictures" else min(8, held)
            for parts in in_threads(lambda file: list(_parts(file, look, frames)), group, ahead=ahead):
                yield from parts


def _parts(file: _File, look: Look, frames: int) -> Iterator[_Piece]:
    views: list[View] = []
    skipped: list[Skipped] = []
    try:
        for view in file_views(file.source, file.i, look, frames, skipped):
            views.append(view)
            if len(views) == BLOCK:
                yield _Piece(file, views, [], False)
                views = []
    except Unreadable as error:
        skipped.append(error.skipped)
    yield _Piece(file, views, skipped, True)


def _line(file: _File, view: View) -> tuple:
    source = file.source
    clip = file.number if source.kind == "video" else -1
    split = source.splits[file.i] if source.splits else ""
    place = (f"{value:.10g}" for value in view.place[:3])
    return row_name(source.names[file.i], source.kind, view), clip, split, view.width, view.height, *place


def _csv(lines: Iterable[Sequence]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(lines)
    return text.getvalue().encode()


def _header(count: int, look: Look) -> bytes:
    """What stands before the pictures in a .npy file; numpy leaves room in it for any count."""
    shape = (count, look.side, look.side, look.channels)
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def _about(
    part: Path, found: TrainingInput, source: str, settings: Settings, plan: str, steps: Sequence[_Done]
) -> About:
    """What pack.json will say; where there is no picture, nothing is left of the pack."""
    count = steps[-1].rows
    skipped = [*found.skipped, *(Skipped(*one) for step in steps for one in step.skipped)]
    if not count:
        shutil.rmtree(part)
        reason = f", the first: {skipped[0].path} {skipped[0].reason}" if skipped else ""
        raise PartposeError(f"none of the {steps[-1].files} pictures and videos of {source} can be read{reason}")
    return About(
        partpose=__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        source=source,
        count=count,
        size=settings.model.size,
        side=settings.model.canvas,
        channels=settings.model.channels,
        margin=settings.data.margin if _has_boxes(found) else None,
        frames_per_video=settings.data.frames_per_video,
        held_out=found.held_out,
        plan=plan,
        table=digest_of(part / TABLE),
        skipped=skipped,
        blocks=[(rows, crc) for step in steps for rows, crc in step.blocks],
    ).sealed()


def _has_boxes(found: TrainingInput) -> bool:
    cuts = (cut for source in found.sources for some in (source.cuts or {}).values() for cut in some)
    return any(cut.box is not None for cut in cuts)
