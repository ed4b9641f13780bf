"""A run's folder: who may write in it, what it was started with, and its log."""

import fcntl
import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from partpose.config import Settings, parse
from partpose.data.atomic import atomic
from partpose.data.walk import PACK
from partpose.errors import PartposeError, Skipped
from partpose.model.part_model import WEIGHTS
from partpose.train.checkpoint import CHECKPOINT

RUN, LOG, LOCK, SKIPPED = "run.json", "log.jsonl", ".lock", "skipped.jsonl"
PICTURES = "pictures"  # the folder of a run's grids
SKIPPED_IN_RUN = "skipped_predictions.jsonl"  # of predictions, where skipped.jsonl is the training's


class RunExists(PartposeError):
    """There is a run, and nobody asked to go on with it."""


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
        _clean(folder)
        yield


def _clean(folder: Path) -> None:
    """Remove what killed processes left half written; who holds the lock knows that nobody is writing."""
    for place in (folder, folder / PICTURES):
        for left in (*place.glob(".partial-*"), *place.glob(".canvases-*")):
            left.unlink(missing_ok=True)


@contextmanager
def begun(folder: Path, settings: Settings, input: Path, resume: bool) -> Generator[None]:
    """Write down what the run is started with, or check it against what it was started with.

    A new run whose preparation, the body, fails is forgotten: it can be started again once the input is mended.

    Raises:
        RunExists: where a run exists and `resume` was not asked for.
        PartposeError: where the run was started with other settings.
    """
    new = not (folder / RUN).is_file()
    if new:
        _write(folder, {"settings": settings.model_dump(), "input": str(input)})
    else:
        _check(folder, settings, resume)
    try:
        yield
    except PartposeError:
        if new:
            _forget(folder)
        raise


def _check(folder: Path, settings: Settings, resume: bool) -> None:
    if not resume:
        raise RunExists(f"{folder} already holds a run")
    saved = saved_settings(folder)
    if settings != saved:
        learned = settings.model == saved.model and (folder / WEIGHTS).is_file()
        raise PartposeError(
            f"{folder} was started with other settings ({', '.join(differences(saved, settings))}): go on without "
            f"changing them, or start a new run in another folder{f' with --init {folder}' if learned else ''}"
        )


def saved_settings(folder: Path) -> Settings:
    """What the run in `folder` was started with."""
    return parse(_about(folder)["settings"], str(folder / RUN))


def check_pictures(folder: Path, input: Path, names: Sequence[str]) -> None:
    """Write down which pictures the run learns from, at its first start, or check them against those.

    names: relative to the input, so that a folder may be spelled in another way, or have moved.

    Raises:
        PartposeError: where they are others.
    """
    about = _about(folder)
    came = {"count": len(names), "names": hashlib.sha256("\0".join(names).encode()).hexdigest()}
    was = about.get("pictures")
    if was is None:
        _write(folder, about | {"pictures": came})
    elif was != came:
        other = "others" if was["count"] == came["count"] else came["count"]
        raise PartposeError(
            f"{folder} was started with {was['count']} pictures of {about.get('input')}, and {input} holds {other}: "
            f"name the same input as then, or start a new run in another folder"
        )


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / RUN).read_text(encoding="utf-8"))
        about["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        raise PartposeError(f"{folder / RUN} is broken: move {folder} away to begin anew") from None
    return about


def _forget(folder: Path) -> None:
    for name in (RUN, SKIPPED, LOCK):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # there is something else in it
        folder.rmdir()


def refuse_others(folder: Path, input: Path) -> None:
    """Before anything is written there: no run in a folder in which it would mix with what there is.

    Raises PartposeError where it is the input, holds `pictures` of the user's, or a model or pack that is no run.
    """
    if (folder / RUN).is_file() or not folder.is_dir():
        return
    place, grids = input.resolve(), (folder / PICTURES).resolve()
    if place == folder.resolve() or place.is_relative_to(grids):
        raise PartposeError(f"{folder} holds the input: choose another --output, for instance a folder in it")
    there = [name for name in (WEIGHTS, CHECKPOINT, PACK) if (folder / name).exists()]
    there += [PICTURES] if any(grids.glob("*")) else []
    if there:
        raise PartposeError(f"{folder} holds {there[0]} but no {RUN}, it is not a run: choose another --output")


def differences(old: Settings, new: Settings) -> list[str]:
    """The settings that differ, as `train.steps 100 → 200`."""
    a, b = old.model_dump(), new.model_dump()
    return [
        f"{section}.{key} {value} → {b[section][key]}"
        for section, values in a.items()
        for key, value in values.items()
        if b[section][key] != value
    ]


def _write(folder: Path, about: dict[str, Any]) -> None:
    with atomic(folder / RUN) as path:
        path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


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


def skipped_name(folder: Path) -> str:
    """What the list of a prediction or merge into this folder is called, so that a run keeps that of its training."""
    return SKIPPED_IN_RUN if (folder / RUN).is_file() else SKIPPED


def read_skipped(path: Path) -> list[Skipped]:
    """What `write_skipped` wrote; nothing where it had nothing to write."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: a name may hold other ends of a line
    return [Skipped(**json.loads(line)) for line in lines if line]


def write_skipped(folder: Path, skipped: list[Skipped], name: str = SKIPPED) -> None:
    """`skipped.jsonl`, or `name`: each file that was passed over and why; removed where there is none."""
    if not skipped:
        (folder / name).unlink(missing_ok=True)
        return
    with atomic(folder / name) as path:
        path.write_text(
            "".join(json.dumps(entry._asdict(), ensure_ascii=False) + "\n" for entry in skipped), encoding="utf-8"
        )
