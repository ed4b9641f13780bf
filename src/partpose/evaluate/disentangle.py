"""How well shape and appearance are apart, measured on drawn figures, where the truth of a swap can be drawn.

Pictures are drawn anew from the set's plan, which gives its files byte for byte; truths pass through the same resizing as the
pictures that the network sees. docs/method.md has the protocol.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.data.figure_picture import Drawing
from partpose.data.figures import Plan, draw_picture, person_in, read_plan, redraw, split_of
from partpose.data.spread import spread
from partpose.errors import PartposeError
from partpose.evaluate.likeness import Likeness, colour_errors, likeness
from partpose.evaluate.readout import Standard, explained, read_out, retrieve
from partpose.evaluate.run import at_a_time
from partpose.geometry import Square, heavy_tailed, root2
from partpose.model.generator import floored
from partpose.model.part_model import Encoding
from partpose.predict.predictor import Predictor

DISENTANGLE = "disentangle"
PAIRS, TRAIN, TEST = 500, 3000, 1000
"""Swaps, and pictures of each split at most."""
Tick = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Pictures against the truth, the mean over all pairs.

    psnr_object, ssim_object: on the person.  psnr, ssim: over the whole picture.  PSNR in dB.
    colour_error: of the mean colour under each part, as a share of the range of values.
    """

    psnr_object: float
    psnr: float
    ssim_object: float
    ssim: float
    colour_error: float


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """What can be read, of new people, from their shapes or from their appearances.

    joints: error of a linear map to the joints, as a multiple of the mean pose's.  colours: R² of a linear map to the colours
    of skin, hair and clothes.  rank1, mean_precision: of finding the same person among the others.
    """

    joints: float
    colours: float
    rank1: float
    mean_precision: float


@dataclass(frozen=True, kw_only=True)
class Disentangling:
    """swap: shapes in the looks of another person.  unchanged: the shape's picture as it is, against the same truth.
    rebuilt: pictures in their own looks, made as swaps are, against themselves: no swap of this generator can be better.

    colour_error_per_part: of the swap; None for a part that has no pixels of a person under it.  chance: rank-1 of knowing
    nothing.  people: in the test split.  minutes, pictures_seen: of the training.
    """

    set: str
    swap: Compared
    unchanged: Compared
    rebuilt: Compared
    colour_error_per_part: list[float | None]
    shape: ReadOut
    appearance: ReadOut
    chance: float
    pairs: int
    people: int
    parts: int
    size: int
    seed: int
    pictures_seen: int
    minutes: float
    protocol: str = DISENTANGLE


class Measured(NamedTuple):
    """N pictures against the truth. colours: (N, K) as `likeness.colour_errors`."""

    likeness: Likeness
    colours: NDArray[np.float64]


class Seen(NamedTuple):
    """N pictures as the model takes them apart, and what was drawn.

    people: (N,).  shape: (N, 5K) means and roots of covariances.  appearance: (N, K·D).  joints: (N, 30).  All in the inside
    frame.  colours: (N, 15) of skin, hair, shirt, trousers and shoes, in [0, 1], before light.
    """

    people: NDArray[np.int64]
    shape: NDArray[np.float64]
    appearance: NDArray[np.float64]
    joints: NDArray[np.float64]
    colours: NDArray[np.float64]


