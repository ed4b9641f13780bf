"""One frame of KIA or VALERIE22: its files, the pedestrians in it, their joints.

The synthetic streets of the project KI Absicherung and the public VALERIE22 (Grau and Hagn, arXiv 2308.09632) share a
layout; VALERIE22 nests the box of the whole body as `bb` and that of its visible part as `bb_vis`.
"""

import json
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.cut import Box, Cut, Mask
from partpose.data.images import read_image
from partpose.data.walk import natural, readable
from partpose.errors import PartposeError, Skipped

PICTURES = "sensor/camera/left/png"
BOXES = "ground-truth/2d-bounding-box_json"
SKELETONS = "ground-truth/2d-skeletons_json"
INSTANCES = "ground-truth/semantic-instance-segmentation_png"
JOINTS = (
    *("neck", "shoulder_r", "elbow_r", "wrist_r", "shoulder_l", "elbow_l", "wrist_l", "pelvis", "hip_r", "knee_r"),
    *("heel_r", "hip_l", "knee_l", "heel_l", "eye_r", "eye_l", "toe_r", "toe_l", "shoulder_avg"),
)
PEOPLE = frozenset(("human", "person", "pedestrian"))
MISSING, HIDDEN, VISIBLE = 0, 1, 2
"""What is known of a joint, in COCO's numbers: nothing; where it is, but it cannot be seen there; all."""


class Frame(NamedTuple):
    """One picture of a sequence and what belongs to it.  masked: whether it has an instance picture."""

    sequence: Path
    name: str
    masked: bool

    @property
    def picture(self) -> Path:
        """What the left camera saw."""
        return self.sequence / PICTURES / f"{self.name}.png"

    @property
    def boxes(self) -> Path:
        """Instance id → box, pixels, occlusion, distance."""
        return self.sequence / BOXES / f"{self.name}.json"

    @property
    def skeletons(self) -> Path:
        """Instance id → joint → [x, y]."""
        return self.sequence / SKELETONS / f"{self.name}.json"

    @property
    def instances(self) -> Path:
        """The picture whose colours are instance ids: R·65536 + G·256 + B."""
        return self.sequence / INSTANCES / f"{self.name}.png"


class Pedestrian(NamedTuple):
    """One person in one frame, as the file of boxes has it; NaN where it says nothing.

    instance: the person's id in this sequence.  box: of the whole body, hidden parts included.  pixels: those that can
    be seen.  occlusion: share of the body that something hides, 0 to 1.  distance: from the camera, metres.
    """

    instance: str
    box: Box
    pixels: float
    occlusion: float
    distance: float

    def cut(self, frame: Frame) -> Cut:
        """What of the frame is this person."""
        masked = frame.masked and self.instance.isdecimal()
        return Cut(self.box, Mask(frame.instances, int(self.instance)) if masked else None, self.instance)


class PedestrianFilter(NamedTuple):
    """Which pedestrians are worth a picture. What is not known of one is not held against it.

    min_pixels: pixels of it that can be seen (`instance_pixels`).
    max_occlusion: share of it that something hides (`occlusion_est`, 0 to 1; KIA's own evaluations take all below 0.8).
    max_distance: metres from the camera (`distance`; beyond 50 a person is some 40 pixels high).
    min_height: of its box, in pixels of the frame.
    """

    min_pixels: int = 400
    max_occlusion: float = 0.5
    max_distance: float = 50.0
    min_height: int = 40

    def keeps(self, person: Pedestrian) -> bool:
        """Whether this one passes; NaN does, for no comparison with it holds."""
        return not (
            person.pixels < self.min_pixels
            or person.occlusion > self.max_occlusion
            or person.distance > self.max_distance
            or person.box.height < self.min_height
        )


USUAL = PedestrianFilter()


def frames_of(sequence: Path) -> list[Frame]:
    """All pictures of a sequence in natural order, which is that of time."""
    masked = _stems(sequence / INSTANCES)
    names = sorted(_stems(sequence / PICTURES), key=natural)
    return [Frame(sequence, name, name in masked) for name in names]


