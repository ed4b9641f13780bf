"""Weights that come with partpose: the model of a row of docs/results.md, in half precision, with a model card.

    python benchmarks/accuracy.py --sets figures-plain
    python benchmarks/ship.py figures

What is written is measured again, on the set that the row was measured on, and that error stands in the card. Only sets whose
licence lets anybody pass them on are trained on for this: drawn figures, CC BY, MIT.
"""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from safetensors.torch import save
from sets import SETS, find
from trials import Result

from partpose.command import command
from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.model import pretrained
from partpose.model.part_model import BACKBONE, CONFIG, WEIGHTS, load_model, read_config
from partpose.model.shipped import CARD
from partpose.run import evaluate_model

PACKAGE = trials.ROOT / "src/partpose/weights"
MOST_BYTES = 5_000_000
BESIDE = (
    f"EfficientNet-Lite0, which was taught to name the pictures of ImageNet (Apache 2.0): not in this file, from the package "
    f"{pretrained.PACKAGE}, which is installed with partpose"
)


class Shipped(NamedTuple):
    """set: of benchmarks/sets.py.  shows: what it finds parts of.  data, licence: what it was trained on.  limits: a line."""

    set: str
    shows: str
    data: str
    licence: str
    limits: str


MODELS = {
    "figures": Shipped(
        "figures-plain",
        "drawn people over black",
        "3,000 drawn pictures of 30 people, by `partpose figures`",
        "MIT, as partpose",
        "People as partpose draws them, alone over black; photographs of people are something else.",
    ),
    "figures-clutter": Shipped(
        "figures-clutter",
        "drawn people before clutter",
        "3,000 drawn pictures of 30 people, each before a scene of its own, by `partpose figures --background clutter`",
        "MIT, as partpose",
        "People as partpose draws them; not a tool for people in photographs: train on these, with `--preset people`.",
    ),
    "cattle": Shipped(
        "livestock_cattle",
        "cattle, seen from the side",
        "603 crops of cattle on two farms, of LivestockKeypoints v1.0 by Yiwei Wang et al., without their annotations; the "
        "pictures were cropped and resized",
        "CC BY 4.0 (the data)",
        "One animal in the picture, walking by, seen squarely from the side and cropped with a margin. The test is of another "
        "farm, where many stand obliquely: there it often takes one end for the other, and does little better than guessing "
        "the mean pose. Legs are told by which is nearer, not left from right. Something to begin from (`--preset animals "
        "--model.facing --init cattle`), not to measure with.",
    ),
    "mouse_mirror": Shipped(
        "mouse_mirror",
        "a head-fixed mouse on a wheel, and its mirror image from below",
        "67 pictures and a clip of 994 frames that come with lightning-pose (recordings of Warren et al. 2021), without "
        "their annotations",
        "MIT (the data)",
        "This rig and nothing else: the camera, the wheel and the mirror have to be where they were.",
    ),
}


def result_of(name: str, results: Path) -> tuple[Result, str]:
    """The row of the set's own preset with the first seed, and the name of its run; the longest training there is."""
    made = SETS[name]
    rows = [
        (json.loads(path.read_text(encoding="utf-8")), path.stem)
        for path in sorted((results / "accuracy").glob("*.json"))
    ]
    own = [
        row for row in rows if (row[0]["set"], row[0]["preset"], row[0]["seed"]) == (name, made.preset, made.seeds[0])
    ]
    if not own:
        raise PartposeError(f"{name} has no result: run python benchmarks/accuracy.py --sets {name} first")
    return max(own, key=lambda row: row[0]["pictures_seen"])


def halved(run: Path) -> bytes:
    """The weights with all that is a matrix in half precision; scales, offsets and statistics stay as they are.

    Those of a backbone are left out: they are not learned from the pictures, and come with a package of their own.
    """
    own = {name: one for name, one in load_model(run)[0].state_dict().items() if not name.startswith(BACKBONE)}
    small = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in own.items()}
    return save({name: tensor.contiguous() for name, tensor in small.items()})


