"""The commands of the original release: `main.py --config … --input … --output … --gpu … --mode train|inference`."""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from partpose.command import command
from partpose.config import Settings, parse, read_yaml
from partpose.errors import PartposeError

MODEL_KEY = "trained_model"  # the one key of config.yaml that is not a setting of the training


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise PartposeError(f"{message}; see python main.py --help")


def parser() -> argparse.ArgumentParser:
    """The options of the original release."""
    p = _Parser(
        prog="main.py", description="Label-free pose estimation: train on pictures or videos, or find parts in them."
    )
    p.add_argument("--config", required=True, type=Path, help="YAML file with the training parameters")
    p.add_argument("--input", required=True, type=Path, help="folder of pictures or videos, one video, or a data set")
    p.add_argument("--output", required=True, type=Path, help="folder for the model and the results")
    p.add_argument("--gpu", type=int, default=None, help="id of the GPU; -1 for the CPU; default: 0 where there is one")
    p.add_argument("--mode", required=True, choices=("train", "inference"), help="what to do")
    p.add_argument("--restart", action="store_true", help="go on with an interrupted training")
    return p


def read_config(path: Path) -> tuple[Settings, Path | None]:
    """The settings in a config.yaml, and the trained model that it names, if any.

    Raises:
        PartposeError: where a key is missing or unknown, or a value is not allowed.
    """
    given = read_yaml(path)
    settings = parse({key: value for key, value in given.items() if key != MODEL_KEY}, str(path))
    _refuse_missing(given, path)
    named = given[MODEL_KEY]
    if not isinstance(named, str | None):
        raise PartposeError(f"{path}: {MODEL_KEY} should be the folder of a trained model or null, got {named!r}")
    return settings, Path(named) if named else None


def _refuse_missing(values: dict[str, Any], path: Path) -> None:
    expected: dict[str, Any] = {MODEL_KEY: None, **Settings().model_dump()}
    missing = [key for key in expected if key not in values]
    for section, defaults in expected.items():
        given = values.get(section)
        if isinstance(defaults, dict) and isinstance(given, dict):
            missing += [f"{section}.{key} (the default is {defaults[key]})" for key in defaults if key not in given]
    if missing:
        raise PartposeError(f"{path}: missing {', '.join(missing)}")


def device_of(gpu: int | None) -> str | None:
    """The device that a GPU id stands for; None leaves the choice to partpose."""
    if gpu is None:
        return None
    if gpu < -1:
        raise PartposeError(f"--gpu should be the id of a GPU, or -1 for the CPU, got {gpu}")
    return "cpu" if gpu == -1 else f"cuda:{gpu}"


def run(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    a = parser().parse_args(arguments)
    settings, named = read_config(a.config)
    from partpose.prediction import Wanted, predict_inputs
    from partpose.run import train_run

    if a.mode == "train":
        device = device_of(a.gpu)
        return train_run(a.input, a.output, settings, device=device, resume=a.restart, resume_option="--restart")
    predict_inputs(_trained(a.output, named), [a.input], a.output / "inference", Wanted(overlay=True), device_of(a.gpu))
    return 0


def _trained(output: Path, named: Path | None) -> str:
    from partpose.model.part_model import WEIGHTS

    if (output / WEIGHTS).is_file():
        return str(output)
    if named is not None:
        return str(named)
    raise PartposeError(
        f"no trained model in {output}: run --mode train with this --output first, or name a model in the config ({MODEL_KEY})"
    )


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run, and end the process; a mistake of the user gets one line and exit code 2."""
    with command("main.py"):
        sys.exit(run(arguments))