def _stems(folder: Path) -> set[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return set()
    return {name[:-4] for name in names if name.endswith(".png") and not name.startswith(".")}


def read_pedestrians(frame: Frame, skipped: list[Skipped]) -> list[Pedestrian]:
    """The people of a frame in the order of their ids; a broken file or box joins `skipped`.

    Cars and the like are passed over in silence; what has no class is a person, for some releases list nobody else.
    """
    try:
        entries = _load(frame.boxes)
    except PartposeError as error:
        skipped.append(Skipped(readable(frame.picture), f"its boxes: {error}"))
        return []
    people = []
    for instance in sorted(entries, key=natural):
        entry = entries[instance]
        if not isinstance(entry, dict) or str(entry.get("class_id", "human")).lower() not in PEOPLE:
            continue
        person = _pedestrian(instance, entry)
        if person is None:
            reason = f"pedestrian {instance} has no box (c_x, c_y, w and h) in {readable(frame.boxes)}"
            skipped.append(Skipped(readable(frame.picture), reason))
        else:
            people.append(person)
    return people


def _pedestrian(instance: str, entry: dict) -> Pedestrian | None:
    boxes = [_box(entry.get(key)) for key in ("bb", "bb_vis")]
    box = boxes[0] or _box(entry) or boxes[1]
    if box is None:
        return None
    occlusion = _number(entry, "occlusion_est")
    if math.isnan(occlusion) and boxes[0] and boxes[1]:
        occlusion = 1 - boxes[1].width * boxes[1].height / (boxes[0].width * boxes[0].height)
    return Pedestrian(instance, box, _number(entry, "instance_pixels"), occlusion, _number(entry, "distance"))


def _box(entry: object) -> Box | None:
    if not isinstance(entry, dict):
        return None
    x, y, width, height = (_number(entry, key) for key in ("c_x", "c_y", "w", "h"))
    known = not any(map(math.isnan, (x, y, width, height))) and width > 0 and height > 0
    return Box(x - width / 2, y - height / 2, width, height) if known else None


def _number(entry: dict, key: str) -> float:
    """A finite number, else NaN."""
    return _finite(entry.get(key))


def _finite(value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    known = number and abs(value) < 1.7e308  # JSON holds numbers of any length
    return float(value) if known else math.nan  # type: ignore[arg-type]


def _load(path: Path) -> dict:
    try:
        entries = json.loads(path.read_bytes())
    except OSError as error:
        raise PartposeError(f"{readable(path)} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PartposeError(f"{readable(path)} is not JSON: {error}") from error
    if not isinstance(entries, dict):
        raise PartposeError(f"{readable(path)} must hold an object of instances, got {type(entries).__name__}")
    return entries


class Seen(NamedTuple):
    """A person and its joints.  points: float64 (19, 2), pixels of the frame, NaN where not visible.

    visibility: 19 of MISSING, HIDDEN and VISIBLE.
    """

    person: Pedestrian
    points: NDArray[np.float64]
    visibility: tuple[int, ...]


class Contents(NamedTuple):
    """What a frame shows.  ids: int32 (height, width) of the instance picture, None where there is none."""

    frame: Frame
    width: int
    height: int
    ids: NDArray[np.int32] | None
    people: list[Seen]


def read_contents(frame: Frame, filters: PedestrianFilter, skipped: list[Skipped]) -> Contents | None:
    """The people of a frame that pass, with their joints; None where there are none. What is broken joins `skipped`.

    A person who is nowhere in the picture, or nowhere in the instance picture, is passed over; pixels that the boxes do
    not tell are counted.
    """
    people = [person for person in read_pedestrians(frame, skipped) if filters.keeps(person)]
    if not people:
        return None
    try:
        width, height = _size(frame.picture)
        ids = read_ids(frame.instances, width, height) if frame.masked else None
        skeletons = _load(frame.skeletons) if frame.skeletons.is_file() else {}
    except PartposeError as error:
        skipped.append(Skipped(readable(frame.picture), str(error)))
        return None
    found = [_counted(person, ids, (width, height), frame, skipped) for person in people]
    kept = [person for person in found if person is not None and filters.keeps(person)]
    seen = [_seen(person, skeletons.get(person.instance), ids, (width, height)) for person in kept]
    return Contents(frame, width, height, ids, seen) if seen else None


def read_ids(path: Path, width: int, height: int) -> NDArray[np.int32]:
    """(height, width) R·65536 + G·256 + B of an instance picture. Raises PartposeError where it cannot be read."""
    colours = read_image(path).pixels
    if colours.shape[:2] != (height, width):
        colours = np.asarray(Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST))
    ids = colours[..., 0].astype(np.int32)
    for channel in (1, 2):
        ids = (ids << 8) | colours[..., channel]
    return ids


def inside(ids: NDArray[np.int32], person: Pedestrian) -> NDArray[np.bool_]:
    """(height, width) where this person can be seen."""
    return ids == (int(person.instance) if person.instance.isdecimal() else -1)


def _size(path: Path) -> tuple[int, int]:
    """Width and height, from the file's first bytes."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PartposeError(f"is not a picture, or its beginning is damaged: {error}") from error


def _counted(
    person: Pedestrian,
    ids: NDArray[np.int32] | None,
    size: tuple[int, int],
    frame: Frame,
    skipped: list[Skipped],
) -> Pedestrian | None:
    """The person with the number of its pixels, None where none can be seen."""
    box, where = person.box, frame.instances if ids is not None else frame.picture
    in_picture = box.right > 0 and box.bottom > 0 and box.left < size[0] and box.top < size[1]
    pixels = math.nan if ids is None else float(np.count_nonzero(inside(ids, person)))
    if in_picture and pixels != 0:
        return person._replace(pixels=pixels) if math.isnan(person.pixels) else person
    skipped.append(Skipped(readable(frame.picture), f"pedestrian {person.instance} is nowhere in {readable(where)}"))
    return None


def _seen(person: Pedestrian, skeleton: object, ids: NDArray[np.int32] | None, size: tuple[int, int]) -> Seen:
    joints = skeleton if isinstance(skeleton, dict) else {}
    points = np.array([_point(joints.get(name)) for name in JOINTS])
    own = None if ids is None else inside(ids, person)
    visibility = tuple(_visibility(x, y, own, size) for x, y in points.tolist())
    points[np.array(visibility) != VISIBLE] = np.nan
    return Seen(person, points, visibility)


def _point(value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) < 2:
        return math.nan, math.nan
    return _finite(value[0]), _finite(value[1])


def _visibility(x: float, y: float, own: NDArray[np.bool_] | None, size: tuple[int, int]) -> int:
    """By the pixel that the joint lies in: outside the picture or on another object it is hidden."""
    if math.isnan(x) or math.isnan(y):
        return MISSING
    column, row = math.floor(x + 0.5), math.floor(y + 0.5)
    in_picture = 0 <= column < size[0] and 0 <= row < size[1]
    return VISIBLE if in_picture and (own is None or own[row, column]) else HIDDEN
