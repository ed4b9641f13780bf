"""The files of shards, joined: one result for all pictures, one for each video."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from partpose.cluster.plan import file_of, read_plan
from partpose.errors import PartposeError, Skipped
from partpose.predict.files import write_files
from partpose.predict.formats import read_hdf5
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.poses import SHAPES, Poses


def merge(
    folder: Path, output: Path, formats: Sequence[str], rows: int, landmarks: Path | None = None
) -> tuple[list[Path], list[Skipped]]:
    """Join all shards of a folder, in the order of the inputs; returns the files, and what could not be read.

    rows: of one file at most; where there are more pictures there are several, pictures_000 and so on.
    Raises PartposeError where shards are missing, and for a folder that is none of these.
    """
    linear_map = LandmarkMap.load(landmarks) if landmarks else None
    written: list[Path] = []
    skipped: list[Skipped] = []
    paths, of_pictures = _shards(folder)
    pictures, videos = paths[:of_pictures], paths[of_pictures:]
    groups = list(_of_at_most(pictures, rows))
    for i, group in enumerate(groups):
        stem = "pictures" if len(groups) == 1 else f"pictures_{i:03d}"
        poses = joined(group)
        skipped += poses.skipped
        written += _write(poses, output / stem, formats, linear_map)
    for path in videos:
        poses = read_hdf5(path)
        skipped += poses.skipped
        stem = f"{Path(poses.source).stem}_{path.stem}"
        written += _write(poses, output / stem, formats, linear_map)
    return written, skipped


def joined(paths: Sequence[Path]) -> Poses:
    """The pictures of several shards as one result, numbered on."""
    some = [read_hdf5(path) for path in paths]
    lengths = np.array([len(poses) for poses in some])
    first = np.concatenate([[0], lengths.cumsum()[:-1]])
    arrays = {name: np.concatenate([getattr(poses, name) for poses in some]) for name in SHAPES}
    arrays["frame_index"] = np.concatenate([np.arange(n) + at for n, at in zip(lengths, first, strict=True)])
    return replace(
        next((poses for poses in some if len(poses)), some[0]),
        **arrays,
        track=tuple(name for poses in some for name in poses.track),
        files=tuple(name for poses in some for name in poses.files or ()),
        skipped=tuple(one for poses in some for one in poses.skipped),
    )


def _write(poses: Poses, stem: Path, formats: Sequence[str], linear_map: LandmarkMap | None) -> list[Path]:
    return write_files(poses if linear_map is None else poses.landmarks(linear_map), stem, formats)


def _shards(folder: Path) -> tuple[list[Path], int]:
    """The files of all shards, and how many of them, the first ones, are of pictures."""
    plan = read_plan(folder)
    paths = [file_of(folder, number) for number in range(plan["shards"])]
    if missing := sum(not path.is_file() for path in paths):
        raise PartposeError(
            f"{missing} of {len(paths)} shards of {folder} are missing: `partpose predict` goes on with them"
        )
    return paths, plan["of_pictures"]


def _of_at_most(paths: Sequence[Path], rows: int) -> Iterator[list[Path]]:
    """Groups of shards with at most so many rows together, or of one shard."""
    group: list[Path] = []
    held = 0
    for path in paths:
        count = _rows(path)
        if group and held + count > rows:
            yield group
            group, held = [], 0
        group.append(path)
        held += count
    if group:
        yield group


def _rows(path: Path) -> int:
    try:
        with h5py.File(path, "r") as file:
            return len(file["frame_index"])
    except (OSError, KeyError):
        raise PartposeError(f"{path} is broken: remove it, `partpose predict` makes it anew") from None
