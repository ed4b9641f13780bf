"""Poses to and from files.

Every format here gets the same coordinates: pixels of the original picture, x right and y down, counted from 0, whole
numbers at pixel *centres*. That is what SLEAP's analysis files and DeepLabCut's tables are read as by the tools that
take them, so no writer shifts anything.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from partpose.data.atomic import atomic
from partpose.errors import PartposeError, Skipped
from partpose.predict.extras import copy_extras
from partpose.predict.poses import Poses

FORMAT = 1
TRACK = "track_0"
BLOCK = 1024
"""Frames of which the text is made at once."""


def write_hdf5(poses: Poses, path: Path | str, extras: Path | None = None) -> None:
    """Write poses, without loss, as HDF5 in the layout of SLEAP's "analysis" files, with datasets of our own beside.

    SLEAP's, over *all* frames 0 … T-1 up to the last one with a pose (T frames, N tracks, K nodes; NaN where there is
    none): tracks (N, 2, K, T), track_occupancy (T, N), point_scores (N, K, T) = confidence, instance_scores and
    tracking_scores (N, T), node_names, track_names, edge_names, edge_inds, video_path, video_ind, labels_path,
    provenance (JSON).
    Ours, over the F rows of the poses: frame_index (F,), track (F,), time_stamps (F,) seconds, sizes (F, 2) width and
    height, squares (F, 3) what the model saw,
    covariance (F, K, 2, 2) square pixels, confidence (F, K), uncertainty (F, K) pixels, raw (F, K, 2) pixels where the
    poses are filtered, files (F,) for pictures, skipped (S, 2) path and reason,
    history (JSON), and the attributes `partpose_format`, `source` and `fps`.

    extras: a file whose appearance vectors (F, K, D) and part maps (F, K, h, w) are taken over, see `predict.extras`.

    Raises `PartposeError` where the file cannot be written.
    """
    with atomic(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        _write_sleap(file, poses)
        _write_ours(file, poses)
        if extras is not None:
            copy_extras(extras, file)


def read_hdf5(path: Path | str) -> Poses:
    """Read what `write_hdf5` wrote. Raises `PartposeError` for any other file."""
    try:
        with h5py.File(path, "r") as file:
            return _read(file, path)
    except FileNotFoundError as error:
        raise PartposeError(f"no such file: {path}") from error
    except (OSError, KeyError) as error:
        raise PartposeError(f"{path} is not a complete HDF5 file of poses; `partpose predict` writes one") from error


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Where the poses of a file come from, without reading them. Raises `PartposeError` as `read_hdf5`."""
    try:
        with h5py.File(path, "r") as file:
            return json.loads(file["provenance"][()])
    except (OSError, KeyError, ValueError) as error:
        raise PartposeError(f"{path} is not an HDF5 file of poses") from error


