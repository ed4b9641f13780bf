"""From the official downloads of Human3.6M to the simplified layout: every person cut out, with mask and joints.

A picture is the square around the person's box that is larger by `MARGIN` of its side, so that a training view, which
shows 1 / (1 + MARGIN) = 0.8 of it, can hold the whole person.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.atomic import alone, atomic, make_folder
from partpose.data.cut import Box
from partpose.data.human36m import JOINTS, MASKS, PICTURES
from partpose.data.human36m_official import (
    KNOWN_CORRUPT,
    Masks,
    Video,
    box_of,
    find_videos,
    open_masks,
    read_joints,
    require_cdflib,
)
from partpose.data.images import Picture
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

MARGIN = 0.25
PLAN = "partpose_convert.json"
SLACK = 8
"""A mask may have so many rows or columns more or less than its video: two of the four cameras have 1002 rows."""


class Person(NamedTuple):
    """One person as it is written. pixels: uint8 (size, size, 3).  mask: bool (size, size).

    joints: (32, 2), in [0, 1] between the outer edges of the picture.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    joints: NDArray[np.float64]


def convert_human36m(
    official: Path,
    dst: Path,
    size: int = 128,
    every: int = 1,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, list[Skipped]]:
    """Write every `every`th frame of the six actions as pictures of `size` pixels; returns how many, and what was passed over.

    A video that is done is not done again, one that was broken off begins anew. jobs: processes, all cores by default;
    with one, nothing is started. progress: called with videos (done, all).

    Raises PartposeError where there is no video, where `dst` was made with another size or step or is being written, and where,
    of all videos, not one can be used.
    """
    require_cdflib()
    videos = find_videos(Path(official))
    _begin(Path(dst), {"size": size, "every": every, "margin": MARGIN})
    open_ones = [video for video in videos if not (Path(dst) / video.subject / PICTURES / video.name).is_dir()]
    pictures, skipped = 0, []
    done = len(videos) - len(open_ones)
    with alone(Path(dst)):
        for written, missed in _converted(open_ones, partial(convert_video, Path(dst), size, every), jobs):
            pictures, skipped, done = pictures + written, skipped + missed, done + 1
            if progress:
                progress(done, len(videos))
    if len(skipped) == len(videos):
        raise PartposeError(
            f"none of {len(videos)} videos can be used, the first: {skipped[0].path}: {skipped[0].reason}"
        )
    return pictures, skipped


def convert_video(dst: Path, size: int, every: int, video: Video) -> tuple[int, list[Skipped]]:
    """Write the pictures of one video, all or none; returns how many, and why if there are none."""
    unfinished = dst / video.subject / f".unfinished-{video.name}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        if known := KNOWN_CORRUPT.get((video.subject, video.name)):
            raise PartposeError(known)
        written = _write_all(video, unfinished, size, every)
        _publish(unfinished, dst / video.subject, video.name)
    except PartposeError as error:
        return 0, [Skipped(readable(video.path), str(error).removeprefix(f"{readable(video.path)}: "))]
    except OSError as error:
        raise PartposeError(f"{dst} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return written, []


def people(video: Video, size: int, every: int) -> Iterator[tuple[int, Person]]:
    """The person of every `every`th frame, with the frame's index; frames that show nobody are left out.

    Frames beyond the end of the joints, boxes or masks are left out too: their numbers differ by a few.
    Raises PartposeError for a video with damage: the frames behind it would be given other frames' joints.
    """
    from partpose.data.video import read_frames

    joints, damage = read_joints(video.joints), []
    with open_masks(video.boxes) as boxes, open_masks(video.masks) as masks:
        known = min(len(joints), len(boxes), len(masks))
        # To the end of the video, where it is known whether all of it could be decoded
        for frame in read_frames(video.path, every=every, skipped=damage):
            if frame.index >= known:
                continue
            box, mask = box_of(boxes.frame(frame.index)), _mask_of(masks, frame.index, frame.pixels)
            if box is not None and mask.any():
                yield frame.index, cut_person(frame.pixels, mask, box, joints[frame.index], size)
    if damage:
        raise PartposeError(damage[0].reason)


def cut_person(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], box: Box, joints: NDArray[np.float64], size: int
) -> Person:
    """The square around a box (edges, pixels) of a frame (H, W, 3), its mask (H, W), and joints (32, 2) in pixels.

    What lies outside the frame repeats its edge, and is not in the mask.
    """
    height, width = mask.shape
    place = box.square(MARGIN)
    inside = mask.astype(np.uint8) * 255
    # What lies outside repeats the mask's edge, which would go on where the person is cut off by the frame
    inside[[0, -1]], inside[:, [0, -1]] = 0, 0
    shown = Picture(inside[..., None], width, height).square(size, place)[..., 0]
    cut = Picture(pixels, width, height).square(size, place)
    return Person(cut, shown > 127, (joints + 0.5 - (place.left, place.top)) / place.width)


def _mask_of(masks: Masks, index: int, pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(H, W) of the frame: rows and columns at the end that a mask lacks show nobody; all of them, in an empty cell."""
    mask, (height, width) = masks.frame(index), pixels.shape[:2]
    if mask.size and max(abs(mask.shape[0] - height), abs(mask.shape[1] - width)) > SLACK:
        shape = f"{mask.shape[1]}×{mask.shape[0]}"
        raise PartposeError(
            f"has {width}×{height} pixels, but its mask of frame {index} {shape}: are they of one video?"
        )
    fitted = np.zeros((height, width), bool)
    fitted[: mask.shape[0], : mask.shape[1]] = mask[:height, :width]
    return fitted


def _begin(dst: Path, plan: dict) -> None:
    """Keep what a folder is made with; refuse one that was made with something else."""
    make_folder(dst)
    path = dst / PLAN
    if not path.exists():
        with atomic(path) as part:
            part.write_text(json.dumps(plan) + "\n", encoding="utf-8")
    there = path.read_text(encoding="utf-8")
    if there != json.dumps(plan) + "\n":
        raise PartposeError(f"{dst} was made with {there.strip()}, asked for {json.dumps(plan)}: name a new folder")


def _converted(
    videos: list[Video], convert: Callable[[Video], tuple[int, list[Skipped]]], jobs: int | None
) -> Iterator[tuple[int, list[Skipped]]]:
    workers = min(jobs or os.cpu_count() or 1, len(videos))
    if workers <= 1:
        yield from map(convert, videos)
        return
    # Forking a process that has loaded torch can hang; spawned ones start clean.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(convert, videos)
        except BrokenProcessPool as error:
            raise PartposeError("the processes that convert could not start or were killed: try --jobs 1") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _write_all(video: Video, folder: Path, size: int, every: int) -> int:
    from scipy.io import savemat

    for name in (PICTURES, MASKS, JOINTS):
        (folder / name).mkdir(parents=True)
    written = 0
    for index, person in people(video, size, every):
        stem = f"{index:06d}"
        Image.fromarray(person.pixels).save(folder / PICTURES / f"{stem}.jpg", quality=95, subsampling=0)
        Image.fromarray(person.mask).save(folder / MASKS / f"{stem}.png")
        savemat(folder / JOINTS / f"{stem}.mat", {"keypoints_2d": person.joints})
        written += 1
    if not written:
        raise PartposeError("shows nobody in any frame that has joints, box and mask")
    return written


def _publish(folder: Path, subject: Path, name: str) -> None:
    """Move what was written to its place, the pictures last: a video that has its pictures is whole."""
    for kind in (JOINTS, MASKS, PICTURES):
        (subject / kind).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(subject / kind / name, ignore_errors=True)
        (folder / kind).replace(subject / kind / name)
