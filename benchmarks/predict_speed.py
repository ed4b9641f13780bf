"""Frames a second of a prediction, from files to files, beside each of its stages alone; what a stream takes; memory.

    python benchmarks/predict_speed.py [--frames 300] [--pictures 300] [--rounds 7] [--model RUN] [--device cuda:0]
        [--memory] [--json FILE] [--page [FILE]]

A clip of H.264 and a folder of JPEG, both 640×480, are drawn first. Alone and on the same cores are timed: to decode and to cut
the squares, the model on squares that are at hand, and to write HDF5 and CSV; then all of it, as `partpose predict` does it.
"of the sum" is how much faster or slower that is than the three one after the other. The stages take turns, so that a machine
whose speed drifts slows all; medians are printed. A stream's latency is from when a frame is at hand until its parts are.

--memory adds the peak of `partpose predict` over what `import torch` takes, for clips of 1 000, 10 000 and 100 000 frames, each
in a process of its own; that takes minutes, and Linux. Without --model a network of the preset that has learned nothing is
taken, which is as fast.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)
import numpy as np
import torch

# isort: on
import av
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from sections import PAGE, repeat, write_section

from partpose.command import command
from partpose.config import load_preset
from partpose.data.reading import read_views
from partpose.data.sources import Source, find_sources
from partpose.data.video import VideoWriter, read_frames
from partpose.model.part_model import PartModel, save_model
from partpose.predict.files import write_files
from partpose.predict.formats import read_hdf5
from partpose.predict.predictor import Predictor, load

SIZE, BATCH, CLIP = (640, 480), 32, 1000
LENGTHS = (1_000, 10_000, 100_000)
STAGES = ("decode", "model", "write")
FORMATS = ("h5", "csv")
Row = dict[str, Any]


def scene(count: int, size: tuple[int, int] = SIZE) -> Iterator[NDArray[np.uint8]]:
    """A bright ellipse that wanders over a room, with a camera's noise."""
    rng = np.random.default_rng(0)
    room = rng.integers(60, 160, (12, 16, 3), np.uint8)
    still = np.asarray(Image.fromarray(room).resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    rows, columns = np.mgrid[: size[1], : size[0]] / size[0]
    for i in range(count):
        x, y = 0.5 + 0.3 * np.cos(i / 20), 0.375 + 0.2 * np.sin(i / 15)
        inside = ((columns - x) / 0.1) ** 2 + ((rows - y) / 0.06) ** 2 < 1
        noise = rng.integers(-3, 4, still.shape, np.int16)
        yield (np.where(inside[..., None], (210, 180, 60), still) + noise).clip(0, 255).astype(np.uint8)


def draw_clip(path: Path, count: int) -> Path:
    """H.264."""
    with VideoWriter(path, *SIZE, 30) as video:
        for pixels in scene(count):
            video.write(pixels)
    return path


def draw_pictures(folder: Path, count: int) -> Path:
    """JPEG files: at most 100 different ones, again and again."""
    folder.mkdir()
    for i, pixels in enumerate(scene(min(count, 100))):
        Image.fromarray(pixels).save(folder / f"{i:06d}.jpg", quality=90)
    for i in range(100, count):
        shutil.copyfile(folder / f"{i % 100:06d}.jpg", folder / f"{i:06d}.jpg")
    return folder


def draw_long(path: Path, count: int) -> Path:
    """A transport stream of so many frames, 320×240: a short one again and again."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "30", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for pixels in scene(min(count, CLIP), (320, 240)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    once = path.read_bytes()
    with path.open("ab") as file:
        for _ in range(count // CLIP - 1):
            file.write(once)
    return path


def untrained(preset: str, folder: Path) -> Path:
    """A model folder with weights as they are drawn."""
    settings = load_preset(preset)
    torch.manual_seed(0)
    folder.mkdir()
    save_model(folder, PartModel(settings.model), settings, {})
    return folder


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def stages(predictor: Predictor, source: Source, folder: Path) -> dict[str, Callable[[], Any]]:
    """Each stage alone, and all of them."""
    views = list(read_views(source, predictor.look, []))
    poses = predictor.predict_source(source)

    def decode() -> None:
        for _ in read_views(source, predictor.look, []):
            pass

    def model() -> None:
        for first in range(0, len(views), BATCH):
            predictor.measured(np.stack([view.pixels for view in views[first : first + BATCH]]))

    def whole() -> None:
        write_files(predictor.predict_source(source, BATCH), folder / "whole", FORMATS)

    def write() -> None:
        write_files(poses, folder / "alone", FORMATS)

    return {"decode": decode, "model": model, "write": write, "whole": whole}


def compare(name: str, predictor: Predictor, input: Path, rounds: int, folder: Path) -> Row:
    """Frames a second of each stage and of the whole; its ratio to the three stages in the same round."""
    (source,), _ = find_sources([input])
    ways = stages(predictor, source, folder)
    measured = [{stage: timed(work) for stage, work in ways.items()} for _ in range(rounds)]
    frames = len(predictor.predict_source(source))
    rates = {stage: frames / median(one[stage] for one in measured) for stage in ways}
    ratio = median(sum(one[stage] for stage in STAGES) / one["whole"] for one in measured)
    return {"input": name, "frames": frames} | rates | {"of_sum": ratio}


def latencies(predictor: Predictor, frames: Sequence[NDArray[np.uint8]], clip: Path) -> list[Row]:
    """Of a stream of pictures in memory, and of a clip, in which decoding is included."""
    began: list[float] = []

    def camera() -> Iterator[NDArray[np.uint8]]:
        for pixels in frames:
            began.append(time.perf_counter())
            yield pixels

    in_memory = [time.perf_counter() - began[-1] for _ in predictor.stream(camera())]
    stream, from_file = predictor.stream(clip), []
    for _ in range(len(frames)):
        from_file.append(timed(lambda: next(stream)))
    named = {"pictures in memory": in_memory, "H.264 clip, decoding included": from_file}
    return [
        {"stream": name, "median_ms": 1e3 * median(some), "p99_ms": 1e3 * float(np.quantile(some, 0.99))}
        for name, some in ((name, some[len(some) // 20 :]) for name, some in named.items())  # once it is warm
    ]


def resident(which: str) -> float:
    """Megabytes of this process, VmRSS now or VmHWM at most."""
    return int(Path("/proc/self/status").read_text().split(f"{which}:")[1].split()[0]) / 1024


def predict_once(model: Path, clip: Path, device: str | None) -> Row:
    """What `partpose predict` takes at its peak; in a process that has only imported torch and what this file needs."""
    from partpose.prediction import predict_inputs

    before, began, folder = resident("VmRSS"), time.perf_counter(), clip.parent / clip.stem
    predict_inputs(str(model), [clip], folder, device=device)
    seconds, most = time.perf_counter() - began, resident("VmHWM")
    rows = len(read_hdf5(folder / f"{clip.stem}.h5"))
    return {"rows": rows, "torch": before, "over_torch": most - before, "seconds": seconds}


def memory(model: Path, lengths: Sequence[int], device: str | None, folder: Path) -> list[Row]:
    """A row for each length, from a process of its own."""
    rows = []
    for count in lengths:
        clip = draw_long(folder / f"{count}.mts", count)
        command = [sys.executable, __file__, "--model", str(model), "--once", str(clip)]
        command += ["--device", device] if device else []
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        clip.unlink()
    return rows


def tables(found: Row) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Titles and cells of every table."""
    titles = ("frames/s", "decode alone", "model alone", "write alone", "end to end", "of the sum")
    cells = [
        (f"{row['frames']} {row['input']}", *(f"{row[s]:.0f}" for s in (*STAGES, "whole")), f"{row['of_sum']:.0%}")
        for row in found["stages"]
    ]
    yield titles, cells
    streams = [(row["stream"], f"{row['median_ms']:.1f} ms", f"{row['p99_ms']:.1f} ms") for row in found["streams"]]
    yield ("latency of a stream", "median", "99th percentile"), streams
    if found["memory"]:
        peaks = [(f"{row['rows']}", f"{row['over_torch']:.0f} MB") for row in found["memory"]]
        yield ("frames of a clip", "peak memory over torch's own"), peaks


def machine(predictor: Predictor) -> str:
    """Cores, or the GPU, and the model."""
    cuda = predictor.device.type == "cuda"
    where = torch.cuda.get_device_name(predictor.device) if cuda else f"{torch.get_num_threads()} CPU cores"
    return f"{where}; {predictor.settings.model.parts} parts, {predictor.side}×{predictor.side} px"


def markdown(found: Row, command: str) -> str:
    """The section of the page."""
    parts = [f"## Prediction\n\n{found['machine']}.\n\n```sh\n{command}\n```"]
    for titles, rows in tables(found):
        lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    return "\n\n".join(parts)


def options_given() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="the speed and memory of predictions")
    parser.add_argument("--preset", default="figures")
    parser.add_argument("--model", type=Path, help="a run's folder, instead of a preset's untrained network")
    parser.add_argument("--device")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", nargs="*", type=int, metavar="FRAMES", help="without numbers: 1000 10000 100000")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", nargs="?", type=Path, const=PAGE, help="write the section `prediction` of this page")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)  # in a process of its own, for its memory
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> Row:
    """Everything that is asked for."""
    path = options.model or untrained(options.preset, folder / "model")
    predictor = load(path, options.device)
    clip = draw_clip(folder / "clip.mp4", options.frames)
    inputs = {"frames of a clip": clip, "pictures": draw_pictures(folder / "pictures", options.pictures)}
    rows = [compare(name, predictor, input, options.rounds, folder) for name, input in inputs.items()]
    frames = [frame.pixels for frame in islice(read_frames(clip), 200)]
    streams = latencies(predictor, frames, clip)
    lengths = [] if options.memory is None else options.memory or LENGTHS
    peaks = memory(path, lengths, options.device, folder)
    return {"machine": machine(predictor), "stages": rows, "streams": streams, "memory": peaks}


def main() -> None:
    """Measure and print; write what was asked for."""
    options = options_given()
    if options.once:
        return print(json.dumps(predict_once(options.model, options.once, options.device)))
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    for titles, rows in tables(found):
        table = Table(*titles, title=found["machine"])
        for row in rows:
            table.add_row(*row)
        Console(width=120).print(table)
    if options.json:
        options.json.write_text(json.dumps(found | {"load": os.getloadavg()[0]}, indent=2) + "\n")
    if options.page:
        write_section(options.page, "prediction", markdown(found, repeat("predict_speed.py", sys.argv[1:])))
    return None


if __name__ == "__main__":
    with command("predict_speed.py"):
        main()
