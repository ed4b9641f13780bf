"""How far it can be told which way cattle face, on their own farms and on others: the section "facing" of docs/results.md.

    python benchmarks/facing.py --data DIR [--minutes 5] [--farms farmB-farmA,…] [--device cuda:0]
    python benchmarks/facing.py --table

Parts are learned with `model.facing` from the pictures of some farms, and measured on another: as `livestock_cattle` is
divided, and from either of its training farms to the other. Labels tell afterwards which animals' mouths are right of their
tails, and so how often facing was told right; they enter no training. Every run keeps its result as a file in
benchmarks/results/facing.
"""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
import numpy as np
import torch
from numpy.typing import NDArray
from sections import write_section
from sets import SETS, Place
from trials import Result, Trial

from partpose.command import command
from partpose.data.landmarks import Landmarks, read_landmarks, write_landmarks
from partpose.errors import PartposeError
from partpose.evaluate import protocols, regression
from partpose.evaluate.pictures import Pictures, read_pictures
from partpose.evaluate.run import at_a_time, find_landmarks
from partpose.geometry import to_inside, to_pixels
from partpose.model.facing import FacingShape
from partpose.model.part_model import WEIGHTS
from partpose.predict.predictor import Predictor, load

CATTLE = "livestock_cattle"
FRONT, BACK = "mouth", "tail"
FARMS = {
    "as-it-is": (("farmA", "farmB"), "farmC"),
    "farmB-farmA": (("farmB",), "farmA"),
    "farmA-farmB": (("farmA",), "farmB"),
}
"""What parts are learned from, and what they are measured on."""
TITLES = (
    "learned on", "measured on", "trained on", "for", "pictures seen", "told right there", "told right on the new farm",
    "error", "where told right", "where not", "mean pose", "mean pose of each way", "unit",
)  # fmt: skip
HEAD = """## Facing

How often `model.facing` tells right which way cattle face, on the farms that it was learned on and on another, and what that
means for the error there. Nobody said which way is which; labels are asked afterwards. The last column but one is the error
of who knows the facing and nothing else: it guesses the mean of the training pictures that face the same way.

Farm A is two cameras, one for either way, and one herd; on farm B cattle of many colours walk through a corridor; on farm C
they stand on pastures and in yards, many of them seen obliquely, from the front or from behind.
"""


class Told(NamedTuple):
    """What is kept of a run beside its evaluation; shares in [0, 1], errors in the unit of the set's protocol."""

    right: float
    right_elsewhere: float
    error_right: float
    error_wrong: float | None
    error_of_each_way: float


def divided(data: Path, learned: tuple[str, ...], measured: str, folder: Path) -> Path:
    """The set with other splits, as a folder of links: the pictures of some of its groups, and of no other."""
    every = read_landmarks(data)
    split = dict.fromkeys(learned, "train") | {measured: "test"}
    some = every.rows([i for i, group in enumerate(every.groups or ()) if group in split])
    if set(some.groups or ()) != set(split):
        raise PartposeError(f"{data}/meta.csv names no group {min(set(split) - set(some.groups or ()))}")
    for file in some.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).unlink(missing_ok=True)
        (folder / file).symlink_to((data / file).resolve())
    write_landmarks(folder, replace(some, split=tuple(split[group] for group in some.groups or ())))
    return folder


def trial(farms: str, seed: int, options: argparse.Namespace, place: Place) -> Trial:
    """A run on some farms; where they are the set's own division it needs no other folder."""
    if farms != "as-it-is":
        there = divided(place.annotated, *FARMS[farms], options.work / "inputs" / f"{CATTLE}-{farms}")
        place = Place(there, there)
    made = trials.about("facing", CATTLE, seed, options, choice=farms)
    bound = trials.bound_option(made["budget"])
    made["command"] = f"python benchmarks/facing.py --farms {farms} {bound} --seeds {seed} --data DIR"
    return Trial(place, SETS[CATTLE].settings(changes=trials.training(seed, options)), made)


