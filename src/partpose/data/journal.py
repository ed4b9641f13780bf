"""What of a long piece of work is done, so that the same command goes on after an interruption."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from partpose.data.atomic import atomic
from partpose.data.walk import readable
from partpose.errors import PartposeError


class Journal:
    """A file of lines: first what was asked for, then [name, rows] of each piece that is done.

    rows: name → rows of what was done before, and by `add`. A last line that was cut off is forgotten.
    Raises PartposeError where the folder holds something else, or work that was asked for in other words.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path, self.rows = path, {}
        there, done = self._read()
        if there is None:
            self._check_empty(path.parent)
        elif there != asked:
            before, now = (", ".join(f"{key} {value}" for key, value in one.items()) for one in (there, asked))
            raise PartposeError(
                f"{readable(path.parent)} was made with {before}; asked for {now}: name a new folder or remove it"
            )
        self.rows = dict(done)
        with atomic(path) as part:
            part.write_text("".join(f"{json.dumps(line)}\n" for line in (asked, *self.rows.items())), encoding="utf-8")

    def add(self, name: str, rows: list) -> None:
        """Note that a piece is done, with what it gave."""
        self.rows[name] = rows
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps((name, rows))}\n")
        except OSError as error:
            raise PartposeError(f"{readable(self.path)} cannot be written: {error.strerror}") from error

    def _read(self) -> tuple[Any, list]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            asked, *done = [json.loads(line) for line in lines if line.endswith("\n")]
            return asked, done
        except FileNotFoundError:
            return None, []
        except (OSError, ValueError) as error:
            raise PartposeError(f"{readable(self.path)} cannot be read: {error}; remove its folder") from error

    def _check_empty(self, folder: Path) -> None:
        try:
            full = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        except OSError as error:
            raise PartposeError(f"{readable(folder)} cannot be read: {error.strerror}") from error
        if full:
            raise PartposeError(f"{readable(folder)} is not empty and was not made by this command: name a new folder")
