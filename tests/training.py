"""Trainings that take a second: settings, pictures, and someone to tell."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from drawing import blob
from PIL import Image

from partpose.config import Settings, load_preset
from partpose.data.canvas import Canvases
from partpose.data.landmarks import Landmarks, write_landmarks
from partpose.model.part_model import PartModel, save_model
from partpose.train.loop import Outcome, train

OPTIONS = ["--preset", "smoke", "--device", "cpu", "--train.log-every", "2", "--train.checkpoint-steps", "3"]


def small(**train_settings) -> Settings:
    """The smoke preset with 12 steps, a line of the log every 2 and a checkpoint every 3."""
    changes = {"steps": 12, "minutes": None, "log_every": 2, "checkpoint_steps": 3} | train_settings
    return load_preset("smoke").override({"train": changes}, "the test")


def canvases(count: int = 10, side: int = 48) -> Canvases:
    """Pictures of a blob, each somewhere else."""
    pixels = np.stack([blob(side, side, 10 + 2 * i, 36 - 2 * i, i) for i in range(count)])
    return Canvases(pixels, tuple(map(str, range(count))), np.full(count, -1), [])


def save_pictures(folder: Path, count: int = 10) -> Path:
    """The same as files of 40×40 pixels: 0.png, 1.png, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(blob(40, 40, 8 + 2 * i, 30 - 2 * i, i)).save(folder / f"{i}.png")
    return folder


def save_annotated(folder: Path, splits: str) -> Path:
    """An annotated set with one landmark, whose pictures are of the splits a(train) or e(test)."""
    names = tuple(f"images/{i}.png" for i in range(len(splits)))
    points = np.array([[[10.0 + 2 * i, 30.0 - i]] for i in range(len(splits))])
    (folder / "images").mkdir(parents=True)
    for name, ((x, y),) in zip(names, points, strict=True):
        Image.fromarray(blob(40, 40, x, y)).save(folder / name)
    split = tuple("train" if letter == "a" else "test" for letter in splits)
    write_landmarks(folder, Landmarks(folder, names, split, points, ("nose",)))
    return folder


def save_untrained(folder: Path, boxes: str | None = None) -> Path:
    """A model folder as after no training at all, in such boxes."""
    folder.mkdir(parents=True)
    settings = small().override({"data": {"boxes": boxes}}, "the test")
    torch.manual_seed(0)
    save_model(folder, PartModel(settings.model), settings, {"pictures_seen": 0, "minutes": 0.0})
    return folder


class Listener:
    """A reporter that keeps what it is told; `at` is called with every step that is logged."""

    def __init__(self, at: Callable[[int], None] = lambda _: None) -> None:
        self.at, self.steps, self.warnings, self.grids = at, [], [], []

    def line(self, entry, clock) -> None:  # noqa: ARG002
        self.steps.append(entry["step"])
        self.at(entry["step"])

    def pictures(self, model, batches, step) -> None:  # noqa: ARG002
        self.grids.append(step)

    def warn(self, text) -> None:
        self.warnings.append(text)


def train_in(folder: Path, settings: Settings | None = None, listener: Listener | None = None, **options) -> Outcome:
    """Train on `canvases()`, in this process."""
    read = options.pop("read", canvases)
    listener = listener or Listener()
    return train(folder, settings or small(), read, torch.device("cpu"), listener, input=Path("pictures"), **options)


def interrupt(at: int, number: int = signal.SIGINT) -> Listener:
    """A listener that sends this process a signal when a step is logged."""
    return Listener(lambda step: signal.raise_signal(number) if step == at else None)


def start(*arguments: str | Path, cwd: Path | None = None) -> subprocess.Popen:
    """A command in a process of its own, `partpose` unless the first argument is a path."""
    command = [*map(str, arguments)]
    if not isinstance(arguments[0], Path):
        command = [sys.executable, "-m", "partpose", *command]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def environment() -> dict[str, str]:
    """Where `python` is the one that runs the tests."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Until something is so, or the process is over."""
    while not condition() and process.poll() is None:
        time.sleep(0.01)
