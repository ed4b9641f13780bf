"""How well `--boxes auto` holds the annotated landmarks, on sets of one fixed camera; landmarks only measure.

    python benchmarks/auto_boxes.py --data DIR [--sets mouse_openfield …] [--margin 0.25]

Held: share of the annotated pictures whose landmarks all lie in the box with its margin, as the network sees it; a picture
without a box holds none. Side: of the box without its margin, by the median length that `normaliser` of keypoints.json
names. Object: how many of a network's 64 pixels that length fills, in the box and in the whole picture.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from partpose.command import command
from partpose.data.cut import Box
from partpose.data.images import Unreadable
from partpose.data.landmarks import Landmarks, read_landmarks
from partpose.data.moving import find_moving
from partpose.data.sources import Source, find_sources

SETS = ("mouse_openfield", "mouse_mirror", "fly_courtship", "faces_lfw5", "human_mocap3")


def held(landmarks: Landmarks, boxes: list[Box | None], margin: float) -> NDArray[np.bool_]:
    """Of each picture, whether all its visible landmarks lie in its box."""
    inside = []
    for points, box in zip(landmarks.points + 0.5, boxes, strict=True):
        seen = points[~np.isnan(points).any(1)]
        place = box.square(margin) if box else Box(0, 0, 0, 0)
        inside.append(
            bool(np.all((seen >= place[:2]) & (seen <= (place.left + place.width, place.top + place.height))))
        )
    return np.array(inside)


def length(landmarks: Landmarks) -> float:
    """The object's median length in pixels."""
    one, other = (landmarks.normaliser or {}).get("indices", (0, 1))
    return float(np.nanmedian(np.linalg.norm(landmarks.points[:, one] - landmarks.points[:, other], axis=1)))


def row(name: str, source: Source, landmarks: Landmarks, margin: float) -> list[str]:
    """One line of the table."""
    try:
        boxed, _ = find_moving(source)
    except Unreadable as error:
        return [name, error.skipped.reason.removesuffix("; give --boxes FILE.csv").split(": ")[-1]]
    boxes = {source.names[place]: cuts[0].box for place, cuts in (boxed.cuts or {}).items()}
    shares = []
    for split in ("train", "test"):
        some = landmarks.subset(split)
        inside = held(some, [boxes.get(file) for file in some.files], margin)
        shares.append(f"{inside.mean():.1%} of {len(inside)}")
    side, long = next(iter(boxes.values())).width, length(landmarks)
    whole = max(find_size(source))
    pixels = [f"{64 * long / extent:.0f}" for extent in (side * (1 + margin), whole)]
    return [name, f"{len(boxes)} of {len(source.files)}", *shares, f"{side:.0f} px", f"{side / long:.2f}", *pixels]


def find_size(source: Source) -> tuple[int, int]:
    """Width and height of the first picture."""
    from PIL import Image

    with Image.open(source.files[0]) as image:
        return image.size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="boxes of a fixed camera against landmarks")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--margin", type=float, default=0.25)
    options = parser.parse_args()
    head = ("set", "boxes", "held, train", "held, test", "side", "side / length", "object, box", "object, picture")
    table = Table(*head, title=f"--boxes auto, margin {options.margin:g}")
    for name in options.sets:
        source = find_sources([options.data / name])[0][0]
        table.add_row(*row(name, source, read_landmarks(options.data / name), options.margin))
    Console(width=150).print(table)


if __name__ == "__main__":
    with command("auto_boxes.py"):
        main()
