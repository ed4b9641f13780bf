"""What each verb of the command line does: read, call, write, and say what happened."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from partpose.config import Settings, load_preset
from partpose.data.canvas import Canvases, read_canvases
from partpose.data.landmarks import LANDMARKS
from partpose.data.sources import Source, TrainingInput, find_sources, of_split, training_files
from partpose.data.video import VideoWriter, probe, read_frames
from partpose.errors import PartposeError, Skipped
from partpose.evaluate.report import table, write_json
from partpose.evaluate.run import evaluate
from partpose.model.part_model import PartModel, read_config
from partpose.model.shipped import resolve, shipped
from partpose.predict.draw import draw_parts, write_png
from partpose.predict.formats import write_dlc_csv, write_hdf5
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.poses import Poses
from partpose.predict.predictor import Predictor, choose_device, load
from partpose.predict.show import Shown, overview, sheets
from partpose.terminal import TrainingBar, console, count, counting, minutes, report_skipped, training_line
from partpose.train.batches import Batches
from partpose.train.loop import Outcome, train
from partpose.train.run_folder import RUN, SKIPPED, RunExists, saved_settings, write_skipped
from partpose.train.schedule import Clock


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
        rows = np.linspace(0, batches.count - 1, min(6, batches.count)).round().astype(int)
        write_png(overview(Shown(model, batches.at(rows))), self.folder / "pictures" / f"step_{step:07d}.png")

    def warn(self, text: str) -> None:
        """Print a warning."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The last thing, however the run ends."""
        self.bar.close()
        if self.board is not None:
            self.board.close()


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
    chosen = choose_device(device)
    reporter = TerminalReporter(output, settings)
    skipped: list[Skipped] = []

    def read() -> Canvases:
        found = training_files(input)
        canvases = read_training(found, settings, output)
        skipped.extend(canvases.skipped)
        held_out = f" ({found.held_out} of split=test held out)" if found.held_out else ""
        print(f"{count(len(canvases.pixels), 'picture')} from {input}{held_out}, training on {chosen}", flush=True)
        return canvases

    source = resolve(init) if init else None
    try:
        outcome = train(output, settings, read, chosen, reporter, input=input, init=source, resume=resume)
    except RunExists as error:
        hint = f"add {resume_option} to go on with it, or choose another --output to start anew"
        raise PartposeError(f"{error}: {hint}") from None
    finally:
        reporter.close()
        report_skipped(skipped, str(output / SKIPPED))
    return _ending(outcome, output, resume_option)


def _ending(outcome: Outcome, output: Path, resume_option: str) -> int:
    done = f"step {outcome.standing.step}, {minutes(outcome.standing.seconds)} of training"
    if outcome.signal:
        name = signal.Signals(outcome.signal).name
        print(f"stopped by {name} at {done}: go on with the same command and {resume_option}", file=sys.stderr)
        return 128 + outcome.signal
    print(f"{'finished' if outcome.steps else 'nothing to do, finished before'}: {done}; the model is {output}")
    return 0


def starting_settings(output: Path, preset: str | None, changes: dict[str, Any], resume: bool) -> Settings:
    """A preset with the user's changes; who resumes without naming a preset changes what the run was started with."""
    if resume and preset is None and (output / RUN).is_file():
        return saved_settings(output).override(changes, "the command line")
    return load_preset(preset or "figures").override(changes, "the command line")


def read_training(found: TrainingInput, settings: Settings, output: Path) -> Canvases:
    """Decode the training pictures; what does not fit into memory goes to a file in `output`."""
    m, d = settings.model, settings.data
    with counting("reading") as progress:
        canvases = read_canvases(
            found.sources, m.canvas, m.channels, d.frames_per_video, progress, int(d.memory * 2**30), output
        )
    return canvases._replace(skipped=[*found.skipped, *canvases.skipped])


def predict_inputs(
    model: str,
    inputs: Sequence[Path],
    output: Path,
    overlay: bool = False,
    landmarks: Path | None = None,
    batch: int = 32,
    device: str | None = None,
    split: str | None = None,
) -> None:
    """Predict every input and write its files; an input that cannot be used is reported and passed over.

    split: of annotated sets only the pictures of this split.
    """
    linear_map = LandmarkMap.load(landmarks) if landmarks else None
    predictor = load(model, device)
    if linear_map is not None:
        linear_map.check(predictor.settings.model.parts, predictor.digest)
    sources, skipped = find_sources(inputs)
    if split is not None:
        sources = [of_split(source, split) for source in sources]
    _make_folder(output)
    written = 0
    for source in sources:
        try:
            with counting(source.stem) as progress:
                poses = _predict_one(predictor, source, batch, progress)
        except PartposeError as error:
            skipped.append(Skipped(str(source.path), str(error)))
            continue
        skipped += poses.skipped
        if linear_map is not None:
            poses = poses.landmarks(linear_map)
        files = write_poses(poses, output / source.stem)
        if overlay:
            files.append(draw_overlay(poses, source, output / source.stem))
        what = count(len(poses), "frame" if source.kind == "video" else "picture")
        print(f"{what} of {source.path}: {', '.join(map(str, files))}", flush=True)
        written += 1
    write_skipped(output, skipped)
    if not written:
        raise PartposeError(f"nothing could be predicted: {skipped[-1].reason}; the whole list is {output / SKIPPED}")
    report_skipped(skipped, str(output / SKIPPED))


