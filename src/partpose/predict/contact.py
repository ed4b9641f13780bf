"""Contact sheets of the objects in a folder of pictures, with the files' names below."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from partpose.data.spread import spread
from partpose.predict.artist import Artist
from partpose.predict.draw import write_png
from partpose.predict.sheet import INK, PAPER, font, sheet

PAGE, COLUMNS, SIDE, TEXT = 48, 8, 240, 13


class Cell(NamedTuple):
    """One object: (H, W, 3) its part of the picture with everything drawn, and what is written below."""

    pixels: NDArray[np.uint8]
    caption: str


def choose(rows: int, sheets: int) -> frozenset[int]:
    """Rows of poses that fill so many sheets, spread evenly from the first to the last; none where there is but one."""
    wanted = min(rows, PAGE * sheets)
    return frozenset(spread(rows, wanted) if wanted > 1 else ())


def cell(artist: Artist, row: int, pixels: NDArray[np.uint8]) -> Cell:
    """What the model saw of a picture (H, W, 3), drawn at the size of a cell."""
    marks, p = artist.marks(row), artist.poses
    left, top, right, bottom = _inside(p.squares[row], pixels)
    factor = SIDE / max(right - left, bottom - top)
    size = max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor))
    small = Image.fromarray(pixels[top:bottom, left:right]).resize(size, Image.Resampling.LANCZOS)
    drawn = artist.draw(np.asarray(small), [marks.moved(left, top, factor)], scale=1)
    name = "" if p.files is None else p.files[row].rpartition("/")[2]
    return Cell(drawn, f"{name} {marks.track}".strip())


def write_sheets(cells: Iterable[Cell], stem: Path) -> list[Path]:
    """Write `<stem>_sheet.png`, `<stem>_sheet_2.png`, …, each as soon as its cells are there."""
    paths: list[Path] = []
    page: list[Cell] = []
    for one in cells:
        page.append(one)
        if len(page) == PAGE:
            paths.append(_write(page, stem, len(paths) + 1))
            page = []
    return [*paths, _write(page, stem, len(paths) + 1)] if page else paths


def _write(page: list[Cell], stem: Path, number: int) -> Path:
    path = stem.with_name(f"{stem.name}_sheet{f'_{number}' if number > 1 else ''}.png")
    pictures = [_captioned(one) for one in page]
    write_png(sheet([pictures[i : i + COLUMNS] for i in range(0, len(pictures), COLUMNS)]), path)
    return path


def _inside(square: NDArray, pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The edges of the square, as far as it lies in the picture: left, top, right, bottom."""
    height, width = pixels.shape[:2]
    left, top, side = square
    x, y = (
        np.clip(np.round((start, start + side)), 0, end).astype(int) for start, end in ((left, width), (top, height))
    )
    # A square beside the picture shows nothing; one pixel stands for it
    left, top = min(int(x[0]), width - 1), min(int(y[0]), height - 1)
    return left, top, max(int(x[1]), left + 1), max(int(y[1]), top + 1)


def _captioned(one: Cell) -> NDArray[np.uint8]:
    height, width = one.pixels.shape[:2]
    paper = Image.new("RGB", (max(width, SIDE), height + round(1.6 * TEXT)), PAPER)
    paper.paste(Image.fromarray(one.pixels), ((paper.width - width) // 2, 0))
    middle = (paper.width / 2, height + 0.8 * TEXT)
    ImageDraw.Draw(paper).text(middle, _shortened(one.caption, paper.width), INK, font(TEXT), anchor="mm")
    return np.asarray(paper)


def _shortened(text: str, width: float) -> str:
    """The text, without its middle where it would be too wide."""
    kept = len(text)
    short = text
    while font(TEXT).getlength(short) > width and kept > 2:
        kept -= 1
        short = f"{text[: -(-kept // 2)]}…{text[len(text) - kept // 2 :]}"
    return short
