"""The appearance stream: picture and part maps → one vector a part."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.model.blocks import conv


def pool(features: Float[Tensor, "b d h w"], maps: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k d"]:
    """a_k = Σ_u f(u) σ_k(u)  (Lorenz et al. 2019, eq. 6)."""
    return torch.einsum("bdhw,bkhw->bkd", features, maps.to(features.dtype))


class Appearance(nn.Module):
    """Colours and features at 1/4 of the side, averaged under each part's map.

    The first C of the D dimensions are a part's mean colour. A feature sees 12 × 12 pixels and no more: one that saw the
    whole object would tell the generator its pose, and the parts would not have to.
    """

    def __init__(self, channels: int, dimensions: int, width: int) -> None:
        super().__init__()
        w, learned = width, max(dimensions - channels, 0)
        self.colours = min(channels, dimensions)
        self.features = (
            nn.Sequential(conv(channels, w, 2, 6), conv(w, w, 2, 4), nn.Conv2d(w, learned, 1)) if learned else None
        )

    def forward(self, images: Float[Tensor, "b c h w"], maps: Float[Tensor, "b k h/2 w/2"]) -> Float[Tensor, "b k d"]:
        values = F.avg_pool2d(images[:, : self.colours], 4) * 2 - 1
        if self.features is not None:
            values = torch.cat([values, self.features(images)], 1)
        # the mean of four cells keeps the map's shape; times four keeps its sum at one
        return pool(values, F.avg_pool2d(maps, 2) * 4)