def write_dlc_csv(poses: Poses, path: Path | str) -> None:
    """Write poses as DeepLabCut writes its predictions, likelihood = confidence.

    Three header rows (scorer, bodyparts, coords; of several objects a frame a fourth, individuals), then one row a frame:
    its index in the video, or the picture's file name, and x, y, likelihood of every keypoint; empty where unknown.
    The scorer says where the table comes from, see `scorer`. Raises `PartposeError` where it cannot write.
    """
    objects = columns(poses)[0]
    width = 3 * len(poses.names)
    # A file name that is no valid text still gets its row
    with (
        atomic(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["scorer", *[scorer(poses)] * width * len(objects)])
        if objects != (TRACK,):
            table.writerow(["individuals", *(name for name in objects for _ in range(width))])
        table.writerow(["bodyparts", *[name for name in poses.names for _ in range(3)] * len(objects)])
        table.writerow(["coords", *["x", "y", "likelihood"] * len(poses.names) * len(objects)])
        first_cell = csv.writer(file, lineterminator="")
        for name, cells in _csv_rows(poses):
            first_cell.writerow([name])
            file.write(cells)


def _csv_rows(poses: Poses) -> Iterator[tuple[int | str, str]]:
    """The first cell of every frame, and the text of all that follow it, a block of frames at a time in memory."""
    objects, column = columns(poses)
    frames, first, frame_of = np.unique(poses.frame_index, return_index=True, return_inverse=True)
    names = frames.tolist() if poses.files is None else [poses.files[row] for row in first]
    for start in range(0, len(frames), BLOCK):
        a, b = np.searchsorted(frame_of, (start, start + BLOCK))
        block = np.full((len(frames[start : start + BLOCK]), len(objects), len(poses.names), 3), np.nan)
        values = np.concatenate([poses.mean[a:b], poses.confidence[a:b, :, None]], axis=2)
        block[frame_of[a:b] - start, column[a:b]] = values
        for name, row in zip(names[start : start + BLOCK], block.reshape(len(block), -1).tolist(), strict=True):
            # csv.writer gives the same, in half as much time again
            yield name, f",{','.join(map(repr, row))}\n".replace("nan", "")


def scorer(poses: Poses) -> str:
    """Where poses come from in one word, which is all that a table has room for.

    "partpose_3.0.0_model-<hash>_config-<hash>_<date>_<name of the input>", or what of it is known.
    """
    about = poses.provenance
    hashes = [f"{name}-{about[f'{name}_hash']}" for name in ("model", "config") if f"{name}_hash" in about]
    words = ["partpose", about.get("version"), *hashes, about.get("date"), PurePath(about.get("input", "")).name]
    return "_".join(_printable(" ".join(word.split())) for word in words if word)


def columns(poses: Poses) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names of the objects in formats that have a place for each in every frame, and which of them each row is.

    They are the tracks; where there are many more of them than are ever seen at once, as of passers-by, they are numbers
    within the frame, for a place for each would be empty nearly everywhere.
    """
    tracks = list(poses.tracks()) or [""]
    first = np.searchsorted(poses.frame_index, poses.frame_index)
    within = np.arange(len(poses)) - first
    most = int(within.max(initial=0)) + 1
    if len(tracks) > 4 * most:
        return tuple(f"object_{i}" for i in range(most)), within
    number = {name: i for i, name in enumerate(tracks)}
    return tuple(name or TRACK for name in tracks), np.array([number[name] for name in poses.track], np.int64)


def _write_sleap(file: h5py.File, poses: Poses) -> None:
    place = columns(poses)
    known = np.isfinite(poses.mean[..., 0])
    score = np.where(known, poses.confidence, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    _store(file, "tracks", _dense(poses, place, poses.mean.transpose(0, 2, 1)), "track xy node frame")
    seen = _dense(poses, place, np.any(known, axis=1), 0).astype(np.uint8)
    _store(file, "track_occupancy", seen.T, "frame track")
    _store(file, "point_scores", _dense(poses, place, poses.confidence), "track node frame")
    _store(file, "instance_scores", _dense(poses, place, score), "track frame")
    _store(file, "tracking_scores", np.full(seen.shape, np.nan), "track frame")
    file["track_names"] = np.array([name.encode("utf-8") for name in place[0]])
    names = np.array([name.encode("utf-8") for name in poses.names])
    file["node_names"] = names
    edges = np.array(poses.skeleton, np.int64).reshape(-1, 2)
    file["edge_names"], file["edge_inds"] = names[edges], edges
    file["video_path"] = _printable(poses.source)
    file["video_ind"] = 0
    file["labels_path"] = ""
    file["provenance"] = json.dumps(poses.provenance)
    file.attrs["format"], file.attrs["preset"] = "analysis", "matlab"


def _write_ours(file: h5py.File, poses: Poses) -> None:
    file.attrs["partpose_format"] = FORMAT
    file.attrs["source"] = json.dumps(poses.source)
    if poses.fps is not None:
        file.attrs["fps"] = poses.fps
    for name in ("covariance", "confidence", "uncertainty", "sizes", "squares", "frame_index"):
        _store(file, name, getattr(poses, name))
    if poses.raw is not None:
        _store(file, "raw", poses.raw)
    _store(file, "time_stamps", poses.time_stamp)
    _store_text(file, "track", poses.track, (-1,))
    if poses.files is not None:
        _store_text(file, "files", poses.files, (-1,))
    _store_text(file, "skipped", [text for one in poses.skipped for text in one], (-1, 2))
    file["history"] = json.dumps(poses.history)


def _dense(poses: Poses, place: tuple[Sequence[str], NDArray], values: NDArray, fill: float = np.nan) -> NDArray:
    """(F, …) values of the rows at their places, of `columns`, among all (tracks, …, frames) of the video."""
    objects, column = place
    frames = int(poses.frame_index[-1]) + 1 if len(poses) else 0
    dense = np.full((len(objects), *values.shape[1:], frames), fill)
    dense[column, ..., poses.frame_index] = values
    return dense


def _store(file: h5py.File, name: str, values: NDArray, dims: str = "") -> None:
    # HDF5 has no chunks of nothing
    # Bytes of one rank side by side compress best, and level 1 of that is smaller than 4 without, in half the time
    packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if values.size else {}
    stored = file.create_dataset(name, data=values, **packed)
    if dims:
        stored.attrs["dims"] = json.dumps(dims.split())


def _store_text(file: h5py.File, name: str, texts: Sequence[str], shape: tuple[int, ...]) -> None:
    # A file name that is no valid text keeps its bytes, as Python keeps them
    encoded = np.array([text.encode("utf-8", "surrogateescape") for text in texts], object).reshape(shape)
    file.create_dataset(name, data=encoded, dtype=h5py.string_dtype())


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _read(file: h5py.File, path: Path | str) -> Poses:
    version = file.attrs.get("partpose_format")
    if version is None:
        raise PartposeError(f"{path} holds no poses of partpose (a SLEAP analysis file has no covariances)")
    if version > FORMAT:
        raise PartposeError(f"{path} was written by a newer partpose (format {version}); this one reads {FORMAT}")
    frame_index = file["frame_index"][:]
    # The keypoints last: where they lie in the table depends on all the tracks
    poses = Poses(
        mean=np.full((*file["confidence"].shape, 2), np.nan),
        covariance=file["covariance"][:],
        confidence=file["confidence"][:],
        source=json.loads(file.attrs["source"]),
        sizes=file["sizes"][:],
        squares=file["squares"][:] if "squares" in file else np.empty((0, 3)),
        track=tuple(_texts(file["track"])) if "track" in file else (),
        uncertainty=file["uncertainty"][:] if "uncertainty" in file else np.empty((0, 0)),
        raw=file["raw"][:] if "raw" in file else None,
        frame_index=frame_index,
        time_stamp=file["time_stamps"][:],
        names=tuple(name.decode("utf-8") for name in file["node_names"][:]),
        skeleton=tuple((int(a), int(b)) for a, b in file["edge_inds"][:]),
        files=tuple(_texts(file["files"])) if "files" in file else None,
        fps=float(file.attrs["fps"]) if "fps" in file.attrs else None,
        skipped=tuple(Skipped(*pair) for pair in _texts(file["skipped"])),
        history=tuple(json.loads(file["history"][()])),
        provenance=json.loads(file["provenance"][()]),
    )
    return replace(poses, mean=file["tracks"][:].transpose(0, 3, 2, 1)[columns(poses)[1], frame_index])


def _texts(stored: h5py.Dataset) -> NDArray:
    return stored.asstr(errors="surrogateescape")[:]
