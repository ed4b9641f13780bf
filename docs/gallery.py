"""docs/gallery.md and its pictures, made from the models that come with partpose.

    python docs/gallery.py [--data DIR] [--only swap,cattle]

DIR: the folder of the annotated sets (livestock_cattle, mouse_mirror); without it the pictures that need them are left as they
are. Everything is seen for the first time: figures are people of the test split, and pictures those of test splits.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# isort: off
import partpose
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

# isort: on
from partpose.command import command
from partpose.data.atomic import atomic
from partpose.data.figures import draw_figures
from partpose.data.reading import View
from partpose.edit.pictures import as_seen, encode, few_views
from partpose.edit.swap import swap_picture
from partpose.errors import PartposeError
from partpose.model.part_model import Encoding
from partpose.model.shipped import shipped
from partpose.predict.draw import enlarge, sheet, write_animation
from partpose.predict.predictor import Predictor
from partpose.predict.show import Shown, to_pixels

ROOT = Path(__file__).resolve().parents[1]
CELL, FRAMES, SECONDS = 160, 36, 3.0
REACH = (1.0, 0.5, 0.25)  # how far a hand and the parts next to it are moved
HEAD = """# Gallery

Made from the models that come with partpose, by `python docs/gallery.py`. Nobody has labelled anything here, and no model has
seen these pictures in training.
"""


class Exhibit(NamedTuple):
    """A picture of the page.  model: that ships.  source: figures' background, or a set in --data.  draw: what makes it."""

    title: str
    text: str
    model: str
    source: str
    draw: Callable[[Predictor, Path, Path], None]


def parts(predictor: Predictor, source: Path, path: Path) -> None:
    """Pictures, and their parts."""
    views, _ = few_views(predictor, [source], 7)
    shown = Shown(predictor.network, predictor.tensor(np.stack([view.pixels for view in views])))
    write(sheet([_small(shown.inputs()), _small(shown.parts())], gap=4), path)


def swaps(predictor: Predictor, source: Path, path: Path) -> None:
    """The grid: shapes across, looks down."""
    views, _ = few_views(predictor, [source], 10)
    write(_shrunk(swap_picture(predictor, views[:6], views[6:]), 7 * CELL), path)


def by_part(predictor: Predictor, source: Path, path: Path) -> None:
    """One shape, whose looks change from the head down: a third of its parts, two thirds, all."""
    views, _ = few_views(predictor, [source], 12)
    rows = [_changing(predictor, shape, worn) for shape, worn in zip(views[:3], views[9:6:-1], strict=True)]
    write(sheet(rows, ["shape", "upper third", "two thirds", "all parts", "looks"], gap=4), path)