def ways(pictures: Pictures, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(N,) 1 where an animal faces right, -1 where it faces left, NaN where its front or its back is not labelled."""
    x = pictures.points[..., 0]
    return np.sign(x[:, names.index(FRONT)] - x[:, names.index(BACK)])


@torch.no_grad()
def told_ways(predictor: Predictor, pictures: Pictures) -> NDArray[np.float64]:
    """(N,) 1 where the model takes a picture as it is, -1 where it takes the mirror image."""
    shape = predictor.network.shape
    assert isinstance(shape, FacingShape)
    batches = map(predictor.tensor, at_a_time(predictor, pictures.canvases))
    turned = torch.cat([shape.turned(shape.both(some)[1]) for some in batches])
    return np.where(turned.cpu().numpy(), -1.0, 1.0)


def judge(predictor: Predictor, landmarks: Landmarks) -> Told:
    """Compare the facing that was told with the labels. Which of the two is the usual one counts for nothing."""
    pictures, _ = read_pictures(predictor.look, landmarks)
    truth, told = ways(pictures, landmarks.names), told_ways(predictor, pictures)
    train, test, known = pictures.split == "train", pictures.split == "test", np.isfinite(truth)
    usual = 1.0 if np.mean((truth == told)[train & known]) >= 0.5 else -1.0
    right = truth == usual * told
    protocol = protocols.choose_protocol(None, landmarks.normaliser, landmarks.flip_pairs)
    found = find_landmarks(predictor, pictures, landmarks, protocol, protocol.intercept)[1]
    of_test = pictures.points[test], pictures.sizes[test], protocol
    errors, guessed = protocols.errors(found, *of_test), protocols.errors(mean_of_each_way(pictures, truth), *of_test)
    apart = [errors[some[test]] for some in (known & right, known & ~right)]
    return Told(
        float(right[train & known].mean()),
        float(right[test & known].mean()),
        protocols.mean_error(apart[0]),
        protocols.mean_error(apart[1]) if np.isfinite(apart[1]).any() else None,
        protocols.mean_error(guessed),
    )


def mean_of_each_way(pictures: Pictures, truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, J, 2) pixels, for each test picture the mean of the training landmarks of those that face as it does."""
    train, test = pictures.split == "train", pictures.split == "test"
    inside = to_inside(pictures.points, pictures.squares)
    guess = np.full((int(test.sum()), *inside.shape[1:]), np.nan)
    for way in (-1, 1):
        guess[truth[test] == way] = regression.mean_pose(inside[train & (truth == way)])
    return to_pixels(guess, pictures.squares[test])


def keep(options: argparse.Namespace, made: Trial, run: Path) -> None:
    """Add to a result what the labels say of facing, where the model is at hand, and write the page."""
    path = options.results / f"{trials.file_name(made.about)}.json"
    if (run / WEIGHTS).is_file():
        told = judge(load(str(run), options.device), read_landmarks(made.place.annotated))
        trials.write_result(path, json.loads(path.read_text(encoding="utf-8")) | told._asdict())
    write_page(options)


def row(r: Result) -> list[str]:
    """A run's line."""
    learned, measured = FARMS[r["choice"]]
    wrong = "" if r["error_wrong"] is None else f"{r['error_wrong']:.1f}"
    return [
        *(" and ".join(name[-1] for name in learned), measured[-1]),
        *(r["machine"], r["budget"], f"{r['pictures_seen']:,}"),
        *(f"{r['right']:.0%}", f"{r['right_elsewhere']:.0%}", f"{r['error']:.1f}", f"{r['error_right']:.1f}", wrong),
        *(f"{r['mean_pose_error']:.1f}", f"{r['error_of_each_way']:.1f}", r["unit"]),
    ]


def write_page(options: argparse.Namespace) -> None:
    """The section, from all results that are there."""
    results = [r for r in trials.read_results(options.results, "facing") if "right" in r]
    results.sort(key=lambda r: (list(FARMS).index(r["choice"]), r["budget"], r["seed"]))
    table = trials.markdown(TITLES, map(row, results))
    write_section(options.page, "facing", "\n".join([HEAD, table, "", trials.shell(r["command"] for r in results)]))


def run(options: argparse.Namespace) -> None:
    """Make what is missing, and the page."""
    if unknown := [name for name in options.farms or () if name not in FARMS]:
        raise PartposeError(f"no farms {unknown[0]!r}: expected some of {', '.join(FARMS)}")
    wanted = [
        (CATTLE, SETS[CATTLE], partial(trial, farms, seed, options))
        for farms in options.farms or FARMS
        for seed in options.seeds or [0]
    ]
    if not options.table:
        trials.run_all(wanted, options, partial(keep, options))
    write_page(options)


def main() -> None:
    """Read the command line and run."""
    parser = trials.parser("which way cattle face", minutes=5)
    parser.add_argument("--farms", type=trials.words, metavar="A,B,…", help=", ".join(FARMS))
    with command("facing.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
