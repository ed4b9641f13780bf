"""COCO keypoints: JSON with `images`, `annotations` and `categories`, as COCO, Roboflow, mmpose and many others write it.

Keypoints are taken as they are: pycocotools draws them with pixel centres at whole numbers, as here. Boxes are edges.
"""

import math
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.annotations.files import candidates, load_json, peek, root_of
from partpose.data.annotations.names import flip_pairs_of, split_of
from partpose.data.annotations.rows import Row, landmarks_of, located
from partpose.data.cut import Box
from partpose.data.images import SHORTEST_SIDE
from partpose.data.landmarks import Landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

NAME = "coco-keypoints"


class Kind(NamedTuple):
    """What is annotated.  ids: of the categories.  skeleton: pairs of places in `names`."""

    ids: frozenset
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    category: str


def find(path: Path) -> list[Path]:
    """The files with keypoints; one that was named itself also with boxes or results, so that `read` can refuse it."""
    known = [(file, text) for file in candidates(path, ".json") for text in [peek(file)] if _is_coco(text)]
    if known and known[0][0] == path:
        return [path]
    return [file for file, text in known if text.startswith("{") and re.search(r'"keypoints"\s*:\s*\[', text)]


def read(path: Path, found: list[Path]) -> Landmarks:
    """The annotated set of these files, `train` and `test` by their names or folders.

    An object is a row with its box, and its annotation's id as track. A picture without annotated keypoints is a row
    without any; crowds are left out. Raises PartposeError where a file is broken, has no keypoints, or not the others'.
    """
    root = _root(path, found)
    sets = [_set(file, root) for file in found]
    kinds = {kind.names: kind for kind, _, _ in sets}
    if len(kinds) > 1:
        listed = ", ".join(readable(file.name) for file in found)
        raise PartposeError(f"{listed} have different keypoints, expected one kind of object: name one of the files")
    kind = sets[0][0]
    return landmarks_of(
        root,
        (row for _, rows, _ in sets for row in rows),
        kind.names,
        flip_pairs=flip_pairs_of(kind.names),
        skeleton=kind.skeleton,
        category=kind.category,
        format=NAME,
        skipped=tuple(one for _, _, skipped in sets for one in skipped),
    )


def _is_coco(text: str) -> bool:
    """Whether a file is annotations or results in COCO's manner, with or without keypoints."""
    annotated = re.findall(r'"(images|annotations|categories)"\s*:\s*\[', text)
    return _is_results(text) if text.startswith("[") else len(set(annotated)) > 1


def _is_results(text: str) -> bool:
    return text.startswith("[") and '"image_id"' in text and '"score"' in text


def _root(path: Path, found: Sequence[Path]) -> Path:
    """The user's folder, or that above it where it holds annotations alone."""
    root = root_of(path)
    beside = ["images", *(_year(file) for file in found)]
    if root.name == "annotations" and any((root.parent / name).is_dir() for name in beside):
        return root.parent
    return root


def _year(file: Path) -> str:
    """person_keypoints_val2017.json → val2017, the folder of its pictures in COCO itself."""
    match = re.search(r"(train|val|test)[a-z0-9]*", file.stem)
    return match[0] if match else "images"


def _within(file: Path, root: Path) -> Path:
    """Where the pictures of an annotation file are looked for by their names."""
    above = root if file.parent.name == "annotations" else file.parent
    places = [root / _year(file), root / "images" / _year(file), above]
    return next(place for place in places if os.path.isdir(place) or place == above)  # noqa: PTH112


def _set(file: Path, root: Path) -> tuple[Kind, list[Row], list[Skipped]]:
    data = load_json(file)
    _check(data, file)
    kind = _kind(data, file)
    objects, skipped = _objects(data, kind, file)
    split = split_of(file, root)
    rows: list[Row] = []
    for image in data["images"]:
        name = str(image["file_name"])
        several = len(objects[image["id"]]) > 1
        found = [Row(name, split, points, _box(a, points, several), str(a["id"])) for a, points in objects[image["id"]]]
        rows += found or [Row(name, split, np.full((len(kind.names), 2), math.nan))]
    return kind, located(rows, root, _within(file, root)), skipped


def _check(data: Any, file: Path) -> None:
    """Raises PartposeError for what is no annotated set, in words that say what it is."""
    if isinstance(data, list) and data and isinstance(data[0], dict) and "score" in data[0]:
        what = "predicted keypoints" if "keypoints" in data[0] else "detected boxes"
        advice = "" if "keypoints" in data[0] else "; --boxes takes boxes, as CSV with the columns file,x,y,w,h"
        raise PartposeError(f"{readable(file)} holds {what}, expected COCO annotations with keypoints{advice}")
    keys = {"images": ("id", "file_name"), "annotations": ("id", "image_id", "category_id"), "categories": ("id",)}
    for key, needed in keys.items():
        items = data.get(key) if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise PartposeError(f"{readable(file)} has no list {key!r}, expected COCO annotations")
        bad = [item for item in items if not isinstance(item, dict) or not all(_is_id(item.get(one)) for one in needed)]
        if bad:
            came = str(bad[0])[:80]
            raise PartposeError(f"{readable(file)}: each of {key!r} must have {' and '.join(needed)}, got {came}")


