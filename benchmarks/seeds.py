"""Does a training collapse? Eight seeds of a one-minute run on figures: the section "seeds" of docs/results.md.

    python benchmarks/seeds.py [--sets figures-plain,figures-clutter] [--minutes 1] [--seeds 0,1,2,3,4,5,6,7]
    python benchmarks/seeds.py --steps 200 --device cpu

A run has collapsed where half of its parts or more are dead, doubled or static, or where they tell less of the pose than
guessing its mean does. The exit code is 1 where one has. No run is stopped for being hopeless. Every run keeps its result as
a file in benchmarks/results/seeds; one that is there stays, unless --again is given.
"""

import argparse
import sys
from functools import partial

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from rich.console import Console
from rich.table import Table
from sections import write_section
from sets import SETS, chosen
from trials import Result

from partpose.command import command

HEAD = """## Seeds

Short runs that differ in their seed alone, to see whether any collapses: half of the parts or more dead, doubled or static, or
an error above that of guessing the mean pose. Errors are measured as under Accuracy.
"""
TITLES = ("set", "trained on", "for", "seed", "alive", "doubled", "static", "error", "of the mean pose", "collapsed")


def collapsed(result: Result) -> bool:
    """Whether a run has, as the head of this module says."""
    k = result["parts"]
    worst = max(k - result["alive"], result["doubled"], result["static"])
    return 2 * worst >= k or result["error"] >= result["mean_pose_error"]


def row(r: Result) -> list[str]:
    """A run's line."""
    counts = (f"{r['alive']} of {r['parts']}", str(r["doubled"]), str(r["static"]))
    ratio = f"{r['error'] / r['mean_pose_error']:.2f}"
    yes = "yes" if collapsed(r) else "no"
    return [r["set"], r["machine"], r["budget"], str(r["seed"]), *counts, f"{r['error']:.2f}", ratio, yes]


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results of today's recipe that are there."""
    kept = trials.read_results(options.results, "seeds")
    results = [r for r in kept if r["set"] in SETS and not trials.of_earlier_recipe(r, SETS[r["set"]].settings())]
    groups = trials.grouped(results, "set", "machine", "budget")
    rows = [row(r) for some in groups.values() for r in some]
    commands = [
        trials.command_line("seeds", name, budget, [r["seed"] for r in some])
        for (name, _, budget), some in groups.items()
    ]
    write_section(options.page, "seeds", "\n".join([HEAD, trials.markdown(TITLES, rows), "", trials.shell(commands)]))


def run(options: argparse.Namespace) -> int:
    """Make what is missing, print, write the page; returns the exit code."""
    if not options.table:
        wanted = [
            (name, one, partial(trials.to_its_end, "seeds", name, one, seed, options))
            for name, one in chosen(options.sets).items()
            for seed in options.seeds
        ]
        trials.run_all(wanted, options, lambda *_: write_page(options))
    write_page(options)
    asked = (trials.machine(options.device), trials.in_words(trials.budget(options)))
    results = [
        r
        for r in trials.read_results(options.results, "seeds")
        if r["set"] in options.sets and r["seed"] in options.seeds and (r["machine"], r["budget"]) == asked
    ]
    drawn = Table(*TITLES)
    for r in sorted(results, key=lambda r: (r["set"], r["machine"], r["budget"], r["seed"])):
        drawn.add_row(*row(r))
    Console(width=140).print(drawn)
    return int(any(map(collapsed, results)))


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("seeds of a short run, none of which should collapse", minutes=1)
    parser.set_defaults(sets=["figures-plain"], seeds=list(range(8)))
    with command("seeds.py"):
        sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
