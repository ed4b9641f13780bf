"""Shape and appearance apart, ours beside the original's: the section "disentangling" of docs/results.md.

    python benchmarks/disentangle.py [--sets figures-plain] [--presets figures,lorenz2019] [--minutes 4] [--device cuda:0]
    python benchmarks/disentangle.py --table

Draws the figures, trains every preset on them for the same time, and measures by `evaluate --protocol disentangle`. Every run
keeps its result as a file in benchmarks/results/disentangling; a result that is there stays, unless --again is given.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from sections import write_section
from sets import SETS, Place, Set, chosen
from trials import Result, Trial

from partpose.command import command
from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.evaluate.disentangle import DISENTANGLE, evaluate_disentangling
from partpose.evaluate.disentangle_report import NUMBERS
from partpose.model.part_model import WEIGHTS
from partpose.predict.predictor import load
from partpose.terminal import ticking

PRESETS = ("figures", "lorenz2019")
HEAD = """## Disentangling

Test people in each other's looks, compared with what the figures' own drawing program makes of the same pose in the other
person's clothes; and what can be read of pose from appearance, and of people from shape. The protocol is in
[the method](method.md#disentangle). In brackets what the rebuilt picture reaches without a swap, and what leaving the picture
as it is would give.
"""


class Line(NamedTuple):
    """A line of the table: of which part of a result, and what was asked for. sign: "≥" or "≤"."""

    part: str
    field: str
    sign: str = ""
    asked: float = 0.0


LINES = (
    Line("swap", "psnr_object", "≥", 18.0),
    Line("swap", "psnr"),
    Line("swap", "ssim_object"),
    Line("swap", "ssim"),
    Line("swap", "colour_error", "≤", 0.08),
    Line("appearance", "rank1", "≥", 0.90),
    Line("appearance", "mean_precision"),
    Line("appearance", "colours"),
    Line("appearance", "joints"),
    Line("shape", "rank1"),
    Line("shape", "colours"),
    Line("shape", "joints"),
)
ASKED_OF = ("figures-plain", "figures")
"""The set and the preset that numbers were asked for of."""


def trial(name: str, one: Set, preset: str, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """One run of the table."""
    made = trials.about("disentangling", name, seed, options, preset=preset)
    return Trial(place, one.settings(preset, trials.training(seed, options)), made)


def measure(options: argparse.Namespace, made: Trial, run: Path) -> None:
    """After a run: the protocol's numbers join its result, and the page is written."""
    path = options.results / f"{trials.file_name(made.about)}.json"
    result = json.loads(path.read_text(encoding="utf-8"))
    if DISENTANGLE not in result:
        if not (run / WEIGHTS).is_file():
            raise PartposeError(f"the model of {path.name} is gone: train it again with --again")
        with ticking("measuring") as tick:
            found = evaluate_disentangling(load(str(run), options.device), made.place.annotated, tick)
        with atomic(path) as temporary:
            content = json.dumps(result | {DISENTANGLE: asdict(found)}, indent=1, ensure_ascii=False)
            temporary.write_text(content + "\n", encoding="utf-8")
    write_page(options)


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results of today's recipe that are there."""
    kept = [r for r in trials.read_results(options.results, "disentangling") if DISENTANGLE in r and r["set"] in SETS]
    results = [r for r in kept if not trials.of_earlier_recipe(r, SETS[r["set"]].settings(r["preset"]))]
    write_section(options.page, "disentangling", page(results))


def page(results: list[Result]) -> str:
    """The section: a table a set, machine and budget, with its command."""
    parts = [HEAD]
    for (name, machine, budget), some in trials.grouped(results, "set", "machine", "budget").items():
        some.sort(key=lambda r: (r["preset"] != SETS[name].preset, r["preset"], r["seed"]))
        head = ["", "asked for", *(f"{r['preset']}, seed {r['seed']}" for r in some)]
        parts += [f"{name}, {budget} of training on {machine}.\n", trials.markdown(head, rows(name, some))]
        parts += ["", trials.shell([command_line(name, budget, some)]), ""]
    return "\n".join(parts)


def rows(name: str, results: list[Result]) -> Iterator[list[str]]:
    """A line a number; first what each run is."""
    yield ["pictures seen; parts, px", "", *(f"{r['pictures_seen']:,}; {r['parts']}, {r['size']}" for r in results)]
    yield ["error of the landmarks, " + results[0]["unit"], "", *(f"{r['error']:.2f}" for r in results)]
    for line in LINES:
        title, form = NUMBERS[line.field]
        of = "" if line.part == "swap" else f" from {line.part}"
        asked = f"{line.sign} {form.format(line.asked)}" if line.sign and name == ASKED_OF[0] else ""
        yield [f"{title}{of}", asked, *(cell(line, r) for r in results)]


def cell(line: Line, result: Result) -> str:
    """`16.1 (19.2, 12.3) ✗`"""
    found = result[DISENTANGLE]
    form, value = NUMBERS[line.field][1], found[line.part][line.field]
    words = form.format(value)
    if line.part == "swap":
        words += f" ({', '.join(form.format(found[other][line.field]) for other in ('rebuilt', 'unchanged'))})"
    if not line.sign or (result["set"], result["preset"]) != ASKED_OF:
        return words
    return f"{words} {'✓' if (value >= line.asked) == (line.sign == '≥') else '✗'}"


def command_line(name: str, budget: str, results: Iterable[Result]) -> str:
    """What makes these runs anew."""
    presets, seeds = (list(dict.fromkeys(str(r[key]) for r in results)) for key in ("preset", "seed"))
    options = f"--presets {','.join(presets)} {trials.bound_option(budget)} --seeds {','.join(seeds)}"
    return f"python benchmarks/disentangle.py --sets {name} {options}"


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    if options.table:
        return write_page(options)
    sets = chosen(options.sets or [ASKED_OF[0]])
    if other := [name for name, one in sets.items() if not one.figures]:
        raise PartposeError(f"{other[0]} is no set of drawn figures: the truth of its swaps is not known")
    wanted = [
        (name, one, partial(trial, name, one, preset, seed, options))
        for name, one in sets.items()
        for preset in options.presets
        for seed in options.seeds or [0]
    ]
    trials.run_all(wanted, options, partial(measure, options))


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("train on drawn figures and measure swaps of looks", minutes=4)
    parser.add_argument("--presets", type=trials.words, default=list(PRESETS), metavar="A,B,…")
    with command("disentangle.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
