"""Boxes for `--boxes auto`: the one object that moves in front of a fixed camera."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partpose.data.cut import Box, Cut
from partpose.data.images import Unreadable
from partpose.data.median import FEWEST, Still, is_fixed_camera, quantile, sample, stills
from partpose.data.planes import planes
from partpose.data.scene import Scene, Thing, choose_scene, find_thing
from partpose.data.sources import Source
from partpose.data.walk import readable
from partpose.errors import Skipped

_SIDE = 256
"""Pixels of the long side at which an object is looked for."""
_ENOUGH = 0.9
"""Share of the frames whose object the box must hold."""
_CLEAR = 0.35
"""Of all that differs, the share that the largest thing must have on average: pictures that move all over have 0.25."""


def find_moving(source: Source) -> tuple[Source, list[Skipped]]:
    """The source with one square box a frame around the one object that moves, and what there is to say about it.

    All boxes have the same side, which holds the object in nine frames of ten, so that its scale stays. In a video the
    boxes of frames in which nothing is found (the object rests, or is hidden) lie between those before and after; such
    pictures of a folder are passed over. Memory does not grow with the length of a video but by its boxes.

    Raises Unreadable where there are fewer than `median.FEWEST` frames, the camera is not fixed, nothing moves, or many
    things do, and where a video cannot be read.
    """
    # The scene and the size of the object are those of the whole video, whatever frames are asked for
    seen = sample(source._replace(frames=None), _SIDE)
    scene = _scene_of(seen, source)
    skipped: list[Skipped] = []
    places, things = _things(source, (seen[0].width, seen[0].height), scene, skipped)
    boxes = _boxes(places, things, source, seen[0])
    return source._replace(cuts={i: (Cut(box),) for i, box in boxes.items()}), skipped + _notes(source, places, things)


def _things(
    source: Source, size: tuple[int, int], scene: Scene, skipped: list[Skipped]
) -> tuple[list[int], list[Thing | None]]:
    """The places of all frames of this size, and what moves in them."""
    places, things, others, last = [], [], 0, None
    for still in stills(source, _SIDE, skipped=skipped):
        if (still.width, still.height) != size:
            others += 1
            continue
        thing = find_thing(planes(still.pixels), scene, last)
        last = thing.box if thing and source.kind == "video" else None
        places.append(still.index)
        things.append(thing)
    if others:
        what = f"{others} of its pictures or frames are not of {size[0]}×{size[1]} pixels as the others"
        skipped.append(Skipped(readable(source.path), what))
    return places, things


def _scene_of(seen: Sequence[Still], source: Source) -> Scene:
    if len(seen) < FEWEST:
        raise _refused(source, f"there are only {len(seen)} frames or pictures, expected {FEWEST}")
    frames = [still.pixels for still in seen]
    if not is_fixed_camera(frames, quantile(frames)):
        raise _refused(source, "the camera moves, the light changes, or it is not one scene")
    scene, verdict = choose_scene(frames)
    if verdict.found * len(frames) < 3:
        raise _refused(source, "nothing moves in front of the camera")
    if verdict.clear < _CLEAR:
        raise _refused(source, "not one thing moves but the picture all over")
    return scene


def _refused(source: Source, why: str) -> Unreadable:
    return Unreadable(
        source.path, f"no boxes can be found in it: {why}; give --boxes FILE.csv, or --boxes none to look at all of it"
    )


def _boxes(places: list[int], things: Sequence[Thing | None], source: Source, like: Still) -> dict[int, Box]:
    """By picture or frame, in pixels of the original; things are in those of a still like this one."""
    found = [(place, thing.box) for place, thing in zip(places, things, strict=True) if thing]
    if not found:
        raise _refused(source, "nothing moves in front of the camera")
    at = np.array([place for place, _ in found])
    middles = np.array([(box.left + box.width / 2, box.top + box.height / 2) for _, box in found])
    side = float(np.quantile([max(box.width, box.height) for _, box in found], _ENOUGH))
    if source.kind == "video":
        at, middles = _smooth(at, middles, side)
        middles = np.stack([np.interp(places, at, axis) for axis in middles.T], axis=1)
        at = np.array(places)
    height, width = like.pixels.shape[:2]
    side *= like.width / width
    corners = middles * (like.width / width, like.height / height) - side / 2
    return {int(i): Box(float(x), float(y), side, side) for i, (x, y) in zip(at, corners, strict=True)}


def _smooth(
    at: NDArray[np.int64], middles: NDArray[np.float64], side: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Without the places (N,) whose middles (N, 2) blink somewhere else, and without the tremble of an object that stands.

    Both are told by the median of five, which would cut the corners of an object that runs.
    """
    padded = np.pad(middles, ((2, 2), (0, 0)), mode="edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0), axis=-1)
    gap = np.linalg.norm(middles - usual, axis=1)
    calm = np.where(gap[:, None] < side / 8, usual, middles)
    return at[gap < side], calm[gap < side]


def _notes(source: Source, places: list[int], things: Sequence[Thing | None]) -> list[Skipped]:
    """What a user should know about the boxes."""
    missed = [place for place, thing in zip(places, things, strict=True) if thing is None]
    if source.kind == "pictures":
        return [Skipped(source.names[place], "shows no object that moves") for place in missed]
    notes = []
    if len(missed) > len(places) / 20:
        what = f"nothing moves in {len(missed)} of {len(places)} frames: their boxes lie between those before and after"
        notes.append(Skipped(readable(source.path), what))
    several = sum(thing is not None and thing.second > 0.5 for thing in things)
    if several > 0.3 * len(places):
        what = f"more than one thing moves in {several} of {len(places)} frames: the boxes follow one of them"
        notes.append(Skipped(readable(source.path), what))
    return notes
