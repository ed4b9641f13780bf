"""Runs that are trained, evaluated and kept, one JSON file each: a table is filled over time, and one row made anew alone."""

import argparse
import json
import re
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

# isort: off
import partpose  # sets OMP_WAIT_POLICY before torch is imported
import torch

# isort: on
from sections import PAGE
from sets import SETS, Changes, Place, Set, find

from partpose.config import Settings
from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.predict.predictor import choose_device
from partpose.run import evaluate_model, train_run

ROOT = Path(__file__).resolve().parents[1]
TAKEN = ("error", "error_low", "error_high", "mean_pose_error", "untrained_error", "protocol", "unit", "pictures_seen")
ALSO_TAKEN = ("minutes", "parts", "size", "alive", "doubled", "static", "train_pictures", "test_pictures")
Result = dict[str, Any]


class Trial(NamedTuple):
    """One run.  about: what its result says beside the numbers; the file is named after it."""

    place: Place
    settings: Settings
    about: Result


def parser(description: str, minutes: float) -> argparse.ArgumentParser:
    """The options that all these benchmarks have."""
    found = argparse.ArgumentParser(description=description)
    bound = found.add_mutually_exclusive_group()
    bound.add_argument("--minutes", type=float, default=minutes, help="of training, for each run")
    bound.add_argument("--steps", type=int, help="instead of minutes, where other work shares the machine")
    found.add_argument("--sets", type=words, metavar="A,B,…")
    found.add_argument("--seeds", type=lambda text: [int(word) for word in words(text)], metavar="0,1,…")
    add_places(found)
    found.add_argument("--page", type=Path, default=PAGE, help="the page that is written")
    found.add_argument("--again", action="store_true", help="make runs anew whose result is there")
    found.add_argument("--table", action="store_true", help="only write the page")
    return found


def add_places(parser: argparse.ArgumentParser) -> None:
    """The options of whatever looks at sets and at what runs have left."""
    parser.add_argument("--device", help="cpu or cuda:0")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of the annotated sets")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="the folder of the clips; default: beside --data")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results", help="where results are kept")
    parser.add_argument("--work", type=Path, default=ROOT / "runs/benchmarks", help="where runs are kept")


def words(text: str) -> list[str]:
    """`a,b` on the command line."""
    return [word for word in text.split(",") if word]


def budget(options: argparse.Namespace) -> dict[str, Any]:
    """The bound of a run, as settings of `train`."""
    return {"minutes": options.minutes} if options.steps is None else {"steps": options.steps}


def in_words(bound: dict[str, Any]) -> str:
    """`10 minutes`, `1 minute`, `200 steps`."""
    ((name, count),) = bound.items()
    return f"{count:g} {name if count != 1 else name[:-1]}"


def bound_option(bound: str) -> str:
    """The option that stands for such words."""
    count, name = bound.split(" ")
    return f"--{name.removesuffix('s')}s {count}"


def command_line(benchmark: str, name: str, budget: str, seeds: Iterable[int], other: str = "") -> str:
    """What makes runs of a set anew; other: further options, after a space."""
    data = "" if SETS[name].figures else " --data DIR"
    seeds_in_words = ",".join(map(str, seeds))
    return (
        f"python benchmarks/{benchmark}.py --sets {name}{other} {bound_option(budget)} --seeds {seeds_in_words}{data}"
    )


def about(benchmark: str, name: str, seed: int, options: argparse.Namespace, **more: str) -> Result:
    """What a run is, for its result and its file's name.  more: as `preset` or `choice`."""
    what = {"machine": machine(options.device), "budget": in_words(budget(options)), "seed": seed}
    return {"benchmark": benchmark, "set": name, **more, **what}


def training(seed: int, options: argparse.Namespace) -> Changes:
    """The settings of a run that nothing stops but its bound."""
    return {"train": {**budget(options), "seed": seed, "stop_hopeless": False}}


