"""SLEAP's labels, `.slp`: HDF5 with a table each of frames, instances and points, and JSON that says what they mean."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from partpose.data.annotations.hdf5 import names_in, opened
from partpose.data.annotations.instances import cuts_around
from partpose.data.annotations.locate import locate
from partpose.data.annotations.names import flip_pairs_of
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError

NAME = "sleap"
PREDICTED = "sleap predictions"
"""The `format` of a set whose instances were all found by a network."""


class Skeleton(NamedTuple):
    """names: in the order of an instance's points.  lines, twins: pairs of them that are joined, or left and right."""

    names: tuple[str, ...]
    lines: tuple[tuple[int, int], ...]
    twins: tuple[tuple[int, int], ...]


class Video(NamedTuple):
    """listed: a video, or a list of pictures.  embedded: whether its labelled frames lie in the labels file."""

    listed: str | list[str]
    embedded: bool


def find(path: Path) -> list[Path]:
    """The file itself, or the `.slp` files in a folder."""
    files = [path] if path.is_file() else sorted(path.glob("*.slp"))
    return [file for file in files if _is_labels(file)]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of one labels file: a row an instance, in the order of its frames.

    Instances that a user labelled, or, in a file that has none of them, those that a network found; then `format` says
    so. A landmark that is marked as not visible is missing. Where a frame has several instances, each has a cut.
    """
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise PartposeError(
            f"{readable(path)} holds {len(found)} SLEAP files, expected the name of one of them: {names}"
        )
    with opened(found[0], "SLEAP file") as file:
        return _read(file, found[0])


def _is_labels(path: Path) -> bool:
    """Also for one that is damaged, so that `read` can say so."""
    if path.suffix.lower() != ".slp" or not (path.is_file() and h5py.is_hdf5(path)):
        return False
    held = names_in(path)
    return held is None or {"metadata", "frames", "instances", "points"} <= held


def _read(file: h5py.File, path: Path) -> Landmarks:
    frames, instances = file["frames"][:], file["instances"][:]
    by_hand = instances["instance_type"] == 0
    predicted = not by_hand.any()
    ranges = [np.arange(int(frame["instance_id_start"]), int(frame["instance_id_end"])) for frame in frames]
    order = np.concatenate([np.zeros(0, int), *ranges])
    rows = order[by_hand[order] | predicted]
    places = np.repeat(np.arange(len(frames)), list(map(len, ranges)))[by_hand[order] | predicted]
    skeleton = _skeleton(file, instances["skeleton"][rows], path)
    points = _points(file, "pred_points" if predicted else "points", instances[rows], len(skeleton.names))
    seen = np.isfinite(points).any(axis=(1, 2))
    files, indices = _files(file, frames[places[seen]], path)
    return Landmarks(
        path.parent,
        files,
        ("train",) * len(files),
        points[seen],
        skeleton.names,
        flip_pairs=skeleton.twins,
        skeleton=skeleton.lines,
        frames=indices if any(index >= 0 for index in indices) else None,
        cuts=cuts_around(points[seen], list(zip(files, indices, strict=True)), _tracks(file, instances[rows[seen]])),
        format=PREDICTED if predicted else NAME,
    )


def _skeleton(file: h5py.File, used: NDArray, path: Path) -> Skeleton:
    """The one that all instances have. Its nodes are numbers into the list of all nodes, in the order of the points."""
    if not len(used):
        raise PartposeError(f"{readable(path)} holds no labelled instance")
    if used.min() != used.max():
        raise PartposeError(
            f"{readable(path)} has instances of {len(set(used))} skeletons, expected one kind of object"
        )
    held = file["metadata"]
    about = json.loads(held.attrs["json"] if "json" in held.attrs else held["json"][()])
    skeleton = about["skeletons"][int(used[0])]
    skeleton = skeleton.get("nx_graph", skeleton)
    nodes = [node["id"] for node in skeleton["nodes"]]
    names = tuple(about["nodes"][node]["name"] for node in nodes)
    links: dict[int, list[tuple[int, int]]] = {1: [], 2: []}
    kinds: list[int] = []
    for link in skeleton["links"]:
        kind = _kind(link["type"], kinds)
        links.setdefault(kind, []).append((nodes.index(link["source"]), nodes.index(link["target"])))
    twins = tuple(sorted({(min(pair), max(pair)) for pair in links[2]}))
    return Skeleton(names, tuple(links[1]), twins or flip_pairs_of(names))


def _kind(written: dict, kinds: list[int]) -> int:
    """1 for a line, 2 for a pair of twins: written out where it first occurs, by its number from there on."""
    if "py/reduce" in written:
        kinds.append(written["py/reduce"][1]["py/tuple"][0])
        return kinds[-1]
    number = written["py/id"]
    return kinds[number - 1] if number <= len(kinds) else number


def _points(file: h5py.File, name: str, instances: NDArray, count: int) -> NDArray[np.float64]:
    """float64 (N, count, 2); before format 1.1 the corner of the top-left pixel was (0, 0)."""
    starts = instances["point_id_start"].astype(np.int64)
    if (instances["point_id_end"].astype(np.int64) - starts != count).any():
        raise ValueError(f"it has instances that have not the {count} points of their skeleton")
    stored = file[name][:][starts[:, None] + np.arange(count)]
    points = np.stack([stored["x"], stored["y"]], axis=-1).astype(np.float64)
    points[~stored["visible"] | ~np.isfinite(points).all(axis=-1)] = np.nan
    return points - 0.5 if file["metadata"].attrs.get("format_id", 1.2) < 1.1 else points


def _tracks(file: h5py.File, instances: NDArray) -> list[str]:
    names = [str(json.loads(track)[1]) for track in file["tracks_json"][:]] if len(file["tracks_json"]) else []
    return [names[track] if track >= 0 else "" for track in instances["track"]]


def _files(file: h5py.File, frames: NDArray, path: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Of each row the video and the frame in it, or the picture and -1."""
    videos = _videos(file)
    listed, indices = [], []
    for frame in frames:
        video, index = videos[int(frame["video"])], int(frame["frame_idx"])
        sequence = not isinstance(video.listed, str)
        listed.append(video.listed[index] if sequence else video.listed)
        indices.append(-1 if sequence else index)
    files = locate(listed, path.parent)
    for frame, name in zip(frames, files, strict=True):
        if videos[int(frame["video"])].embedded and not (path.parent / name).is_file():
            raise PartposeError(
                f"{readable(path)} holds its pictures inside, which are not read: put {Path(name).name}, of which they "
                f"are, beside it"
            )
    return files, tuple(indices)


def _videos(file: h5py.File) -> dict[int, Video]:
    """By the number that frames give; of pictures that lie in the labels file, it is in the name of their data set."""
    videos = {}
    for number, text in enumerate(file["videos_json"][:]):
        backend = _backend(json.loads(text))
        group = backend.get("dataset", "").split("/")[0] if backend.get("filename") == "." else ""
        key = int(group.removeprefix("video")) if group.removeprefix("video").isdecimal() else number
        source = _source(file, group) if group else backend
        videos[key] = Video(source.get("filenames") or source["filename"], embedded=bool(group))
    return videos


def _backend(video: dict) -> dict:
    return {"filename": video.get("filename"), **video.get("backend", {})}


def _source(file: h5py.File, group: str) -> dict:
    """Where the pictures in a labels file come from."""
    for name in ("source_video", "original_video"):
        held: Any = file.get(f"{group}/{name}")
        if held is not None:
            return _backend(json.loads(held["json"][()] if "json" in held else held.attrs["json"]))
    return {"filename": "the video"}