def evaluate_disentangling(predictor: Predictor, dataset: Path, tick: Tick = lambda _: None) -> Disentangling:
    """Swap looks between test people, and read people and poses from shapes and appearances.

    tick: is told how many more pictures are done.
    Raises PartposeError for a set that `partpose figures` has not drawn, or that has fewer than two test people.
    """
    plan = plan_of(dataset)
    train, test = (pictures_of(plan, split, most) for split, most in (("train", TRAIN), ("test", TEST)))
    swap, unchanged, rebuilt = measure_swaps(predictor, plan, draw_pairs(plan, test, PAIRS), tick)
    shape, appearance, chance = read_outs(*(look(predictor, plan, some, tick) for some in (train, test)))
    model, facts = predictor.settings.model, predictor.facts
    return Disentangling(
        set=dataset.resolve().name,
        swap=_compared(swap),
        unchanged=_compared(unchanged),
        rebuilt=_compared(rebuilt),
        colour_error_per_part=[_mean(column) for column in swap.colours.T],
        shape=shape,
        appearance=appearance,
        chance=chance,
        pairs=PAIRS,
        people=split_of(plan).count("test"),
        parts=model.parts,
        size=model.size,
        seed=predictor.settings.train.seed,
        pictures_seen=facts.get("pictures_seen", 0),
        minutes=facts.get("minutes", 0.0),
    )


def plan_of(dataset: Path) -> Plan:
    """What a set was drawn with. Raises PartposeError for one whose truth is not known, or that is too small."""
    plan = read_plan(dataset)
    if plan is None:
        raise PartposeError(
            f"{dataset} was not drawn by `partpose figures`, but the protocol {DISENTANGLE} needs the truth of swapped looks"
        )
    if split_of(plan).count("test") < 2 or plan.pictures < 2 * plan.people:
        raise PartposeError(
            f"{dataset} shows {plan.people} people in {plan.pictures} pictures, but the protocol {DISENTANGLE} needs two "
            "people in the test split (a quarter of all) and two pictures of each: draw more"
        )
    return plan


