"""Errors on drawn figures and real sets, each trained with its preset: the section "accuracy" of docs/results.md.

    python benchmarks/accuracy.py --data DIR [--sets figures-plain,faces_lfw5] [--minutes 10] [--device cuda:0]
    python benchmarks/accuracy.py --sets figures-plain,faces_lfw5,mouse_openfield --preset lorenz2019 --data DIR
    python benchmarks/accuracy.py --table

Figures are drawn, all other sets are looked for in --data, the clips that two of them are trained on as well beside it or in
--clips. Three seeds for figures-plain and faces_lfw5, one for the others, or those of --seeds. Every run keeps its result as
a file in benchmarks/results/accuracy; a result that is there stays, unless --again is given. Another --preset is trained with
the set's K and picture size, and its boxes and rotation where the set needs any.
"""

import argparse
import statistics
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from PIL import Image
from sections import write_section
from sets import SETS, Place, Set, chosen
from trials import Result, Trial

from partpose.command import command
from partpose.config import presets
from partpose.data.atomic import atomic
from partpose.data.canvas import read_canvases
from partpose.data.sources import find_sources, of_split, some_files
from partpose.data.spread import spread
from partpose.model.part_model import WEIGHTS
from partpose.predict.draw import sheet
from partpose.predict.predictor import load
from partpose.predict.show import Shown

TEN, TWO_CORES = "10 minutes", "2 CPU cores"
EARLIER = " \\*"
OF_EARLIER = "\n\n\\* with the recipe as it was before; its settings are kept with the result"
HEAD = (
    "set", "preset", "trained on", "for", "seed", "pictures seen", "K, px", "error", "95 % interval", "asked for",
    "mean pose", "untrained", "unit", "alive, doubled, static",
)  # fmt: skip
INTRODUCTION = """## Accuracy

Parts are learned from pictures alone, without those of the test split. Then a linear map from the K keypoints to the annotated
landmarks is fitted on the training split, by ridge regression whose strength is chosen there as well, and its error measured
on the test split: the mean distance over all visible landmarks of all test pictures, in the unit of the table, with the 95 %
bootstrap interval over test pictures. *Mean pose* is the error of guessing the average of the training landmarks, within the
square that the network sees: where that is a box found around the object (data.boxes auto), the box has told its place
already, and the mean pose is better than in whole pictures. *Untrained* is the error of the same network before its first
step under the same fit. A line in bold is the mean of several seeds and their standard deviation.

Faces, people and animals are learned with a backbone, a network that was taught to name the pictures of ImageNet, with the
labels of these; it knows none of the landmarks here, does not learn, and *untrained* has it as well. Figures, mouse_mirror and
everything of lorenz2019 are learned from scratch.

No exchange of left and right is forgiven: landmarks are the animal's own left and right, and each picture is measured as it
is. Where animals face both ways (livestock_cattle) one linear map serves both, of parts that are the same ones either way
([facing](method.md)), which is found without a label. Intervals are over
pictures: where these show few people or one video, those of new people or videos are wider.

A time is of a machine of its day: two cores of one were up to twice as fast as those of another, which *pictures seen* shows.
The history of benchmarks/results has the same commands on slower ones: with half of the pictures figures-plain erred by 1.72
and mouse_mirror by 5.89 (its landmarks fitted by least squares), with nine tenths figures-room by 2.51. There, ten minutes do
not reach what is asked for.

Trained with the settings below. Another preset, where the table names one, keeps the set's K and picture size, and the boxes
and the rotation that the settings name; all else is its own.
"""
SOURCES = """
Figures are drawn by the command itself. The other sets are folders of `--data DIR` in [this layout](guide.md#annotated-sets),
and two have a clip beside it (`--clips DIR`, the folder that holds `mouse`):
"""


