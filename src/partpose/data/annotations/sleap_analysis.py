"""SLEAP's analysis files, HDF5: the places of every node, in every frame, of every track of one video."""

import json
from pathlib import Path

import h5py
import numpy as np

from partpose.data.annotations.hdf5 import names_in, opened
from partpose.data.annotations.instances import cuts_around
from partpose.data.annotations.locate import locate
from partpose.data.annotations.names import flip_pairs_of
from partpose.data.landmarks import Landmarks
from partpose.data.walk import VIDEO_SUFFIXES, readable
from partpose.errors import PartposeError

NAME = "sleap-analysis"
MATLAB = ("track", "xy", "node", "frame")
"""The order of the axes where a file does not say otherwise."""


def find(path: Path) -> list[Path]:
    """The file itself, even if it is of partpose's own predictions, or the files in a folder that are not."""
    if path.is_file():
        return [path] if _held(path) else []
    return [file for file in sorted(path.glob("*.h5")) if _held(file) and "partpose_format" not in _held(file)]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of one file: a row for each frame and track that has a landmark.

    Such a file does not say which of them were labelled by hand and which predicted. Where it does not name its video
    either, that is the one beside it whose name the file's begins with.
    """
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise PartposeError(f"{readable(path)} holds {len(found)} analysis files, expected the name of one: {names}")
    with opened(found[0], "analysis file of SLEAP") as file:
        return _read(file, found[0])


def _held(path: Path) -> set[str]:
    """The names of what an analysis file holds, with its attributes; nothing for another file."""
    held = (names_in(path) if path.suffix.lower() in (".h5", ".hdf5") else None) or set()
    return held if {"tracks", "track_occupancy", "node_names"} <= held else set()


def _read(file: h5py.File, path: Path) -> Landmarks:
    if "partpose_format" in file.attrs:
        raise PartposeError(f"{readable(path)} holds predictions of partpose, not annotations")
    axes = _axes(file)
    points = file["tracks"][:].transpose([axes.index(name) for name in ("frame", "track", "node", "xy")])
    points = np.where(np.isfinite(points).all(axis=-1, keepdims=True), points, np.nan).astype(np.float64)
    frames, tracks = np.nonzero(np.isfinite(points).any(axis=(2, 3)))
    if not len(frames):
        raise PartposeError(f"{readable(path)} has no landmark in any frame")
    (video,) = locate([_video(file, path)], path.parent)
    known = [name.decode("utf-8") for name in file["track_names"][:]]
    names = tuple(name.decode("utf-8") for name in file["node_names"][:])
    track_of = [known[track] if track < len(known) else "" for track in tracks]
    rows = points[frames, tracks]
    return Landmarks(
        path.parent,
        (video,) * len(rows),
        ("train",) * len(rows),
        rows,
        names,
        flip_pairs=flip_pairs_of(names),
        skeleton=tuple((int(a), int(b)) for a, b in file["edge_inds"][:]) if "edge_inds" in file else (),
        frames=tuple(map(int, frames)),
        cuts=cuts_around(rows, [(int(frame),) for frame in frames], track_of),
        format=NAME,
    )


def _axes(file: h5py.File) -> tuple[str, ...]:
    if "dims" in file["tracks"].attrs:
        return tuple(json.loads(file["tracks"].attrs["dims"]))
    return MATLAB if file.attrs.get("transpose", True) else ("frame", "node", "xy", "track")


def _video(file: h5py.File, path: Path) -> str:
    listed = file["video_path"][()].decode("utf-8") if "video_path" in file else ""
    if listed:
        return listed
    beside = [one for one in path.parent.iterdir() if one.suffix.lower() in VIDEO_SUFFIXES]
    named = max((one for one in beside if path.name.startswith(one.stem)), key=lambda one: len(one.stem), default=None)
    return named.name if named else path.name.removesuffix(".h5").removesuffix(".analysis")
