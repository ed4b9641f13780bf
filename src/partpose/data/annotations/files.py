"""Annotation files: those that a user's path leads to, a look at both ends of one, and what is in a JSON file."""

import json
import os
from pathlib import Path
from typing import Any

from partpose.data.landmarks import in_words
from partpose.data.walk import natural, readable
from partpose.errors import PartposeError

USUAL = ("annotations", "labels", "landmarks", "images", "train", "valid", "val", "test")
USUAL_OF_FACES = ("trainset", "testset", "01_Indoor", "02_Outdoor")
PEEK = 1 << 18
MANY = 100


def candidates(path: Path, suffix: str, few: bool = True) -> list[Path]:
    """The file itself, or the files in a folder and in those below that annotations usually lie in, in natural order.

    With `few` a folder with more than a hundred is passed over: it holds one a picture, of another format.
    """
    if os.path.isfile(path):  # noqa: PTH113, pathlib's raise on what may not be entered
        return [path] if path.suffix.lower() == suffix else []
    folders = [path, *(path / name for name in (*USUAL, *USUAL_OF_FACES))]
    return [file for folder in folders for file in _in_folder(folder, suffix, MANY if few else None)]


def root_of(path: Path) -> Path:
    """The folder that a user's path is or lies in."""
    return path if os.path.isdir(path) else path.parent  # noqa: PTH112


def peek(path: Path) -> str:
    """The first and the last quarter of a megabyte as text; nothing of a file that cannot be read. Never raises."""
    try:
        with path.open("rb") as file:
            start = file.read(PEEK)
            file.seek(max(PEEK, path.stat().st_size - PEEK))
            return (start + file.read(PEEK)).decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    except OSError:
        return ""


def load_json(path: Path) -> Any:
    """What a JSON file holds. Raises PartposeError where it is none."""
    with in_words(path):
        text = path.read_text(encoding="utf-8-sig")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PartposeError(f"{readable(path)} is not JSON: {error}") from error


def load_list(path: Path) -> list:
    """The list that a JSON file holds. Raises PartposeError where it holds none."""
    items = load_json(path)
    if not isinstance(items, list):
        raise PartposeError(f"{readable(path)} must hold a list, got {type(items).__name__}")
    return items


def _in_folder(folder: Path, suffix: str, at_most: int | None) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(suffix)]  # noqa: PTH208
    except OSError:
        return []
    if at_most is not None and len(names) > at_most:
        return []
    shown = sorted((name for name in names if not name.startswith(".")), key=natural)
    return [path for name in shown if os.path.isfile(path := folder / name)]  # noqa: PTH113