def _changing(predictor: Predictor, shape: View, worn: View) -> list[NDArray[np.uint8]]:
    own, other = encode(predictor, [shape]), encode(predictor, [worn])
    down = own.parts.mean[0, :, 1].argsort().tolist()
    shares = [down[: len(down) * n // 3] for n in (1, 2, 3)]
    drawn = [predictor.decode(own.replace(other, some))[0] for some in shares]
    return _small([as_seen(shape), *map(enlarge, drawn), as_seen(worn)])


def by_hand(predictor: Predictor, source: Path, path: Path) -> None:
    """A hand goes up and down, the parts of its arm follow half as far, and less."""
    views, _ = few_views(predictor, [source], 5)
    encoding, view = encode(predictor, views[:1]), views[0]
    means = encoding.parts.mean[0].numpy().copy()
    hand = int(means[:, 0].argmax())
    arm = np.linalg.norm(means - means[hand], axis=1).argsort()[: len(REACH)]
    frames = []
    for angle in np.linspace(0, 2 * np.pi, FRAMES, endpoint=False):
        moved, step = encoding, np.array([0.1 * (np.cos(angle) - 1), 0.24 * np.sin(angle)])
        for part, share in zip(arm.tolist(), REACH, strict=True):
            moved = moved.move(part, mean=means[part] + share * step)
        shown = [as_seen(view), _with_dot(predictor, moved, means[hand] + step)]
        frames.append(sheet([_small(shown, 240)], ["the picture", "an arm, moved by hand"], gap=4))
    write_animation(frames, path, SECONDS)


def _with_dot(predictor: Predictor, encoding: Encoding, place: NDArray[np.float64]) -> NDArray[np.uint8]:
    """What the generator makes of it, and where the hand was put."""
    image = Image.fromarray(enlarge(to_pixels(predictor.network.decode(encoding, predictor.side))[0]))
    x, y = (place + 1) / 2 * image.width
    ImageDraw.Draw(image).ellipse([x - 6, y - 6, x + 6, y + 6], (210, 60, 40), (255, 255, 255), 2)
    return np.asarray(image)


EXHIBITS = {
    "swap": Exhibit(
        "Shapes across, looks down", "`partpose swap`, with the model `figures`.", "figures", "plain", swaps
    ),
    "by_part": Exhibit(
        "Part by part",
        "The same with `--parts`: the looks of a few parts, then of more, then of all.",
        "figures",
        "plain",
        by_part,
    ),
    "by_hand": Exhibit(
        "Parts moved by hand", "`encoding.move(part, mean=…)`, or drag them on the page.", "figures", "plain", by_hand
    ),
    "clutter": Exhibit(
        "Before a new scene in every picture", "Model `figures-clutter`.", "figures-clutter", "clutter", parts
    ),
    "cattle": Exhibit(
        "Cattle of a farm that no training picture shows",
        "Model `cattle`, which was learned from cattle that walk by: of those that stand obliquely it is often wrong. "
        "LivestockKeypoints v1.0 by Yiwei Wang et al., CC BY 4.0, cropped and resized.",
        "cattle",
        "livestock_cattle",
        parts,
    ),
    "mouse_mirror": Exhibit(
        "A mouse on a wheel, and its mirror image from below",
        "Model `mouse_mirror`. lightning-pose, MIT licence; recordings of Warren et al. 2021.",
        "mouse_mirror",
        "mouse_mirror",
        parts,
    ),
}


def write(pixels: NDArray[np.uint8], path: Path) -> None:
    """A small file."""
    with atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="WEBP", quality=82, method=6)


def _small(pictures: list[NDArray[np.uint8]], side: int = CELL) -> list[NDArray[np.uint8]]:
    return [np.asarray(Image.fromarray(one).resize((side, side), Image.Resampling.LANCZOS)) for one in pictures]


def _shrunk(pixels: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def place_of(source: str, options: argparse.Namespace) -> Path | None:
    """Draw figures, or find the set."""
    if source in ("plain", "clutter"):
        draw_figures(options.work / source, pictures=400, background=source)
        return options.work / source
    return None if options.data is None else options.data / source


def main() -> None:
    """Read the command line and make what can be made."""
    parser = argparse.ArgumentParser(description="the gallery")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(EXHIBITS))
    parser.add_argument("--work", type=Path, default=ROOT / "runs/gallery")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    if unknown := set(options.only) - set(EXHIBITS):
        raise PartposeError(f"--only expects some of {', '.join(EXHIBITS)}, got {min(unknown)!r}")
    for name in options.only:
        one = EXHIBITS[name]
        if one.model not in shipped():
            print(f"{name}: left as it is, there is no model {one.model}")
            continue
        if (source := place_of(one.source, options)) is None:
            print(f"{name}: left as it is, it needs --data")
            continue
        path = options.output / f"gallery_{name}.webp"
        one.draw(partpose.load(one.model, "cpu"), source, path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    sections = [
        f"## {one.title}\n\n{one.text}\n\n![{one.title}](gallery_{name}.webp)\n"
        for name, one in EXHIBITS.items()
        if (options.output / f"gallery_{name}.webp").is_file()
    ]
    with atomic(options.output / "gallery.md") as temporary:
        temporary.write_text("\n".join([HEAD, *sections]), encoding="utf-8")


if __name__ == "__main__":
    with command("gallery.py"):
        main()
