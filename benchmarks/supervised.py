"""What the same network reaches with labels, after as many pictures: the section "supervised" of docs/results.md.

    python benchmarks/supervised.py --data DIR [--sets figures-room,livestock_cattle] [--minutes 5] [--device cuda:0]
    python benchmarks/supervised.py --table

The shape network of the set's preset, one part a landmark, is trained to put its keypoints on the landmarks of the training
split: the same views, recolouring, optimiser and schedule, and no generator. It is evaluated as every model is. Parts are
never learned so, and nothing of this enters any: it tells what network, pictures and time allow. Every run keeps its result
as a file in benchmarks/results/supervised; one that is there stays, unless --again is given.
"""

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
import numpy as np
import torch
from accuracy import TEN, asked
from numpy.typing import NDArray
from sections import write_section
from sets import SETS, Place, Set, chosen
from trials import Result, Trial

from partpose.command import command
from partpose.config import Settings
from partpose.data.annotations.detect import read_annotated
from partpose.data.canvas import Canvases, extents
from partpose.data.landmarks import Landmarks
from partpose.data.reading import Look
from partpose.evaluate.pictures import read_pictures, with_split
from partpose.geometry import moments, to_inside
from partpose.predict.predictor import choose_device
from partpose.run import TerminalReporter, boxes_like_training
from partpose.train.loop import Trainer
from partpose.train.signals import Signals
from partpose.train.step import Beside, Draw, Terms
from partpose.train.warp import Recolour, sample

TITLES = (
    "set", "trained on", "for", "seed", "pictures seen", "with labels", "95 % interval", "of the mean pose",
    "without labels", "asked for", "mean pose", "unit",
)  # fmt: skip
HEAD = """## With labels

What the shape network reaches where it is *told* the landmarks of the training split: the same views and schedule, no
generator, so that five minutes show it about as many pictures as ten otherwise do. Parts are never learned so. It is an
estimate of what network, pictures and time allow: where labels do not beat the mean pose either, the test pictures are too
unlike those of the training split, or the time is too short. *Without labels* is the error under Accuracy after 10 minutes.
"""


class Told(Trainer):
    """A trainer whose loss is the distance between keypoints and landmarks.

    points: (N, J, 2) landmarks in the inside frame of the canvases, NaN where they are missing.
    """

    def __init__(self, points: NDArray, *args: Any) -> None:
        super().__init__(*args)
        self.points = torch.from_numpy(points).float()
        self.forward = self.terms

    def beside(self, step: int, rows: NDArray, mine: slice) -> Beside:  # noqa: ARG002, the trainer's own
        """Nothing, but it is where the rows of a step are known."""
        self.truth = self.points[torch.from_numpy(rows[mine])].to(self.device)
        return Beside()

    def terms(self, canvas: torch.Tensor, draw: Draw, settings: Settings, *_: Any) -> Terms:
        """The distance stands in the place of the reconstruction."""
        view, colours = draw.plain, Recolour(*(t[: len(canvas)] for t in draw.recolour))
        maps = self.model.part_maps(colours(sample(canvas, view.at(settings.model.size))))
        mean, cov = moments(maps)
        truth = view.inverse(self.truth.nan_to_num(nan=9.0), steps=1)  # the plain view is affine
        seen = (truth.abs() < 1).all(-1)
        distance = ((mean - truth).square().sum(-1) + 1e-6).sqrt()
        none, spread = distance.new_zeros(()), cov.diagonal(dim1=-2, dim2=-1).sum(-1).mean()
        return Terms((distance * seen).sum() / seen.sum().clamp_min(1), none, none, none, spread, none)


