"""A contact sheet of annotated pictures: landmarks, their lines, and which colour is which."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from partpose.data.cut import Box
from partpose.data.images import Unreadable, read_image
from partpose.data.landmarks import Landmarks
from partpose.data.sources import Source
from partpose.data.spread import spread
from partpose.data.video import sample_frames
from partpose.data.walk import VIDEO_SUFFIXES
from partpose.predict.marks import Marks, draw_marks, palette
from partpose.predict.sheet import INK, PAPER, font, sheet
from partpose.predict.style import Style

WIDTH, COLUMNS, TEXT, GAP = 1280, 4, 13, 8
"""Pixels of all pictures of a row, pictures a row, height of letters, and space between pictures."""
MARGIN = 0.25
"""How much more than an object's box is shown, as a share of its side."""
APART = (110, 15)
"""Landmarks whose names are written beside them are so many pixels apart, across or down; others are named below alone."""
LISTED = 32
"""So many are named at most: from there on colours repeat."""


class Sample(NamedTuple):
    """One object in its picture or frame. pixels: uint8 (H, W, 3).  points: (J, 2), NaN where missing.  title: below it."""

    pixels: NDArray[np.uint8]
    points: NDArray[np.float64]
    title: str


def landmark_sheet(
    samples: Sequence[Sample], names: Sequence[str] = (), lines: Sequence[tuple[int, int]] = ()
) -> NDArray:
    """uint8 (H, W, 3): the samples side by side with their J landmarks, and the names of these.

    lines: pairs of landmarks that are joined.
    """
    columns = min(COLUMNS, max(2, len(samples)))
    cells = [_cell(sample, WIDTH // columns, names, lines) for sample in samples]
    paper = sheet([cells[i : i + columns] for i in range(0, len(cells), columns)], gap=GAP)
    return _with_legend(paper, names) if names else paper


def annotated_samples(landmarks: Landmarks, count: int) -> list[Sample]:
    """At most `count` objects that have a landmark and whose picture can be read, spread evenly over the set.

    An object with a box is shown in it, with a margin around; a frame of a video comes from that frame.
    """
    seen = np.isfinite(landmarks.points).any(axis=(1, 2))
    there = {file for file in dict.fromkeys(landmarks.files) if (landmarks.root / file).is_file()}
    rows = [row for row in np.flatnonzero(seen).tolist() if landmarks.files[row] in there]
    chosen = [rows[i] for i in spread(len(rows), count)]
    pixels = dict(_pixels(landmarks, chosen))
    return [_sample(landmarks, row, pixels[row]) for row in chosen if row in pixels]


def source_samples(sources: Sequence[Source], count: int) -> list[Sample]:
    """At most about `count` pictures and frames of these inputs, spread evenly; what cannot be read is left out."""
    none, samples = np.empty((0, 2)), []
    for share, source in zip(_shares(sources, count), sources, strict=True):
        if source.kind == "video":
            frames = _frames(source.path, share)
            samples += [Sample(pixels, none, f"{source.names[0]} frame {index}") for index, pixels in frames.items()]
            continue
        for row in spread(len(source.files), share):
            pixels = _picture(source.files[row])
            samples += [] if pixels is None else [Sample(pixels, none, source.names[row])]
    return samples


def _pixels(landmarks: Landmarks, rows: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Rows with what their pictures or frames show; of each video all at once."""
    indices = landmarks.frames or (-1,) * len(landmarks.files)
    for file in dict.fromkeys(landmarks.files[row] for row in rows):
        its, path = [row for row in rows if landmarks.files[row] == file], landmarks.root / file
        if path.suffix.lower() in VIDEO_SUFFIXES:
            frames = _frames(path, len(its), sorted({indices[row] for row in its}))
            yield from ((row, frames[indices[row]]) for row in its if indices[row] in frames)
        elif (pixels := _picture(path)) is not None:
            yield from ((row, pixels) for row in its)


def _frames(path: Path, count: int, among: Sequence[int] | None = None) -> Mapping[int, NDArray[np.uint8]]:
    try:
        return {frame.index: frame.pixels for frame in sample_frames(path, count, among=among)}
    except Unreadable:
        return {}


def _picture(path: Path) -> NDArray[np.uint8] | None:
    try:
        return read_image(path).pixels
    except Unreadable:
        return None


def _sample(landmarks: Landmarks, row: int, pixels: NDArray[np.uint8]) -> Sample:
    index = -1 if landmarks.frames is None else landmarks.frames[row]
    cut = None if landmarks.cuts is None else landmarks.cuts[row]
    words = [landmarks.files[row], "" if index < 0 else f"frame {index}", "" if cut is None else cut.track]
    title, points = " ".join(word for word in words if word), landmarks.points[row]
    if cut is None or cut.box is None:
        return Sample(pixels, points, title)
    left, top, right, bottom = _reach(cut.box.square(MARGIN), pixels.shape[1], pixels.shape[0])
    return Sample(pixels[top:bottom, left:right], points - (left, top), title)


def _reach(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Whole pixels of a picture that hold what of a box lies in it; all of the picture where that is nothing."""
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right, bottom = min(width, int(box.left + box.width) + 1), min(height, int(box.top + box.height) + 1)
    return (left, top, right, bottom) if left < right and top < bottom else (0, 0, width, height)


def _cell(sample: Sample, side: int, names: Sequence[str], lines: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    """A picture with its landmarks, its longer side so many pixels, on a strip with its title."""
    height, width = sample.pixels.shape[:2]
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    pixels = np.asarray(Image.fromarray(sample.pixels).resize(size, Image.Resampling.LANCZOS))
    count = len(sample.points)
    marks = Marks(sample.points, np.full((count, 2, 2), np.nan), np.ones(count)).moved(0, 0, factor)
    style = Style(draw="skeleton,names" if _are_apart(marks.mean) else "skeleton")
    drawn = draw_marks(pixels, [marks], style, names, lines, scale=1) if count else pixels
    cell = Image.new("RGB", (side, size[1] + round(1.6 * TEXT)), PAPER)
    cell.paste(Image.fromarray(drawn), ((side - size[0]) // 2, 0))
    ImageDraw.Draw(cell).text(
        (side / 2, size[1] + 0.8 * TEXT), _shortened(sample.title, side), INK, font(TEXT), anchor="mm"
    )
    return np.asarray(cell)


def _are_apart(points: NDArray) -> bool:
    """Whether there is room for a name beside every landmark."""
    known = points[np.isfinite(points).all(axis=1)]
    far = (np.abs(known[:, None] - known) >= APART).any(axis=-1)
    return bool((far | np.eye(len(known), dtype=bool)).all())


def _shortened(title: str, width: float) -> str:
    """The title, or its end, where what tells pictures apart usually is."""
    cut = title
    while font(TEXT).getlength(cut) > width and len(cut) > 2:
        cut = f"…{cut[2:]}"
    return cut


def _with_legend(paper: NDArray[np.uint8], names: Sequence[str]) -> NDArray[np.uint8]:
    """The names of the landmarks in their colours below the pictures, in columns; of very many the first ones."""
    shown = [*names[:LISTED], *([f"… and {len(names) - LISTED} more"] if len(names) > LISTED else [])]
    step = max(font(TEXT).getlength(name) for name in shown) + 3 * TEXT
    columns = max(1, int((paper.shape[1] - 2 * GAP) // step))
    down = -(-len(shown) // columns)
    legend = Image.new("RGB", (paper.shape[1], round((1.6 * down + 0.6) * TEXT)), PAPER)
    draw, colours = ImageDraw.Draw(legend), palette(len(names))
    for k, name in enumerate(shown):
        x, y = GAP + (k // down) * step + 0.5 * TEXT, (1.6 * (k % down) + 0.8) * TEXT
        if k < LISTED:
            draw.circle((x, y), 0.38 * TEXT, tuple(map(int, colours[k])), INK)
        draw.text((x + 0.9 * TEXT, y), name, INK, font(TEXT), anchor="lm")
    return np.concatenate([paper, np.asarray(legend)])


def _shares(sources: Sequence[Source], count: int) -> list[int]:
    """How many samples of each: all pictures together count as one video."""
    each = -(-count // max(1, min(len(sources), count)))
    chosen = set(spread(len(sources), count))
    return [each if i in chosen else 0 for i in range(len(sources))]
