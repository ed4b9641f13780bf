"""How the time of a training step and its memory grow: the section "growth" of docs/results.md.

    python benchmarks/growth.py [--preset animals] [--rounds 3] [--device cuda:0] [--only parts pictures] [--folder DIR]
                                [--page docs/results.md]

Over K, picture size, batch and the number of pictures, one of them at a time. Every line is a process of its own, so that its
peak of memory is its own; those of a table take turns over the rounds, medians are printed. *Grows by* compares with the line
above: 1 is linear (in the pixels, for the size), less is less. The pictures are made, of one fixed camera; those of the last
table are packs without content, which take no room on the disk but for their tables: what is measured is all but the disk.
For Linux.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
import torch
from data_speed import counted, replica
from sections import PAGED, write_section
from train_speed import Stopwatch, seconds_a_picture, trainer

from partpose.command import command
from partpose.config import Settings, load_preset
from partpose.data.pack import open_pack
from partpose.errors import PartposeError
from partpose.predict.predictor import choose_device

HEAD = """## Growth

Seconds of a training step and its memory, over one size at a time, all else being as the preset says, but without a
backbone; of {preset} on {machine}.
*Grows by* is the exponent with the line above: 1 is linear (in pixels, for the size), less is better. Every line is a process
of its own; *memory* is its peak beyond what Python and torch take before, on a GPU that of the GPU. *Ready* is the time in
which a pack is opened and checked, its cameras are found, and the network is made. The packs of the last table have no content,
and are read from memory.
"""


class Axis(NamedTuple):
    """What is made larger.  setting: of which section, None for the number of pictures.  power: of it that work grows by."""

    title: str
    setting: tuple[str, str] | None
    values: tuple[int, ...]
    power: int = 1


AXES = {
    "parts": Axis("K", ("model", "parts"), (4, 8, 16, 32, 64)),
    "size": Axis("px", ("model", "size"), (64, 128, 256), 2),
    "batch": Axis("batch", ("train", "batch"), (8, 16, 32, 64)),
    "pictures": Axis("pictures", None, (1_000, 10_000, 100_000, 1_000_000)),
}


def settings_at(preset: str, axis: Axis, value: int) -> Settings:
    """The preset with one thing changed; without a backbone, whose layers are the same for all."""
    own = load_preset(preset).override({"model": {"backbone": "none"}}, "the benchmark")
    if axis.setting is None:
        return own
    section, name = axis.setting
    return own.override({section: {name: value}}, "the benchmark")


def child(options: argparse.Namespace) -> dict[str, float]:
    """Of this process: seconds until the first step, of a step, and MB of memory."""
    axis, device = AXES[options.axis], choose_device(options.device)
    watch = Stopwatch(device)
    settings, before = settings_at(options.preset, axis, options.value), counted("status", "VmRSS")
    began = watch.now()
    with tempfile.TemporaryDirectory() as folder:
        canvases = open_pack(options.pack, settings).canvases if options.pack else None
        run = trainer(settings, device, Path(folder), canvases)
        ready = watch.now() - began
        seconds_a_picture(run, watch, 0.1)
        step = seconds_a_picture(run, watch, options.seconds) * settings.train.batch
    taken = counted("status", "VmHWM") - before
    if device.type == "cuda":
        taken = torch.cuda.max_memory_allocated(device) / 1024
    return {"ready": ready, "step": step, "memory": taken / 1024}


def measure(name: str, options: argparse.Namespace, folder: Path) -> list[dict[str, float]]:
    """The lines of one table: medians over rounds in which its lines take turns."""
    axis, packs = AXES[name], {}
    if axis.setting is None:
        size = load_preset(options.preset).model.size
        packs = {value: replica(folder / f"replica {value}", value, size) for value in axis.values}
    rounds = [[_apart(name, value, packs.get(value), options) for value in axis.values] for _ in range(options.rounds)]
    lines = [
        {key: statistics.median(one[i][key] for one in rounds) for key in rounds[0][i]} for i in range(len(axis.values))
    ]
    return [{"value": value} | line for value, line in zip(axis.values, lines, strict=True)]


def _apart(name: str, value: int, pack: Path | None, options: argparse.Namespace) -> dict[str, float]:
    """`child` in a process of its own."""
    command = [sys.executable, __file__, "--axis", name, "--value", str(value), "--preset", options.preset]
    command += ["--seconds", str(options.seconds), *(["--device", options.device] if options.device else [])]
    command += ["--pack", str(pack)] if pack else []
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def rows(axis: Axis, lines: list[dict[str, float]]) -> Iterable[list[str]]:
    """Lines of Markdown."""
    for last, line in zip([None, *lines], lines, strict=False):
        yield [
            f"{line['value']:,}", f"{line['step']:.3f}", exponent(axis, last, line, "step"),
            f"{line['memory']:.0f}", exponent(axis, last, line, "memory"), f"{line['ready']:.1f}",
        ]  # fmt: skip


def exponent(axis: Axis, last: dict[str, float] | None, line: dict[str, float], key: str) -> str:
    """log(y₂ / y₁) / log(x₂ / x₁), empty for the first line."""
    if last is None:
        return ""
    return f"{math.log(line[key] / last[key]) / (axis.power * math.log(line['value'] / last['value'])):.2f}"


def page(found: dict[str, list[dict[str, float]]], options: argparse.Namespace, given: str) -> str:
    """The section."""
    parts = [HEAD.format(preset=f"the preset {options.preset}", machine=trials.machine(options.device))]
    for name, lines in found.items():
        head = (AXES[name].title, "a step, s", "grows by", "memory, MB", "grows by", "ready, s")
        parts += [trials.markdown(head, rows(AXES[name], lines)), ""]
    return "\n".join([*parts, trials.shell([f"python benchmarks/growth.py{given}"])])


def run(options: argparse.Namespace, given: str) -> None:
    """Measure and print; write the section where it was asked for.  given: the options that were."""
    if unknown := [name for name in options.only if name not in AXES]:
        raise PartposeError(f"no table {unknown[0]!r}: expected some of {', '.join(AXES)}")
    load_preset(options.preset)
    choose_device(options.device)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = {name: measure(name, options, Path(folder)) for name in options.only}
    print(text := page(found, options, given))
    if options.page:
        write_section(options.page, "growth", text)


def main() -> None:
    """Read the command line and run; or be one of the processes."""
    parser = argparse.ArgumentParser(description="how a step's time and memory grow")
    parser.add_argument("--preset", default="animals")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of steps, in each round")
    parser.add_argument("--device")
    parser.add_argument("--only", nargs="+", default=list(AXES), metavar="TABLE", help=", ".join(AXES))
    parser.add_argument("--folder", type=Path, help="where the packs of nothing lie for a while; they take 100 MB")
    parser.add_argument("--page", type=Path, help="a page whose section is written, docs/results.md")
    for name, kind in (("axis", str), ("value", int), ("pack", Path)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with command("growth.py"):
        if options.axis:
            return print(json.dumps(child(options)))
        return run(options, trials.given(parser, options, "preset", "rounds", "seconds", "only") + PAGED)


if __name__ == "__main__":
    main()
