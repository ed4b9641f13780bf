"""JSON lists of pictures: `[{"path": "a.png", "set": "train", "keypoints": {"head": [x, y]}}]`, as of the apic bee set."""

import math
import re
from pathlib import Path
from typing import Any

from partpose.data.annotations.files import candidates, load_list, peek, root_of
from partpose.data.annotations.names import flip_pairs_of, split_of
from partpose.data.annotations.rows import Parts, landmarks_of, located, rows_of
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

NAME = "json-records"


def find(path: Path) -> list[Path]:
    """The JSON files that list objects with a path and an object of keypoints."""
    return [file for file in candidates(path, ".json") for text in [peek(file)] if _is_list_of_records(text)]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of these files; the split is that of the record, or else by the file's name. Pixels count from 0.

    Landmarks are in the natural order of their names. Raises PartposeError where a file is broken or has no keypoints.
    """
    root = root_of(path)
    objects: list[Parts] = []
    skipped: list[Skipped] = []
    for file in found:
        for number, record in enumerate(load_list(file)):
            try:
                objects.append(_parts(record, split_of(file, root)))
            except (KeyError, TypeError, ValueError, AttributeError):
                reason = "has not a path, and keypoints of a name and [x, y] each"
                skipped.append(Skipped(f"{readable(file)}: record {number}", reason))
    rows, names = rows_of(objects)
    if not names:
        raise PartposeError(f"{readable(found[0])} has no keypoints")
    about = {"flip_pairs": flip_pairs_of(names), "format": NAME, "skipped": tuple(skipped)}
    return landmarks_of(root, located(rows, root), names, **about)


def _is_list_of_records(text: str) -> bool:
    return text.startswith("[") and '"path"' in text and re.search(r'"keypoints"\s*:\s*\{', text) is not None


def _parts(record: Any, split: str) -> Parts:
    """A keypoint that is null is missing."""
    parts = {}
    for name, point in record["keypoints"].items():
        x, y = point or (math.nan, math.nan)
        parts[name] = float(x), float(y)
    return Parts(record["path"].strip(), str(record.get("set") or split).strip().lower(), parts)
