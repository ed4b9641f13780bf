"""Pictures a second of `partpose predict --engine ray` on this machine, by workers: what docs/cluster.md plans with.

    python benchmarks/cluster_speed.py [--model figures] [--pictures 4000] [--shard 500] [--workers 1,2]

JPEG pictures of 640×480, read from disk. The time begins when each worker has done a shard, so that starting Ray and loading
models, which a long run does once, do not count; they are printed beside it.
"""

import argparse
import tempfile
import time
from pathlib import Path

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)
import numpy as np
from PIL import Image

# isort: on
from rich.console import Console
from rich.table import Table

from partpose.cluster.engine import run
from partpose.cluster.plan import cut, list_files
from partpose.command import command
from partpose.data.atomic import make_folder
from partpose.model.shipped import resolve


def save_pictures(folder: Path, count: int) -> None:
    """JPEG of 640×480, each another."""
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 255, (15, 20, 3), np.uint8)
        Image.fromarray(small).resize((640, 480)).save(folder / f"{i:06d}.jpg", quality=90)


def measure(model: Path, folder: Path, output: Path, shard: int, workers: int) -> tuple[float, float]:
    """Seconds until the first shard is done, and pictures a second after that."""
    shards = cut(list_files([str(folder)])[0], shard)
    make_folder(output / "shards")
    if len(shards) <= workers:
        raise SystemExit(f"{len(shards)} shards are too few for {workers} workers: give a smaller --shard")
    options = {"average": 1, "uncertainty": 0, "batch": 32}
    about = {"model": str(model), "output": str(output), "options": options, "names": {}}
    began, ends, rows = time.perf_counter(), [], []
    for said in run(shards, workers, "cpu", about):
        ends.append(time.perf_counter())
        rows.append(said["rows"])
    return ends[0] - began, sum(rows[workers:]) / (ends[-1] - ends[workers - 1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="prediction on a Ray cluster of this machine")
    parser.add_argument("--model", default="figures")
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--shard", type=int, default=500)
    parser.add_argument("--workers", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2])
    options = parser.parse_args()
    table = Table(
        "workers", "until the first shard, s", "pictures/s", "a worker", title="predict --engine ray, 640×480 JPEG"
    )
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        save_pictures(pictures, options.pictures)
        for workers in options.workers:
            first, rate = measure(
                resolve(options.model).resolve(), pictures, Path(folder) / f"{workers}", options.shard, workers
            )
            table.add_row(str(workers), f"{first:.1f}", f"{rate:.0f}", f"{rate / workers:.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    with command("cluster_speed.py"):
        main()
