"""What the same network reaches with labels, after fewer pictures: the section "supervised" of docs/results.md.

    python benchmarks/supervised.py --data DIR [--sets figures-room,livestock_cattle] [--minutes 5] [--device cuda:0]
    python benchmarks/supervised.py --table

The shape network of the set's preset, one part a landmark, is trained to put its keypoints on the landmarks of the training
split: the same views, before the same scenes, in the same colours, by the same optimiser, and no generator. It is evaluated as
every model is. Parts are never learned so, and nothing of this enters any. Every run keeps its result as a file in
benchmarks/results/supervised; one that is there stays, unless --again is given.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
import numpy as np
import torch
from accuracy import TEN, asked_error, error_of, noted
from numpy.typing import NDArray
from sections import write_section
from sets import SETS, chosen
from trials import Result, Trial

from partpose.command import command
from partpose.config import Settings
from partpose.data.annotations.detect import read_annotated
from partpose.data.canvas import Canvases, extents
from partpose.data.landmarks import Landmarks
from partpose.data.reading import Look
from partpose.data.where import boxes_like_training
from partpose.evaluate.pictures import read_pictures, with_split
from partpose.geometry import moments, to_inside
from partpose.predict.predictor import choose_device
from partpose.run import TerminalReporter
from partpose.terminal import report_skipped
from partpose.train.loop import Trainer
from partpose.train.losses import concentration
from partpose.train.run_folder import locked
from partpose.train.signals import Signals
from partpose.train.step import Beside, Draw, Terms, seen_in

TITLES = (
    "set", "trained on", "for", "seed", "pictures seen", "with labels", "95 % interval", "of the mean pose",
    "without labels", "asked for", "mean pose", "unit",
)  # fmt: skip
HEAD = """## With labels

What the shape network reaches where it is *told* the landmarks of the training split, all else being as under Accuracy but for
the generator, so that five minutes show it well over half of the pictures that ten otherwise do, and for facing, which the
landmarks tell. Parts are never learned so. It is no bound, but tells how hard a set is for this network in this time. *Without
labels* is the error under Accuracy after 10 minutes, of parts from which the landmarks are read by a linear map.
"""


class Told(Trainer):
    """A trainer whose loss is the distance between keypoints and landmarks, and the spread of the part maps.

    points: (N, J, 2) landmarks in the inside frame of the canvases, NaN where they are missing.
    """

    def __init__(self, points: NDArray, *args: Any) -> None:
        super().__init__(*args)
        self.points = torch.from_numpy(points).float()
        self.forward = self.terms

    def beside(self, step: int, rows: NDArray, mine: slice) -> Beside:
        """As for parts; it is where the rows of a step are known."""
        self.truth = self.points[torch.from_numpy(rows[mine])].to(self.device)
        return super().beside(step, rows, mine)

    def terms(
        self, canvas: torch.Tensor, draw: Draw, settings: Settings, rng: torch.Generator, beside: Beside, *_: Any
    ) -> Terms:
        """The distance stands in the place of the reconstruction."""
        views = (draw.plain, draw.warped)
        seen = [seen_in(view, canvas, beside.scene, settings.model.size, rng)[1] for view in views]
        mean, cov = moments(self.model.part_maps(draw.recolour(torch.cat(seen))))
        truth = torch.cat([draw.plain.inverse(self.truth, steps=0), draw.warped.inverse(self.truth)])
        known = (truth.abs() < 1).all(-1)
        away = (mean - torch.where(known[..., None], truth, 0)).square().sum(-1)
        none = mean.new_zeros(())
        distance = ((away + 1e-6).sqrt() * known).sum() / known.sum().clamp_min(1)
        return Terms(distance, none, none, none, concentration(cov), none, none)


def train(made: Trial, folder: Path, options: argparse.Namespace) -> int:
    """Train on the landmarks, or go on; returns an exit code as `train_run` does."""
    device = choose_device(options.device)
    landmarks = with_split(read_annotated(made.place.annotated)).subset("train")
    settings = made.settings.override({"model": {"parts": len(landmarks.names), "facing": False}}, "the landmarks")
    canvases, points = labelled(landmarks, settings)
    reporter = TerminalReporter(folder, settings)
    try:
        with locked(folder), Signals() as signals:
            signals.patient = True
            trainer = Told(points, folder, canvases, settings, device, reporter)
            trainer.go_on()
            outcome = trainer.run(signals)
    finally:
        reporter.close()
        report_skipped(canvases.skipped)
    return 128 + outcome.signal if outcome.signal else 0


def labelled(landmarks: Landmarks, settings: Settings) -> tuple[Canvases, NDArray]:
    """Training pictures with their margin, and (N, J, 2) landmarks in the inside frame of those."""
    m, d = settings.model, settings.data
    look = Look(m.canvas, m.channels, d.margin)
    pictures, skipped = read_pictures(look, landmarks, boxes_like_training(None, settings))
    names, alone = tuple(map(str, range(len(pictures.canvases)))), np.full(len(pictures.canvases), -1)
    extent = extents(pictures.sizes, pictures.squares)
    canvases = Canvases(pictures.canvases, names, alone, skipped, extent)
    return canvases, to_inside(pictures.points, pictures.squares)


def row(r: Result, beside: Result | None) -> list[str]:
    """A run's line; beside: that of the same set without labels."""
    without = "" if beside is None else error_of(beside)
    asked = asked_error(r | {"preset": SETS[r["set"]].preset, "budget": TEN})
    return [
        *(r["set"], r["machine"], r["budget"], str(r["seed"]), f"{r['pictures_seen']:,}", error_of(r)),
        *(f"{r['error_low']:.2f} – {r['error_high']:.2f}", f"{r['error'] / r['mean_pose_error']:.2f}", without),
        *("" if asked is None else f"≤ {asked:.1f}", f"{r['mean_pose_error']:.2f}", r["unit"]),
    ]


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results that are there."""
    results, without = (
        [r for r in trials.read_results(options.results, name) if r["set"] in SETS]
        for name in ("supervised", "accuracy")
    )
    results.sort(key=lambda r: (list(SETS).index(r["set"]), r["budget"], r["seed"]))
    of_parts = {key(r): r for r in without if r["budget"] == TEN and r["preset"] == SETS[r["set"]].preset}
    table = noted(trials.markdown(TITLES, [row(r, of_parts.get(key(r))) for r in results]))
    write_section(options.page, "supervised", "\n".join([HEAD, table, "", trials.shell(r["command"] for r in results)]))


def key(r: Result) -> tuple:
    """What two runs that are compared have in common."""
    return tuple(r[name] for name in ("set", "machine", "seed"))


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    wanted = [
        (name, one, partial(trials.to_its_end, "supervised", name, one, seed, options))
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
