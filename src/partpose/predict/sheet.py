"""Contact sheets: pictures in rows and columns, with titles."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PAPER, INK = (255, 255, 255), (40, 44, 52)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font at that many pixels."""
    return ImageFont.load_default(size)


def sheet(
    rows: Sequence[Sequence[NDArray[np.uint8] | None]],
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    gap: int = 8,
) -> NDArray[np.uint8]:
    """Pictures (H, W, 3) of any sizes on white paper, each in the middle of its cell; None leaves a cell empty.

    column_titles: above the columns.  row_titles: to the left of the rows.  gap: pixels between and around pictures.
    """
    columns = max(map(len, rows))
    widths = [max(_extent(row[c], 1) if c < len(row) else 0 for row in rows) for c in range(columns)]
    heights = [max(_extent(picture, 0) for picture in row) for row in rows]
    text = max(11, min(24, min(heights) // 11))
    top = gap + (round(1.7 * text) if column_titles else 0)
    left = gap + (_widest(row_titles, text) + gap if row_titles else 0)
    lefts = left + np.cumsum([0, *(width + gap for width in widths)])
    tops = top + np.cumsum([0, *(height + gap for height in heights)])

    paper = Image.new("RGB", (int(lefts[-1]), int(tops[-1])), PAPER)
    for y, height, row in zip(tops, heights, rows, strict=False):
        for x, width, picture in zip(lefts, widths, row, strict=False):
            if picture is not None:
                corner = (int(x) + (width - picture.shape[1]) // 2, int(y) + (height - picture.shape[0]) // 2)
                paper.paste(Image.fromarray(picture), corner)
    draw = ImageDraw.Draw(paper)
    for title, x, width in zip(column_titles or (), lefts, widths, strict=False):
        draw.text((x + width / 2, (gap + top) / 2), title, INK, _fitting(title, text, width + gap), anchor="mm")
    for title, y, height in zip(row_titles or (), tops, heights, strict=False):
        draw.text((left - gap, y + height / 2), title, INK, font(text), anchor="rm")
    return np.asarray(paper)


def _extent(picture: NDArray | None, axis: int) -> int:
    return 0 if picture is None else picture.shape[axis]


def _widest(titles: Sequence[str], size: int) -> int:
    return round(max(font(size).getlength(title) for title in titles))


def _fitting(title: str, size: int, width: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font at `size`, or smaller where the title would be wider than its column."""
    while size > 8 and font(size).getlength(title) > width:
        size -= 1
    return font(size)
