"""Walk an input folder: every file once, no loop, in an order that people expect."""

import os
import re
import stat
from heapq import heappop, heappush
from os import PathLike
from pathlib import Path

from partpose.errors import Skipped

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm")
)
VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts"))

PACK, PACKED, TABLE = "pack.json", "pictures.npy", "rows.csv"

_GRID = re.compile(r"step_[0-9]{7,}\.png")
_SHEET = re.compile(r"(.+)_sheet(_[0-9]+)?\.png")


def walk(root: str | PathLike) -> tuple[list[Path], list[Skipped]]:
    """All regular files under a folder in natural order, and what could not be reached, with the reason.

    Links to files and folders are followed; no folder is entered twice, and by its own name rather than by a link where
    both are there. Passed over in silence are hidden files and folders, `masks` beside `images`, and what this program
    wrote: the folders of runs, packs, and the overlays of predictions. The root itself is entered whatever it is.
    """
    found: list[Path] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    folders: list[Path] = [Path(root)]
    links: list[tuple[tuple, Path]] = []
    while folders or links:
        folder = folders.pop() if folders else heappop(links)[1]
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        files, inner, linked, bad = _list(folder)
        found += files
        skipped += bad
        folders += inner
        for path in linked:
            heappush(links, (natural(path.as_posix()), path))
    order = {path: natural(path.relative_to(root).as_posix()) for path in found}
    return sorted(found, key=order.__getitem__), sorted(skipped, key=lambda s: natural(s.path))


def natural(name: str) -> tuple:
    """A sort key under which frame2 comes before frame10 and a folder's files stay together."""
    parts = tuple(tuple(_number_or_text(piece) for piece in re.split("([0-9]+)", part)) for part in name.split("/"))
    return parts, name


def readable(path: str | PathLike) -> str:
    """A path as text that can be printed and stored; bytes that are not UTF-8 become \\x.. escapes."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def _number_or_text(piece: str) -> tuple[int, str]:
    number = piece.isascii() and piece.isdigit() and len(piece) < 4000  # Python refuses longer ones
    return (int(piece), "") if number else (0, piece.casefold())


def _list(folder: Path) -> tuple[list[Path], list[Path], list[Path], list[Skipped]]:
    """Files, folders, links to folders, and what is none of them."""
    files: list[Path] = []
    inner: list[Path] = []
    linked: list[Path] = []
    bad: list[Skipped] = []
    try:
        listed = frozenset(os.listdir(folder))  # noqa: PTH208
    except OSError as error:
        return files, inner, linked, [Skipped(readable(folder), f"cannot be listed: {error.strerror}")]
    for name in sorted(name for name in listed if not name.startswith(".")):
        path = folder / name
        try:
            mode = path.stat().st_mode
        except OSError as error:
            bad.append(Skipped(readable(path), _unreachable(path, error)))
            continue
        if stat.S_ISDIR(mode):
            (linked if path.is_symlink() else inner).append(path)
        elif stat.S_ISREG(mode):
            files.append(path)
        else:
            bad.append(Skipped(readable(path), "is a device, socket or pipe, not a file"))
    files = [path for path in files if not _is_drawn(path, listed)]
    inner, linked = ([path for path in paths if _is_input(path, listed)] for paths in (inner, linked))
    return files, inner, linked, bad


def _is_input(folder: Path, beside: frozenset[str]) -> bool:
    """Whether a folder may hold pictures of the user's; `beside` names what lies next to it."""
    masks = folder.name == "masks" and "images" in beside
    return not (masks or is_run(folder) or is_pack(folder) or _is_drawn(folder, beside))


def is_run(folder: Path) -> bool:
    """Whether a training writes to this folder. A run.json alone may be anybody's: ours lies beside a lock."""
    there = [os.path.isfile(folder / name) for name in ("checkpoint.safetensors", "run.json", ".lock")]  # noqa: PTH113
    return there[0] or (there[1] and there[2])


def is_pack(folder: Path) -> bool:
    """Whether `partpose pack` wrote this folder, of which a file may be missing since."""
    return os.path.isfile(folder / PACK) and any(os.path.isfile(folder / name) for name in (PACKED, TABLE))  # noqa: PTH113


def _is_drawn(path: Path, beside: frozenset[str]) -> bool:
    """Whether this is a picture grid of a run, or an overlay or contact sheet beside the poses that it shows."""
    if sheet := _SHEET.fullmatch(path.name):
        return are_poses(sheet[1], beside)
    if path.suffix == ".png":
        return _GRID.fullmatch(path.name) is not None and path.parent.name == "pictures" and is_run(path.parent.parent)
    stem = path.name.removesuffix(".mp4").removesuffix("_parts")
    return path.name in (f"{stem}_parts", f"{stem}_parts.mp4") and are_poses(stem, beside)


def are_poses(stem: str, beside: frozenset[str]) -> bool:
    """Whether `partpose predict` wrote results of that name: with the note that it leaves, or both of its usual files."""
    return f".{stem}.input" in beside or {f"{stem}.h5", f"{stem}.csv"} <= beside


def _unreachable(path: Path, error: OSError) -> str:
    if os.path.islink(path):  # noqa: PTH114, pathlib's raises where the folder may be listed but not entered
        return "is a link to nothing" if isinstance(error, FileNotFoundError) else "is a link that leads to itself"
    return f"cannot be reached: {error.strerror}"
