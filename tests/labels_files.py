"""SLEAP's labels files, as small as can be."""

import json
from pathlib import Path

import h5py
import numpy as np

POINTS = np.array([[1.5, 2], [3, 4], [5, 6], [7, 8]])
LINE, TWINS = ({"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [kind]}]} for kind in (1, 2))


def write_labels(
    path: Path, frames: list[list[tuple]], videos: list[dict], format_id: float = 1.2, visible: bool = True
) -> Path:
    """A labels file of a skeleton (tail, ear_left, nose, ear_right), whose nodes are listed in another order.

    frames: of each its instances, (points (4, 2), track, whether it was predicted).  videos: backends, frame i is of
    video i % their number and has the index 10 i.
    """
    kinds = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]
    tables: dict[bool, list[tuple]] = {False: [], True: []}
    rows, places = [], []
    for i, instances in enumerate(frames):
        places.append((i, i % len(videos), 10 * i, len(rows), len(rows) + len(instances)))
        for points, track, predicted in instances:
            start = len(tables[predicted])
            tables[predicted] += [(x, y, visible, True) for x, y in points]
            rows.append((len(rows), predicted, i, 0, track, -1, 1.0, start, start + 4))
    skeleton = {
        "nodes": [{"id": 3}, {"id": 1}, {"id": 0}, {"id": 2}],
        "links": [
            {"source": 0, "target": 3, "type": LINE},
            {"source": 1, "target": 2, "type": TWINS},
            {"source": 2, "target": 1, "type": {"py/id": 2}},
            {"source": 0, "target": 1, "type": {"py/id": 1}},
        ],
    }
    nodes = [{"name": name} for name in ("nose", "ear_left", "ear_right", "tail")]
    names = ["instance_id", "instance_type", "frame_id", "skeleton", "track", "from_predicted", "score"]
    fields = [
        *((name, "f4" if name == "score" else "i8") for name in names),
        ("point_id_start", "u8"),
        ("point_id_end", "u8"),
    ]
    frame_fields = [(n, "u8") for n in ("frame_id", "video", "frame_idx", "instance_id_start", "instance_id_end")]
    with h5py.File(path, "w") as file:
        file.create_group("metadata").attrs["json"] = json.dumps({"skeletons": [skeleton], "nodes": nodes})
        file["metadata"].attrs["format_id"] = format_id
        file["frames"], file["instances"] = np.array(places, frame_fields), np.array(rows, fields)
        file["points"], file["pred_points"] = np.array(tables[False], kinds), np.array(tables[True], kinds)
        file["videos_json"] = np.array([json.dumps({"backend": backend}).encode() for backend in videos])
        file["tracks_json"] = np.array([b'[0,"female"]', b'[0,"male"]'])
    return path
