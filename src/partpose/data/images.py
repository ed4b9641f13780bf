"""Pictures: find them, decode them to 8-bit channels, bring them to a square."""

import math
import re
import stat
import threading
import warnings
from contextlib import suppress
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from partpose.data.cut import Box, Mask, Window
from partpose.data.spread import spread
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped

MOST_PIXELS = 120_000_000
"""A picture with more is refused before anything is allocated for it: a file of a few kB can claim any size."""
SHORTEST_SIDE = 16
"""A picture with a shorter side shows nothing to learn from or to find."""
LARGEST_ASPECT = 50
"""A picture that is longer than this many times its short side would vanish when padded to a square."""

# Only these are tried, whatever a file is called: some of Pillow's other formats start programs (EPS).
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM")
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# `warnings.catch_warnings` is not thread-safe; headers are parsed under this lock, pixels are decoded outside it.
_QUIET = threading.Lock()
_LOOKING = threading.Lock()  # else all threads would look through a folder at its first picture


class Unreadable(PartposeError):
    """One picture or video that cannot be read; `skipped` is the line for the list of what was passed over."""

    def __init__(self, path: str | PathLike, reason: str):
        self.skipped = Skipped(readable(path), reason)
        super().__init__(f"{self.skipped.path}: {reason}")


class Picture(NamedTuple):
    """pixels: uint8 (H, W, C), perhaps decoded at a reduced size.  width, height: of the original, upright.

    Whatever H and W are, the pixels stand for the whole original: their outer edges are its outer edges.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int

    def square(self, size: int, place: Box | None = None, mask: Mask | None = None) -> NDArray[np.uint8]:
        """uint8 (size, size, C): what lies in the square `place`; without one the whole picture in the middle of a square.

        What is not in the mask is black. Raises PartposeError where the place lies outside the picture, and where there is
        no such mask.
        """
        if place is not None:
            return _region(self, size, place, mask)
        height, width = self.pixels.shape[:2]
        return square(_masked(self.pixels, mask, width, height), size, (self.width, self.height))


def read_image(
    path: str | PathLike, channels: int = 3, side: int | None = None, region: float | None = None
) -> Picture:
    """Decode the first frame of a picture file, upright (EXIF).

    channels: 1 luminance, 2 luminance and alpha, 3 RGB, 4 RGBA. Transparent pictures are laid over black in all of
    them, so that a cut-out animal keeps a clean background whatever colours hide under its transparent pixels.
    side: a JPEG may be decoded at 1/2, 1/4 or 1/8 as long as its short side keeps at least this many pixels, or that many
    remain of a length of `region` pixels in it.
    Grey pictures of 16 bits are read as of 12 where none in their folder has more, see `_most`; floating-point and wider ones
    are spread from their own minimum to maximum.

    Raises Unreadable, with the reason in words, for anything that is not a whole picture of reasonable size.
    """
    if channels not in _MODES:
        raise PartposeError(f"channels must be 1, 2, 3 or 4, got {channels}")
    try:
        with _open(path) as image:
            return decoded(image, channels, side, region)
    except Unreadable:
        raise
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise Unreadable(path, _reason(path, error)) from error


def stored_size(path: str | PathLike) -> tuple[int, int]:
    """Width and height of a picture file as they are stored, from its header alone. Raises Unreadable as `read_image`."""
    try:
        with _open(path) as image:
            return image.size
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(path, _reason(path, error)) from error


def as_channels(rgb: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), a video's frame for instance, with the channels that `read_image` would give."""
    return rgb if channels == 3 else _pixels(Image.fromarray(rgb), channels)