def to_its_end(benchmark: str, name: str, one: Set, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """A run with the set's own preset."""
    made = about(benchmark, name, seed, options)
    made["command"] = command_line(benchmark, name, made["budget"], [seed])
    return Trial(place, one.settings(changes=training(seed, options)), made)


def given(parser: argparse.ArgumentParser, options: argparse.Namespace, *names: str) -> str:
    """Those of the named options that are not as by default, as they are given, each after a space."""
    found = ""
    for name in names:
        if (value := getattr(options, name)) != parser.get_default(name):
            values = value if isinstance(value, list) else [] if value is True else [value]
            found += " ".join(["", f"--{name}", *map(str, values)])
    return found


def machine(device: str | None) -> str:
    """What a run is trained on, in words, without a host's name."""
    found = choose_device(device)
    if found.type == "cuda":
        return torch.cuda.get_device_name(found)
    threads = torch.get_num_threads()
    return f"{threads} CPU core{'' if threads == 1 else 's'}"


def learn_parts(trial: Trial, folder: Path, options: argparse.Namespace) -> int:
    """Train as `partpose train` does, or go on; returns the exit code."""
    return train_run(trial.place.training, folder, trial.settings, device=options.device, resume=True)


def run_all(
    wanted: Iterable[tuple[str, Set, Callable[[Place], Trial]]],
    options: argparse.Namespace,
    done: Callable[[Trial, Path], None] = lambda *_: None,
    train: Callable[[Trial, Path, argparse.Namespace], int] = learn_parts,
) -> None:
    """Make the runs whose results are not there; one that fails does not keep the others from theirs.

    wanted: the set of each, and what makes the run of its place.  done: is called with every trial and its run's folder.
    train: leaves a model in a folder, or goes on with one, and returns 0 where it came to its end.
    Raises PartposeError at the end, with the failures.
    """
    failures = []
    for name, one, make in wanted:
        try:
            trial = make(find(name, one, options.data, options.clips, options.work / "inputs"))
            done(trial, measure(trial, options, train))
        except PartposeError as error:
            print(f"failed: {name}: {error}", file=sys.stderr, flush=True)
            failures.append(str(error))
    if failures:
        raise PartposeError(f"{len(failures)} of the runs failed, the first: {failures[0]}")


def measure(trial: Trial, options: argparse.Namespace, train: Callable[[Trial, Path, argparse.Namespace], int]) -> Path:
    """Train, evaluate, keep the result; what is there is kept. The same command goes on with what was interrupted."""
    path = options.results / f"{file_name(trial.about)}.json"
    folder = options.work / path.parent.name / path.stem
    if path.is_file() and not options.again:
        kept = json.loads(path.read_text(encoding="utf-8"))["settings"]
        other = "" if made_alike(kept, trial.settings) else ", of other settings"
        print(f"there already{other}: {path.name} (--again makes it anew)", flush=True)
        return folder
    if options.again:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{path.stem}", flush=True)
    if code := train(trial, folder, options):
        sys.exit(code)
    report = folder / "evaluation.json"
    evaluate_model(str(folder), trial.place.annotated, json=report, device=options.device)
    numbers = json.loads(report.read_text(encoding="utf-8"))
    result = trial.about | {name: numbers[name] for name in TAKEN + ALSO_TAKEN}
    result |= {
        "settings": trial.settings.model_dump(mode="json"),
        "version": partpose.__version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    write_result(path, result)
    return folder


def write_result(path: Path, result: Result) -> None:
    """Keep a result, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def made_alike(kept: dict[str, dict[str, Any]], settings: Settings) -> bool:
    """Whether a run that was made with the settings `kept` is one of these.

    A setting that there was not then had what is its default. What stops a hopeless run has stopped none that has a result.
    """
    usual = Settings().model_dump(mode="json")
    return all(
        kept[section].get(name, usual[section][name]) == value
        for section, some in settings.model_dump(mode="json").items()
        for name, value in some.items()
        if name != "stop_hopeless"
    )


def of_earlier_recipe(result: Result, recipe: Settings) -> bool:
    """Whether a result was made with other settings than the recipe has by now; its bound and seed are its own."""
    own = {name: result["settings"]["train"][name] for name in ("steps", "minutes", "seed")}
    return not made_alike(result["settings"], recipe.override({"train": own}, "the result"))


def file_name(about: Result) -> str:
    """accuracy/figures-plain_figures_2-CPU-cores_10-minutes_0"""
    words = [str(about[name]) for name in ("set", "choice", "preset", "machine", "budget", "seed") if name in about]
    return f"{about['benchmark']}/" + "_".join(re.sub(r"[^\w.-]+", "-", word).strip("-") for word in words)


def read_results(folder: Path, benchmark: str) -> list[Result]:
    """All results of a benchmark that are kept."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / benchmark).glob("*.json"))]


def grouped(results: Iterable[Result], *keys: str) -> dict[tuple, list[Result]]:
    """Results that are alike in these, by seed; in the order in which they come."""
    groups: dict[tuple, list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result[key] for key in keys), []).append(result)
    return {key: sorted(some, key=lambda result: result["seed"]) for key, some in groups.items()}


def mean_and_spread(values: Sequence[float]) -> str:
    """`1.84`, and of several their mean and standard deviation, `1.84 ± 0.05`."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shell(commands: Iterable[str]) -> str:
    """A block of commands, each once."""
    return "\n".join(["```sh", *dict.fromkeys(commands), "```"])