def _is_id(value: Any) -> bool:
    """Whether this may be an id or the name of a file."""
    return isinstance(value, int | float) or (isinstance(value, str) and value.strip() != "")


def _kind(data: dict, file: Path) -> Kind:
    """The category with keypoints; of several, those that are annotated, which must have the same keypoints."""
    having = {c["id"]: c for c in data["categories"] if isinstance(c.get("keypoints"), list) and c["keypoints"]}
    if not having:
        raise PartposeError(f"{readable(file)} has no category with keypoints: boxes and outlines are no landmarks")
    used = {a["category_id"] for a in data["annotations"] if a.get("keypoints")}
    chosen = [c for i, c in having.items() if i in used] or list(having.values())
    names = {tuple(map(str, c["keypoints"])) for c in chosen}
    category = ", ".join(str(c.get("name") or c["id"]) for c in chosen)
    if len(names) > 1:
        raise PartposeError(
            f"{readable(file)}: {category} have different keypoints, expected one kind of object a file"
        )
    names = names.pop()
    return Kind(frozenset(c["id"] for c in chosen), names, _skeleton(chosen[0].get("skeleton"), len(names)), category)


def _skeleton(lines: Any, count: int) -> tuple[tuple[int, int], ...]:
    """Pairs of places from 0. COCO counts from 1; where a 0 occurs, the file was written by a tool that does not."""
    lines = lines if isinstance(lines, list) else []
    pairs = [tuple(line) for line in lines if isinstance(line, list) and len(line) == 2]
    first = 0 if any(0 in pair for pair in pairs) else 1
    whole = [pair for pair in pairs if all(type(j) is int and first <= j < count + first for j in pair)]
    return tuple((i - first, j - first) for i, j in whole) if len(whole) == len(lines) else ()


def _objects(data: dict, kind: Kind, file: Path) -> tuple[dict[Any, list[tuple[dict, NDArray]]], list[Skipped]]:
    """The annotations with at least one keypoint, and their points, by the id of their picture; and what cannot be used."""
    images = {image["id"] for image in data["images"]}
    objects: dict[Any, list[tuple[dict, NDArray]]] = defaultdict(list)
    skipped = []
    for annotation in data["annotations"]:
        if annotation["category_id"] not in kind.ids or annotation.get("iscrowd"):
            continue
        points, reason = _points(annotation, len(kind.names))
        if reason or annotation["image_id"] not in images:
            reason = reason or f"is of a picture {annotation['image_id']!r} that is not listed"
            skipped.append(Skipped(f"{readable(file)}: annotation {annotation['id']}", reason))
        elif not np.isnan(points).all():
            objects[annotation["image_id"]].append((annotation, points))
    return objects, skipped


def _points(annotation: dict, count: int) -> tuple[NDArray[np.float64], str]:
    """(J, 2), NaN where the visibility is 0, and what is wrong with them, if anything.

    MPII-TRB, told by its `center` and `scale`, took its coordinates from MPII's MATLAB file, which counts from 1.
    """
    nothing = np.full((count, 2), math.nan)
    try:
        values = np.array(annotation.get("keypoints") or [0] * 3 * count, np.float64).reshape(count, 3)
    except (TypeError, ValueError, OverflowError):
        return nothing, f"has not {count} keypoints of x, y and visibility"
    known = (values[:, 2:] > 0) & np.isfinite(values[:, :2]).all(axis=1, keepdims=True)
    points = np.where(known, values[:, :2], math.nan)
    return points - (1.0 if {"center", "scale"} <= annotation.keys() else 0.0), ""


def _box(annotation: dict, points: NDArray, several: bool) -> Box | None:
    """The annotated box; without one that of the keypoints, and none where the object is alone in its picture."""
    box = annotation.get("bbox")
    edges = [v for v in box if isinstance(v, int | float) and abs(v) < 1e9] if isinstance(box, list) else []
    if len(edges) == 4 and min(edges[2:]) > 0:
        return Box(*map(float, edges))
    if not several:
        return None
    low, size = np.nanmin(points, axis=0), np.nanmax(points, axis=0) - np.nanmin(points, axis=0) + 1
    grown = np.maximum(size, SHORTEST_SIDE)  # one keypoint alone says nothing of an object's size
    return Box(*(low - (grown - size) / 2).tolist(), *grown.tolist())
