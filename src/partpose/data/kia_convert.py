"""`partpose convert kia`: every pedestrian a picture of its own, in our own layout, with where it was cut out."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.atomic import atomic
from partpose.data.cut import Box
from partpose.data.images import Picture, Unreadable, read_image
from partpose.data.journal import Journal
from partpose.data.kia import GAP, annotated, each_frame, nobody, split_tree
from partpose.data.kia_frames import USUAL, Contents, Frame, PedestrianFilter, Seen, inside, read_contents
from partpose.data.landmarks import KEYPOINTS, LANDMARKS, META, write_landmarks
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

JOURNAL = "converted.jsonl"
AROUND = 8
"""Pixels around a crop that its resizing may look at."""


class Crops(NamedTuple):
    """How pedestrians are cut out.

    size: side of a picture, pixels.  margin: share of the box's longer side that is added to it, so that a view cut from
    the middle holds the person whole.  masks: whether all that is not the person turns black,
    where there is an instance picture.  filters: who is taken.
    """

    size: int = 128
    margin: float = 0.25
    masks: bool = True
    filters: PedestrianFilter = USUAL


AS_USUAL = Crops()


class Converted(NamedTuple):
    """What a set holds.  pictures: split → how many.  sequences: from how many.  skipped: what is not in it, and why."""

    pictures: Mapping[str, int]
    sequences: int
    skipped: list[Skipped]


class Row(NamedTuple):
    """One picture's line in meta.csv, but for its split, and its points: 38 numbers, pixels of the picture or None."""

    file: str
    sequence: str
    frame: str
    frame_size: str
    instance: str
    crop: str
    distance: str
    occlusion: str
    pixels: str
    visibility: str
    points: list[float | None]


