"""Each choice of the recipe turned on or off, with the same budget: the sections "ablation" and "parts" of docs/results.md.

    python benchmarks/ablation.py --data DIR [--sets figures-clutter,faces_lfw5] [--choices background-none,warp-0]
    python benchmarks/ablation.py --data DIR --choices as-it-is,separation-0 --seeds 0,1,2 --steps 2000
    python benchmarks/ablation.py --table

Three CPU minutes a run, or --steps where other work shares the machine. One change at a time of what the set's preset and
benchmarks/sets.py say. Every run keeps its result as a file in benchmarks/results/ablation; one that is there stays, unless
--again is given. No run stops for being hopeless: what a choice does to the parts is the result.
"""

import argparse
import statistics
from collections.abc import Iterable, Iterator
from functools import partial

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from sections import write_section
from sets import SETS, Changes, Place, Set, chosen
from trials import Result, Trial

from partpose.command import command
from partpose.config import Settings, merge
from partpose.errors import PartposeError

ON = ("figures-clutter", "faces_lfw5")
AS_IT_IS = "as-it-is"
CHOICES: dict[str, Changes] = {
    AS_IT_IS: {},
    "backbone-imagenet": {"model": {"backbone": "imagenet"}},
    "facing": {"model": {"backbone": "imagenet", "facing": True}},
    "background-none": {"model": {"background": "none"}},
    "background-masked": {"model": {"background": "masked"}},
    "background-camera": {"model": {"background": "camera"}},
    "borders-hidden": {"transform": {"keep_inside": True}},
    "evidence-0": {"loss": {"evidence": 0.0}},
    "separation-0": {"loss": {"separation": 0.0}},
    "concentration-0": {"loss": {"concentration": 0.0}},
    "mean-0": {"loss": {"mean": 0.0}},
    "covariance-0": {"loss": {"covariance": 0.0}},
    "focus-0.5": {"loss": {"focus": 0.5}},
    "ssim-0.5": {"loss": {"ssim": 0.5}},
    "cycle-0.1": {"loss": {"cycle": 0.1}},
    "weighted-l2": {"loss": {"reconstruction": "weighted-l2"}},
    "warp-0": {"transform": {"warp": 0.0}},
    "warp-0.12": {"transform": {"warp": 0.12}},
    "offset-0.08": {"transform": {"offset": 0.08}},
    "offset-0.3": {"transform": {"offset": 0.3}},
    "zoom-0.7": {"transform": {"zoom": 0.7}},
    "zoom-0.9": {"transform": {"zoom": 0.9}},
    "colours-as-they-are": {"transform": {"contrast": 0.0, "brightness": 0.0, "saturation": 0.0, "hue": 0.0}},
    "mirror": {"transform": {"mirror": True}},
    "pairs-video": {"data": {"pairs": "video"}},
    "warmup-0": {"train": {"warmup": 0.0}},
    "appearance-4": {"model": {"appearance": 4}},
    "appearance-16": {"model": {"appearance": 16}},
    "appearance-64": {"model": {"appearance": 64}},
    "size-64": {"model": {"size": 64}},
    "size-96": {"model": {"size": 96}},
    "learning-rate-0.003": {"train": {"learning_rate": 3e-3}},
    "learning-rate-0.02": {"train": {"learning_rate": 2e-2}},
}
PARTS: dict[str, Changes] = {f"parts-{count}": {"model": {"parts": count}} for count in (8, 16, 24, 32)}
ALL = CHOICES | PARTS
BASE: Changes = {"model": {"backbone": "none", "facing": False}}  # with a backbone three minutes show a third less
SIZES = [choice for choice in CHOICES if choice.startswith("size-")]

HEAD = """## Ablation

One change at a time of the recipe, everything else and the budget being the same; the first line is the recipe, without the
backbone that the presets people, faces and animals have, which is one of the choices; *facing* has it as well, and is for
animals that face both ways. In brackets the error relative to that of the same seeds, then how many parts are alive, how many
are doubled or static, whichever are more, and how many thousand pictures were seen. Errors are measured as under Accuracy; ± is
the standard deviation of several seeds.

What costs more sees fewer pictures, and so does all on a slower day. The recipe itself, with the same seed, erred by 6 % more
on faces after 11 thousand pictures than after 16, and by 7 % more on figures-clutter after 10 than after 15. Of a difference
of that size nothing follows; on faces, where seeds find parts of different worth (± in the first line), of one of 15 % neither,
unless several seeds agree.
"""
HEAD_OF_PARTS = """## How many parts should I ask for?

The same runs with other K, and with pictures of another size; as under Ablation, nothing follows from a small difference.
Parts that are doubled or static are too many.
"""


def recipe(one: Set, choice: str = AS_IT_IS) -> Settings:
    """What a set is trained with here, with one choice made otherwise."""
    return one.settings(changes=merge(BASE, ALL[choice]))


def same(one: Set, choice: str) -> bool:
    """Whether a choice is what the recipe says anyway."""
    return choice != AS_IT_IS and recipe(one, choice) == recipe(one)