def write_weights(run: Path, folder: Path) -> None:
    """The halved weights. Raises PartposeError where they are too large."""
    weights = halved(run)
    if len(weights) > MOST_BYTES:
        raise PartposeError(f"{run} has {len(weights) / 1e6:.1f} MB of weights, more than {MOST_BYTES / 1e6:.0f}")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / WEIGHTS) as temporary:
        temporary.write_bytes(weights)


def write_config(run: Path, folder: Path, about: dict[str, Any]) -> None:
    """The settings, the facts of the training, and what `partpose models` says."""
    settings, facts = read_config(run)
    config = {"settings": settings.model_dump(), "training": facts | {"about": about}}
    with atomic(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(name: str, one: Shipped, result: Result, error: dict[str, Any], facts: dict[str, Any]) -> str:
    """The model card, in Markdown."""
    interval = f"95 % interval {error['error_low']:.2f} – {error['error_high']:.2f}"
    data = "" if SETS[one.set].figures else " --data DIR"
    seen = f"{facts['pictures_seen']:,} pictures seen in {facts['minutes']:g} minutes on {result['machine']}"
    rows = {
        "finds the parts of": one.shows,
        "trained on": f"{one.data}; without the test split, {seen}, seed {result['seed']}",
        "licence": f"{one.licence}; these weights: MIT",
        "parts, picture size": f"K = {result['parts']}, {result['size']} px",
        "error": f"{error['error']:.2f} {error['unit']} ({interval}) on "
        f"{error['test_pictures']} test pictures, after a linear map that {error['train_pictures']} training pictures gave",
        "guessing the mean pose": f"{error['mean_pose_error']:.2f} {error['unit']}",
        "untrained network": f"{error['untrained_error']:.2f} {error['unit']}",
        "limits": one.limits,
    }
    if SETS[one.set].settings().model.backbone != "none":
        rows["backbone"] = BESIDE
    table = trials.markdown(["", ""], ([head, text] for head, text in rows.items()))
    made = trials.shell([result["command"], f"python benchmarks/ship.py {name}{data}"])
    use = trials.shell([f"partpose predict {name} PICTURES --output OUT --overlay"])
    return f"# {name}\n\n{table}\n\nUse:\n\n{use}\n\nMade and measured by:\n\n{made}\n"


def ship(name: str, options: argparse.Namespace) -> None:
    """Write one model and its card, measured as it is written."""
    one, folder = MODELS[name], options.package / name
    result, stem = result_of(one.set, options.results)
    run, report = options.work / "accuracy" / stem, options.work / f"shipped_{name}.json"
    place = find(one.set, SETS[one.set], options.data, options.clips, options.work / "inputs")
    about = {"shows": one.shows, "licence": one.licence}
    write_weights(run, folder)
    write_config(run, folder, about)
    evaluate_model(str(folder), place.annotated, json=report, device=options.device)
    error = json.loads(report.read_text(encoding="utf-8"))
    write_config(run, folder, about | {key: error[key] for key in ("error", "mean_pose_error", "unit")})
    with atomic(folder / CARD) as temporary:
        temporary.write_text(card(name, one, result, error, read_config(folder)[1]), encoding="utf-8")
    size = (folder / WEIGHTS).stat().st_size / 1e6
    print(f"{name}: {size:.1f} MB, {error['error']:.2f} {error['unit']}; before halving {result['error']:.2f}")


def main() -> None:
    """Read the command line and ship."""
    parser = argparse.ArgumentParser(description="put trained weights into the package")
    parser.add_argument("names", nargs="*", default=list(MODELS), metavar="NAME", help=", ".join(MODELS))
    parser.add_argument("--package", type=Path, default=PACKAGE)
    trials.add_places(parser)
    options = parser.parse_args()
    with command("ship.py"):
        if unknown := [name for name in options.names if name not in MODELS]:
            raise PartposeError(f"no model {unknown[0]!r}: expected some of {', '.join(MODELS)}")
        for name in options.names:
            ship(name, options)


if __name__ == "__main__":
    main()