def pictures_of(plan: Plan, split: str, most: int) -> list[int]:
    """The numbers of at most so many pictures of a split, in their order, as many of each person and at least two."""
    people = [person for person, of in enumerate(split_of(plan)) if of == split]
    people = [people[i] for i in spread(len(people), most // 2)]
    each = most // max(len(people), 1)
    own = (range(person, plan.pictures, plan.people) for person in people)
    return sorted(pictures[i] for pictures in own for i in spread(len(pictures), each))


def draw_pairs(plan: Plan, pictures: Sequence[int], count: int) -> list[tuple[int, int]]:
    """(shape, looks) of different people, the same in every call: shapes in a random order, all before one comes again."""
    rng, pairs = np.random.default_rng(0), []
    while len(pairs) < count:
        for shape in rng.permutation(pictures).tolist():
            others = [i for i in pictures if i % plan.people != shape % plan.people]
            pairs.append((shape, int(rng.choice(others))))
    return pairs[:count]


def measure_swaps(
    predictor: Predictor, plan: Plan, pairs: Sequence[tuple[int, int]], tick: Tick
) -> tuple[Measured, Measured, Measured]:
    """Swaps, the shapes' pictures as they are, and rebuilt ones, against their truths."""
    batches = []
    for some in at_a_time(predictor, pairs):
        batches.append(_swap(predictor, plan, some))
        tick(len(some))
    swap, unchanged, rebuilt = (_joined(column) for column in zip(*batches, strict=True))
    return swap, unchanged, rebuilt


def look(predictor: Predictor, plan: Plan, pictures: Sequence[int], tick: Tick) -> Seen:
    """Take pictures apart, and note what was drawn."""
    batches = []
    for some in at_a_time(predictor, pictures):
        drawn = [draw_picture(plan, i)[1] for i in some]
        found = _take_apart(predictor, _canvases(predictor, drawn))
        root = root2(found.parts.cov)[..., (0, 0, 1), (0, 1, 1)]
        shape = torch.cat([found.parts.mean, root], -1)
        joints = np.stack([Square.around(plan.size, plan.size).from_pixels(one.joints) for one in drawn])
        vectors = (shape, found.appearance)
        shapes, looks = (t.flatten(1).double().cpu().numpy() for t in vectors)
        people = np.array([i % plan.people for i in some])
        batches.append(Seen(people, shapes, looks, joints.reshape(len(some), -1), _colours(plan, some)))
        tick(len(some))
    return Seen(*(np.concatenate(column) for column in zip(*batches, strict=True)))


def read_outs(train: Seen, test: Seen) -> tuple[ReadOut, ReadOut, float]:
    """From shapes, from appearances, and the chance of rank-1; fitted on the training people, measured on the test people."""
    found = []
    for trained, tested in ((train.shape, test.shape), (train.appearance, test.appearance)):
        standard = Standard.of(trained)
        known, new = standard(trained), standard(tested)
        joints = read_out(known, train.joints, train.people, new)
        colours = read_out(known, train.colours, train.people, new)
        again = retrieve(new, test.people)
        read = ReadOut(
            joints=_distance(joints, test.joints) / _distance(train.joints.mean(axis=0), test.joints),
            colours=explained(colours, test.colours, train.colours),
            rank1=again.rank1,
            mean_precision=again.mean_precision,
        )
        found.append((read, again.chance))
    (shape, chance), (appearance, _) = found
    return shape, appearance, chance


def _swap(predictor: Predictor, plan: Plan, pairs: Sequence[tuple[int, int]]) -> tuple[Measured, Measured, Measured]:
    drawn, lent = ([draw_picture(plan, pair[which])[1] for pair in pairs] for which in (0, 1))
    truth = [redraw(plan, *pair) for pair in pairs]
    own, wanted = _canvases(predictor, drawn), _canvases(predictor, truth)
    shape, looks = _take_apart(predictor, own), _take_apart(predictor, _canvases(predictor, lent))
    swapped, rebuilt = predictor.decode(shape.replace(looks)), predictor.decode(shape)
    masks, own_masks = _masks(predictor, truth), _masks(predictor, drawn)
    heats = heavy_tailed(shape.parts.mean, floored(shape.parts.cov, predictor.side), predictor.side).cpu().numpy()
    return (
        _measured(swapped, wanted, masks, heats),
        _measured(own, wanted, masks, heats),
        _measured(rebuilt, own, own_masks, heats),
    )


def _take_apart(predictor: Predictor, canvases: NDArray[np.uint8]) -> Encoding:
    with torch.inference_mode():
        return predictor.network.encode(predictor.tensor(canvases))


def _canvases(predictor: Predictor, drawn: Sequence[Drawing]) -> NDArray[np.uint8]:
    return np.stack([predictor.canvas(one.pixels) for one in drawn])


def _masks(predictor: Predictor, drawn: Sequence[Drawing]) -> NDArray[np.bool_]:
    """(N, side, side), resized as the pictures are."""
    masks = [predictor.canvas(np.repeat(one.mask[..., None], 3, axis=2)) for one in drawn]
    return np.stack(masks)[..., 0] > 127


def _measured(found: NDArray, truth: NDArray, masks: NDArray, heats: NDArray) -> Measured:
    colours = slice(3) if found.shape[-1] >= 3 else slice(1)
    pair = found[..., colours] / 255, truth[..., colours] / 255
    return Measured(likeness(*pair, masks), colour_errors(*pair, masks, heats))


def _joined(batches: Sequence[Measured]) -> Measured:
    likenesses = (np.concatenate(column) for column in zip(*(one.likeness for one in batches), strict=True))
    return Measured(Likeness(*likenesses), np.concatenate([one.colours for one in batches]))


def _compared(measured: Measured) -> Compared:
    means = {name: float(values.mean()) for name, values in measured.likeness._asdict().items()}
    return Compared(**means, colour_error=float(np.nanmean(measured.colours)))


def _mean(values: NDArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _colours(plan: Plan, pictures: Sequence[int]) -> NDArray[np.float64]:
    people = [person_in(plan, i) for i in pictures]
    return np.array([(*p.skin, *p.hair_colour, *p.shirt, *p.bottom, *p.shoes) for p in people])


def _distance(found: NDArray, truth: NDArray) -> float:
    """The mean distance of points, as rows of x and y."""
    return float(np.linalg.norm((found - truth).reshape(len(truth), -1, 2), axis=2).mean())
