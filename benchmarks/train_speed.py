"""Pictures a second of training, for the presets and for the original's network at the same picture size, in one run.

    python benchmarks/train_speed.py [--presets figures people] [--sizes 64 128 256] [--batch 256] [--device cuda:0]
                                     [--compile] [--rounds 3] [--page docs/results.md]

Steps of a preset and of lorenz2019 alternate, so that a machine whose speed drifts slows both; medians are printed. What is
timed is the trainer's own step, with its warps, losses, optimiser and moving average, on made pictures in memory.

"of a convolution" is the share of the floating-point rate of one large convolution, forward and backward, measured in the same
run, that the convolutions and products of a step reach over the time of the whole step: what bounds the rest is memory.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sections import PAGED, write_section
from torch.utils.flop_counter import FlopCounterMode

from partpose.command import command
from partpose.config import Settings, load_preset
from partpose.data.canvas import Canvases
from partpose.predict.predictor import choose_device
from partpose.train import loop, losses, step, warp

STAGES = ("data", "warp", "shape", "appearance", "generator", "losses", "backward", "optimiser")
LEAST = 4.0  # seconds, of each round
LOSSES = ("mean_difference", "covariance_difference", "separation", "concentration", "evidence")
PRESETS = ("figures", "faces", "animals", "people")
RATES = ("pictures/s", "lorenz2019", "ratio", "compiled", "GFLOP/s", "of a convolution")
TITLES = ("preset", "px", "batch", *RATES, *STAGES, "rest")
HEAD = """## Speed of training

Pictures a second on {machine}, beside the network of 2019 at the same picture size (whose maps have 64 × 64 cells at any),
which takes turns with ours; medians. *Compiled*, where it was asked for, is how many times as fast ours is with train.compile,
once that has translated. *Of a convolution* is the share of the floating-point rate of one large convolution, measured in the
same run, that the convolutions and products of a step reach over the time of the whole step; then what share of that time goes
where.
"""


class Silent:
    """A reporter that says nothing."""

    def line(self, *_: Any) -> None: ...
    def pictures(self, *_: Any) -> None: ...
    def warn(self, *_: Any) -> None: ...


class Stopwatch:
    """Seconds by stage: every callable that it wraps adds to its stage."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self.busy = device, defaultdict(float), False

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def wrap(self, owner: Any, name: str, stage: str) -> Callable[[], None]:
        """Time `owner.name` from now on; returns what takes it off again."""
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self.busy:  # within another stage, whose time this is
                return original(*args, **kwargs)
            self.busy, began = True, self.now()
            try:
                return original(*args, **kwargs)
            finally:
                self.seconds[stage] += self.now() - began
                self.busy = False

        setattr(owner, name, timed)
        return lambda: setattr(owner, name, original)


def trainer(settings: Settings, device: torch.device, folder: Path, canvases: Canvases | None = None) -> loop.Trainer:
    """A trainer none of whose steps writes a log line; over pictures of a fixed camera where none are given."""
    train = settings.train.model_copy(update={"steps": 10**9, "minutes": None, "log_every": 10**9})
    settings = settings.model_copy(update={"train": train})
    return loop.Trainer(folder, canvases or rig(settings), settings, device, Silent())


