"""How keypoints are read off: what finer part maps and averaging are worth: the section "keypoints" of docs/results.md.

    python benchmarks/keypoints.py [--sets figures-plain,figures-clutter,mouse_mirror] [--data DIR] [--device cuda:0]

Of the weights that ship, and for other sets of the runs that accuracy.py has left. Nothing is trained: the same network is
asked in other ways, each time with a linear map of its own, on the same pictures.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# isort: off
import trials  # sets OMP_WAIT_POLICY before torch is imported

# isort: on
from sections import PAGE, write_section
from sets import SETS, chosen, find
from ship import MODELS, result_of
from torch import Tensor

from partpose.command import command
from partpose.data.annotations.detect import read_annotated
from partpose.data.landmarks import Landmarks
from partpose.data.where import boxes_like_training
from partpose.evaluate import protocols
from partpose.evaluate.pictures import Pictures, read_pictures
from partpose.evaluate.run import find_landmarks
from partpose.model import shape
from partpose.model.part_model import PartModel
from partpose.model.shipped import shipped
from partpose.predict.predictor import Predictor, load

AVERAGES = (2, 4, 8)
CELLS: dict[str, Callable[[Tensor], Tensor]] = {
    "as the logits are, 1/4 of the side": lambda logits: logits.float(),
    "bicubic, 1/2 of the side (as it is)": shape.twice,
    "bicubic, the whole side": lambda logits: shape.twice(shape.twice(logits)),
}
HEAD = """## How keypoints are read off

A keypoint is the mean of its part map. The same networks, trained with maps at half of the side, with their logits taken as
they are or interpolated, and with keypoints averaged over gently changed pictures (`--average` of predict and evaluate, which
takes as many times longer). Errors are measured as under Accuracy, each with a linear map of its own; in brackets half the 95
% interval over test pictures, which are the same in all lines.
"""


@contextmanager
def interpolated(network: PartModel, by: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Part maps from logits in this way."""
    usual, told = network.part_maps, []
    hook = network.shape.logits.register_forward_hook(lambda *call: told.append(call[-1]))
    network.part_maps = lambda images: (usual(images), shape.spatial_softmax(by(told.pop())))[1]
    try:
        yield
    finally:
        hook.remove()
        del network.part_maps  # that of the class is there again


def error(predictor: Predictor, pictures: Pictures, landmarks: Landmarks, protocol: protocols.Protocol) -> str:
    """`1.72 (± 0.04)`"""
    test = pictures.split == "test"
    predicted = find_landmarks(predictor, pictures, landmarks, protocol, intercept=True)[1]
    errors = protocols.errors(predicted, pictures.points[test], pictures.sizes[test], protocol)
    low, high = protocols.bootstrap(errors, seed=0)
    return f"{protocols.mean_error(errors):.2f} (± {(high - low) / 2:.2f})"


def column(name: str, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """A set's lines: the unit, and the error for each way of reading."""
    place = find(name, SETS[name], options.data, options.clips, options.work / "inputs")
    predictor, landmarks = load(model_of(name, options), options.device, half=False), read_annotated(place.annotated)
    pictures = read_pictures(predictor.look, landmarks, boxes_like_training(None, predictor.settings))[0]
    protocol = protocols.choose_protocol(None, landmarks.normaliser, landmarks.flip_pairs)
    yield "unit", protocol.unit
    for title, by in CELLS.items():
        with interpolated(predictor.network, by):
            yield f"maps {title}", error(predictor, pictures, landmarks, protocol)
    for predictor.average in AVERAGES:
        yield f"averaged over {predictor.average} pictures", error(predictor, pictures, landmarks, protocol)


def model_of(name: str, options: argparse.Namespace) -> str:
    """The weights that ship, else those that accuracy.py has left."""
    for model in shipped():
        if MODELS[model].set == name:
            return model
    return str(options.work / "accuracy" / result_of(name, options.results)[1])


def run(options: argparse.Namespace) -> None:
    """Measure, and write the page."""
    columns = {}
    for name in chosen(options.sets):
        columns[name] = dict(column(name, options))
        print(name, columns[name], flush=True)
    rows = [[way, *(found[way] for found in columns.values())] for way in next(iter(columns.values()))]
    data = "" if all(SETS[name].figures for name in columns) else " --data DIR"
    made = trials.shell([f"python benchmarks/keypoints.py --sets {','.join(columns)}{data}"])
    write_section(options.page, "keypoints", "\n".join([HEAD, trials.markdown(["", *columns], rows), "", made]))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="the same networks, asked in other ways")
    parser.add_argument("--sets", type=trials.words, default=["figures-plain", "figures-clutter", "mouse_mirror"])
    trials.add_places(parser)
    parser.add_argument("--page", type=Path, default=PAGE)
    with command("keypoints.py"):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