def trial(name: str, one: Set, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """One run."""
    bound = trials.budget(options)
    about: Result = {
        "benchmark": "supervised",
        "set": name,
        "machine": trials.machine(options.device),
        "budget": trials.in_words(bound),
        "seed": seed,
        "command": command_line(name, trials.in_words(bound), [seed]),
    }
    changes = {"train": {**bound, "seed": seed, "stop_hopeless": False}, "model": {"background": "none"}}
    return Trial(place, one.settings(changes=changes), about)


def command_line(name: str, budget: str, seeds: Iterable[int]) -> str:
    """What makes these runs anew."""
    data = "" if SETS[name].figures else " --data DIR"
    words = f"--sets {name} {trials.bound_option(budget)} --seeds {','.join(map(str, seeds))}"
    return f"python benchmarks/supervised.py {words}{data}"


def train(made: Trial, folder: Path, options: argparse.Namespace) -> int:
    """Train on the landmarks; returns an exit code as `train_run` does."""
    settings, device = made.settings, choose_device(options.device)
    landmarks = with_split(read_annotated(made.place.annotated)).subset("train")
    settings = settings.override({"model": {"parts": len(landmarks.names)}}, "the landmarks")
    canvases, points = labelled(landmarks, settings)
    folder.mkdir(parents=True, exist_ok=True)
    reporter = TerminalReporter(folder, settings)
    try:
        with Signals() as signals:
            signals.patient = True
            trainer = Told(points, folder, canvases, settings, device, reporter)
            trainer.go_on()
            outcome = trainer.run(signals)
    finally:
        reporter.close()
    return 128 + outcome.signal if outcome.signal else 0


def labelled(landmarks: Landmarks, settings: Settings) -> tuple[Canvases, NDArray]:
    """Training pictures with their margin, and (N, J, 2) landmarks in the inside frame of those."""
    m, d = settings.model, settings.data
    pictures, skipped = read_pictures(
        Look(m.canvas, m.channels, d.margin), landmarks, boxes_like_training(None, settings)
    )
    names, alone = tuple(map(str, range(len(pictures.canvases)))), np.full(len(pictures.canvases), -1)
    extent = extents(pictures.sizes, pictures.squares)
    canvases = Canvases(pictures.canvases, names, alone, skipped, extent)
    return canvases, to_inside(pictures.points, pictures.squares)


def row(r: Result, beside: Result | None) -> list[str]:
    """A run's line; beside: that of the same set without labels."""
    without = "" if beside is None else f"{beside['error']:.2f}"
    return [
        *(r["set"], r["machine"], r["budget"], str(r["seed"]), f"{r['pictures_seen']:,}", f"{r['error']:.2f}"),
        *(f"{r['error_low']:.2f} – {r['error_high']:.2f}", f"{r['error'] / r['mean_pose_error']:.2f}", without),
        *(asked_of(r), f"{r['mean_pose_error']:.2f}", r["unit"]),
    ]


def asked_of(r: Result) -> str:
    """What was asked for without labels, after ten minutes."""
    return asked(r | {"preset": own_preset(r), "budget": TEN}).split(" ✗")[0].split(" ✓")[0]


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results that are there."""
    results = [r for r in trials.read_results(options.results, "supervised") if r["set"] in SETS]
    results.sort(key=lambda r: (list(SETS).index(r["set"]), r["budget"], r["seed"]))
    parts = [r for r in trials.read_results(options.results, "accuracy") if r["budget"] == TEN]
    without = {key(r): r for r in parts if r["preset"] == own_preset(r)}
    rows = [row(r, without.get(key(r))) for r in results]
    commands = [r["command"] for r in results]
    write_section(
        options.page, "supervised", "\n".join([HEAD, trials.markdown(TITLES, rows), "", trials.shell(commands)])
    )


def key(r: Result) -> tuple:
    """What two runs that are compared have in common."""
    return tuple(r[name] for name in ("set", "machine", "seed"))


def own_preset(r: Result) -> str | None:
    """The preset of a run's set."""
    return SETS[r["set"]].preset if r["set"] in SETS else None


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    wanted = [
        (name, one, partial(trial, name, one, seed, options))
        for name, one in chosen(options.sets).items()
        for seed in options.seeds or [0]
    ]
    if not options.table:
        trials.run_all(wanted, options, lambda *_: write_page(options), train)
    write_page(options)


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("what labels would give", minutes=5)
    with command("supervised.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