def _make_folder(path: Path) -> None:
    """Before hours of work, not after."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=path).close()
    except OSError as error:
        raise PartposeError(f"cannot write to the output folder {path}: {error.strerror}") from None


def _predict_one(predictor: Predictor, source: Source, batch: int, progress: Any) -> Poses:
    total = len(source.files) if source.kind == "pictures" else probe(source.path).frames_estimate
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    return predictor.predict_source(source, batch, tick=tick)


def write_poses(poses: Poses, stem: Path) -> list[Path]:
    """`<stem>.h5` (native, SLEAP-analysis layout) and `<stem>.csv` (DeepLabCut)."""
    files = [stem.with_name(stem.name + ".h5"), stem.with_name(stem.name + ".csv")]
    write_hdf5(poses, files[0])
    write_dlc_csv(poses, files[1])
    return files


def draw_overlay(poses: Poses, source: Source, stem: Path) -> Path:
    """The input with its parts drawn in: `<stem>_parts.mp4`, or a folder `<stem>_parts` of PNGs."""
    if source.kind == "pictures":
        return _draw_pictures(poses, source, stem.with_name(stem.name + "_parts"))
    path = stem.with_name(stem.name + "_parts.mp4")
    info = probe(source.path)
    width, height = (int(side) for side in poses.sizes[0])
    with VideoWriter(path, width, height, info.fps) as video:
        for frame, i in zip(read_frames(source.path), range(len(poses)), strict=False):
            drawn = draw_parts(frame.pixels, poses.mean[i], poses.covariance[i], poses.confidence[i], scale=1)
            video.write(drawn)
    return path


def _draw_pictures(poses: Poses, source: Source, folder: Path) -> Path:
    from partpose.data.images import read_image

    for i, row in enumerate(poses.frame_index):
        pixels = read_image(source.files[row]).pixels
        drawn = draw_parts(pixels, poses.mean[i], poses.covariance[i], poses.confidence[i])
        name = Path(source.names[row])
        write_png(drawn, folder / (name if name.suffix == ".png" else name.with_name(name.name + ".png")))
    return folder


def evaluate_model(
    model: str,
    dataset: Path,
    protocol: str | None = None,
    intercept: bool = True,
    json: Path | None = None,
    save_landmarks: Path | None = None,
    device: str | None = None,
) -> None:
    """Evaluate, print the table, and write what was asked for."""
    if not (dataset / LANDMARKS).is_file():
        raise PartposeError(f"{dataset} is not an annotated set: expected a folder with a {LANDMARKS}")
    result, linear_map, skipped = evaluate(load(model, device), dataset, protocol, intercept)
    console.print(table(result))
    if json is not None:
        write_json(result, json)
        print(f"written: {json}")
    if save_landmarks is not None:
        linear_map.save(save_landmarks)
        print(f"written: {save_landmarks}")
    report_skipped(skipped)


def show_model(model: str, input: Path, output: Path, pictures: int = 8, device: str | None = None) -> None:
    """Draw parts, part maps, reconstructions and swaps of a few pictures."""
    predictor = load(model, device)
    canvases = _chosen_canvases(predictor, input, pictures)
    for name, pixels in sheets(Shown(predictor.network, predictor.tensor(canvases))).items():
        write_png(pixels, output / name)
        print(output / name)


def _chosen_canvases(predictor: Predictor, input: Path, count: int) -> np.ndarray:
    """A few pictures spread over the input: over its test split, where it has one."""
    sources = [_test_split(source) for source in find_sources([input])[0]]
    s = predictor.settings.model
    canvases = read_canvases(sources, s.canvas, s.channels, count)
    return canvases.pixels[
        np.linspace(0, len(canvases.pixels) - 1, min(count, len(canvases.pixels))).round().astype(int)
    ]


def _test_split(source: Source) -> Source:
    try:
        return of_split(source, "test")
    except PartposeError:
        return source


def list_models() -> None:
    """Print the shipped models."""
    for name in shipped():
        settings, facts = read_config(resolve(name))
        m = settings.model
        print(f"{name}: {m.parts} parts, {m.size} px, {facts.get('pictures_seen', 0)} pictures seen")
    if not shipped():
        print("no models come with this installation; train one with `partpose train`")
