"""Measure a model on an annotated set."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.data.annotations.detect import read_annotated
from partpose.data.landmarks import Landmarks
from partpose.data.spread import spread
from partpose.errors import PartposeError, Skipped
from partpose.evaluate import protocols, regression
from partpose.evaluate.pictures import Pictures, read_pictures, with_split
from partpose.evaluate.report import Evaluation
from partpose.geometry import to_inside, to_pixels
from partpose.model.backbone import Backbone
from partpose.model.part_model import PartModel
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.predictor import Predictor
from partpose.train.health import Health, measure

AT_A_TIME = {"compact": 64, "lorenz2019": 8}
"""Pictures: more of the original's wide layers than eight fall out of a CPU's caches, and take nearly twice as long."""
WITH_BACKBONE = 16
"""Its layers are wide as well, and of twice the side."""


def evaluate(
    predictor: Predictor,
    dataset: Path,
    protocol: str | None = None,
    intercept: bool = True,
    seed: int = 0,
    boxes: str | None = None,
) -> tuple[Evaluation, LandmarkMap, list[Skipped]]:
    """Fit a linear map from parts to landmarks on split=train, report its error on split=test.

    dataset: in any format that `read_annotated` knows; without a test split it gets one, see `with_split`.
    boxes: where to look, as `boxes_for` takes it; None for where the set says, or the whole pictures.
    Returns the result, the fitted map, and the pictures that could not be read.

    Raises:
        PartposeError: where the set has no labelled pictures in one of the splits, or the protocol does not fit it.
    """
    landmarks = with_split(annotated := read_annotated(dataset))
    chosen = protocols.choose_protocol(protocol, landmarks.normaliser, landmarks.flip_pairs)
    intercept = intercept and chosen.intercept
    _refuse_empty_split(landmarks, [], dataset)
    pictures, skipped = read_pictures(predictor.look, landmarks, boxes)
    _refuse_empty_split(pictures, skipped := [*landmarks.skipped, *skipped], dataset)
    test = pictures.split == "test"
    truth = pictures.points[test], pictures.sizes[test], chosen
    fitted, predicted = find_landmarks(predictor, pictures, landmarks, chosen, intercept, predictor.digest)
    baseline = find_landmarks(untrained_like(predictor, pictures), pictures, landmarks, chosen, intercept)[1]
    errors, untrained = (protocols.errors(guess, *truth) for guess in (predicted, baseline))
    forgiven = protocols.mean_error(protocols.flip_forgiven(predicted, *truth)) if chosen.flip_pairs else None
    low, high = protocols.bootstrap(errors, seed)
    result = Evaluation(
        error=protocols.mean_error(errors),
        error_low=low,
        error_high=high,
        mean_pose_error=_mean_pose_error(pictures, chosen),
        untrained_error=protocols.mean_error(untrained),
        per_landmark=dict(zip(landmarks.names, protocols.per_landmark(errors).tolist(), strict=True)),
        **_of_the_model(predictor, pictures),
        protocol=chosen.name,
        intercept=intercept,
        unit=chosen.unit,
        set=dataset.resolve().name,
        train_pictures=int(_labelled(pictures, "train").sum()),
        test_pictures=int(_labelled(pictures, "test").sum()),
        left_out=protocols.left_out(*truth),
        not_measured=int(_labelled(landmarks, "test").sum() - _labelled(pictures, "test").sum()),
        ridge=fitted.ridge,
        groups=_groups(pictures, fitted),
        error_flip_forgiven=forgiven,
        split_made=landmarks is not annotated,
    )
    return result, replace(fitted, skeleton=landmarks.skeleton), skipped


def _of_the_model(predictor: Predictor, pictures: Pictures) -> dict[str, Any]:
    """What an evaluation says of the model: its settings, its training, and the health of its parts."""
    s, counts = predictor.settings, _health(predictor, pictures).counts()
    health = {name: int(counts[name]) for name in ("alive", "doubled", "static")}
    trained = {"pictures_seen": predictor.facts.get("pictures_seen", 0), "minutes": predictor.facts.get("minutes", 0.0)}
    asked = {"size": s.model.size, "average": predictor.average, "seed": s.train.seed}
    return {"parts": s.model.parts, **health, **trained, **asked}


def _groups(pictures: Pictures, fitted: LandmarkMap) -> int | None:
    """How many groups of training pictures there are, where they had a say in the map."""
    if pictures.groups is None or fitted.ridge is None:
        return None
    return len(set(pictures.groups[pictures.split == "train"].tolist()))


def _labelled(some: Landmarks | Pictures, split: str) -> NDArray[np.bool_]:
    """(N,) which objects of a split have a landmark."""
    return np.isfinite(some.points).all(-1).any(-1) & (np.array(some.split) == split)


def part_means(predictor: Predictor, canvases: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, K, 2) keypoints in the inside frame."""
    return np.concatenate([predictor.parts(some).mean.double().numpy() for some in at_a_time(predictor, canvases)])


