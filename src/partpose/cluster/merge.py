"""The files of shards, joined: one result for all pictures, one for each video."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from partpose.cluster.plan import file_of, pictures_in, read_plan, stem_of
from partpose.errors import PartposeError, Skipped
from partpose.predict.files import WRITERS, files_of, write_files
from partpose.predict.formats import read_hdf5
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.poses import SHAPES, Poses

PICTURES = "pictures"


class Missing(NamedTuple):
    """A shard that is not done.  pictures: how many it has, 0 for a video."""

    path: Path
    pictures: int


class Merged(NamedTuple):
    """written: the files.  skipped: what could not be read.  missing: the shards that are not in them."""

    written: list[Path]
    skipped: list[Skipped]
    missing: list[Missing]


def merge(
    folder: Path,
    output: Path,
    formats: Sequence[str],
    rows: int,
    landmarks: Path | None = None,
    incomplete: bool = False,
) -> Merged:
    """Join all shards of a folder, in the order of the inputs.

    rows: of one file at most; where there are more pictures there are several, pictures_000 and so on.
    incomplete: join those that are there.
    Raises PartposeError where shards are missing and that was not asked for, where none is there, where older results would
    stay beside these, and for a folder that is none of these.
    """
    linear_map = LandmarkMap.load(landmarks) if landmarks else None
    written: list[Path] = []
    skipped: list[Skipped] = []
    pictures, videos, missing = _shards(folder, incomplete)
    groups = list(_of_at_most(pictures, rows))
    stems = [PICTURES if len(groups) == 1 else f"{PICTURES}_{i:03d}" for i in range(len(groups))]
    _refuse_older(output, stems, formats)
    for stem, group in zip(stems, groups, strict=True):
        poses = joined(group)
        skipped += poses.skipped
        written += _write(poses, output / stem, formats, linear_map)
    for path in videos:
        poses = read_hdf5(path)
        skipped += poses.skipped
        stem = f"{stem_of(poses.source)}_{path.stem}"
        written += _write(poses, output / stem, formats, linear_map)
    return Merged(written, skipped, missing)


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


def _refuse_older(output: Path, stems: Sequence[str], formats: Sequence[str]) -> None:
    """Whoever reads all files of an earlier merge and of this one has pictures twice. Raises PartposeError."""
    replaced = {path for stem in stems for path in files_of(output / stem, formats)}
    older = [
        path
        for name in formats
        for path in sorted(output.glob(f"{PICTURES}*"))
        if re.fullmatch(rf"{PICTURES}(_\d{{3,}})?{re.escape(WRITERS[name].ending)}", path.name) and path not in replaced
    ]
    if stems and older:
        raise PartposeError(f"{older[0]} would stay beside what is merged now: remove it, or name another --output")


def _write(poses: Poses, stem: Path, formats: Sequence[str], linear_map: LandmarkMap | None) -> list[Path]:
    return write_files(poses if linear_map is None else poses.landmarks(linear_map), stem, formats)


def _shards(folder: Path, incomplete: bool) -> tuple[list[Path], list[Path], list[Missing]]:
    """The files of all shards of pictures, those of videos, and what is missing of both."""
    plan = read_plan(folder)
    there: dict[int, Path] = {}
    missing: list[Missing] = []
    for number in range(plan["shards"]):
        path = file_of(folder, number)
        if path.is_file():
            there[number] = path
        else:
            missing.append(Missing(path, pictures_in(plan, number)))
    if missing and not (there and incomplete):
        raise PartposeError(
            f"{len(missing)} of {plan['shards']} shards of {folder} are missing, the first is {missing[0].path.stem}: "
            f"`partpose predict` goes on with them{', --incomplete merges the others' if there else ''}"
        )
    pictures, videos = ([path for n, path in there.items() if (n < plan["of_pictures"]) is of] for of in (True, False))
    return pictures, videos, missing


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
