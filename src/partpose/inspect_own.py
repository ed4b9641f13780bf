"""What partpose itself wrote, as `partpose inspect` tells it: runs and models, packs, and predictions.

What needs torch is imported only where there is such a thing.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partpose.data.annotations.dlc_table import is_table, load_table
from partpose.data.annotations.hdf5 import names_in
from partpose.data.inspection import Inspection
from partpose.data.pack import read_about
from partpose.data.walk import is_pack, is_run
from partpose.terminal import count

if TYPE_CHECKING:
    from partpose.predict.poses import Poses

MODEL, RUN = "model.safetensors", "run.json"


def inspect_own(path: Path) -> Inspection | None:
    """A run, a model, a pack or a file of predictions; None for anything else. Raises PartposeError for a broken one."""
    if path.is_file():
        return _predictions(path)
    if is_pack(path):
        about = read_about(path)
        words = f"{about.side}×{about.side} px, {about.channels} channels, of {about.source}"
        return Inspection(path=path, format="pack", pictures=about.count, about={"pack": words})
    if is_run(path) or (path / MODEL).is_file():
        return _run(path)
    return None


def predictions_in(folder: Path) -> Inspection | None:
    """The HDF5 files of predictions that lie directly in a folder, together; None where there are none."""
    files = [file for file in sorted(folder.glob("*.h5")) if _is_ours(file)] if folder.is_dir() else []
    found = [_predictions(file) for file in files]
    frames = sum(one.about["frames"] for one in found if one)
    names = tuple(dict.fromkeys(name for one in found if one for name in one.landmarks))
    about = {"frames": frames, "files": [file.name for file in files]}
    return Inspection(path=folder, format="predictions", landmarks=names, about=about) if files else None


def _is_ours(path: Path) -> bool:
    return "partpose_format" in (names_in(path) or ())


def _predictions(path: Path) -> Inspection | None:
    if path.suffix.lower() == ".npz" or (path.suffix.lower() == ".h5" and _is_ours(path)):
        poses = _poses(path)
        about = {"frames": len(poses), "of": poses.source, **poses.provenance}
        return Inspection(path=path, format="predictions", landmarks=poses.names, about=about)
    if is_table(path) and (table := load_table(path)).columns[0][0].startswith("partpose"):
        names = tuple(dict.fromkeys(column[-2] for column in table.columns))
        return Inspection(path=path, format="predictions", landmarks=names, about={"frames": len(table.rows)})
    return None


def _poses(path: Path) -> "Poses":
    from partpose.predict.formats import read_hdf5
    from partpose.predict.npz import read_npz

    return read_hdf5(path) if path.suffix.lower() == ".h5" else read_npz(path)


def _run(folder: Path) -> Inspection:
    """A trained model, and what it was trained on; a run that has no model yet is one too."""
    about: dict[str, Any] = {}
    if (folder / MODEL).is_file():
        from partpose.model.part_model import read_config

        settings, facts = read_config(folder)
        m = settings.model
        about["model"] = f"{m.parts} parts, {m.size} px, {m.architecture}"
        about["trained"] = f"{facts.get('steps', 0)} steps, {facts.get('pictures_seen', 0)} pictures seen"
    with suppress(OSError, ValueError, KeyError, TypeError):
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        about["input"] = f"{run['input']}, {count(run['pictures']['count'], 'picture')}"
    return Inspection(path=folder, format="run" if (folder / RUN).is_file() else "model", about=about)
