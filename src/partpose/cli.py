"""The `partpose` command: one verb each, no logic. What is heavy is imported inside the verbs."""

import inspect
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError
from cyclopts.validators import Number
from pydantic import ValidationError

import partpose
from partpose.cli_convert import convert
from partpose.cli_draw import draw, show
from partpose.cli_edit import name, swap, transfer
from partpose.cli_export import export
from partpose.cli_merge import merge
from partpose.cli_serve import serve
from partpose.cli_smooth import calibrate, smooth
from partpose.cluster.options import Engine
from partpose.command import command
from partpose.config import DataSettings, LossSettings, ModelSettings, TrainSettings, TransformSettings, explain
from partpose.errors import PartposeError
from partpose.predict.finish import Finish
from partpose.wanted import Wanted

app = App(
    name="partpose",
    help="Label-free pose estimation: learns body parts from plain pictures or videos, without annotations.",
    version=partpose.__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
app.command(convert)
app.command(smooth)
app.command(calibrate)
app.command(draw)
app.command(show)
app.command(export)
app.command(name)
app.command(merge)
app.command(swap)
app.command(transfer)
app.command(serve)


@app.command
def figures(
    out: Path,
    *,
    people: int = 40,
    pictures: int = 4000,
    size: int = 64,
    background: Literal["plain", "room", "clutter"] = "plain",
    seed: int = 0,
    jobs: int | None = None,
) -> None:
    """Draw the built-in set: articulated people with 15 named joints.

    Parameters
    ----------
    out
        Folder to write images/, masks/, landmarks.csv and keypoints.json to.
    people
        How many people; a quarter of them only appear in the test split.
    pictures
        How many pictures in all.
    size
        Side of a picture in pixels.
    background
        plain: black; room: one scene a person; clutter: a new scene every picture.
    seed
        The same seed draws the same set.
    jobs
        Processes to draw with; all cores by default.
    """
    from partpose.data.figures import draw_figures
    from partpose.terminal import counting

    with counting("drawing") as progress:
        draw_figures(out, people, pictures, size, background, seed, jobs, progress)
    print(f"{pictures} pictures of {people} people in {out}")


@app.command
def train(
    input: Path,
    *,
    output: Path,
    preset: str | None = None,
    model: Annotated[ModelSettings | None, Parameter(name="model")] = None,
    data: Annotated[DataSettings | None, Parameter(name="data")] = None,
    transform: Annotated[TransformSettings | None, Parameter(name="transform")] = None,
    loss: Annotated[LossSettings | None, Parameter(name="loss")] = None,
    train: Annotated[TrainSettings | None, Parameter(name="train")] = None,
    boxes: str | None = None,
    init: str | None = None,
    device: str | None = None,
    resume: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Learn the parts of one kind of object from pictures or videos.

    Parameters
    ----------
    input
        A folder of pictures or videos (nested or not), one video, a data set, or a pack; split=test is left out.
    output
        The run's folder: model, checkpoint, log and picture grids.
    preset
        smoke, figures, faces, people, animals, lorenz2019, or a YAML file, whose values stand in place of the defaults
        below. Default: figures.
    boxes
        The same as --data.boxes: a CSV with file or frame, x, y, w, h and perhaps id; or auto.
    init
        Begin from the weights of another run, or of a shipped model by name.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    resume
        Go on with an interrupted run; starts it where there is nothing to go on with.
    """
    from partpose.run import starting_settings, train_run

    sections = {"model": model, "data": data, "transform": transform, "loss": loss, "train": train}
    changes = {name: s.model_dump(exclude_unset=True) for name, s in sections.items() if s is not None}
    if boxes is not None:
        changes["data"] = {**changes.get("data", {}), "boxes": boxes}
    settings = starting_settings(output, preset, {name: s for name, s in changes.items() if s}, resume)
    sys.exit(train_run(input, output, settings, init, device, resume))


@app.command
def pack(
    input: Path,
    out: Path | None = None,
    *,
    preset: str | None = None,
    size: int | None = None,
    channels: int | None = None,
    frames_per_video: int | None = None,
    boxes: str | None = None,
    margin: float | None = None,
    check: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Decode pictures or videos once, for many trainings: `partpose train OUT` then starts at once, and needs little memory.

    The same command goes on after an interruption. `partpose pack --check OUT` compares a pack with its checksums.

    Parameters
    ----------
    input
        What `train` takes; pictures of split=test are left out.
    out
        Folder for the pack.
    preset
        Take the settings below from this preset, or YAML file. Default: figures.
    size
        model.size of the trainings it is for.
    channels
        model.channels of these: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha.
    frames_per_video
        Frames taken from each video, spread evenly.
    boxes
        Where the objects are: a CSV, or auto; see `partpose train`. Predict with the same --boxes.
    margin
        Share of a box's side that is added around it.
    check
        Only check the pack that is named, all of it.
    """
    from partpose import packing

    if check:
        return packing.check(input)
    if out is None:
        raise PartposeError("OUT is missing: see partpose pack --help")
    asked = {
        "model": {"size": size, "channels": channels},
        "data": {"frames_per_video": frames_per_video, "boxes": boxes, "margin": margin},
    }
    given = {section: {k: v for k, v in values.items() if v is not None} for section, values in asked.items()}
    return packing.pack_input(input, out, preset, given)


@app.command
def predict(
    model: str,
    inputs: Annotated[list[str], Parameter(negative=())],
    *,
    output: Path = Path("predictions"),
    wanted: Annotated[Wanted | None, Parameter(name="*")] = None,
    finish: Annotated[Finish | None, Parameter(name="*")] = None,
    device: str | None = None,
    engine: Annotated[Engine | None, Parameter(name="*")] = None,
) -> None:
    """Find the parts in pictures and videos; writes HDF5 and CSV for every input.

    Parameters
    ----------
    model
        A run's folder, an ONNX file that it was exported to, or a shipped model by name (`partpose models`).
    inputs
        Pictures, videos and folders of them.
    output
        Folder for the results.
    device
        cpu or cuda:0 (of a cluster cpu or cuda). Default: the first GPU where there is one.
    """
    if engine is not None and engine.engine == "ray":
        from partpose.clustering import predict_on_cluster

        return predict_on_cluster(model, inputs, output, wanted or Wanted(), device, finish or Finish(), engine)
    from partpose.prediction import predict_inputs

    paths = [Path(one) for one in inputs]
    return predict_inputs(model, paths, output, wanted or Wanted(), device, finish or Finish())


@app.command
def evaluate(
    model: str,
    dataset: Path,
    *,
    protocol: str | None = None,
    intercept: bool = True,
    json: Path | None = None,
    save_landmarks: Path | None = None,
    boxes: str | None = None,
    average: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    device: str | None = None,
) -> None:
    """Measure a model on an annotated set: a linear map from parts to landmarks, fitted on train, reported on test.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    dataset
        An annotated set: a folder with landmarks.csv, or files of DeepLabCut, SLEAP, COCO, … (see `partpose inspect`).
    protocol
        image-size, normalised, human36m or pck@0.1. Default: normalised where the set names a normaliser, else image-size.
        disentangle: not landmarks, but how far shape and appearance are apart, on a set that `partpose figures` has drawn.
    intercept
        Whether the linear map has a constant term.
    json
        Also write the result to this file.
    save_landmarks
        Keep the linear map, for `predict --landmarks`.
    boxes
        Where to look: a CSV, auto, or none, for the set's own boxes or, where it has none, whole pictures.
    average
        Average keypoints over so many gently changed pictures, as `partpose predict` does.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.run import evaluate_model

    evaluate_model(model, dataset, protocol, intercept, json, save_landmarks, device, boxes, average)


@app.command(name="inspect")
def inspect_path(
    path: Path,
    *,
    json: Annotated[bool, Parameter(negative=())] = False,
    sheet: Path | None = None,
) -> None:
    """Say what partpose sees in a file or folder: its format, pictures, landmarks and split.

    Parameters
    ----------
    path
        An annotated set of any known format, pictures, videos, a run, or predictions.
    json
        Print it as JSON.
    sheet
        Also draw samples with their landmarks to this PNG.
    """
    from partpose.inspect_input import inspect_input

    inspect_input(path, json, sheet)


@app.command
def models() -> None:
    """List the models that come with partpose."""
    from partpose.run import list_models

    list_models()


def _words(error: CycloptsError, arguments: list[str]) -> str:
    """What is wrong; for a setting in the words that a preset's file would get."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return explain(error.__cause__, error.argument.name.lstrip("-"))
    if isinstance(error, MissingArgumentError) and error.argument and error.argument.name not in arguments:
        option = error.argument.field_info.kind is inspect.Parameter.KEYWORD_ONLY
        name = error.argument.name if option else error.argument.name.lstrip("-").upper()
        return f"{name} is missing: see partpose {' '.join(error.command_chain or ())} --help"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return _unexpected(error.unused_tokens[0], arguments)
    return str(error)


def _unexpected(word: str, arguments: list[str]) -> str:
    """What is wrong with a word that nothing takes, such as the "yes" of `--resume yes`."""
    before = arguments[arguments.index(word) - 1] if arguments.count(word) == 1 else ""
    if before.startswith("--") and "=" not in before:
        return f"{before} takes no value, got {word!r}: the option alone turns it on"
    return f"did not expect {word!r}: see partpose {arguments[0]} --help"


def _refuse_empty(arguments: list[str]) -> None:
    """A shell variable that is not set would otherwise stand for the current folder."""
    for i, word in enumerate(arguments):
        if word and not re.fullmatch(r"--[\w.-]+=", word):
            continue
        before = arguments[i - 1] if i else ""
        option = word.rstrip("=") or (before if before.startswith("--") else "")
        what = f"the value of {option}" if option else f"argument {i} of {arguments[0] or 'partpose'}"
        raise PartposeError(f"{what} is empty, expected a path or a value: is a shell variable not set?")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user ends it with one line and exit code 2."""
    words = sys.argv[1:] if arguments is None else arguments
    with command("partpose"):
        _refuse_empty(words)
        try:
            app(words, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            raise PartposeError(_words(error, words)) from None
