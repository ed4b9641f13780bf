"""Poses as one file of NumPy arrays."""

import json
import zipfile
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
            arrays = {name: stored[name] for name in stored.files}
            about, provenance = (json.loads(str(arrays.pop(name))) for name in ("about", "provenance"))
    except FileNotFoundError as error:
        raise PartposeError(f"no such file: {path}") from error
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise PartposeError(f"{path} is not a complete .npz file of poses; `partpose predict` writes one") from error
    if (version := about.pop("partpose_format")) > FORMAT:
        raise PartposeError(f"{path} was written by a newer partpose (format {version}); this one reads {FORMAT}")
    texts = {name: tuple(arrays.pop(name).tolist()) for name in ("names", "track", "files") if name in arrays}
    pairs = {"skeleton": tuple(tuple(pair) for pair in about.pop("skeleton"))}
    pairs |= {"skipped": tuple(Skipped(*one) for one in about.pop("skipped"))}
    return Poses(**arrays, **texts, **pairs, **about | {"history": tuple(about["history"])}, provenance=provenance)