def possible(one: Set, choice: str) -> bool:
    """Whether a set has what a choice needs: pairs of frames are those of a video."""
    return bool(one.clip) or choice != "pairs-video"


def trial(name: str, one: Set, choice: str, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """One run of the table."""
    made = trials.about("ablation", name, seed, options, choice=choice)
    made["command"] = command_line([name], [choice], made["budget"], [seed])
    return Trial(place, recipe(one, choice).override(trials.training(seed, options), "the benchmark"), made)


def command_line(sets: Iterable[str], choices: Iterable[str], budget: str, seeds: Iterable[int]) -> str:
    """What makes these runs anew."""
    lists = f"--sets {','.join(sets)} --choices {','.join(choices)} {trials.bound_option(budget)}"
    return f"python benchmarks/ablation.py {lists} --seeds {','.join(map(str, seeds))} --data DIR"


def page(results: list[Result], choices: Iterable[str], head: str) -> str:
    """A section: a table a machine and budget, with the commands."""
    parts, choices = [head], list(choices)
    known = [r for r in results if r["choice"] in choices and r["set"] in SETS and of_today(r)]
    for (machine, budget), some in trials.grouped(known, "machine", "budget").items():
        sets = sorted({r["set"] for r in some}, key=list(SETS).index)
        runs = trials.grouped(some, "set", "choice")
        rows = [[choice, *(cell(runs, name, choice) for name in sets)] for choice in choices]
        kept = [row for row in rows if any(row[1:])]
        parts += [f"{budget} a run on {machine}.\n", trials.markdown(["choice", *sets], kept), ""]
        parts += [trials.shell(_commands(runs, budget)), ""]
    return "\n".join(parts)


def of_today(result: Result) -> bool:
    """Whether it tells of the recipe that there is; one of an earlier recipe is to be made again."""
    return not trials.of_earlier_recipe(result, recipe(SETS[result["set"]], result["choice"]))


def cell(runs: dict[tuple, list[Result]], name: str, choice: str) -> str:
    """`8.10 (+3 %); 12 of 12 alive, 0 useless; 15 k`, empty where there is no run."""
    if same(SETS[name], choice):
        return "as it is"
    some, recipe = runs.get((name, choice)), runs.get((name, AS_IT_IS))
    if some is None:
        return ""
    errors = [r["error"] for r in some]
    relative = "" if choice == AS_IT_IS else _relative(some, recipe or [])
    bad = statistics.mean(max(r["doubled"], r["static"]) for r in some)
    alive = statistics.mean(r["alive"] for r in some)
    health = f"{alive:.3g} of {some[0]['parts']} alive, {bad:.3g} useless"
    seen = statistics.mean(r["pictures_seen"] for r in some) / 1000
    return f"{trials.mean_and_spread(errors)}{relative}; {health}; {seen:.0f} k"


def _relative(some: list[Result], recipe: list[Result]) -> str:
    """` (+3 %)`, over the seeds that both were run with; empty where there is none."""
    seeds = {r["seed"] for r in some} & {r["seed"] for r in recipe}
    if not seeds:
        return ""
    mine, its = (statistics.mean(r["error"] for r in runs if r["seed"] in seeds) for runs in (some, recipe))
    return f" ({round(100 * (mine / its - 1)):+d} %)"


def _commands(runs: dict[tuple, list[Result]], budget: str) -> Iterator[str]:
    """One for all sets whose runs of a choice have the same seeds, and for all choices that were run so."""
    sets_of: dict[tuple, list[str]] = {}
    for (name, choice), some in runs.items():
        sets_of.setdefault((choice, tuple(r["seed"] for r in some)), []).append(name)
    like: dict[tuple, list[str]] = {}
    for (choice, seeds), sets in sets_of.items():
        like.setdefault((tuple(sets), seeds), []).append(choice)
    for (sets, seeds), choices in like.items():
        yield command_line(sets, choices, budget, seeds)


def write_page(options: argparse.Namespace) -> None:
    """Both sections, from all results that are there."""
    results = trials.read_results(options.results, "ablation")
    there = {r["choice"] for r in results}
    if there & {*PARTS, *SIZES}:
        write_section(options.page, "parts", page(results, [AS_IT_IS, *PARTS, *SIZES], HEAD_OF_PARTS))
    if there & set(CHOICES):
        write_section(options.page, "ablation", page(results, CHOICES, HEAD))


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    if options.table:
        return write_page(options)
    if unknown := [choice for choice in options.choices if choice not in ALL]:
        raise PartposeError(f"no choice {unknown[0]!r}: expected some of {', '.join(ALL)}")
    wanted = [
        (name, one, partial(trial, name, one, choice, seed, options))
        for choice in options.choices
        for name, one in chosen(options.sets).items()
        for seed in options.seeds
        if possible(one, choice) and not same(one, choice)
    ]
    trials.run_all(wanted, options, lambda *_: write_page(options))


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("each choice of the recipe on and off", minutes=3)
    parser.add_argument("--choices", type=trials.words, default=list(ALL), metavar="A,B,…")
    parser.set_defaults(sets=ON, seeds=[0])
    with command("ablation.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
