"""What each verb of the command line does: read, call, write, and say what happened."""

import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partpose.config import Settings, load_preset
from partpose.data.annotations.detect import annotation_files
from partpose.data.atomic import make_folder
from partpose.data.boxes import write_boxes
from partpose.data.canvas import Canvases, read_canvases
from partpose.data.outputs import check_output, check_outside
from partpose.data.pack import open_pack
from partpose.data.reading import Look
from partpose.data.sources import Source, find_sources, some_files, training_files
from partpose.data.spread import spread
from partpose.data.walk import is_pack
from partpose.data.where import boxed, boxed_or_whole, chosen_boxes
from partpose.edit.pictures import SPARE, test_split
from partpose.errors import PartposeError, Skipped
from partpose.evaluate import disentangle_report
from partpose.evaluate.disentangle import DISENTANGLE, evaluate_disentangling
from partpose.evaluate.report import table, write_json
from partpose.evaluate.run import evaluate
from partpose.model.part_model import PartModel, read_config
from partpose.model.shipped import CARD, resolve, shipped
from partpose.predict.draw import write_png
from partpose.predict.predictor import Predictor, choose_device, load
from partpose.predict.show import Shown, overview, sheets
from partpose.terminal import TrainingBar, console, count, counting, minutes, report_skipped, ticking, training_line
from partpose.train.batches import Batches
from partpose.train.distributed import joined, own_device, read_once
from partpose.train.loop import Outcome, train
from partpose.train.run_folder import RUN, SKIPPED, RunExists, saved_settings
from partpose.train.schedule import Clock

BOXES = "boxes.csv"
FEW = 10
"""Pictures, of which less are taken for a mistake."""


class TerminalReporter:
    """Says on the terminal how a training goes, and keeps the picture grids."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.parts = folder, settings.model.parts
        self.writer = _tensorboard_writer() if settings.train.tensorboard else None
        self.board: Any = None
        self.bar = TrainingBar()

    def line(self, entry: dict[str, Any], clock: Clock) -> None:
        """Print a line of the log."""
        self.bar.update(entry, clock.progress, clock.seconds_left)
        print(training_line(entry, self.parts, clock.progress, clock.seconds_left), flush=True)
        if self.writer is not None:
            self.board = self.board or self.writer(str(self.folder / "tensorboard"))
            for name, value in entry.items():
                self.board.add_scalar(name, value, entry["step"])

    def pictures(self, model: PartModel, batches: Batches, step: int) -> None:
        """Write `pictures/step_<n>.png`."""
        rows = np.array(spread(batches.count, 6))
        write_png(overview(Shown(model, batches.at(rows))), self.folder / "pictures" / f"step_{step:07d}.png")

    def warn(self, text: str) -> None:
        """Print a warning."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The last thing, however the run ends."""
        self.bar.close()
        if self.board is not None:
            self.board.close()


class Quiet:
    """The reporter of a process that another one speaks for."""

    def line(self, entry: dict[str, Any], clock: Clock) -> None: ...
    def pictures(self, model: PartModel, batches: Batches, step: int) -> None: ...
    def warn(self, text: str) -> None: ...
    def close(self) -> None: ...


def _tensorboard_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise PartposeError("train.tensorboard needs the extra: pip install 'partpose[tensorboard]'") from None
    return SummaryWriter


def train_run(
    input: Path,
    output: Path,
    settings: Settings,
    init: str | None = None,
    device: str | None = None,
    resume: bool = False,
    resume_option: str = "--resume",
) -> int:
    """Train, and say so. Returns the exit code: 0, or 128 + the signal that stopped it.

    resume_option: what the user has to add to the command to go on with a run.
    """
    chosen = choose_device(own_device(device))
    if chosen.type == "cuda":  # pinned memory names no device: it would open the first GPU, which may be another's
        torch.cuda.set_device(chosen)
    with joined(chosen) as team:
        reporter = TerminalReporter(output, settings) if team.leads else Quiet()
        skipped: list[Skipped] = []

        def decode() -> Canvases:
            canvases, apart = read_training(input, settings, output)
            if team.leads:
                skipped.extend(canvases.skipped)
                held_out = f" ({apart} of split=test held out)" if apart else ""
                where = chosen if team.size == 1 else team.on(chosen)
                pictures = count(len(canvases.pixels), "picture")
                print(f"{pictures} from {input}{held_out}, training on {where}", flush=True)
                if len(canvases.pixels) < FEW:
                    reporter.warn(f"{pictures} show little of how an object moves: name some hundred, or a video")
            return canvases

        read = decode if is_pack(input) else partial(read_once, team, output, decode)
        source = resolve(init) if init else None
        try:
            outcome = train(
                *(output, settings, read, chosen, reporter), input=input, init=source, resume=resume, team=team
            )
        except RunExists as error:
            hint = f"add {resume_option} to go on with it, or choose another --output to start anew"
            raise PartposeError(f"{error}: {hint}") from None
        finally:
            reporter.close()
            report_skipped(skipped, str(output / SKIPPED))
        if team.leads:
            _say_how_it_ended(outcome, output, resume_option)
        return 128 + outcome.signal if outcome.signal else 0


