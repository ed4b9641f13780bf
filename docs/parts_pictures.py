"""The pictures of docs/parts.md: what good and bad parts look like, each from a training of a minute or two.

    python docs/parts_pictures.py [--only doubled,background] [--steps 150] [--work runs/parts_pictures]

Drawn people, test pictures that no training has seen. What part health says of each model is written under its picture on the
page.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)
import numpy as np
from PIL import Image

# isort: on

from partpose.command import command
from partpose.config import load_preset
from partpose.data.atomic import atomic
from partpose.data.canvas import read_canvases
from partpose.data.figures import draw_figures
from partpose.data.sources import find_sources, of_split, some_files
from partpose.data.spread import spread
from partpose.errors import PartposeError
from partpose.predict.draw import sheet
from partpose.predict.predictor import load
from partpose.predict.show import Shown
from partpose.run import train_run
from partpose.train.health import measure

ROOT = Path(__file__).resolve().parents[1]
SHOWN, PROBED = 7, 64


class Case(NamedTuple):
    """background: of the set.  changes: of the preset `figures`."""

    background: str
    changes: dict[str, dict[str, Any]]


FLAT = {"model": {"logit_scale": 0.2}, "train": {"learning_rate": 1e-5}}
EXPOSED = {"transform": {"keep_inside": True}, "loss": {"evidence": 0.0}}
"""Parts settle on a scene the sooner: nothing else draws them to the object."""
CASES = {
    "healthy": Case("plain", {}),
    "few": Case("plain", {"model": {"parts": 4}}),
    "doubled": Case("plain", {"loss": {"separation": 0.0}}),
    "dead": Case("plain", FLAT),
    "background": Case("room", EXPOSED),
    "camera": Case("room", EXPOSED | {"model": {"background": "camera"}}),
}


def picture(run: Path, figures: Path) -> tuple[Image.Image, str]:
    """Test pictures, parts and part maps of a model, and its health in words."""
    predictor = load(str(run), "cpu")
    source = of_split(find_sources([figures])[0][0], "test")
    pixels = read_canvases([some_files(source, spread(len(source.files), PROBED))], predictor.look).pixels
    counts = measure(predictor.network, predictor.tensor(pixels), predictor.settings).counts()
    shown = Shown(predictor.network, predictor.tensor(pixels[spread(len(pixels), SHOWN)]))
    rows = [[_small(one) for one in row] for row in (shown.parts(), shown.part_maps())]
    words = (
        f"{counts['alive']} of {predictor.settings.model.parts} alive, {counts['doubled']} doubled, {counts['static']} static, "
        f"{counts['equivariance_px']:.2f} px"
    )
    return Image.fromarray(sheet(rows, gap=4)), words


def _small(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((160, 160), Image.Resampling.LANCZOS))


def write_caption(page: Path, name: str, words: str) -> None:
    """Put the numbers under the picture of that name: the emphasised line that follows it."""
    text = page.read_text(encoding="utf-8")
    found, count = re.subn(rf"(!\[[^\]]*\]\(parts_is_{name}\.webp\)\n)\*.*\*\n", lambda m: f"{m[1]}*{words}*\n", text)
    if not count:
        raise PartposeError(f"{page} has no picture of that name: parts_is_{name}.webp")
    with atomic(page) as temporary:
        temporary.write_text(found, encoding="utf-8")


def make(name: str, case: Case, options: argparse.Namespace) -> None:
    """Train, draw, write."""
    figures, run = options.work / f"figures-{case.background}", options.work / name
    draw_figures(figures, background=case.background)
    train = {"train": {"steps": options.steps, "stop_hopeless": False}}
    settings = load_preset("figures").override(case.changes, name).override(train, name)
    train_run(figures, run, settings, device="cpu", resume=True)
    image, words = picture(run, figures)
    with atomic(options.output / f"parts_is_{name}.webp") as temporary:
        image.save(temporary, format="WEBP", quality=80, method=6)
    write_caption(options.output / "parts.md", name, words)
    print(json.dumps({name: words}))


def main() -> None:
    """Read the command line and make them."""
    parser = argparse.ArgumentParser(description="the pictures of docs/parts.md")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(CASES))
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--work", type=Path, default=ROOT / "runs/parts_pictures")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    if unknown := set(options.only) - set(CASES):
        raise PartposeError(f"--only expects some of {', '.join(CASES)}, got {min(unknown)!r}")
    for name in options.only:
        make(name, CASES[name], options)


if __name__ == "__main__":
    with command("parts_pictures.py"):
        main()
