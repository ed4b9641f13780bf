"""A network that finds two dots, one bright and one dark, on grey: what it must answer is known to the pixel."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from partpose.config import Settings
from partpose.data.landmarks import Landmarks, write_landmarks
from partpose.model.part_model import PartModel
from partpose.predict.predictor import Predictor

GREY = 128


class Dots(PartModel):
    """Part 0 is what is bright, part 1 what is dark; the rest is a network that has learned nothing."""

    def part_maps(self, images: torch.Tensor) -> torch.Tensor:
        channels = images.shape[1]
        grey = images[:, : 1 if channels < 3 else 3].mean(1) - GREY / 255
        maps = torch.stack([(grey - 0.15).clamp_min(0), (-grey - 0.15).clamp_min(0)], dim=1)
        maps = torch.nn.functional.avg_pool2d(maps, 2) + 1e-9
        return maps / maps.sum((2, 3), keepdim=True)


class Blind(Dots):
    """Parts that know nothing of the picture."""

    def part_maps(self, images: torch.Tensor) -> torch.Tensor:
        fixed = dots(images.shape[-1], images.shape[-1], (20, 30), (50, 40))
        return super().part_maps(torch.from_numpy(fixed).permute(2, 0, 1) / 255 + torch.zeros_like(images[:, :1]))


def predictor(kind: type[PartModel] = Dots, channels: int = 3, size: int = 64) -> Predictor:
    settings = Settings().override({"model": {"parts": 2, "channels": channels, "size": size, "width": 8}}, "the test")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kind(settings.model).eval()
    return Predictor(network, settings, {"pictures_seen": 7, "minutes": 0.5}, "dots", "digest")


def dots(width: int, height: int, bright, dark, radius: float | None = None) -> np.ndarray:
    """uint8 (height, width, 3); the dots' centres are (x, y) in pixels, pixel centres at whole numbers."""
    rows, columns = np.mgrid[:height, :width]
    sigma = radius or max(width, height) / 16

    def bump(centre) -> np.ndarray:
        return np.exp(-((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / (2 * sigma**2))

    values = GREY + 120 * bump(bright) - 120 * bump(dark)
    return np.repeat(np.clip(values.round(), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def in_full(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (2, 2) and covariance (2, 2, 2) of the same two parts in the original's own pixels."""
    grey = pixels.mean(-1) / 255 - GREY / 255
    points = np.stack(np.meshgrid(np.arange(pixels.shape[1]), np.arange(pixels.shape[0])), -1).reshape(-1, 2)
    weights = [np.clip(sign * grey - 0.15, 0, None).ravel() for sign in (1, -1)]
    means = [np.average(points, axis=0, weights=w) for w in weights]
    return np.stack(means), np.stack([np.cov(points.T, aweights=w, ddof=0) for w in weights])


def places(count: int, width: int, height: int, seed: int = 0) -> np.ndarray:
    """(count, 2, 2) places of the two dots, well inside and apart from each other."""
    rng = np.random.default_rng(seed)
    bright = rng.uniform((0.2, 0.2), (0.4, 0.8), (count, 2)) * (width, height)
    dark = rng.uniform((0.6, 0.2), (0.8, 0.8), (count, 2)) * (width, height)
    return np.stack([bright, dark], axis=1)


def save_set(folder: Path, splits: str, points=None, width: int = 64, height: int = 64, **about) -> Landmarks:
    """An annotated set of dots of the splits a(train), e(test) or u(nlabelled).

    Its landmarks are the dots themselves, unless `points` makes (N, J, 2) others of them.
    """
    where = places(len(splits), width, height)
    names = tuple(f"images/{i}.png" for i in range(len(splits)))
    (folder / "images").mkdir(parents=True)
    for name, (bright, dark) in zip(names, where, strict=True):
        Image.fromarray(dots(width, height, bright, dark)).save(folder / name)
    truth = where if points is None else points(where)
    split = tuple({"a": "train", "e": "test", "u": "unlabelled"}[letter] for letter in splits)
    labels = tuple(f"landmark {j}" for j in range(truth.shape[1]))
    landmarks = Landmarks(folder, names, split, truth, labels, **about)
    write_landmarks(folder, landmarks)
    return landmarks
