"""What the cameras of a training see behind the object, on the device."""

import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from partpose.data.cameras import ALIKE, BLOCK, CELLS, Cameras

MOST = 1 << 24
"""Numbers of which `torch.quantile` takes no more."""


class Scenes:
    """What `Beside.scene` holds: of every camera once, on the device, where a step picks what it wants."""

    def __init__(
        self, cameras: Cameras, device: torch.device, resident: UInt8[Tensor, "n h w c"] | None = None
    ) -> None:
        """resident: all pictures, where they lie on the device: they are looked at now, all at once, and not by the CPU."""
        self.cameras, self.layers = cameras, torch.from_numpy(cameras.layers).to(device)
        known = resident is not None and len(self.layers) > 0
        self.number = cameras_of(resident, torch.from_numpy(cameras.leaders).to(device)) if known else None

    def __call__(self, rows: NDArray) -> Float[Tensor, "r c h w"] | None:
        """(R, C + 1, side, side) for these rows; None where no picture has a known camera."""
        if not len(self.layers):
            return None
        number = self._numbers(rows)
        shown = self.layers[number] * (number >= 0)[:, None, None, None]
        return shown.permute(0, 3, 1, 2).float().div_(255)

    def _numbers(self, rows: NDArray) -> Int[Tensor, " r"]:
        if self.number is None:
            return torch.from_numpy(self.cameras.of(rows)).to(self.layers.device, non_blocking=True)
        return self.number[torch.from_numpy(rows).to(self.layers.device, non_blocking=True)]


def cameras_of(pixels: UInt8[Tensor, "n h w c"], leaders: Float[Tensor, "m cells"]) -> Int[Tensor, " n"]:
    """What `Cameras.of` says of every picture, by the device they are on."""
    return torch.cat([_nearest(_borders(some), leaders) for some in pixels.split(min(BLOCK, MOST // leaders.numel()))])


def _borders(pixels: UInt8[Tensor, "n h w c"]) -> Float[Tensor, "n cells"]:
    """The outer ring of each picture on a coarse grid."""
    side = pixels.shape[1] // CELLS * CELLS
    cells = pixels[:, :side, :side].float().unflatten(2, (CELLS, -1)).unflatten(1, (CELLS, -1)).mean((2, 4))
    ring = torch.ones(CELLS, CELLS, dtype=torch.bool, device=pixels.device)
    ring[1:-1, 1:-1] = False
    return cells[:, ring].flatten(1)


def _nearest(borders: Float[Tensor, "n cells"], leaders: Float[Tensor, "m cells"]) -> Int[Tensor, " n"]:
    apart, best = (borders[:, None] - leaders).abs().quantile(0.75, dim=-1).min(1)
    return torch.where(apart < ALIKE, best, -1)