def rig(settings: Settings, least: int = 64) -> Canvases:
    """Pictures of a fixed camera, a grey square somewhere before its scene: steps do all that they do for real ones."""
    side, n, rng = settings.model.canvas, max(least, 2 * settings.train.batch), np.random.default_rng(0)
    pixels = np.repeat(rng.integers(0, 256, (1, side, side, settings.model.channels), np.uint8), n, 0)
    for picture in pixels:
        x, y = rng.integers(side // 4, side // 2, 2)
        picture[y : y + side // 4, x : x + side // 4] = 128
    return Canvases(pixels, tuple(map(str, range(n))), np.full(n, -1), [])


def seconds_a_picture(run: loop.Trainer, watch: Stopwatch, least: float) -> float:
    """Steps for at least `least` seconds, at least one."""
    began, steps = watch.now(), 0
    # Without waiting for a GPU, to which steps are handed ahead
    while not steps or time.perf_counter() - began < least:
        run.step()
        steps += 1
    return (watch.now() - began) / (steps * run.settings.train.batch)


def shares(run: loop.Trainer, watch: Stopwatch) -> dict[str, float]:
    """The share of a step's time that each stage takes; the rest is moments, clipping and bookkeeping."""
    watch.seconds.clear()
    wrapped = [
        (run.batches, "at", "data"), (loop, "draw_step", "warp"), (warp.Transform, "at", "warp"), (step, "sample", "warp"),
        (warp.Recolour, "__call__", "warp"), (step, "warp_maps", "warp"), (step, "reconstruct", "losses"),
        *((losses, name, "losses") for name in LOSSES),
        (run.model.shape, "forward", "shape"), (run.model.appearance, "forward", "appearance"),
        (run.model.generator, "forward", "generator"), (torch.Tensor, "backward", "backward"),
        (run.optimizer, "step", "optimiser"), (loop, "follow", "optimiser"),
    ]  # fmt: skip
    undo = [watch.wrap(*what) for what in wrapped]
    began = watch.now()
    for _ in range(3):
        run.step()
    total = watch.now() - began
    for put_back in undo:
        put_back()
    found = {stage: watch.seconds[stage] / total for stage in STAGES}
    return found | {"rest": 1 - sum(found.values())}


def operations(run: loop.Trainer) -> float:
    """Floating-point operations of a step's convolutions and products, forward and backward, a picture."""
    counter = FlopCounterMode(display=False)
    with counter:
        run.step()
    return counter.get_total_flops() / run.settings.train.batch


def convolution_rate(device: torch.device, watch: Stopwatch, rounds: int) -> float:
    """Operations a second of a convolution of 256 to 256 channels, 3×3 at 32², forward and backward, as steps compute it."""
    layer = torch.nn.Conv2d(256, 256, 3, padding=1, bias=False).to(device, memory_format=torch.channels_last)
    batch, times = (256, 20) if device.type == "cuda" else (16, 1)  # a GPU is done sooner than it is told what to do
    x = torch.rand(batch, 256, 32, 32, device=device).contiguous(memory_format=torch.channels_last).requires_grad_()
    seconds = []
    for _ in range(rounds + 1):
        began = watch.now()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            for _ in range(times):
                layer(x).sum().backward()
        seconds.append(watch.now() - began)
    return 3 * 2 * layer.weight.numel() * batch * 32 * 32 * times / statistics.median(seconds[1:])


def original_at(size: int, device: torch.device, batch: int) -> Settings:
    """lorenz2019 at a picture size; small batches on a CPU, where its speed hardly depends on them, on a GPU those of ours."""
    changes = {"model": {"size": size}, "train": {"batch": 2 if device.type == "cpu" else batch}}
    return load_preset("lorenz2019").override(changes, "benchmark")


def measure(preset: str, size: int | None, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One row of the table; size: None for the preset's own."""
    changes: dict[str, Any] = {} if size is None else {"model": {"size": size}}
    if options.batch:
        changes["train"] = {"batch": options.batch}
    settings, device, rounds = load_preset(preset).override(changes, "benchmark"), options.device, options.rounds
    original = original_at(settings.model.size, device, settings.train.batch)
    runs = [trainer(one, device, folder) for one in (settings, original, compiled(settings))[: 2 + options.compile]]
    ours, watch = runs[0], Stopwatch(device)
    for run in runs * 3:
        run.step()
    rows = [[seconds_a_picture(run, watch, LEAST) for run in runs] for _ in range(rounds)]
    seconds, theirs, *other = map(statistics.median, zip(*rows, strict=True))
    return {
        "preset": preset,
        "size": settings.model.size,
        "batch": settings.train.batch,
        "pictures_per_second": 1 / seconds,
        "lorenz2019": 1 / theirs,
        "ratio": statistics.median(row[1] / row[0] for row in rows),
        "compiled": statistics.median(row[0] / row[2] for row in rows) if other else None,
        "gigaflops": operations(ours) / seconds / 1e9,
        "convolution_gigaflops": convolution_rate(device, watch, 5) / 1e9,
        "shares": shares(ours, watch),
    }


def compiled(settings: Settings) -> Settings:
    """The same with networks that are translated."""
    return settings.override({"train": {"compile": True, "steps": 10**9}}, "benchmark")


def cells(row: dict[str, Any]) -> list[str]:
    """A line: speeds, ratios and shares of time."""
    numbers = (f"{row['pictures_per_second']:.1f}", f"{row['lorenz2019']:.2f}", f"{row['ratio']:.0f}×")
    translated = "" if row["compiled"] is None else f"{row['compiled']:.2f}×"
    rates = (f"{row['gigaflops']:.0f}", f"{row['gigaflops'] / row['convolution_gigaflops']:.0%}")
    parts = (f"{row['shares'][stage]:.0%}" for stage in (*STAGES, "rest"))
    return [row["preset"], str(row["size"]), str(row["batch"]), *numbers, translated, *rates, *parts]


def page(rows: list[dict[str, Any]], device: torch.device, command: str) -> str:
    """The section."""
    head = HEAD.format(machine=trials.machine(str(device)))
    return "\n".join([head, trials.markdown(TITLES, map(cells, rows)), "", trials.shell([command])])


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="pictures a second of training")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--sizes", nargs="+", type=int, help="in place of the presets' own")
    parser.add_argument("--batch", type=int, help="in place of the presets' own; on a GPU the original's as well")
    parser.add_argument("--compile", action="store_true", help="also with train.compile")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path, help="a page whose section is written, docs/results.md")
    options = parser.parse_args()
    with command("train_speed.py"):
        options.device = choose_device(options.device)
        given = trials.given(parser, options, "presets", "sizes", "batch", "compile", "rounds")
        run(options, given + PAGED)


def run(options: argparse.Namespace, given: str) -> None:
    """Measure and print; write what was asked for.  given: the options that were."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = options.sizes or [None]
        rows = [measure(preset, size, options, Path(folder)) for preset in options.presets for size in sizes]
    drawn = Table(*TITLES, title=f"training on {trials.machine(str(options.device))}")
    for row in rows:
        drawn.add_row(*cells(row))
    Console(width=180).print(drawn)
    if options.page:
        write_section(options.page, "speed", page(rows, options.device, f"python benchmarks/train_speed.py{given}"))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
