"""Pictures a second of an exported model beside the network that it was made from, on the same pictures in the same run.

    python benchmarks/onnx_speed.py [--model RUN] [--preset figures] [--rounds 15] [--half] [--device cuda:0] [--json FILE]
        [--page [FILE]]

Both start from uint8 pictures in memory and end with keypoints in their pixels: `model.predict` resizes with Pillow, one after
the other, and onnxruntime in the graph. Of pictures of the model's own size nothing is resized. They take turns, so that a
machine whose speed drifts slows both; medians of the rates, and of the rounds' ratios, are printed. Without --model a network
of the preset that has learned nothing is taken, which is as fast. How far keypoints differ is printed for both precisions.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)
import numpy as np
import torch

# isort: on
from PIL import Image
from rich.console import Console
from rich.table import Table
from sections import PAGE, repeat, write_section

from partpose.command import command
from partpose.config import load_preset
from partpose.exporting import export_model
from partpose.model.part_model import PartModel, save_model
from partpose.predict.export import ALLOWED
from partpose.predict.onnx_model import OUTPUTS, Session
from partpose.predict.predictor import Predictor, load

SIZES = (None, (320, 240), (640, 480), (1920, 1080))  # None: the model's own
BATCHES = (1, 16)
Row = dict[str, Any]
HEAD = """## ONNX

Pictures a second of an exported model, which onnxruntime runs, beside the network that it was made from, from uint8 pictures
in memory to keypoints in their pixels; medians. The graph resizes large pictures itself, torch's side by Pillow. Below, how far
keypoints and standard deviations of the two lie apart on drawn people of several sizes.
"""


def untrained(preset: str, folder: Path) -> Path:
    """A model folder with weights as they are drawn."""
    settings = load_preset(preset)
    torch.manual_seed(0)
    folder.mkdir()
    save_model(folder, PartModel(settings.model), settings, {})
    return folder


def picture(width: int, height: int) -> np.ndarray:
    """Soft blobs, uint8 (height, width, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(predictor: Predictor, session: Session, size: tuple[int, int] | None, batch: int, rounds: int) -> Row:
    """Rates of both, and how many times as fast the graph is."""
    given = 3 if predictor.settings.model.channels % 2 else 4
    pixels = np.stack([picture(*(size or (predictor.side, predictor.side)))] * batch)
    seen = pixels if given == 3 else np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    ways = {
        "torch": lambda: predictor.predict(pixels, batch),
        "onnxruntime": lambda: session.run(seen, OUTPUTS[:3]),
    }
    measured = [{name: timed(work) for name, work in ways.items()} for _ in range(rounds + 2)][2:]  # once both are warm
    rates = {name: batch / median(one[name] for one in measured) for name in ways}
    ratio = median(one["torch"] / one["onnxruntime"] for one in measured)
    return {"size": list(pixels.shape[2:0:-1]), "batch": batch, **rates, "ratio": ratio}


def cells(found: Row) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Titles and rows of the table."""
    rows = []
    for row in found["rows"]:
        name = f"{'×'.join(map(str, row['size']))}, {row['batch']} at a time"
        rows.append((name, f"{row['torch']:.0f}", f"{row['onnxruntime']:.0f}", f"{row['ratio']:.2f}×"))
    return ("pictures/s", "torch", "onnxruntime", "ratio"), rows


def markdown(found: Row, command: str) -> str:
    """The section of the page."""
    titles, rows = cells(found)
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{HEAD}\n{found['machine']}.\n\n{table}\n\n{differences(found)}\n\n```sh\n{command}\n```"


def differences(found: Row) -> str:
    """A sentence for each precision."""
    return "\n".join(
        f"- {precision} precision: at most {one['network']:.1g} px of the model's input on pictures of just its size "
        f"({ALLOWED[precision][0]} allowed), {one['resized']:.1g} px on others ({ALLOWED[precision][1]} allowed)"
        for precision, one in found["parity"].items()
    )


def options_given() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="the speed of an exported model beside torch")
    parser.add_argument("--preset", default="figures")
    parser.add_argument(
        "--model", type=Path, help="a run's folder or a shipped model, instead of a preset's untrained network"
    )
    parser.add_argument("--half", action="store_true", help="time the export in half precision")
    parser.add_argument("--device")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", nargs="?", type=Path, const=PAGE, help="write the section `onnx` of this page")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> Row:
    """Every size and batch."""
    run = options.model or untrained(options.preset, folder / "model")
    files = {precision: folder / f"{precision}.onnx" for precision in ALLOWED}
    parity = {p: export_model(str(run), path, p == "half")._asdict() for p, path in files.items()}
    on_gpu = torch.cuda.is_available() and options.device != "cpu"  # on a CPU torch has single precision alone
    predictor = load(run, options.device, half=options.half and on_gpu)
    session = Session(files["half" if options.half else "single"], options.device)
    rows = [compare(predictor, session, size, batch, options.rounds) for size in SIZES for batch in BATCHES]
    where = torch.cuda.get_device_name() if predictor.device.type == "cuda" else f"{torch.get_num_threads()} CPU cores"
    model = f"{predictor.settings.model.parts} parts, {predictor.side}×{predictor.side} px"
    return {"machine": f"{where}; {model}{', half precision' * options.half}", "rows": rows, "parity": parity}


def main() -> None:
    """Measure and print; write what was asked for."""
    options = options_given()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options, Path(folder))
    titles, rows = cells(found)
    table = Table(*titles, title=found["machine"])
    for row in rows:
        table.add_row(*row)
    Console(width=100).print(table)
    if options.json:
        options.json.write_text(json.dumps(found | {"load": os.getloadavg()[0]}, indent=2) + "\n")
    if options.page:
        write_section(options.page, "onnx", markdown(found, repeat("onnx_speed.py", sys.argv[1:])))


if __name__ == "__main__":
    with command("onnx_speed.py"):
        main()
