"""Packs that tests make, and what is in them."""

import json
from pathlib import Path

import numpy as np
from training import small

from partpose.config import Settings
from partpose.data.canvas import read_canvases
from partpose.data.pack import open_pack
from partpose.data.pack_write import write_pack
from partpose.data.reading import Look
from partpose.data.sources import TrainingInput, training_files

LOOK = Look(48, 3, 0.25)
FILES = ["pack.json", "pictures.npy", "rows.csv"]


def settings(**data) -> Settings:
    """Squares of 48 pixels."""
    return small().override({"model": {"size": 32}, "data": data}, "the test")


def packed(root: Path, out: Path, progress=None, **data) -> Path:
    write_pack(training_files(root), str(root), out, settings(**data), progress)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """All files; of pack.json what does not tell the time."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    about = json.loads(found.pop("pack.json"))
    return found | {key: value for key, value in about.items() if key not in ("date", "digest")}


def same(folder: Path, found: TrainingInput, look: Look = LOOK, frames: int = 1000) -> None:
    canvases, expected = open_pack(folder).canvases, read_canvases(found.sources, look, frames)
    np.testing.assert_allclose(canvases.extent, expected.extent, atol=1e-6)
    np.testing.assert_array_equal(canvases.pixels, expected.pixels)
    assert canvases.names == expected.names
    assert canvases.clip.tolist() == expected.clip.tolist()
    assert canvases.skipped == [*found.skipped, *expected.skipped]
