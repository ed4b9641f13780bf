"""What there is in a file or folder: pictures and videos, and what is annotated in them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from partpose.data.ahead import in_threads
from partpose.data.images import Unreadable, read_image
from partpose.data.landmarks import Landmarks
from partpose.data.sources import Source
from partpose.data.spread import spread
from partpose.data.video import count_packets, probe
from partpose.data.walk import VIDEO_SUFFIXES
from partpose.errors import Skipped

DECODED = 1000
"""Of more pictures than this only so many are decoded, to say how large they are and which are broken."""


class Clip(NamedTuple):
    """A video. frames: as many as it has packets.  width, height: upright pixels.  fps: mean.  seconds: frames / fps."""

    file: str
    frames: int
    fps: float
    width: int
    height: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What partpose sees. A labelled frame of a video counts as a picture.

    format: of the annotations, or "pictures", "video", "run", …  noun: "frame" where only frames of videos are labelled.
    pictures, missing: how many are on disk, or are listed but not there.  landmarks: their names.
    annotated: pictures with at least one landmark, on disk or not.  visible: landmarks that have a place, of all objects.
    split: name → pictures.  objects: rows of the annotations, perhaps several a picture.
    sizes: (width, height) → how many of those that were decoded.  outside: landmarks beyond the edges of these.
    absent: what is missing.  skipped: what is broken, and why.  sets: of several under one path, each by itself.
    notes: what else to know, in sentences.  about: what else there is, by name.
    """

    path: Path
    format: str
    noun: str = "picture"
    pictures: int = 0
    missing: int = 0
    landmarks: tuple[str, ...] = ()
    annotated: int = 0
    visible: int = 0
    split: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    outside: int = 0
    absent: tuple[str, ...] = ()
    videos: tuple[Clip, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    sets: tuple["Inspection", ...] = ()
    notes: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


def inspect_annotated(path: Path, name: str, landmarks: Landmarks) -> Inspection:
    """An annotated set of the format `name`."""
    places = list(zip(landmarks.files, landmarks.frames or (-1,) * len(landmarks.files), strict=True))
    lengths, clips, broken = _lengths(landmarks.root, landmarks.files)
    absent = [place for place in dict.fromkeys(places) if place[1] >= lengths[place[0]]]
    sizes, damaged = _sizes({file: landmarks.root / file for file, length in lengths.items() if length == 0})
    sizes |= {clip.file: (clip.width, clip.height) for clip in clips}
    seen = np.isfinite(landmarks.points).all(axis=-1).sum(axis=1)
    return Inspection(
        path=path,
        format=name,
        noun="frame" if landmarks.frames and min(landmarks.frames) >= 0 else "picture",
        pictures=len(set(places)) - len(absent),
        missing=len(absent),
        landmarks=landmarks.names,
        annotated=len({place for place, row in zip(places, seen.tolist(), strict=True) if row}),
        visible=int(seen.sum()),
        split=_counts(split for split, _ in dict.fromkeys(zip(landmarks.split, places, strict=True))),
        objects=len(places),
        sizes=dict(Counter(sizes.values()).most_common()),
        outside=_outside(landmarks, sizes),
        absent=tuple(dict.fromkeys(f if lengths[f] < 0 else f"{f} frame {frame}" for f, frame in absent)),
        videos=clips,
        skipped=(*landmarks.skipped, *broken, *damaged),
        notes=_notes(landmarks),
    )


def inspect_sources(
    path: Path, sources: Sequence[Source], skipped: Sequence[Skipped], name: str = "", notes: Sequence[str] = ()
) -> Inspection:
    """Pictures and videos without annotations; `name` is the format of a data set in a known layout."""
    pictures = {one: file for source in sources if source.kind == "pictures" for one, file in _named(source)}
    sizes, damaged = _sizes(pictures)
    clips, unreadable = _clips(
        {name: file for source in sources if source.kind == "video" for name, file in _named(source)}
    )
    kinds = [kind for kind, some in (("pictures", pictures), ("videos", clips or unreadable)) if some]
    return Inspection(
        path=path,
        format=name or {"videos": "video"}.get(words := " and ".join(kinds), words),
        pictures=len(pictures),
        split=_counts(split for source in sources for split in source.splits or ()),
        sizes=dict(Counter(sizes.values()).most_common()),
        videos=clips,
        skipped=(*skipped, *unreadable, *damaged),
        notes=tuple(notes),
    )


def joined(path: Path, sets: Sequence[Inspection], skipped: Sequence[Skipped]) -> Inspection:
    """Several sets that are no one set, as they have different landmarks: their numbers added up."""
    split = Counter[str]()
    for one in sets:
        split.update(one.split)
    sums = {name: sum(getattr(one, name) for one in sets) for name in ("pictures", "missing", "annotated", "visible")}
    return Inspection(
        path=path,
        format=sets[0].format,
        noun=sets[0].noun if len({one.noun for one in sets}) == 1 else "picture",
        **sums,
        landmarks=tuple(dict.fromkeys(name for one in sets for name in one.landmarks)),
        split=dict(split.most_common()),
        objects=sum(one.objects for one in sets),
        skipped=(*skipped, *(bad for one in sets for bad in one.skipped)),
        sets=tuple(sets),
    )


def _lengths(root: Path, files: Iterable[str]) -> tuple[dict[str, int], tuple[Clip, ...], list[Skipped]]:
    """How many frames each file has: 0 for a picture, -1 for what is missing; and the videos, and those that are broken.

    So a place is there if its frame, which is -1 in a picture, is less than that.
    """
    there = {file: (root / file).is_file() for file in dict.fromkeys(files)}
    videos = {file: root / file for file, here in there.items() if here and Path(file).suffix.lower() in VIDEO_SUFFIXES}
    clips, unreadable = _clips(videos)
    frames = dict.fromkeys(videos, -1) | {clip.file: clip.frames for clip in clips}
    return {file: frames.get(file, 0 if here else -1) for file, here in there.items()}, clips, unreadable


def _clips(videos: Mapping[str, Path]) -> tuple[tuple[Clip, ...], list[Skipped]]:
    """Each video that can be read, by its name, and those that cannot."""
    clips, unreadable = [], []
    for name, path in videos.items():
        try:
            info, frames = probe(path), count_packets(path)
        except Unreadable as error:
            unreadable.append(error.skipped)
            continue
        clips.append(Clip(name, frames, info.fps, info.width, info.height, frames / info.fps))
    return tuple(clips), unreadable


def _sizes(pictures: Mapping[str, Path]) -> tuple[dict[str, tuple[int, int]], list[Skipped]]:
    """Width and height of pictures, spread evenly over all where there are very many, and those that cannot be read."""
    names = list(pictures)
    chosen = [names[i] for i in spread(len(names), DECODED)]
    sizes, broken = {}, []
    for name, size in zip(chosen, in_threads(_size, (pictures[name] for name in chosen)), strict=True):
        if isinstance(size, Skipped):
            broken.append(size)
        else:
            sizes[name] = size
    return sizes, broken


def _size(path: Path) -> tuple[int, int] | Skipped:
    try:
        picture = read_image(path, side=16)
    except Unreadable as error:
        return error.skipped
    return picture.width, picture.height


def _outside(landmarks: Landmarks, sizes: Mapping[str, tuple[int, int]]) -> int:
    """How many landmarks lie beyond the edges of their picture."""
    rows = [i for i, file in enumerate(landmarks.files) if file in sizes]
    corners = np.array([sizes[landmarks.files[i]] for i in rows], float).reshape(-1, 1, 2) - 0.5
    points = landmarks.points[rows]
    return int(((points < -0.5) | (points > corners)).any(axis=-1).sum())


def _named(source: Source) -> Iterable[tuple[str, Path]]:
    return zip(source.names, source.files, strict=True)


def _counts(splits: Iterable[str]) -> dict[str, int]:
    return dict(Counter(split or "none" for split in splits).most_common())


def _notes(landmarks: Landmarks) -> tuple[str, ...]:
    predicted = landmarks.format.endswith("predictions")
    return ("predictions of a network: no instance was labelled by hand",) if predicted else ()
