"""Shapes of some pictures in the looks of others."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from partpose.data.reading import View
from partpose.edit.pictures import as_seen, encode
from partpose.predict.draw import enlarge
from partpose.predict.predictor import Predictor
from partpose.predict.sheet import PAPER, font, sheet
from partpose.predict.show import to_pixels

GREY = (130, 134, 142)


def swap(
    predictor: Predictor, shapes: Sequence[View], looks: Sequence[View], parts: Iterable[int] | None = None
) -> list[NDArray[np.uint8]]:
    """For each of the looks all shapes in it: (shapes, side, side, 3). parts: those that change, None for all.

    Where the model has a background, it is that of the shape's picture.
    """
    chosen = None if parts is None else list(parts)
    shape, worn = encode(predictor, shapes), encode(predictor, looks)
    rows = []
    with torch.inference_mode():
        for i in range(len(looks)):
            edited = shape.replace(worn._replace(appearance=worn.appearance[i : i + 1]), chosen)
            rows.append(to_pixels(predictor.network.decode(edited, predictor.side)))
    return rows


def swap_picture(
    predictor: Predictor, shapes: Sequence[View], looks: Sequence[View], parts: Iterable[int] | None = None
) -> NDArray[np.uint8]:
    """The familiar grid, shapes across and looks down; of one shape in one look that picture alone, without padding."""
    rows = swap(predictor, shapes, looks, parts)
    if len(shapes) == len(looks) == 1:
        return enlarge(_unpadded(rows[0][0], shapes[0]))
    worn = [[as_seen(view), *map(enlarge, row)] for view, row in zip(looks, rows, strict=True)]
    return sheet([[_corner(*worn[0][0].shape[:2]), *map(as_seen, shapes)], *worn])


def _corner(height: int, width: int) -> NDArray[np.uint8]:
    """Which way is which."""
    paper = Image.new("RGB", (width, height), PAPER)
    draw, letters = ImageDraw.Draw(paper), font(max(12, height // 14))
    draw.text((0.94 * width, 0.5 * height), "shapes", GREY, letters, anchor="rm")
    draw.text((0.5 * width, 0.94 * height), "looks", GREY, letters, anchor="mb")
    return np.asarray(paper)


def _unpadded(pixels: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """What of the square lies in the picture that it was made of."""
    scale = len(pixels) / view.place.width
    left, top = (max(0, round(-edge * scale)) for edge in (view.place.left, view.place.top))
    right, bottom = (
        round((end - edge) * scale) for end, edge in zip((view.width, view.height), view.place[:2], strict=True)
    )
    return np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