def trial(name: str, one: Set, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """One run of the table."""
    preset = options.preset or one.preset
    made = trials.about("accuracy", name, seed, options, preset=preset)
    made["command"] = command_line(name, preset, made["budget"], [seed])
    return Trial(place, one.settings(preset, trials.training(seed, options)), made)


def command_line(name: str, preset: str, budget: str, seeds: Iterable[int]) -> str:
    """What makes these runs anew."""
    other = "" if preset == SETS[name].preset else f" --preset {preset}"
    return trials.command_line("accuracy", name, budget, seeds, other)


def asked_error(result: Result) -> float | None:
    """The error asked for of such a run; None where none was."""
    one = SETS[result["set"]]
    if one.asked is None or result["budget"] != TEN or result["preset"] != one.preset:
        return None
    two_cores = result["machine"] == TWO_CORES
    if "CPU" in result["machine"] and not two_cores:
        return None
    error = one.asked[not two_cores]
    return error * result["mean_pose_error"] if one.of_mean_pose else error


def asked(result: Result) -> str:
    """The error asked for of such a run, and whether it was met; empty where none was."""
    error = asked_error(result)
    return "" if error is None else f"≤ {error:.1f} {'✓' if result['error'] <= error else '✗'}"


def error_of(result: Result) -> str:
    """With an asterisk, where the recipe has changed since."""
    recipe = SETS[result["set"]].settings(result.get("preset"))
    return f"{result['error']:.2f}{EARLIER if trials.of_earlier_recipe(result, recipe) else ''}"


def noted(table: str) -> str:
    """With what the asterisk means, where there is one."""
    return table + OF_EARLIER if EARLIER in table else table


def rows(results: list[Result]) -> Iterator[list[str]]:
    """A line a run, and one for several seeds; the set's own preset first."""
    order = list(SETS)
    known = [r for r in results if r["set"] in SETS]
    known.sort(key=lambda r: (order.index(r["set"]), r["preset"] != SETS[r["set"]].preset))
    for key, some in trials.grouped(known, "set", "preset", "machine", "budget").items():
        for r in some:
            yield [
                *key, str(r["seed"]), f"{r['pictures_seen']:,}", f"{r['parts']}, {r['size']}",
                error_of(r), f"{r['error_low']:.2f} – {r['error_high']:.2f}", asked(r),
                f"{r['mean_pose_error']:.2f}", f"{r['untrained_error']:.2f}", r["unit"],
                f"{r['alive']}, {r['doubled']}, {r['static']}",
            ]  # fmt: skip
        if len(some) > 1:
            errors = [r["error"] for r in some]
            mean = f"**{trials.mean_and_spread(errors)}**"
            met = asked(some[0] | {"error": statistics.mean(errors)})
            yield [*key, f"**mean of {len(some)}**", "", "", mean, "", met, "", "", some[0]["unit"], ""]


def page(results: list[Result], pictures: Path) -> str:
    """The section; pictures: the folder of those of parts."""
    groups = trials.grouped([r for r in results if r["set"] in SETS], "set", "preset", "budget")
    commands = [command_line(*key, sorted({r["seed"] for r in some})) for key, some in groups.items()]
    parts = [
        INTRODUCTION,
        *(f"- {name}: {_trained_with(one)}" for name, one in SETS.items()),
        SOURCES,
        *(f"- {name}: {one.source}" for name, one in SETS.items() if one.source),
        "\n" + noted(trials.markdown(HEAD, rows(results))),
        "\nMade by\n\n" + trials.shell(commands),
    ]
    for name, one in SETS.items():
        if (pictures / sheet_name(name)).is_file():
            parts.append(f"\n![Parts on test pictures of {name}]({sheet_name(name)})\n*{name}: {one.credit}*")
    return "\n".join(parts)


def _trained_with(one: Set) -> str:
    changed = "; ".join(f"{s}.{name} {value}" for s, some in one.changes.items() for name, value in some.items())
    clip = ", and an unlabelled clip of the same scene" if one.clip else ""
    return f"preset {one.preset}{f', {changed} ({one.why})' if changed else ''}{clip}"


def sheet_name(name: str) -> str:
    """The file of a set's pictures, beside the page."""
    return f"parts_{name}.webp"


def draw_sheet(model: Path, annotated: Path, path: Path, count: int = 8, most: int = 150_000) -> None:
    """Test pictures and their parts, as a picture of at most `most` bytes."""
    predictor = load(str(model), "cpu")
    source = of_split(find_sources([annotated])[0][0], "test")
    some = some_files(source, spread(len(source.files), count))
    shown = Shown(predictor.network, predictor.tensor(read_canvases([some], predictor.look, count).pixels))
    image = Image.fromarray(sheet([shown.inputs(), shown.parts()]))
    for quality in range(90, 0, -10):
        with atomic(path) as temporary:
            image.save(temporary, format="WEBP", quality=quality, method=6)
        if path.stat().st_size <= most:
            return


def keep(options: argparse.Namespace, made: Trial, run: Path) -> None:
    """After a run: pictures of its parts, where they may be shown and the model is at hand, and the page."""
    name, one = made.about["set"], SETS[made.about["set"]]
    first = (made.about["preset"], made.about["seed"]) == (one.preset, one.seeds[0])
    if one.credit and first and (run / WEIGHTS).is_file():
        draw_sheet(run, made.place.annotated, options.page.parent / sheet_name(name))
    write_page(options)


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results that are there."""
    results = trials.read_results(options.results, "accuracy")
    write_section(options.page, "accuracy", page(results, options.page.parent))


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    if options.table:
        return write_page(options)
    wanted = [
        (name, one, partial(trial, name, one, seed, options))
        for name, one in chosen(options.sets).items()
        for seed in options.seeds or one.seeds
    ]
    trials.run_all(wanted, options, partial(keep, options))


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("train and evaluate on drawn figures and real sets", minutes=10)
    parser.add_argument("--preset", choices=presets(), help="in place of the sets' own")
    with command("accuracy.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
