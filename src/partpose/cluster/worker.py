"""What a worker does: one shard after the other, each a file that is there when it is done."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partpose.cluster.plan import Shard, ending_of
from partpose.data.images import Unreadable
from partpose.data.sources import Source
from partpose.edit.names import named
from partpose.errors import Skipped
from partpose.predict.formats import write_hdf5
from partpose.predict.poses import Poses
from partpose.predict.predictor import NothingRead, load


class Unfetched(Exception):
    """Files of a shard could not be fetched, though they may be there: the shard is not done."""


class Worker:
    """A model that is loaded once, and the shards it is given; those that are done already are left alone."""

    def __init__(
        self, model: str, output: str, options: dict[str, int], names: dict[int, str], device: str | None
    ) -> None:
        self.predictor, self.output, self.names = load(model, device), Path(output), names
        self.predictor.average, self.predictor.uncertainty = options["average"], options["uncertainty"]
        self.batch = options["batch"]

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Predict a shard: `Shard` as a dictionary. Returns how many rows it gave and passed over, and why it is not done."""
        shard = Shard(int(row["number"]), row["kind"], tuple(row["files"]))
        file = shard.file(self.output)
        if file.is_file():
            return _said(shard, new=False)
        try:
            poses = self.predict(shard)
        except Unfetched as error:
            return _said(shard, new=False, failed=str(error))
        write_hdf5(named(poses, self.names), file)
        return _said(shard, len(poses), len(poses.skipped))

    def predict(self, shard: Shard) -> Poses:
        """The poses of a shard; of one that cannot be read at all none, with the reasons. Raises Unfetched."""
        with fetched(shard) as (source, missed):
            try:
                if not source.files:
                    raise NothingRead(Path(shard.files[0]), missed)
                poses = self.predictor.predict_source(source, self.batch, missed)
            except (NothingRead, Unreadable) as error:
                skipped = error.skipped if isinstance(error, NothingRead) else [*missed, error.skipped]
                poses = _nothing(self.predictor.settings.model.parts, source, skipped)
        return _with_addresses(poses, shard, source)


def _said(shard: Shard, rows: int = 0, skipped: int = 0, new: bool = True, failed: str = "") -> dict[str, Any]:
    return {"number": shard.number, "rows": rows, "skipped": skipped, "new": new, "failed": failed}


def _with_addresses(poses: Poses, shard: Shard, source: Source) -> Poses:
    """The poses as of the files that the user named, and not of copies that are gone."""
    addresses = {str(path): name for path, name in zip(source.files, source.names, strict=True)}
    skipped = tuple(one._replace(path=addresses.get(one.path, one.path)) for one in poses.skipped)
    provenance = {**poses.provenance, "input": shard.files[0]}
    return replace(poses, source=shard.files[0], skipped=skipped, provenance=provenance)


@contextmanager
def fetched(shard: Shard) -> Generator[tuple[Source, list[Skipped]]]:
    """The shard as a source whose files lie on this machine, and what is not there; copies are gone afterwards.

    Raises Unfetched for whatever else a store may say: it may give the file the next time.
    """
    with tempfile.TemporaryDirectory(prefix="partpose-") as folder:
        there, missed = [], []
        for i, file in enumerate(shard.files):
            try:
                there.append((_here(file, Path(folder) / f"{i}{ending_of(file)}"), file))
            except FileNotFoundError:
                missed.append(Skipped(file, "is not there"))
            except Exception as error:  # every store has errors of its own
                raise Unfetched(f"{file} cannot be fetched: {error}") from error
        files, names = tuple(path for path, _ in there), tuple(name for _, name in there)
        path = files[0] if shard.kind == "video" and files else Path(folder)
        yield Source(path, shard.kind, files, names, f"{shard.number:08d}"), missed


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
