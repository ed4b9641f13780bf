"""Human3.6M in one command: the "error w.r.t. image size" of Lorenz et al. 2019, 2.79, for whoever has the data.

    python benchmarks/human36m.py DIR [--minutes M | --steps N] [--preset lorenz2019] [--device cuda:0]

DIR holds the official downloads, unpacked, which are converted first, or the simplified layout. Trains on S1 S5 S6 S7 S8 S9,
fits the linear map on them, reports on S11, and prints a table. The same command goes on with what was interrupted. Of the
official videos every tenth frame is taken (--every), five a second; pictures are as large as the canvas of the preset.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)

# isort: on
from rich.table import Table

from partpose.cli_convert import human36m as convert
from partpose.command import command
from partpose.config import Settings
from partpose.data.human36m import is_official
from partpose.evaluate.protocols import HUMAN36M
from partpose.run import evaluate_model, starting_settings, train_run
from partpose.terminal import console

PUBLISHED = 2.79


def pictures_of(folder: Path, output: Path, settings: Settings, every: int, jobs: int | None) -> Path:
    """The simplified layout: the folder itself, or what is made of the official downloads in it."""
    if not is_official(folder):
        return folder
    size = settings.model.canvas
    made = output / f"pictures_{size}_{every}"
    convert(folder, made, size=size, every=every, jobs=jobs)
    return made


def bounds(minutes: float | None, steps: int | None) -> dict[str, Any]:
    """Changes of the preset's settings; none where neither is given."""
    named = {name: value for name, value in (("minutes", minutes), ("steps", steps)) if value is not None}
    return {"train": named} if named else {}


def table(result: dict[str, Any], preset: str) -> Table:
    """The numbers beside the published one, all in per cent of the picture's side."""
    seen = f"{result['pictures_seen']:,} pictures seen in {result['minutes']:.1f} min, {result['size']} px"
    interval = f"95 % interval {result['error_low']:.2f} – {result['error_high']:.2f}"
    drawn = Table("Human3.6M, 32 joints, S11", "error, % of image size", "")
    drawn.add_row("Lorenz et al. 2019, as published", f"{PUBLISHED:.2f}", "")
    drawn.add_row(f"{preset}, {result['parts']} parts", f"{result['error']:.2f}", f"{interval}; {seen}")
    drawn.add_row("left/right flip forgiven", f"{result['error_flip_forgiven']:.2f}", "the same run")
    drawn.add_row("untrained network", f"{result['untrained_error']:.2f}", "")
    drawn.add_row("mean pose", f"{result['mean_pose_error']:.2f}", "")
    return drawn


def run(options: argparse.Namespace) -> None:
    """Convert where it is needed, train, evaluate, print."""
    trained = options.output / Path(options.preset).stem
    settings = starting_settings(trained, options.preset, bounds(options.minutes, options.steps), resume=True)
    pictures = pictures_of(options.folder, options.output, settings, options.every, options.jobs)
    code = train_run(pictures, trained, settings, device=options.device, resume=True)
    if code:
        sys.exit(code)
    report = trained / "evaluation.json"
    evaluate_model(str(trained), pictures, HUMAN36M, json=report, device=options.device)
    console.print(table(json.loads(report.read_text(encoding="utf-8")), trained.name))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="train and evaluate on Human3.6M")
    parser.add_argument("folder", type=Path, metavar="DIR")
    bound = parser.add_mutually_exclusive_group()
    bound.add_argument("--minutes", type=float)
    bound.add_argument("--steps", type=int)
    parser.add_argument("--preset", default="lorenz2019")
    parser.add_argument("--device")
    parser.add_argument("--output", type=Path, default=Path("runs/human36m"))
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--jobs", type=int)
    with command("human36m.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