def _say_how_it_ended(outcome: Outcome, output: Path, resume_option: str) -> None:
    done = f"step {outcome.standing.step}, {minutes(outcome.standing.seconds)} of training"
    if outcome.signal:
        name = signal.Signals(outcome.signal).name
        print(f"stopped by {name} at {done}: go on with the same command and {resume_option}", file=sys.stderr)
    else:
        print(f"{'finished' if outcome.steps else 'nothing to do, finished before'}: {done}; the model is {output}")


def starting_settings(output: Path, preset: str | None, changes: dict[str, Any], resume: bool) -> Settings:
    """A preset with the user's changes; who resumes without naming a preset changes what the run was started with."""
    if resume and preset is None and (output / RUN).is_file():
        return saved_settings(output).override(changes, "the command line")
    return load_preset(preset or "figures").override(changes, "the command line")


def read_training(input: Path, settings: Settings, output: Path) -> tuple[Canvases, int]:
    """The training pictures, and how many files were held out; what does not fit into memory goes to a file in `output`."""
    if is_pack(input) and settings.data.boxes is not None:
        raise PartposeError(
            f"{input} is a pack, whose squares are cut already: pack the input again with --boxes, and train without"
        )
    if is_pack(input):
        pack = open_pack(input, settings)
        return pack.canvases, pack.about.held_out
    found, m, d = training_files(input), settings.model, settings.data
    sources, skipped = boxed(found.sources, d.boxes)
    look = Look(m.canvas, m.channels, d.margin)
    with counting("reading") as progress:
        canvases = read_canvases(sources, look, d.frames_per_video, progress, int(d.memory * 2**30), output)
    if d.boxes is not None:
        write_boxes(output / BOXES, *sources)
    return canvases._replace(skipped=[*found.skipped, *skipped, *canvases.skipped]), found.held_out


def evaluate_model(
    model: str,
    dataset: Path,
    protocol: str | None = None,
    intercept: bool = True,
    json: Path | None = None,
    save_landmarks: Path | None = None,
    device: str | None = None,
    boxes: str | None = None,
    average: int = 1,
) -> None:
    """Evaluate, print the table, and write what was asked for."""
    predictor = load(model, device)
    predictor.average = average
    for option, path, suffix in (("--json", json, ".json"), ("--save-landmarks", save_landmarks, None)):
        if path is not None:
            check_output(path, suffix, annotation_files(dataset), option)
    if protocol == DISENTANGLE:
        return _evaluate_disentangling(predictor, dataset, json, save_landmarks)
    boxes = chosen_boxes(boxes, predictor.settings, "the set's own boxes, if it has any, else whole pictures")
    result, linear_map, skipped = evaluate(predictor, dataset, protocol, intercept, boxes=boxes)
    console.print(table(result))
    if json is not None:
        write_json(result, json)
        print(f"written: {json}")
    if save_landmarks is not None:
        linear_map.save(save_landmarks)
        print(f"written: {save_landmarks}")
    report_skipped(skipped)


def _evaluate_disentangling(
    predictor: Predictor, figures: Path, json: Path | None, save_landmarks: Path | None
) -> None:
    if save_landmarks is not None or predictor.average > 1:
        option = "--average" if save_landmarks is None else "--save-landmarks"
        raise PartposeError(f"the protocol {DISENTANGLE} fits no map of landmarks: leave {option} out")
    with ticking("measuring") as tick:
        result = evaluate_disentangling(predictor, figures, tick)
    console.print(disentangle_report.table(result))
    if json is not None:
        disentangle_report.write_json(result, json)
        print(f"written: {json}")


def show_model(
    model: str, input: Path, output: Path, pictures: int = 8, boxes: str | None = None, device: str | None = None
) -> None:
    """Draw parts, part maps, reconstructions and swaps of a few pictures."""
    check_outside(output, input)
    predictor = load(model, device)
    found, skipped = find_sources([input])
    chosen = [test_split(found[i]) for i in spread(len(found), pictures)]
    sources, more = boxed_or_whole(chosen, boxes, predictor.settings)
    make_folder(output)
    canvases = _few_canvases(predictor, sources, pictures)
    for name, pixels in sheets(Shown(predictor.network, predictor.tensor(canvases.pixels))).items():
        write_png(pixels, output / name)
        print(output / name)
    report_skipped([*skipped, *more, *canvases.skipped])


def _few_canvases(predictor: Predictor, sources: list[Source], count: int) -> Canvases:
    """At most so many, spread over the sources."""
    # More than are shown, in case some of them cannot be read, but not all of a large set
    few = [some_files(source, spread(len(source.files), SPARE * count)) for source in sources]
    canvases = read_canvases(few, predictor.look, count)
    return canvases._replace(pixels=canvases.pixels[spread(len(canvases.pixels), count)])


def list_models() -> None:
    """Print the shipped models."""
    names = shipped()
    if not names:
        return print("no models come with this installation; train one with `partpose train`")
    for name in names:
        settings, facts = read_config(resolve(name))
        about, error = facts.get("about", {}), "not measured"
        if "error" in about:
            error = f"{about['error']:.2f} {about['unit']} (mean pose {about['mean_pose_error']:.2f})"
        print(f"{name}: {about.get('shows', 'a model')}")
        size, licence = f"{settings.model.parts} parts, {settings.model.size} px", about.get("licence", "unknown")
        print(f"    {size}; error {error}; licence: {licence}")
    print(f"\nfor example: partpose predict {names[0]} PICTURES --output OUT --overlay")
    print(f"data, limits, and how each was made: {resolve(names[0]).parent}/MODEL/{CARD}")
