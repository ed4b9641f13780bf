"""What of an exported model comes from torch: from squares to keypoints in pixels of the originals."""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from partpose.geometry import parts_of, parts_to_pixels
from partpose.model.part_model import PartModel

OPSET, IR = 18, 8  # of operators and of the file format, as ONNX 1.13 (2022) has them


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
        maps = self.shape((images / 255).to(self.precision))
        return *parts_to_pixels(parts_of(maps), extent), maps
