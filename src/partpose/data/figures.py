"""The built-in set: drawn people with 15 joints, the same ones for the same arguments, byte for byte."""

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from partpose.data.atomic import atomic
from partpose.data.figure_people import Person, draw_person
from partpose.data.figure_picture import Camera, Drawing, draw_camera, draw_light, paint, render, stand
from partpose.data.figure_png import encode_png
from partpose.data.figure_poses import FLIP_PAIRS, JOINTS, SKELETON, Pose, draw_pose
from partpose.data.figure_render import Light
from partpose.data.figure_scene import draw_clutter, draw_room
from partpose.errors import PartposeError

BACKGROUNDS = ("plain", "room", "clutter")
SMALLEST, LARGEST = 32, 512
CHUNK = 32
# What a stream of random numbers is for, so that no two of them are the same.
PERSON, SPLIT, POSE, SCENE = range(4)


class Plan(NamedTuple):
    """What a set is drawn with; two sets with the same plan are the same, byte for byte."""

    people: int = 40
    pictures: int = 4000
    size: int = 64
    background: str = "plain"
    seed: int = 0


class Row(NamedTuple):
    """One picture's line in landmarks.csv and meta.csv; joints: 30 numbers, x and y in turns."""

    file: str
    person: int
    pose: Pose
    joints: list[float]


