"""The generator: the parts' shapes and appearances → picture."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.geometry import heavy_tailed
from partpose.model.blocks import conv


def floored(cov: Float[Tensor, "b k 2 2"], size: int) -> Float[Tensor, "b k 2 2"]:
    """Covariances plus one cell² of a grid of `size`: a Gaussian narrower than a cell would vanish between centres."""
    return cov + (2 / size) ** 2 * torch.eye(2, device=cov.device, dtype=cov.dtype)


def project(appearance: Float[Tensor, "b k d"], heats: Float[Tensor, "b k h w"]) -> Float[Tensor, "b d h w"]:
    """F(u) = Σ_k a_k g_k(u) / (1 + Σ_j g_j(u))  (Lorenz et al. 2019, eq. 8)."""
    shares = heats / (1 + heats.sum(1, keepdim=True))
    return torch.einsum("bkd,bkhw->bdhw", appearance, shares.to(appearance.dtype))


class Generator(nn.Module):
    """Projected appearances at 1/4 of the side, the parts' Gaussians at 1/4 and 1/2, a pixel shuffle to the full side.

    With `background` channels it also sees a picture of that many channels at 1/4 of the side.
    """

    def __init__(
        self, channels: int, parts: int, dimensions: int, width: int, scale: float = 1.0, background: int = 0
    ) -> None:
        super().__init__()
        w = width
        self.scale = scale
        self.at4 = nn.Sequential(
            conv(dimensions + parts + background, 2 * w), conv(2 * w, 2 * w), conv(2 * w, w, kernel=1)
        )
        self.at2 = conv(w + parts, w)
        self.out = nn.Conv2d(w, 4 * channels, 3, 1, 1)

    def forward(
        self,
        mean: Float[Tensor, "b k 2"],
        cov: Float[Tensor, "b k 2 2"],
        appearance: Float[Tensor, "b k d"],
        size: int,
        background: Float[Tensor, "b g h w"] | None = None,
    ) -> Float[Tensor, "b c size size"]:
        heats4, heats2 = (heavy_tailed(mean, floored(cov, n), n, self.scale) for n in (size // 4, size // 2))
        inputs = [project(appearance, heats4), heats4] + ([] if background is None else [background])
        x = self.at4(torch.cat(inputs, 1).contiguous(memory_format=torch.channels_last))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.at2(torch.cat([x, heats2.to(x.dtype)], 1).contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(self.out(x), 2).float().sigmoid()
