"""Poses as COCO keypoint results, with the file of pictures and names that is needed to open them."""

import json
import math
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, TextIO

import numpy as np

from partpose.data.atomic import atomic
from partpose.predict.poses import Poses

CATEGORY = 1


def write_coco(poses: Poses, path: Path | str) -> None:
    """Write poses as a list of COCO results, and beside it `<stem>_images.json`, the data set that they are results of.

    A result has `image_id`, `category_id` 1, `keypoints` (x, y and confidence in turns; 0, 0, 0 where unknown), `score`, the
    mean confidence of its known keypoints, and `track` where there are several objects. COCO counts keypoints as we do,
    from 0 at the centre of the top-left pixel. `image_id`: see `image_ids`.

    The other file is a COCO data set without annotations: `images` (id, file_name, width, height; `frame_index` and
    `time_stamp` of a video, whose frames share its file_name), `categories` (names of the keypoints, skeleton) and `info`
    (version, model, hashes, input, date). `COCO(images).loadRes(results)` opens both. A bare list has no room for where it
    comes from, so its first result has that too, as `provenance`.

    Raises `PartposeError` where it cannot write.
    """
    path, ids = Path(path), image_ids(poses)
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        _write_list(file, _results(poses, ids))
    with atomic(images_path(path)) as temporary, temporary.open("w", encoding="utf-8") as file:
        about = {"info": _info(poses), "licenses": [], "annotations": [], "categories": [_category(poses)]}
        file.write(json.dumps(about)[:-1] + ', "images": ')
        _write_list(file, _images(poses, ids))
        file.write("}")


def images_path(path: Path) -> Path:
    """Where the data set of results lies: clip.coco.json → clip.coco_images.json."""
    return path.with_name(f"{path.stem}_images.json")


def image_ids(poses: Poses) -> list[int]:
    """The `image_id` of every row: what COCO's own names count to ("000000397133.jpg" → 397133), or the frame's index.

    The former where all file names are different whole numbers.
    """
    index = poses.frame_index.tolist()
    if poses.files is None or not all(PurePath(name).stem.isdecimal() for name in poses.files):
        return index
    ids = [int(PurePath(name).stem) for name in poses.files]
    return ids if len(set(ids)) == len(set(index)) else index


def _results(poses: Poses, ids: list[int]) -> Iterator[dict[str, Any]]:
    for row, (image, track) in enumerate(zip(ids, poses.track, strict=True)):
        points, sure = poses.mean[row].tolist(), np.nan_to_num(poses.confidence[row]).tolist()
        known = [(x, y, c) for (x, y), c in zip(points, sure, strict=True) if math.isfinite(x + y)]
        values = iter(known)
        keypoints = [v for x, y in points for v in (next(values) if math.isfinite(x + y) else (0, 0, 0))]
        result = {"image_id": image, "category_id": CATEGORY, "keypoints": keypoints}
        result["score"] = math.fsum(c for *_, c in known) / max(len(known), 1)
        yield result | ({"track": track} if track else {}) | ({"provenance": poses.provenance} if not row else {})


def _images(poses: Poses, ids: list[int]) -> Iterator[dict[str, Any]]:
    seen = set()
    for row, image in enumerate(ids):
        if image in seen:
            continue
        seen.add(image)
        width, height = poses.sizes[row].tolist()
        about: dict[str, Any] = {"id": image, "width": width, "height": height}
        if poses.files is not None:
            yield about | {"file_name": poses.files[row]}
        else:
            time = float(poses.time_stamp[row])
            frame = {"file_name": poses.source, "frame_index": int(poses.frame_index[row])}
            yield about | frame | ({"time_stamp": time} if math.isfinite(time) else {})


def _category(poses: Poses) -> dict[str, Any]:
    # COCO counts the keypoints of a skeleton from 1
    skeleton = [[a + 1, b + 1] for a, b in poses.skeleton]
    return {"id": CATEGORY, "name": "object", "keypoints": list(poses.names), "skeleton": skeleton}


def _info(poses: Poses) -> dict[str, Any]:
    about = poses.provenance
    described = {"description": f"keypoints by partpose in {poses.source}", "date_created": about.get("date", "")}
    return described | about | {"history": list(poses.history)}


def _write_list(file: TextIO, entries: Iterator[dict[str, Any]]) -> None:
    """One entry a line, and one at a time in memory."""
    file.write("[")
    for i, entry in enumerate(entries):
        file.write((",\n" if i else "\n") + json.dumps(entry, allow_nan=False))
    file.write("\n]")
