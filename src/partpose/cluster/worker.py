"""What a worker does: one shard after the other, each a file that is there when it is done."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from partpose.cluster.fetch import Unfetched, fetched, machine_fails, read_through
from partpose.cluster.plan import Shard
from partpose.data.images import Unreadable, read_image
from partpose.data.reading import Look
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.edit.names import named
from partpose.errors import PartposeError, Skipped
from partpose.predict.formats import write_hdf5
from partpose.predict.poses import Poses
from partpose.predict.predictor import NothingRead, load

PAUSE = 5.0
"""Seconds before a worker that has failed takes another shard: one whose machine is broken would soon have had them all."""


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
            return said(shard, new=False)
        try:
            poses = self.predict(shard)
            write_hdf5(named(poses, self.names), file)
        except Exception as error:  # one shard must not end all others; whoever reads it wants to know which, and why
            time.sleep(PAUSE)
            return said(shard, new=False, failed=_failure(shard, error))
        return said(shard, len(poses), len(poses.skipped))

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
            _look_again(source, poses.skipped, self.predictor.look)
        return _with_addresses(poses, shard, source)


def said(shard: Shard, rows: int = 0, skipped: int = 0, new: bool = True, failed: str = "") -> dict[str, Any]:
    """What is said of a shard. failed: which shard it is and why it is not done, nothing where it is."""
    return {"number": shard.number, "rows": rows, "skipped": skipped, "new": new, "failed": failed}


def _failure(shard: Shard, error: Exception) -> str:
    if isinstance(error, Unfetched):
        return f"shard {shard.number:08d}: {error}"
    return f"{shard}: {'' if isinstance(error, PartposeError) else f'{type(error).__name__}: '}{error}"


def _look_again(source: Source, skipped: Sequence[Skipped], look: Look) -> None:
    """Look once more at what could not be read, for what is noted in a file is noted for good. Raises Unfetched.

    A video is only read to its end: its decoder has the words of a broken disk for damage as well.
    """
    known = {readable(path): (path, name) for path, name in zip(source.files, source.names, strict=True)}
    for path, name in (known[one.path] for one in skipped if one.path in known):
        try:
            read_through(path)
            if source.kind == "pictures":
                read_image(path, look.channels, look.side)
                raise Unfetched(f"{readable(name)} could not be read at first, and then it could")
        except (OSError, ValueError, Unreadable) as error:
            cause = error.__cause__ if isinstance(error, Unreadable) else error
            if machine_fails(cause):
                raise Unfetched(f"{readable(name)} cannot be read: {cause}") from error


def _with_addresses(poses: Poses, shard: Shard, source: Source) -> Poses:
    """The poses as of the files that the user named, and not of copies that are gone."""
    addresses = {str(path): name for path, name in zip(source.files, source.names, strict=True)}
    skipped = tuple(one._replace(path=addresses.get(one.path, one.path)) for one in poses.skipped)
    provenance = {**poses.provenance, "input": shard.files[0]}
    return replace(poses, source=shard.files[0], skipped=skipped, provenance=provenance)


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