def at_a_time(predictor: Predictor, things: Any) -> Iterator[Any]:
    """What is looked at, in as many at a time as the network is quick with."""
    model = predictor.settings.model
    batch = AT_A_TIME[model.architecture] if model.backbone == "none" else WITH_BACKBONE
    for first in range(0, len(things), batch):
        yield things[first : first + batch]


def untrained_like(predictor: Predictor, pictures: Pictures, batches: int = 8) -> Predictor:
    """The same network as it was before its first step, but for its normalisation, which has seen some pictures.

    Without that its part maps would be flat, and beating it would mean nothing.
    """
    train = pictures.canvases[pictures.split == "train"][: 32 * batches]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(predictor.settings.train.seed)
        network = PartModel(predictor.settings.model).on(predictor.device)
        _teach_like(network, predictor.network)
        _normalise_anew(network)
        for some in np.array_split(train, max(1, min(batches, len(train) // 2))):
            network.train().part_maps(predictor.tensor(some))
    untrained = Predictor(network.eval(), predictor.settings, {}, "untrained", "")
    untrained.average = predictor.average
    return untrained


def _teach_like(network: PartModel, trained: PartModel) -> None:
    """Give a network the backbone of a trained one, which no training changes."""
    ours, theirs = ([part for part in one.modules() if isinstance(part, Backbone)] for one in (network, trained))
    for backbone, known in zip(ours, theirs, strict=True):
        backbone.load_state_dict(known.state_dict())


def _normalise_anew(network: PartModel) -> None:
    """From now on normalise by a plain average over the batches seen in training mode."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None


def find_landmarks(
    predictor: Predictor,
    pictures: Pictures,
    landmarks: Landmarks,
    protocol: protocols.Protocol,
    intercept: bool,
    digest: str = "",
) -> tuple[LandmarkMap, NDArray]:
    """The map from the parts of the training pictures, and the landmarks (N, J, 2) it finds in the test pictures, in pixels."""
    means, train, test = part_means(predictor, pictures.canvases), pictures.split == "train", pictures.split == "test"
    truth = to_inside(pictures.points[train], pictures.squares[train])
    names: Sequence[str] = landmarks.names
    fitted = regression.fit(
        means[train],
        truth,
        intercept,
        ridge=protocol.ridge,
        groups=None if pictures.groups is None else pictures.groups[train],
        names=tuple(names),
        protocol=protocol.name,
        model_hash=digest,
    )
    return fitted, to_pixels(fitted.apply(means[test]), pictures.squares[test])


def _mean_pose_error(pictures: Pictures, protocol: protocols.Protocol) -> float:
    train, test = pictures.split == "train", pictures.split == "test"
    guess = regression.mean_pose(to_inside(pictures.points[train], pictures.squares[train]))
    squares = pictures.squares[test]
    predicted = to_pixels(np.broadcast_to(guess, (len(squares), *guess.shape)), squares)
    return protocols.mean_error(protocols.errors(predicted, pictures.points[test], pictures.sizes[test], protocol))


def _health(predictor: Predictor, pictures: Pictures) -> Health:
    test = pictures.canvases[pictures.split == "test"]
    return measure(predictor.network, predictor.tensor(test[spread(len(test), 64)]), predictor.settings)


def _refuse_empty_split(labelled: Landmarks | Pictures, skipped: list[Skipped], dataset: Path) -> None:
    """Before the pictures are read, and after."""
    for name in ("train", "test"):
        if not _labelled(labelled, name).any():
            there = ", ".join(sorted({*map(str, labelled.split)} - {""})) or "none"
            reason = f"; {skipped[0].path}: {skipped[0].reason}" if skipped else ""
            raise PartposeError(
                f"{dataset} has no readable labelled picture with split={name} (splits there: {there}): an evaluation "
                f"fits on train and reports on test{reason}"
            )
