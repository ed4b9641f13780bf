"""What of an exported model comes from torch: from squares to keypoints in pixels of the originals."""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from partpose.geometry import parts_of, parts_to_pixels
from partpose.model.part_model import PartModel

OPSET, IR = 18, 8  # of operators and of the file format, as ONNX 1.13 (2022) has them
# torch's bicubic kernel (a = -3/4), a quarter of a cell before a cell
_QUARTER = np.array([-9, 67, 225, -27], np.float32) / 256


class Graph(nn.Module):
    """Pictures from 0 to 255, (B, C, side, side), and the (width, height) of their originals, to four tensors.

    mean (B, K, 2) and covariance (B, K, 2, 2), pixels of the originals.  confidence (B, K).  maps (B, K, m, n), the part maps.
    All of these are float32, also where the network itself computes in half precision.
    """

    def __init__(self, network: PartModel, half: bool = False) -> None:
        super().__init__()
        self.precision = torch.float16 if half else torch.float32
        self.shape = deepcopy(network.shape).to(self.precision)

    def forward(
        self, images: Float[Tensor, "b c side side"], extent: Float[Tensor, "2"]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with _WithoutBicubic():
            maps = self.shape((images / 255).to(self.precision))
        return *parts_to_pixels(parts_of(maps), extent), maps


class _WithoutBicubic(TorchFunctionMode):
    """Doubles maps by products with matrices: on CPUs, onnxruntime's bicubic resizing takes longer than all convolutions."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        known = kwargs or {}
        if func is not F.interpolate or (known.get("mode"), known.get("scale_factor")) != ("bicubic", 2):
            return func(*args, **known)
        down, right = (torch.from_numpy(doubling(n)) for n in args[0].shape[-2:])
        return down @ args[0] @ right.T


def doubling(n: int) -> NDArray[np.float32]:
    """(2n, n): bicubic interpolation of n cells to twice as many, beyond whose ends they go on as they are."""
    matrix = np.zeros((2 * n, n), np.float32)
    for row in range(2 * n):
        cell, later = divmod(row, 2)
        taps = np.clip(cell - 2 + later + np.arange(4), 0, n - 1)
        np.add.at(matrix[row], taps, _QUARTER[::-1] if later else _QUARTER)
    return matrix
