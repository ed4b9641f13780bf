"""A fixed camera for the tests: a textured scene with a disc that moves in front of it."""

import numpy as np
from PIL import Image

from partpose.data.sources import Source


def scene(width: int = 160, height: int = 120, seed: int = 0) -> np.ndarray:
    """float32 (height, width, 3): patches of grey, a little coloured."""
    rough = np.random.default_rng(seed).integers(60, 200, (height // 10, width // 10, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.NEAREST), np.float32)


def frame(
    background: np.ndarray, middle, seed: int = 0, radius: float = 9, noise: float = 3, gain: float = 1
) -> np.ndarray:
    """uint8 (H, W, 3): a dark disc over the scene at middle (x, y), in edges; None for none."""
    rows, columns = np.mgrid[: background.shape[0], : background.shape[1]] + 0.5
    pixels = background.copy()
    if middle is not None:
        pixels[(columns - middle[0]) ** 2 + (rows - middle[1]) ** 2 <= radius**2] = 20
    pixels = pixels * gain + np.random.default_rng(seed).normal(0, noise, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def path(count: int, width: int = 160, height: int = 120) -> list[tuple[float, float]]:
    """Middles on an ellipse."""
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [(width / 2 + width / 3 * np.cos(t), height / 2 + height / 3 * np.sin(t)) for t in turns]


def folder(root, frames: list[np.ndarray]) -> Source:
    """The frames as pictures of one source."""
    root.mkdir(parents=True)
    names = tuple(f"{i:04}.png" for i in range(len(frames)))
    for name, pixels in zip(names, frames, strict=True):
        Image.fromarray(pixels).save(root / name)
    return Source(root, "pictures", tuple(root / name for name in names), names, root.name)
