"""Parts on pictures: ellipses, part maps, contact sheets, moving pictures.

Ellipses and dots are antialiased by their distance to each pixel, computed in the part's own box only, which is both
sharper and quicker than drawing large and shrinking.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from partpose.data.atomic import atomic
from partpose.predict.sheet import font, sheet

__all__ = ["draw_maps", "draw_parts", "enlarge", "palette", "sheet", "write_animation", "write_png"]

SIGMAS = 1.5
LEAST_HEIGHT = 256
FILL, OUTLINE, HALO = 0.28, 0.97, 0.35


def palette(k: int) -> NDArray[np.uint8]:
    """(k, 3) distinct colours, readable on dark and on light: evenly spaced hues of OKLCh in turns of lightness."""
    hue = 2 * np.pi * (np.arange(k) / max(k, 1) + 0.07)
    dark = 0.66 if k > 7 else 0.71
    return _oklch(np.where(np.arange(k) % 2 == 0, 0.77, dark), 0.17, hue)


def enlarge(pixels: NDArray[np.uint8], scale: int | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) enlarged by a whole factor; without one, by the smallest that makes the picture at least 256 high."""
    scale = scale or max(1, -(-LEAST_HEIGHT // len(pixels)))
    if scale == 1:
        return pixels
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC))


def draw_parts(
    pixels: NDArray[np.uint8],
    mean: NDArray,
    cov: NDArray,
    confidence: NDArray,
    names: Sequence[str] | None = None,
    scale: int | None = None,
) -> NDArray[np.uint8]:
    """A picture with its parts: ellipses of 1.5 standard deviations and a dot in each centre, fading with confidence.

    pixels: (H, W, 3).  mean: (K, 2) pixels; parts with NaN are left out.  cov: (K, 2, 2) square pixels; NaN for a dot
    alone.  confidence: (K,) in [0, 1].  names: written beside the dots.  scale: as in `enlarge`. Returns a new picture.
    """
    canvas = np.array(enlarge(pixels, scale))
    factor = len(canvas) / len(pixels)
    mean = (np.asarray(mean, np.float32) + 0.5) * factor - 0.5
    cov = np.asarray(cov, np.float32) * factor**2
    stroke = max(1.6, min(canvas.shape[:2]) / 160)
    colours = palette(len(mean))
    opacity = 0.15 + 0.85 * np.clip(np.nan_to_num(np.asarray(confidence)) / 0.5, 0, 1)
    known = [k for k in range(len(mean)) if np.isfinite(mean[k]).all()]
    for k in sorted(known, key=lambda k: -np.nan_to_num(np.trace(cov[k]))):
        if np.isfinite(cov[k]).all():
            _draw_ellipse(canvas, mean[k], cov[k], colours[k], opacity[k], stroke)
    for k in known:
        _draw_dot(canvas, mean[k], colours[k], opacity[k], 1.9 * stroke)
    return canvas if names is None else _write_names(canvas, mean, names, colours, opacity, known)


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


def _oklch(lightness: NDArray, chroma: float, hue: NDArray) -> NDArray[np.uint8]:
    """OKLCh to sRGB (Ottosson 2020)."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    to_lms = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip((lab @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (255 * srgb + 0.5).astype(np.uint8)


def _box(canvas: NDArray, centre: NDArray, reach: NDArray) -> tuple[NDArray, NDArray, NDArray] | None:
    """The part of the canvas within `reach` (x, y) of a centre, with its offsets dx (1, w) and dy (h, 1)."""
    height, width = canvas.shape[:2]
    left, top = np.maximum(np.floor(centre - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + reach) + 1, (width, height)).astype(int)
    if left >= right or top >= bottom:
        return None
    dx = np.arange(left, right, dtype=np.float32) - centre[0]
    dy = np.arange(top, bottom, dtype=np.float32) - centre[1]
    return canvas[top:bottom, left:right], dx[None, :], dy[:, None]


def _blend(region: NDArray, colour: NDArray | Sequence[int], alpha: NDArray) -> None:
    under = region.astype(np.float32)
    under += alpha[..., None] * (np.asarray(colour, np.float32) - under)
    region[...] = under + 0.5


def _draw_ellipse(
    canvas: NDArray, centre: NDArray, cov: NDArray, colour: NDArray, opacity: float, stroke: float
) -> None:
    # Half a pixel's variance more, so that a part on one spot has an inverse and can be seen
    cov = SIGMAS**2 * cov + 0.5 * stroke**2 * np.eye(2, dtype=np.float32)
    found = _box(canvas, centre, np.sqrt(np.diag(cov)) + 2 * stroke + 1)
    if found is None:
        return
    region, dx, dy = found
    inverse = np.linalg.inv(cov)
    gx, gy = inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[0, 1] * dx + inverse[1, 1] * dy
    q = dx * gx + dy * gy
    # First-order distance to the outline q = 1, in pixels
    distance = (q - 1) / (2 * np.sqrt(gx * gx + gy * gy) + 1e-6)
    inside = np.clip(0.5 - distance, 0, 1)
    line = np.clip(stroke / 2 + 0.5 - np.abs(distance), 0, 1)
    halo = np.clip(stroke / 2 + 1.5 - np.abs(distance), 0, 1)
    _blend(region, (0, 0, 0), opacity * HALO * halo)
    _blend(region, colour, opacity * np.maximum(FILL * inside, OUTLINE * line))


def _draw_dot(canvas: NDArray, centre: NDArray, colour: NDArray, opacity: float, radius: float) -> None:
    found = _box(canvas, centre, np.full(2, radius + 3, np.float32))
    if found is None:
        return
    region, dx, dy = found
    distance = np.sqrt(dx * dx + dy * dy) - radius
    _blend(region, (0, 0, 0), opacity * 0.5 * np.clip(1.2 - distance, 0, 1))
    _blend(region, (255, 255, 255), opacity * np.clip(0.5 - distance, 0, 1))
    _blend(region, colour, opacity * np.clip(0.5 - distance - 0.36 * radius, 0, 1))


def _write_names(canvas, mean, names, colours, opacity, known) -> NDArray[np.uint8]:
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    size = max(11, min(canvas.shape[:2]) // 26)
    for k in known:
        left = draw.textlength(names[k], font=font(size)) + mean[k][0] + size > picture.width
        place, anchor = (mean[k] + (-0.6 * size, 0), "rm") if left else (mean[k] + (0.6 * size, 0), "lm")
        colour = tuple(int(c) for c in 255 - opacity[k] * 0.45 * (255 - colours[k].astype(float)))
        draw.text(
            tuple(place), names[k], font=font(size), fill=colour, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0)
        )
    return np.asarray(picture)


def _resize(one: NDArray, width: int, height: int) -> NDArray:
    return np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC))
