"""Parts on pictures: marks, part maps, contact sheets, moving pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.atomic import atomic
from partpose.predict.marks import draw_parts, enlarge, palette
from partpose.predict.sheet import sheet

__all__ = ["draw_maps", "draw_parts", "enlarge", "palette", "sheet", "write_animation", "write_png"]


def draw_maps(pixels: NDArray[np.uint8], maps: NDArray, scale: int | None = None) -> NDArray[np.uint8]:
    """The part maps (K, h, w), each in its part's colour and relative to its own peak, over the dimmed (H, W, 3)."""
    canvas = enlarge(pixels, scale)
    height, width = canvas.shape[:2]
    peaks = np.asarray(maps, np.float32)
    peaks = peaks / np.maximum(peaks.max(axis=(1, 2), keepdims=True), 1e-12)
    glow = np.stack([_resize(one, width, height) for one in peaks], axis=-1)
    weight = glow**2
    colour = weight @ palette(len(peaks)).astype(np.float32) / np.maximum(weight.sum(-1, keepdims=True), 1e-6)
    alpha = np.clip(glow.max(axis=-1, keepdims=True), 0, 1) ** 0.8
    grey = canvas.astype(np.float32).mean(axis=-1, keepdims=True)
    dimmed = 0.35 * (0.6 * grey + 0.4 * canvas)
    return (dimmed + alpha * 0.92 * (colour - dimmed) + 0.5).clip(0, 255).astype(np.uint8)


def write_png(pixels: NDArray[np.uint8], path: Path | str) -> None:
    """Write (H, W, 3) as PNG. Raises `PartposeError` where the file cannot be written."""
    with atomic(Path(path)) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def write_animation(frames: Sequence[NDArray[np.uint8]], path: Path | str, seconds: float) -> None:
    """Write frames (H, W, 3) of one size as an endless animation of `seconds` in all; `.webp` or `.gif` by the name."""
    pictures = [Image.fromarray(frame) for frame in frames]
    duration = max(1, round(1000 * seconds / len(pictures)))
    settings = {"save_all": True, "append_images": pictures[1:], "duration": duration, "loop": 0}
    with atomic(Path(path)) as temporary:
        if Path(path).suffix.lower() == ".gif":
            pictures[0].save(temporary, format="GIF", optimize=True, **settings)
        else:
            pictures[0].save(temporary, format="WEBP", quality=80, method=4, **settings)


def _resize(one: NDArray, width: int, height: int) -> NDArray:
    return np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC))
