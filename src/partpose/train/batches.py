"""Which pictures a step sees: a pure function of the seed and the step, so that a run can go on from anywhere."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from partpose.data.canvas import Canvases
from partpose.data.mapped import ask, take
from partpose.data.spread import spread
from partpose.errors import PartposeError

REACH = 16
STEPS = np.array([d for d in range(-REACH, REACH + 1) if d])


def step_generator(seed: int, step: int) -> torch.Generator:
    """The randomness of one step."""
    words = np.random.SeedSequence((seed & 0xFFFFFFFF, step)).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


class Batches:
    """Shuffled epochs over pictures that stay uint8, on the device where they fit, else in memory or on disk."""

    def __init__(self, pixels: NDArray[np.uint8], batch: int, seed: int, device: torch.device) -> None:
        self.count, self.batch, self.seed, self.device = len(pixels), batch, seed, device
        self.pixels = pixels
        self.resident = resident(pixels, device) if _fits(pixels, device) else None
        self.order = lru_cache(maxsize=2)(self._shuffle)
        self.rows = lru_cache(maxsize=2)(self._rows)  # of a step, and of the next, which is asked for ahead

    def __call__(self, step: int) -> Float[Tensor, "b c h w"]:
        """The canvases of a step in [0, 1]."""
        return self.at(self.rows(step))

    def at(self, rows: NDArray) -> Float[Tensor, "b c h w"]:
        """The canvases of the given rows in [0, 1]."""
        if self.resident is not None:
            chosen = self.resident[torch.from_numpy(rows).to(self.device, non_blocking=True)]
        else:
            chosen = torch.from_numpy(take(self.pixels, rows))
            chosen = (chosen.pin_memory() if self.device.type == "cuda" else chosen).to(self.device, non_blocking=True)
        return chosen.permute(0, 3, 1, 2).float().div_(255)

    def some(self, count: int) -> Iterator[Float[Tensor, "b c h w"]]:
        """At most so many canvases from all over, a batch at a time."""
        rows = np.array(spread(self.count, count))
        return map(self.at, np.array_split(rows, -(-len(rows) // self.batch)))

    def soon(self, rows: NDArray) -> None:
        """These rows come next: of a file on disk they are read meanwhile, see `ask`."""
        if self.resident is None:
            ask(self.pixels, rows)

    def _rows(self, step: int) -> NDArray:
        """Which pictures: epochs follow one another without a gap."""
        places = range(step * self.batch, (step + 1) * self.batch)
        return np.array([self.order(place // self.count)[place % self.count] for place in places])

    def partners(self, rows: NDArray, clips: "Clips", step: int) -> NDArray:
        """For each row another one of the same clip, at most `REACH` of its rows away; itself for a single picture."""
        rng = np.random.default_rng((self.seed & 0xFFFFFFFF, 2, step))
        return clips.beside(rows, rng.choice(STEPS, len(rows)))

    def _shuffle(self, epoch: int) -> NDArray:
        return np.random.default_rng((self.seed & 0xFFFFFFFF, 1, epoch)).permutation(self.count)


class Clips:
    """Which rows show one object of one clip, in their order. Rows of several objects of a video lie between each other."""

    def __init__(self, clip: NDArray[np.int64]) -> None:
        """clip: (N,) the clip of each row, -1 for single pictures."""
        self.clip, self.order = clip, np.argsort(clip, kind="stable")
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(clip))

    def beside(self, rows: NDArray, steps: NDArray) -> NDArray:
        """The rows so many `steps` (R,) further on in the clips of `rows` (R,); a row itself where its clip has ended."""
        found = self.order[np.clip(self.place[rows] + steps, 0, len(self.order) - 1)]
        return np.where((self.clip[found] == self.clip[rows]) & (self.clip[rows] >= 0), found, rows)


def clips_of(canvases: Canvases) -> Clips:
    """Which object of which clip each row shows. Raises PartposeError where there is no clip."""
    if (canvases.clip < 0).all():
        raise PartposeError("data.pairs video needs videos, the input holds pictures alone: take data.pairs none")
    tracks = [name.partition("#")[2].partition("@")[2] for name in canvases.names]
    numbers: dict[tuple[int, str], int] = {}
    found = [numbers.setdefault(key, len(numbers)) for key in zip(canvases.clip.tolist(), tracks, strict=True)]
    return Clips(np.where(canvases.clip < 0, -1, np.array(found)))


def resident(pixels: NDArray[np.uint8], device: torch.device, rows: int = 4096) -> Tensor:
    """All pictures on the device, copied some rows at a time: they may lie in a file larger than memory."""
    whole = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for first in range(0, len(pixels), rows):
        whole[first : first + rows] = torch.from_numpy(np.array(pixels[first : first + rows]))
    return whole


def _fits(pixels: NDArray, device: torch.device) -> bool:
    return device.type == "cuda" and pixels.nbytes < torch.cuda.mem_get_info(device)[0] // 2