def square(pixels: NDArray[np.uint8], size: int, original: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Pad uint8 (H, W, C) around its middle with its edge colours, then resize it with antialiasing to (size, size, C).

    The result shows exactly `geometry.Square.around(width, height)`. original: (width, height), where the pixels are a
    reduced decode whose sides are not quite in the original's proportion.
    """
    height, width = pixels.shape[:2]
    across, down = original or (width, height)
    # The long side first: to pad the whole picture would cost more time, and any amount of memory for a long strip.
    if across >= down:
        strip = _resize(pixels, (size, height), (0.0, 0.0, width, height))
        strip, edges = _pad(strip, (across - down) / 2 * height / down, axis=0)
        return _resize(strip, (size, size), (0.0, edges[0], size, edges[1]))
    strip = _resize(pixels, (width, size), (0.0, 0.0, width, height))
    strip, edges = _pad(strip, (down - across) / 2 * width / across, axis=1)
    return _resize(strip, (size, size), (edges[0], 0.0, edges[1], size))


def _masked(
    pixels: NDArray[np.uint8], mask: Mask | None, width: int, height: int, window: Window | None = None
) -> NDArray[np.uint8]:
    return pixels if mask is None else pixels * mask.read(width, height, window)[..., None]


def _region(picture: Picture, size: int, place: Box, mask: Mask | None) -> NDArray[np.uint8]:
    """A square of the original, resized; what of it lies outside the picture repeats the picture's edge."""
    height, width = picture.pixels.shape[:2]
    across, down = width / picture.width, height / picture.height
    left, top, right, bottom = place.left * across, place.top * down, place.right * across, place.bottom * down
    if min(right, bottom) <= 0 or left >= width or top >= height:
        shown = f"{picture.width}×{picture.height} pixels"
        raise PartposeError(f"the box at {place.left:g}, {place.top:g} lies outside the picture of {shown}")
    # Whole pixels around the region, with a few more for the filter: to pad a whole picture would cost more
    x0, y0, x1, y1 = math.floor(left) - 4, math.floor(top) - 4, math.ceil(right) + 4, math.ceil(bottom) + 4
    window = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    inner = _masked(picture.pixels[window[1] : y1, window[0] : x1], mask, width, height, window)
    beyond = [(max(-y0, 0), max(y1 - height, 0)), (max(-x0, 0), max(x1 - width, 0)), (0, 0)]
    padded = np.pad(inner, beyond, mode="edge") if np.any(beyond) else inner
    return _resize(padded, (size, size), (left - x0, top - y0, right - x0, bottom - y0))


def _pad(pixels: NDArray[np.uint8], amount: float, axis: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Repeat both edges by at least `amount` pixels; with the place of the padded picture's two edges in the result."""
    whole = math.ceil(amount)
    first, last = pixels.take([0], axis), pixels.take([-1], axis)
    padded = np.concatenate([first.repeat(whole, axis), pixels, last.repeat(whole, axis)], axis)
    return padded, (whole - amount, whole + pixels.shape[axis] + amount)


def _resize(pixels: NDArray[np.uint8], shape: tuple[int, int], box: tuple) -> NDArray[np.uint8]:
    """Resample the box (edges, in pixels) to a shape (width, height)."""
    if pixels.shape[1::-1] == shape and box == (0, 0, *shape):
        return pixels
    # Pillow would multiply two or four channels by their alpha, but they are laid over black already
    bands = [pixels] if pixels.shape[2] == 3 else [pixels[..., i] for i in range(pixels.shape[2])]
    images = [Image.fromarray(np.ascontiguousarray(band)) for band in bands]
    resized = [np.asarray(i.resize(shape, Image.Resampling.BICUBIC, box, reducing_gap=2.0)) for i in images]
    return resized[0] if pixels.shape[2] == 3 else np.stack(resized, axis=-1)


def _open(path: str | PathLike) -> Image.Image:
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(path, "is a folder or device, not a file")
    if status.st_size == 0:
        raise Unreadable(path, "is empty")
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(path, formats=_FORMATS)
    try:
        _check_size(path, *image.size)
    except Unreadable:
        image.close()
        raise
    return image


def _check_size(path: str | PathLike, width: int, height: int) -> None:
    shape = f"{width}×{height} pixels"
    if width * height > MOST_PIXELS:
        raise Unreadable(path, f"has {shape}, more than the {MOST_PIXELS // 1_000_000} megapixels that are read")
    if min(width, height) < SHORTEST_SIDE:
        raise Unreadable(path, f"has {shape}, expected sides of at least {SHORTEST_SIDE}")
    if max(width, height) > LARGEST_ASPECT * min(width, height):
        raise Unreadable(path, f"has {shape}, longer than {LARGEST_ASPECT} times its short side")


def decoded(image: Image.Image, channels: int, side: int | None = None, region: float | None = None) -> Picture:
    """What `read_image` makes of a picture that Pillow has opened."""
    width, height = image.size
    least = math.ceil((side or 0) * (min(width, height) / region if region else 1))
    drafted = image.draft(None, (least, least)) if side else None  # type: ignore[arg-type]
    image.load()
    orientation = _orientation(image)
    upright = _eight_bit(image)
    if drafted and drafted[1][2:] != image.size:
        upright = _trim(upright, drafted[1])
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    if orientation >= 5:
        width, height = height, width
    return Picture(_pixels(upright, channels), width, height)


def _trim(image: Image.Image, box: tuple) -> Image.Image:
    """Cut the part of the last row and column of a reduced decode that lies outside the original."""
    return image.resize((int(box[2]), int(box[3])), Image.Resampling.BICUBIC, box)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1…8, 1 where the metadata is broken; to be read after `load`, which turns TIFFs upright."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return int(image.getexif().get(0x0112, 1))
        except Exception:
            return 1


def _eight_bit(image: Image.Image) -> Image.Image:
    """The same picture in a mode that Pillow converts without clipping."""
    if image.mode not in ("F", "I") and not image.mode.startswith("I;"):
        return image
    values = np.asarray(image).astype(np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and high <= 65535:
        low, high = 0.0, _most(image, high)
    scaled = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def _most(image: Image.Image, high: float) -> float:
    """What is white in a grey picture of 16 bits whose brightest value is `high`: 4095 for those of a camera of 12 bits.

    Decided by up to 64 pictures of its folder, the same for all of them: dim pictures of 16 bits are no bright ones of 12.
    """
    path = getattr(image, "filename", "")
    most = high
    if path:
        with suppress(OSError), _LOOKING:  # a folder may be entered and not be listed
            most = _brightest(*_folder_of(Path(path)))
    return 65535.0 if most > 4095 else 4095.0


def _folder_of(path: Path) -> tuple[Path, str, int]:
    return path.parent, path.suffix.lower(), path.parent.stat().st_mtime_ns


@lru_cache(maxsize=64)
def _brightest(folder: Path, suffix: str, changed: int) -> float:  # noqa: ARG001
    """The highest value in pictures of a folder, spread over it."""
    names = sorted(path for path in folder.iterdir() if path.suffix.lower() == suffix)
    found = 0.0
    for i in spread(len(names), min(len(names), 64)):
        with suppress(Exception), _open(names[i]) as image:  # what is damaged is passed over, in its turn
            found = max(found, float(np.asarray(image).max()))
    return found


def _pixels(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        alpha, image = image.getchannel("A"), Image.alpha_composite(black, image).convert("RGB")
        if channels in (2, 4):
            image = image.convert(_MODES[channels - 1])
            image.putalpha(alpha)
    pixels = np.asarray(image if image.mode == _MODES[channels] else image.convert(_MODES[channels]))
    return pixels.reshape(*pixels.shape[:2], channels)


def _reason(path: str | PathLike, error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        size = re.search(r"\((\d+) pixels\)", str(error))  # the picture itself, with its sides, is gone
        claimed = f"{int(size[1]) // 1_000_000} megapixels, " if size else ""
        return f"claims {claimed}more than the {MOST_PIXELS // 1_000_000} megapixels that are read"
    if isinstance(error, UnidentifiedImageError):
        return "is not a picture, or its beginning is damaged"
    if isinstance(error, FileNotFoundError):
        return "is a link to nothing" if Path(path).is_symlink() else "does not exist"
    if isinstance(error, PermissionError):
        return "may not be read (no permission)"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"is damaged: {words}"
