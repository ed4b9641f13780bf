"""Replicas of KIA and VALERIE22: small frames of drawn pedestrians with their ground truth, in the layout of the originals."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from partpose.data.kia_frames import BOXES, INSTANCES, JOINTS, PICTURES, SKELETONS

WIDTH, HEIGHT = 320, 240
DOT = "wrist_l"
"""The joint that is drawn: white, 3×3 pixels."""


class Walker(NamedTuple):
    """A pedestrian: a rectangle a third as wide as high, its left upper corner at (left, top), pixel edges.

    joints: instead of the usual places, in pixels; None where the file is to have none.  about: what the file of boxes says
    besides, or instead; None leaves a key out.
    """

    instance: int
    left: int
    top: int
    height: int = 90
    joints: dict | None = None
    about: dict | None = None

    @property
    def width(self) -> int:
        return self.height // 3

    def places(self) -> dict[str, list[float]]:
        """All joints, well inside the body."""
        across, down = np.meshgrid((0.3, 0.7), np.linspace(0.05, 0.95, 10))
        spots = np.stack([self.left + across * self.width, self.top + down * self.height], -1).reshape(-1, 2).round()
        usual = dict(zip(JOINTS, spots.tolist(), strict=False))
        return {name: spot for name, spot in (usual | (self.joints or {})).items() if spot is not None}


def save_frame(sequence: Path, name: str, walkers: list[Walker], valerie: bool = False, masked: bool = True) -> None:
    """One frame and its ground truth; a later walker hides what is behind it."""
    rng = np.random.default_rng(sum(map(ord, name)))
    picture = rng.integers(20, 60, (HEIGHT, WIDTH, 3), np.uint8)
    ids = np.zeros((HEIGHT, WIDTH), np.int64)
    for number, walker in enumerate(walkers):
        body = np.s_[max(walker.top, 0) : walker.top + walker.height, max(walker.left, 0) : walker.left + walker.width]
        picture[body] = (150, 60 + 20 * number % 180, 90)
        ids[body] = walker.instance
        if DOT in walker.places():
            x, y = (round(v) for v in walker.places()[DOT])
            picture[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = 255
    files = {PICTURES: picture, **({INSTANCES: np.stack([ids >> 16, ids >> 8 & 255, ids & 255], -1)} if masked else {})}
    for folder, pixels in files.items():
        path = sequence / folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    boxes = {str(walker.instance): entry(walker, int((ids == walker.instance).sum()), valerie) for walker in walkers}
    save_json(sequence / BOXES / f"{name}.json", boxes)
    save_json(sequence / SKELETONS / f"{name}.json", {str(walker.instance): walker.places() for walker in walkers})


def entry(walker: Walker, pixels: int, valerie: bool) -> dict:
    """What the file of boxes says of a walker."""
    w, h = walker.width, walker.height
    box = {"c_x": walker.left + w / 2, "c_y": walker.top + h / 2, "w": w, "h": h}
    about = {"class_id": "human", "instance_pixels": pixels, "occlusion_est": 0.0, "distance": 12.5}
    about |= {"bb": box, "bb_vis": box, "truncated": False} if valerie else box
    return {key: value for key, value in (about | (walker.about or {})).items() if value is not None}


def save_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def save_street(
    root: Path, sequences: int = 3, frames: int = 4, valerie: bool = False, tranche: str = "tranche_3"
) -> Path:
    """Sequences in which two people, 70000 and 5, walk to the right, 3 pixels a frame. Returns the root."""
    for number in range(sequences):
        sequence = root / tranche / f"bit_results_sequence_00{70 + number}"
        for frame in range(frames):
            walkers = [Walker(70000, 100 + 3 * frame, 60), Walker(5, 200 + 3 * frame, 90, 66)]
            save_frame(sequence, f"arb-camera001-00{70 + number}-{frame:04d}", walkers, valerie)
    return root
