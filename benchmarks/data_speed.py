"""The data stage of a training: from JPEG files and from a pack, in one run; and the start with a million pictures.

    python benchmarks/data_speed.py [--pictures 1000] [--sizes 64 128] [--rounds 3] [--rows 1000000] [--folder DIR]

What is timed is all that lies between the files and batches of uint8, which the network's device takes from there: to decode,
or to open and check, and then one shuffled epoch. "From disk" is after the system has been told to forget the files; a pack
once before it is opened and once more before the epoch, so that every picture of a batch comes from the disk, as of a pack
larger than memory; the column "read" shows how much did. The files must lie on a real disk: name a folder where that for
temporary files is none. For Linux.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from functools import partial
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

from partpose.command import command
from partpose.config import Settings, load_preset
from partpose.data.canvas import Canvases, read_canvases
from partpose.data.mapped import take
from partpose.data.pack import COLUMNS, About, digest_of, open_pack
from partpose.data.pack_write import BLOCK, write_pack
from partpose.data.reading import Look
from partpose.data.sources import training_files
from partpose.data.walk import PACK, PACKED, TABLE
from partpose.train.batches import Batches

SHAPES = {"a camera's": (640, 480), "cut out": (160, 160)}


def draw(folder: Path, count: int, shape: tuple[int, int]) -> None:
    """JPEG files of about the entropy of photographs, sums of coarse and fine noise: 20 pictures, again and again."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(min(count, 20)):
        layers = [rng.normal(128, 20, (*(side // 2**k for side in shape[::-1]), 3)) for k in (1, 3, 5)]
        fields = [Image.fromarray(layer.clip(0, 255).astype(np.uint8)).resize(shape) for layer in layers]
        mixed = np.mean([np.asarray(field) for field in fields], axis=0)
        Image.fromarray(mixed.astype(np.uint8)).save(folder / f"{i:05d}.jpg", quality=85)
    for i in range(20, count):
        shutil.copyfile(folder / f"{i % 20:05d}.jpg", folder / f"{i:05d}.jpg")


def epoch(canvases: Canvases) -> None:
    """Every picture once, as the trainer asks for them."""
    batches = Batches(canvases.pixels, 32, 0, torch.device("cpu"))
    for step in range(len(canvases.pixels) // 32):
        take(canvases.pixels, batches.rows(step))


def forget(files: Iterable[Path]) -> None:
    """Have the system forget files that nothing has mapped."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def counted(file: str, name: str) -> int:
    """A number that Linux keeps about this process."""
    return int(Path(f"/proc/self/{file}").read_text().split(f"{name}:")[1].split()[0])


def timed(read: Callable[[], Canvases], before_epoch: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Seconds to have the pictures, and for an epoch of them; MB that the epoch read from the disk."""
    began = time.perf_counter()
    canvases = read()
    opened = time.perf_counter() - began
    before_epoch()
    read_before, began = counted("io", "read_bytes"), time.perf_counter()
    epoch(canvases)
    seconds = time.perf_counter() - began
    read_now, count = counted("io", "read_bytes") - read_before, len(canvases.pixels)
    return {"ready": opened, "epoch": seconds, "rate": count / (opened + seconds), "read": read_now / 1e6}


def compare(name: str, settings: Settings, count: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """The rows of one size and one kind of file; medians of rounds in which the ways take turns."""
    model, files, pack = settings.model, folder / name, folder / f"{name} {settings.model.size}"
    if not files.exists():
        draw(files, count, SHAPES[name])
    found = training_files(files)
    write_pack(found, name, pack, settings)

    def from_files(cold: bool) -> dict[str, float]:
        if cold:
            forget(files.iterdir())
        return timed(lambda: read_canvases(found.sources, Look(model.canvas, model.channels)))

    def from_pack(cold: bool) -> dict[str, float]:
        def before() -> None:
            if cold:
                forget([pack / PACKED])

        before()
        return timed(lambda: open_pack(pack).canvases, before)

    ways = {
        (kind, place): partial(way, cold)
        for place, cold in (("on disk", True), ("in memory", False))
        for kind, way in (("JPEG", from_files), ("pack", from_pack))
    }
    measured = [{way: run() for way, run in ways.items()} for _ in range(rounds)]
    rows = [{key: median(one[way][key] for one in measured) for key in measured[0][way]} for way in ways]
    about = {"files": f"{name}, {'×'.join(map(str, SHAPES[name]))}", "size": model.size}
    ratios = [row["rate"] / rows[i // 2 * 2]["rate"] for i, row in enumerate(rows)]
    return [
        about | {"from": f"{kind} {place}"} | row | {"ratio": ratio}
        for (kind, place), row, ratio in zip(ways, rows, ratios, strict=True)
    ]


def replica(folder: Path, count: int, size: int = 32) -> Path:
    """A pack of so many black pictures of a size, which takes no room on the disk but for its table."""
    folder.mkdir()
    settings = load_preset("figures").override({"model": {"size": size}}, "benchmark")
    side, channels = settings.model.canvas, settings.model.channels
    pixels = np.lib.format.open_memmap(folder / PACKED, "w+", np.uint8, (count, side, side, channels))
    del pixels
    lines = (f"camera_{i % 100:03d}/frame_{i:09d}.jpg,-1,train,640,480,0,-80,640\n" for i in range(count))
    with (folder / TABLE).open("w") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(lines)
    sizes = [BLOCK] * (count // BLOCK) + [count % BLOCK] * bool(count % BLOCK)
    crc = {size: zlib.crc32(bytes(size * side**2 * channels)) for size in set(sizes)}
    about = About(
        **{"partpose": "benchmark", "date": "", "source": "replica", "count": count, "size": size, "side": side},
        **{"channels": channels, "margin": None, "frames_per_video": 1, "held_out": 0, "plan": "", "skipped": []},
        **{"table": digest_of(folder / TABLE), "blocks": [(size, crc[size]) for size in sizes]},
    )
    (folder / PACK).write_text(about.sealed().lines())
    return folder


def start(folder: Path) -> dict[str, float]:
    """Seconds, and MB of memory beyond what was taken before, until the first batch of a pack is there."""
    before, began = counted("status", "VmRSS"), time.perf_counter()
    canvases = open_pack(folder).canvases
    Batches(canvases.pixels, 32, 0, torch.device("cpu"))(0)
    seconds = time.perf_counter() - began
    return {"rows": len(canvases.pixels), "seconds": seconds, "memory": (counted("status", "VmHWM") - before) / 1024}


def table(rows: list[dict[str, Any]]) -> Table:
    """Seconds and speeds by size, files and way."""
    numbers = ("ready, s", "epoch, s", "read, MB", "pictures/s", "ratio")
    drawn = Table("files", "size", "from", *numbers, title=f"the data stage, {os.cpu_count()} cores")
    for row in rows:
        cells = (f"{row['ready']:.2f}", f"{row['epoch']:.2f}", f"{row['read']:.0f}", f"{row['rate']:.0f}")
        drawn.add_row(row["files"], str(row["size"]), row["from"], *cells, f"{row['ratio']:.1f}×")
    return drawn


def main() -> None:
    """Measure and print; write JSON where it was asked for."""
    parser = argparse.ArgumentParser(description="the data stage of a training")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=(64, 128))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)  # in a process of its own, for its memory
    options = parser.parse_args()
    if options.start:
        return print(json.dumps(start(options.start)))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = []
        for name in SHAPES:
            for size in options.sizes:
                settings = load_preset("figures").override({"model": {"size": size}}, "benchmark")
                rows += compare(name, settings, options.pictures, options.rounds, Path(folder))
        command = [sys.executable, __file__, "--start", replica(Path(folder) / "replica", options.rows)]
        million = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    Console(width=120).print(table(rows))
    print(
        f"a pack of {million['rows']} pictures: first batch after {million['seconds']:.1f} s, {million['memory']:.0f} MB"
    )
    if options.json:
        options.json.write_text(json.dumps({"data_stage": rows, "start": million}, indent=2) + "\n")


if __name__ == "__main__":
    with command("data_speed.py"):
        main()