def convert_kia(
    src: str | PathLike,
    dst: str | PathLike,
    crops: Crops = AS_USUAL,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Converted:
    """Cut the pedestrians of KIA or VALERIE22 out: images/, landmarks.csv, keypoints.json and meta.csv.

    The split is `kia.split_frames`'; the frames of a `gap` are left out. A frame that is done is not done again: a line
    of converted.jsonl says so. jobs: threads, all cores but at most 8 by default. progress: called with (done, all) frames.

    Raises PartposeError where there is no sequence or nobody passes, and where `dst` holds anything else.
    """
    src, dst, skipped = Path(src), Path(dst), []
    splits = {frame: split for frame, split in split_tree(src).items() if split != GAP}
    names = {frame: frame.picture.relative_to(src).as_posix() for frame in splits}
    journal = _journal(dst, crops)
    if strange := set(journal.rows) - set(names.values()):
        raise PartposeError(
            f"{readable(dst)} holds frames that {readable(src)} lacks ({min(strange)}): name a new folder"
        )
    waiting = {frame: split for frame, split in splits.items() if not _is_there(dst, journal.rows.get(names[frame]))}

    def work(frame: Frame, missed: list[Skipped]) -> tuple[list[Row], bool]:
        rows = cut_out(frame, src, dst, crops, missed)
        return rows, not missed

    found: dict[Frame, list[Row]] = {}
    for done, (frame, _, (rows, whole)) in enumerate(each_frame(work, waiting, skipped, jobs), 1):
        found[frame] = rows
        if whole:  # what was passed over is tried and told again
            journal.add(names[frame], rows)
        if progress:
            progress(len(splits) - len(waiting) + done, len(splits))
    before = ((frame, journal.rows[names[frame]]) for frame in splits if frame not in found)
    found |= {frame: [Row(*row) for row in rows] for frame, rows in before}
    return _finish(src, dst, [(row, split) for frame, split in splits.items() for row in found[frame]], crops, skipped)


def cut_out(frame: Frame, src: Path, dst: Path, crops: Crops, skipped: list[Skipped]) -> list[Row]:
    """Write a picture of each pedestrian of a frame who passes; what is broken joins `skipped`."""
    contents = read_contents(frame, crops.filters, skipped)
    if contents is None:
        return []
    try:
        picture = read_image(frame.picture)
    except Unreadable as error:
        skipped.append(error.skipped)
        return []
    rows = []
    for seen in contents.people:
        place = place_of(seen.person.box, crops.margin, contents.width, contents.height)
        row = _row(contents, seen, place, src, crops.size)
        with atomic(dst / row.file) as path:
            Image.fromarray(_square(picture, contents, seen, place, crops)).save(path)
        rows.append(row)
    return rows


def place_of(box: Box, margin: float, width: int, height: int) -> Box:
    """The square of whole pixels around a box that is cut out of a frame of width × height.

    Where it reaches beyond the frame it is moved inside, so that all of it was seen by the camera. Where it is larger than
    the frame, the frame is in its middle, and edge colours fill the rest.
    """
    side = min(math.ceil(box.square(margin).width), 2 * max(width, height))
    left, top = _start(box.left + box.width / 2, side, width), _start(box.top + box.height / 2, side, height)
    return Box(left, top, side, side)


def _start(middle: float, side: int, length: int) -> int:
    return (length - side) // 2 if side > length else min(max(round(middle - side / 2), 0), length - side)


def _square(picture: Picture, contents: Contents, seen: Seen, place: Box, crops: Crops) -> NDArray[np.uint8]:
    """uint8 (size, size, 3): what lies in the place. To mask the whole frame for each person would take most of the time."""
    left, top = max(int(place.left) - AROUND, 0), max(int(place.top) - AROUND, 0)
    window = np.s_[top : int(place.bottom) + AROUND, left : int(place.right) + AROUND]
    pixels = picture.pixels[window]
    if crops.masks and contents.ids is not None:
        pixels = pixels * inside(contents.ids[window], seen.person)[..., None]
    part = Picture(pixels, pixels.shape[1], pixels.shape[0])
    return part.square(crops.size, place._replace(left=place.left - left, top=place.top - top))


def _row(contents: Contents, seen: Seen, place: Box, src: Path, size: int) -> Row:
    frame, person = contents.frame, seen.person
    sequence = frame.sequence.relative_to(src).as_posix() if frame.sequence != src else frame.sequence.resolve().name
    safe = re.sub(r"[^\w.-]", "_", person.instance)
    points = (seen.points + 0.5 - place[:2]) * (size / place.width) - 0.5
    return Row(
        file=f"images/{sequence}/{frame.name}_{safe}.png",
        sequence=sequence,
        frame=frame.picture.relative_to(src).as_posix(),
        frame_size=f"{contents.width} {contents.height}",
        instance=person.instance,
        crop=f"{place.left} {place.top} {place.right} {place.bottom}",
        distance=_text(person.distance),
        occlusion=_text(person.occlusion),
        pixels=_text(person.pixels),
        visibility="".join(map(str, seen.visibility)),
        points=[None if math.isnan(value) else value for value in points.ravel().tolist()],
    )


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"


def _journal(dst: Path, crops: Crops) -> Journal:
    """The journal of a folder, which until it is finished says in keypoints.json that it is not."""
    asked = {"size": crops.size, "margin": crops.margin, "masks": crops.masks, **crops.filters._asdict()}
    journal = Journal(dst / JOURNAL, asked)
    if not (dst / LANDMARKS).is_file():
        with atomic(dst / KEYPOINTS) as path:
            path.write_text(json.dumps({"kia": asked}) + "\n", encoding="utf-8")
    return journal


def _is_there(dst: Path, rows: list | None) -> bool:
    return rows is not None and all((dst / Row(*row).file).is_file() for row in rows)


def _finish(src: Path, dst: Path, rows: list[tuple[Row, str]], crops: Crops, skipped: list[Skipped]) -> Converted:
    """meta.csv and, last of all, landmarks.csv: a folder that has it is whole."""
    if not rows:
        raise PartposeError(nobody(src, crops.filters, skipped))
    with atomic(dst / META) as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", "split", *Row._fields[1:-1]])
        table.writerows([row.file, split, *row[1:-1]] for row, split in rows)
    files, splits = [row.file for row, _ in rows], [split for _, split in rows]
    points = [np.array(row.points, np.float64).reshape(-1, 2) for row, _ in rows]
    write_landmarks(dst, annotated(dst, files, splits, points, None))
    counts = {split: splits.count(split) for split in ("train", "test")}
    return Converted(counts, len({row.sequence for row, _ in rows}), skipped)
