"""What a worker does: one shard after the other, each a file that is there when it is done."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partpose.cluster.plan import Shard
from partpose.data.images import Unreadable
from partpose.data.sources import Source
from partpose.errors import Skipped
from partpose.predict.formats import write_hdf5
from partpose.predict.poses import Poses
from partpose.predict.predictor import NothingRead, load


class Worker:
    """A model that is loaded once, and the shards it is given; those that are done already are left alone."""

    def __init__(self, model: str, output: str, average: int, uncertainty: int, batch: int, device: str | None) -> None:
        self.predictor, self.output, self.batch = load(model, device), Path(output), batch
        self.predictor.average, self.predictor.uncertainty = average, uncertainty

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Predict a shard: `Shard` as a dictionary. Returns its number, and how many rows it gave and passed over."""
        shard = Shard(int(row["number"]), int(row["first"]), str(row["kind"]), tuple(row["files"]))
        file = shard.file(self.output)
        if file.is_file():
            return {"number": shard.number, "rows": 0, "skipped": 0, "new": False}
        poses = self.predict(shard)
        write_hdf5(poses, file)
        return {"number": shard.number, "rows": len(poses), "skipped": len(poses.skipped), "new": True}

    def predict(self, shard: Shard) -> Poses:
        """The poses of a shard; of one that cannot be read at all none, with the reasons."""
        with fetched(shard) as (source, missed):
            try:
                poses = self.predictor.predict_source(source, self.batch, missed)
            except (NothingRead, Unreadable) as error:
                skipped = error.skipped if isinstance(error, NothingRead) else [error.skipped]
                poses = _nothing(self.predictor.settings.model.parts, source, skipped)
        return replace(poses, source=shard.files[0])


@contextmanager
def fetched(shard: Shard) -> Generator[tuple[Source, list[Skipped]]]:
    """The shard as a source whose files lie on this machine, and what could not be fetched; copies are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="partpose-") as folder:
        there, missed = [], []
        for i, file in enumerate(shard.files):
            try:
                there.append((_here(file, Path(folder) / f"{i}{Path(file).suffix}"), file))
            except (OSError, ImportError, ValueError) as error:
                missed.append(Skipped(file, f"cannot be fetched: {error}"))
        files, names = tuple(path for path, _ in there), tuple(name for _, name in there)
        path = files[0] if shard.kind == "video" and files else Path(folder)
        yield (
            Source(path, "video" if shard.kind == "video" else "pictures", files, names, f"{shard.number:08d}"),
            missed,
        )


def _here(file: str, copy: Path) -> Path:
    """A path on this machine: the file itself, or a copy of what an address names."""
    if "://" not in file:
        return Path(file)
    import fsspec

    with fsspec.open(file, "rb") as far, copy.open("wb") as near:
        shutil.copyfileobj(far, near)
    return copy


def _nothing(parts: int, source: Source, skipped: list[Skipped]) -> Poses:
    return Poses(
        mean=np.empty((0, parts, 2)),
        covariance=np.empty((0, parts, 2, 2)),
        confidence=np.empty((0, parts)),
        source=str(source.path),
        sizes=np.empty((0, 2), np.int64),
        frame_index=np.empty(0, np.int64),
        time_stamp=np.empty(0),
        files=None if source.kind == "video" else (),
        skipped=tuple(skipped),
    )
