"""What `partpose inspect` does: tell what a path leads to, say it, and draw a sheet of it."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from partpose.data import human36m
from partpose.data.annotations.detect import Reader, detect_all, known_formats, sets_below
from partpose.data.inspection import Inspection, inspect_annotated, inspect_sources, joined
from partpose.data.outputs import check_output
from partpose.data.sources import find_sources
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped
from partpose.inspect_own import inspect_own, predictions_in
from partpose.predict.draw import write_png
from partpose.predict.landmark_sheet import Sample, annotated_samples, landmark_sheet, source_samples
from partpose.terminal import count, report_skipped

SAMPLES = 12
FEW = 12
"""How many names, missing pictures or videos are printed before it says how many more there are."""


class Look(NamedTuple):
    """An inspection, and how to draw it. samples: at most so many of its pictures.  lines: pairs of landmarks."""

    inspection: Inspection
    samples: Callable[[int], list[Sample]] | None = None
    lines: tuple[tuple[int, int], ...] = ()


def inspect_input(path: Path, as_json: bool = False, sheet: Path | None = None) -> None:
    """Say what a path leads to, on the terminal or as JSON, and draw a sheet where one was asked for."""
    if sheet is not None:
        check_output(sheet, ".png", [path], "--sheet")
    seen = look(path)
    if sheet is not None:
        write_png(landmark_sheet(_samples(seen, path), seen.inspection.landmarks, seen.lines), sheet)
    if as_json:
        print(json.dumps(to_json(seen.inspection), indent=1, ensure_ascii=False))
        return
    print("\n".join(to_lines(seen.inspection)) + (f"\nwritten: {sheet}" if sheet else ""), flush=True)
    report_skipped(list(seen.inspection.skipped))


def look(path: Path) -> Look:
    """What a file or folder is to partpose. Raises PartposeError, in one line, where it is nothing that can be used."""
    if not os.path.exists(path):  # noqa: PTH110, pathlib's raises on what may not be entered
        raise PartposeError(f"{readable(path)} does not exist or may not be entered")
    own = inspect_own(path)
    if own is not None:
        return Look(own)
    detected = list(detect_all(path))
    if not detected:
        return _plain(path)
    (reader, found), *others = detected
    seen = _annotated(path, reader, found)
    also = [f"{_few([file.name for file in files], 3)} ({one.NAME})" for one, files in others]
    notes = (f"holds annotations of other formats, to be named one by one: {_few(also)}",) if also else ()
    return seen._replace(inspection=replace(seen.inspection, notes=(*seen.inspection.notes, *notes)))


def to_json(inspection: Inspection) -> dict[str, Any]:
    """All of an inspection as plain values."""
    i = inspection
    first = {name: getattr(i, name) for name in ("format", "pictures", "missing", "landmarks", "annotated", "visible")}
    return first | {
        "split": dict(i.split),
        "objects": i.objects,
        "path": readable(i.path),
        "sizes": [{"width": width, "height": height, "pictures": n} for (width, height), n in i.sizes.items()],
        "outside": i.outside,
        "absent": i.absent,
        "videos": [clip._asdict() | {"file": readable(clip.file)} for clip in i.videos],
        "skipped": [one._asdict() for one in i.skipped],
        "notes": i.notes,
        **({"sets": [to_json(one) for one in i.sets]} if i.sets else {}),
        **i.about,
    }


def to_lines(inspection: Inspection) -> list[str]:
    """An inspection in words: its path, and a line for each thing there is to say."""
    i = inspection
    said = {
        "format": [i.format],
        "pictures": _pictures(i),
        "size": [_sizes(i)] if i.sizes else [],
        "videos": _videos(i),
    }
    if i.landmarks:
        said["landmarks"] = [f"{len(i.landmarks)}: {_few(i.landmarks)}"]
    if i.objects:
        objects = f", {count(i.objects, 'object')}" if i.objects != i.pictures + i.missing else ""
        places = f" of {i.objects * len(i.landmarks)}" if not i.sets else ""
        said["annotated"] = [f"{count(i.annotated, i.noun)}{objects}, {i.visible}{places} landmarks visible"]
    if i.split:
        said["split"] = [", ".join(f"{name} {number}" for name, number in i.split.items())]
    said |= {name: [_few(value) if isinstance(value, list) else str(value)] for name, value in i.about.items()}
    said["note"] = list(i.notes) + ([f"{count(i.outside, 'landmark')} outside the picture"] if i.outside else [])
    width = max(map(len, said)) + 2
    lines = [f"  {name if not n else '':{width}}{text}" for name, texts in said.items() for n, text in enumerate(texts)]
    return [readable(i.path), *lines, *(line for one in i.sets for line in ["", *to_lines(one)])]


def _annotated(path: Path, reader: Reader, found: list[Path]) -> Look:
    try:
        landmarks = reader.read(path, found)
    except PartposeError as error:
        if reader is human36m and not human36m.is_official(path):  # of its layouts one has pictures alone
            return _plain(path, reader.NAME, (str(error),))
        if len(found) == 1 or not all(file.is_file() for file in found):
            raise
        return Look(_each(path, reader, found, error))
    inspection = inspect_annotated(path, reader.NAME, landmarks)
    return Look(inspection, lambda number: annotated_samples(landmarks, number), landmarks.skeleton)


def _each(path: Path, reader: Reader, found: Sequence[Path], reason: PartposeError) -> Inspection:
    """Annotation files that are no one set, each by itself; raises the reason where none of them can be read."""
    sets, skipped = [], []
    for file in found:
        try:
            sets.append(inspect_annotated(file, reader.NAME, reader.read(file, [file])))
        except PartposeError as error:
            skipped.append(Skipped(readable(file), str(error).removeprefix(readable(file)).lstrip(" :")))
    if not sets:
        raise reason
    return joined(path, sets, skipped)


def _plain(path: Path, name: str = "", notes: tuple[str, ...] = ()) -> Look:
    """Pictures and videos, or predictions alone."""
    predictions = predictions_in(path)
    try:
        sources, skipped = find_sources([path])
    except PartposeError as error:
        if predictions is not None:
            return Look(predictions)
        if path.is_file():
            known = known_formats()
            raise PartposeError(
                f"{readable(path)} is no picture, no video and no annotation file of a format that is known: {known}"
            ) from error
        raise
    inspection = inspect_sources(path, sources, skipped, name, (*notes, *_beside(path, predictions)))
    if path.is_file() and inspection.skipped and not inspection.videos:
        raise PartposeError(f"{readable(path)} {inspection.skipped[0].reason}")
    return Look(inspection, lambda number: source_samples(sources, number))


def _beside(path: Path, predictions: Inspection | None) -> list[str]:
    """What else lies in a folder of pictures and videos."""
    if not path.is_dir():
        return []
    below = [f"{folder.name} ({reader.NAME})" for folder, reader in sets_below(path)]
    notes = [f"holds annotated sets, to be named one by one: {_few(below)}"] if below else []
    return notes + ([f"holds predictions of partpose: {_few(predictions.about['files'])}"] if predictions else [])


def _samples(seen: Look, path: Path) -> list[Sample]:
    samples = seen.samples(SAMPLES) if seen.samples else []
    if not samples:
        sets = f" in several sets, expected one of them: {_few([one.path.name for one in seen.inspection.sets])}"
        raise PartposeError(f"{readable(path)} has no picture to draw on a sheet{sets if seen.inspection.sets else ''}")
    return samples


def _pictures(i: Inspection) -> list[str]:
    if not i.pictures and not i.missing:
        return []
    missing = f", {i.missing} missing{f': {_few(i.absent, 3)}' if i.absent else ''}" if i.missing else ""
    found = i.pictures if i.noun == "picture" else count(i.pictures, i.noun)
    return [f"{found} on disk{missing}"]


def _sizes(i: Inspection) -> str:
    sizes = list(i.sizes)
    if len(sizes) <= 3:
        return ", ".join(f"{width}×{height}" for width, height in sizes)
    (width, height), *_ = sizes
    sides = [side for size in sizes for side in size]
    return f"{len(sizes)} different, most are {width}×{height}, sides from {min(sides)} to {max(sides)}"


def _videos(i: Inspection) -> list[str]:
    shown = [
        f"{readable(clip.file)}: {clip.frames} frames, {clip.fps:.4g} a second, {clip.width}×{clip.height}, "
        f"{clip.seconds:.1f} s"
        for clip in i.videos[:FEW]
    ]
    more = len(i.videos) - len(shown)
    return [*shown, *([f"… and {more} more, {sum(clip.frames for clip in i.videos)} frames in all"] if more else [])]


def _few(names: Sequence[str], number: int = FEW) -> str:
    more = len(names) - number
    return ", ".join(names[:number]) + (f", … and {more} more" if more > 0 else "")
