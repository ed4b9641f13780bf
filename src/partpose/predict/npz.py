"""Poses as one file of NumPy arrays."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partpose.data.atomic import atomic
from partpose.errors import PartposeError, Skipped
from partpose.predict.poses import SHAPES, Poses

FORMAT = 1


def write_npz(poses: Poses, path: Path | str) -> None:
    """Write poses, without loss, as arrays that `numpy.load` reads, without pickle.

    Under the names that `Poses` has for them: mean, covariance, confidence, uncertainty, sizes, squares, frame_index,
    time_stamp, raw where the poses are filtered, and the texts names, track and files (of pictures). The rest is JSON in
    two texts: provenance (version, model, hashes, input, date), and about (source, fps, skeleton, skipped, history).
    Raises `PartposeError` where it cannot write.
    """
    arrays: dict[str, Any] = {name: getattr(poses, name) for name in SHAPES}
    if poses.raw is not None:
        arrays["raw"] = poses.raw
    texts = {"names": poses.names, "track": poses.track} | ({} if poses.files is None else {"files": poses.files})
    arrays |= {name: np.array(values, np.str_) for name, values in texts.items()}
    about = {name: getattr(poses, name) for name in ("source", "fps", "skeleton", "skipped", "history")}
    arrays["provenance"] = json.dumps(poses.provenance)
    arrays["about"] = json.dumps({"partpose_format": FORMAT, **about})
    with atomic(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_npz(path: Path | str) -> Poses:
    """Read what `write_npz` wrote. Raises `PartposeError` for any other file."""
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return _read(stored, path)
    except FileNotFoundError as error:
        raise PartposeError(f"no such file: {path}") from error
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise PartposeError(f"{path} is not a complete .npz file of poses; `partpose predict` writes one") from error


def _read(stored: Mapping[str, Any], path: Path | str) -> Poses:
    about = json.loads(str(stored["about"]))
    if about["partpose_format"] > FORMAT:
        version = about["partpose_format"]
        raise PartposeError(f"{path} was written by a newer partpose (format {version}); this one reads {FORMAT}")
    return Poses(
        **{name: stored[name] for name in SHAPES},
        raw=stored.get("raw"),
        names=tuple(stored["names"].tolist()),
        track=tuple(stored["track"].tolist()),
        files=tuple(stored["files"].tolist()) if "files" in stored else None,
        source=about["source"],
        fps=about["fps"],
        skeleton=tuple((a, b) for a, b in about["skeleton"]),
        skipped=tuple(Skipped(*one) for one in about["skipped"]),
        history=tuple(about["history"]),
        provenance=json.loads(str(stored["provenance"])),
    )