def draw_figures(
    out: Path,
    people: int = 40,
    pictures: int = 4000,
    size: int = 64,
    background: str = "plain",
    seed: int = 0,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw the built-in set into a folder: images/, masks/ (0 or 255), landmarks.csv, keypoints.json, meta.csv.

    background: "plain" (black), "room" (one scene a person) or "clutter" (a new one every picture). A quarter of the people
    are `test`. jobs: processes, all cores by default; with one, nothing is started. progress: called with (done, all).
    A folder that already holds the same set is left as it is; a drawing that was broken off is drawn again.

    Raises PartposeError for arguments out of range and for a folder that holds anything else.
    """
    plan = check_plan(Plan(people, pictures, size, background, seed))
    out = Path(out)
    if _is_finished(out, plan):
        print(f"{out} already holds this set: nothing to draw")
        return
    _write_keypoints(out, plan)
    rows = []
    for chunk in _draw_chunks(out, plan, jobs or os.cpu_count() or 1):
        rows += chunk
        if progress:
            progress(len(rows), pictures)
    _write_tables(out, plan, rows)


def check_plan(plan: Plan) -> Plan:
    """The plan itself, or PartposeError with what is wrong with it."""
    if plan.people < 2:
        raise PartposeError(f"people must be at least 2, one to train on and one to test on, got {plan.people}")
    if plan.pictures < plan.people:
        raise PartposeError(f"pictures must be at least one a person ({plan.people}), got {plan.pictures}")
    if not SMALLEST <= plan.size <= LARGEST:
        raise PartposeError(f"size must be between {SMALLEST} and {LARGEST} pixels, got {plan.size}")
    if plan.background not in BACKGROUNDS:
        raise PartposeError(f"background must be one of {', '.join(BACKGROUNDS)}, got {plan.background!r}")
    if plan.seed < 0:
        raise PartposeError(f"seed must be 0 or more, got {plan.seed}")
    return plan


def split_of(plan: Plan) -> list[str]:
    """For every person `train` or `test`."""
    order = _stream(plan.seed, SPLIT).permutation(plan.people)
    test = set(order[: max(1, round(plan.people / 4))].tolist())
    return ["test" if person in test else "train" for person in range(plan.people)]


@cache
def person_of(seed: int, person: int) -> Person:
    """The person of this number, the same in every set of this seed."""
    return draw_person(_stream(seed, PERSON, person))


def draw_picture(plan: Plan, index: int) -> tuple[Pose, Drawing]:
    """Picture number `index`; the same people stand in the same poses before all three backgrounds."""
    pose, light, camera = _setting(plan, index)
    return pose, render(person_in(plan, index), pose, plan.size, _scene(plan, index), light, camera)


def redraw(plan: Plan, shape: int, looks: int) -> Drawing:
    """Picture number `shape` as it would be in the looks of picture number `looks`: what a perfect swap would give.

    Pose, build, camera and scene are those of the first; skin, hair, clothes and light those of the second. The person
    stands where the first one stood.
    """
    pose, _, camera = _setting(plan, shape)
    _, light, _ = _setting(plan, looks)
    first = person_in(plan, shape)
    dressed = person_in(plan, looks)._replace(build=first.build)
    return paint(dressed, stand(first, pose, plan.size, camera), plan.size, _scene(plan, shape), light)


def person_in(plan: Plan, index: int) -> Person:
    """Who is in picture number `index`."""
    return person_of(plan.seed, index % plan.people)


def _setting(plan: Plan, index: int) -> tuple[Pose, Light, Camera]:
    rng = _stream(plan.seed, POSE, index)
    return draw_pose(rng), draw_light(rng), draw_camera(rng)


def _scene(plan: Plan, index: int) -> np.ndarray | None:
    if plan.background == "room":
        return _room_of(plan.seed, index % plan.people, plan.size)
    return draw_clutter(_stream(plan.seed, SCENE, index), plan.size) if plan.background == "clutter" else None


# Enough for the usual 40 people, and 200 MB with the largest pictures.
@lru_cache(64)
def _room_of(seed: int, person: int, size: int) -> np.ndarray:
    return draw_room(_stream(seed, SCENE, person), size)


def _stream(*key: int) -> Generator:
    """Random numbers for one purpose: the same whatever was drawn before, and in whichever process."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _draw_chunks(out: Path, plan: Plan, jobs: int) -> Iterator[list[Row]]:
    """Rows of all pictures, in their order, as they are drawn."""
    chunks = [range(start, min(start + CHUNK, plan.pictures)) for start in range(0, plan.pictures, CHUNK)]
    draw = partial(_draw_chunk, out, plan)
    if min(jobs, len(chunks)) <= 1:
        yield from map(draw, chunks)
        return
    # Forking a process that has loaded torch can hang; spawned ones start clean.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(chunks)), context) as pool:
        try:
            yield from pool.map(draw, chunks)
        except BrokenProcessPool as error:
            advice = "call draw_figures under `if __name__ == '__main__':`, or with jobs=1"
            raise PartposeError(f"the processes that draw could not start or were killed: {advice}") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _draw_chunk(out: Path, plan: Plan, indices: range) -> list[Row]:
    return [_draw_files(out, plan, index) for index in indices]


def _draw_files(out: Path, plan: Plan, index: int) -> Row:
    """Draw one picture and write it and its mask."""
    pose, drawing = draw_picture(plan, index)
    person = index % plan.people
    name = f"{index:05d}_p{person:03d}.png"
    for folder, pixels in (("images", drawing.pixels), ("masks", drawing.mask)):
        _write_bytes(out / folder / name, encode_png(pixels))
    return Row(f"images/{name}", person, pose, drawing.joints.ravel().tolist())


def _write_bytes(path: Path, data: bytes) -> None:
    """Not atomic, for speed: a folder without landmarks.csv counts as broken off and is drawn anew."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise PartposeError(f"{path} cannot be written: {error.strerror or error}") from error


def _is_finished(out: Path, plan: Plan) -> bool:
    """Whether the folder holds this very set; refuses a folder that holds anything else."""
    if out.exists() and not out.is_dir():
        raise PartposeError(f"{out} is a file: expected a new folder to draw into")
    if not out.exists() or not any(out.iterdir()):
        return False
    there = read_plan(out)
    if there is None:
        raise PartposeError(f"{out} is not empty and holds no drawn figures: name a new folder")
    if there != plan:
        asked, got = (", ".join(f"{k} {v}" for k, v in p._asdict().items()) for p in (plan, there))
        raise PartposeError(f"{out} holds figures drawn with {got}; asked for {asked}: name a new folder or remove it")
    return (out / "landmarks.csv").is_file()


def read_plan(out: Path) -> Plan | None:
    """What the set in a folder was drawn with; None for a folder that holds no such set."""
    try:
        return Plan(**json.loads((out / "keypoints.json").read_text(encoding="utf-8"))["figures"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write_keypoints(out: Path, plan: Plan) -> None:
    """keypoints.json, with the plan, and the README; before all else, so that a broken-off drawing is recognised."""
    about = {
        "name": "partpose figures",
        "num_keypoints": len(JOINTS),
        "keypoints": JOINTS,
        "category": "person (drawn)",
        "flip_pairs": FLIP_PAIRS,
        "skeleton": SKELETON,
        "figures": plan._asdict(),
    }
    with atomic(out / "keypoints.json") as path:
        path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    for folder in ("images", "masks"):
        (out / folder).mkdir(exist_ok=True)
    with atomic(out / "README.md") as path:
        path.write_text(README.format(**plan._asdict()), encoding="utf-8")


def _write_tables(out: Path, plan: Plan, rows: list[Row]) -> None:
    """meta.csv and, last of all, landmarks.csv: a folder that has it is whole."""
    split = split_of(plan)
    meta = [[r.file, split[r.person], r.person, plan.background, f"{r.pose.trunk.yaw:.1f}"] for r in rows]
    _write_csv(out / "meta.csv", ["file", "split", "person", "background", "yaw_deg"], meta)
    header = ["file", "split", *(f"kp{j}_{axis}" for j in range(len(JOINTS)) for axis in "xy")]
    _write_csv(
        out / "landmarks.csv", header, [[r.file, split[r.person], *(f"{v:.3f}" for v in r.joints)] for r in rows]
    )


def _write_csv(path: Path, header: list[str], lines: list[list]) -> None:
    with atomic(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


README = """# Drawn figures

{pictures} pictures of {people} drawn people, {size}×{size} pixels, background: {background}, seed {seed}; drawn again, byte for
byte, by `partpose figures OUT --people {people} --pictures {pictures} --size {size} --background {background} --seed {seed}`.

- `images/`, `masks/` (255 on the person, else 0; the same names)
- `landmarks.csv`: file, split, then x and y of the 15 joints of `keypoints.json`, in pixels; the centre of the top-left
  pixel is (0, 0); left and right are the person's own; hidden joints are there as well
- `meta.csv`: person, background, the body's turn to its own left in degrees

The people of `split=test` are in no training picture. Landmarks are for evaluation only.
"""
