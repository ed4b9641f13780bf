"""A run's folder: who may write in it, what it was started with, and its log."""

import fcntl
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from partpose.config import Settings, parse
from partpose.data.atomic import atomic
from partpose.errors import PartposeError, Skipped

RUN, LOG, LOCK, SKIPPED = "run.json", "log.jsonl", ".lock", "skipped.jsonl"


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the folder alone. The lock belongs to the process: one that is killed leaves nothing that blocks."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise PartposeError(
            f"cannot write to the output folder {folder}: {error.strerror}; choose another --output"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PartposeError(
                f"another training is writing to {folder}: wait for it, or choose another --output"
            ) from None
        yield


def begin(folder: Path, settings: Settings | None, default: Settings, input: Path, resume: bool) -> Settings:
    """The settings of the run: `settings` or `default` for a new one, those it was started with for one that goes on.

    Raises:
        PartposeError: where a run exists and `resume` was not asked for, or where it was started with other settings.
    """
    known = folder / RUN
    if not known.is_file():
        return _write(folder, settings or default, input)
    if not resume:
        raise PartposeError(
            f"{folder} already holds a run: add --resume to go on with it, or choose another --output to start anew"
        )
    saved = parse(_read(known)["settings"], str(known))
    if settings is not None and settings != saved:
        raise PartposeError(
            f"{folder} was started with other settings ({', '.join(differences(saved, settings))}): resume without "
            f"changing them, or start a new run from its weights with --init {folder}"
        )
    return saved


def differences(old: Settings, new: Settings) -> list[str]:
    """The settings that differ, as `train.steps 100 → 200`."""
    a, b = old.model_dump(), new.model_dump()
    return [
        f"{section}.{key} {value} → {b[section][key]}"
        for section, values in a.items()
        for key, value in values.items()
        if b[section][key] != value
    ]


def _write(folder: Path, settings: Settings, input: Path) -> Settings:
    with atomic(folder / RUN) as path:
        path.write_text(json.dumps({"settings": settings.model_dump(), "input": str(input)}, indent=2) + "\n")
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        raise PartposeError(f"{path} is broken: delete it to begin this run anew") from None


def trim_log(folder: Path, step: int) -> None:
    """Drop what was logged after the checkpoint that the run goes on from, and half a line of a killed process."""
    path = folder / LOG
    if not path.is_file():
        return
    kept = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
    with atomic(path) as new:
        new.write_text("".join(line + "\n" for line in kept))


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")


def append_log(folder: Path, entry: dict[str, Any]) -> None:
    """One more line of `log.jsonl`."""
    with (folder / LOG).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def write_skipped(folder: Path, skipped: list[Skipped]) -> None:
    """`skipped.jsonl`: each file that was passed over and why; removed where there is none."""
    if not skipped:
        (folder / SKIPPED).unlink(missing_ok=True)
        return
    with atomic(folder / SKIPPED) as path:
        path.write_text("".join(json.dumps(entry._asdict(), ensure_ascii=False) + "\n" for entry in skipped))
