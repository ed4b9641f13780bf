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


def paint(
    colours: Float[Tensor, "b k c"], heats: Float[Tensor, "b k h w"], size: int
) -> Float[Tensor, "b c size size"]:
    """Each part's colour where its Gaussian is the highest, as a logit; nothing far from all parts.

    A decoder alone learned brightness and one axis of colour in the time that a CPU has; hues were lost.
    """
    near = heats.square()
    shares = near / (near.sum(1, keepdim=True) + 1e-2)
    painted = torch.einsum("bkc,bkhw->bchw", colours.to(shares.dtype), shares)
    return 2 * F.interpolate(painted, (size, size), mode="bilinear", align_corners=False)


def coverage(heats: Float[Tensor, "b k h w"], size: int) -> Float[Tensor, "b 1 size size"]:
    """Logit of whether a place belongs to any part: 2 where a part is, -1 two of its deviations away, -7 far from all."""
    near = (heats.square().sum(1, keepdim=True) + 1e-4).log() + 2
    return F.interpolate(near, (size, size), mode="bilinear", align_corners=False)


class Generator(nn.Module):
    """Projected appearances at 1/4 of the side, the parts' Gaussians at 1/4 and 1/2, a pixel shuffle to the full side.

    It corrects what `paint` makes of the parts' mean colours, the first dimensions of their appearances. With `background`
    channels it paints a second layer from a picture of that many channels at 1/4 of the side, and lays the object over it:
    how opaque it is starts from where the parts are.
    """

    def __init__(
        self, channels: int, parts: int, dimensions: int, width: int, scale: float = 1.0, background: int = 0
    ) -> None:
        super().__init__()
        w = width
        self.scale, self.channels = scale, channels
        self.at4 = nn.Sequential(conv(dimensions + parts, 2 * w), conv(2 * w, 2 * w), conv(2 * w, w, kernel=1))
        self.at2 = conv(w + parts, w)
        self.out = nn.Conv2d(w, 4 * (channels + 1 if background else channels), 3, 1, 1)
        if background:
            self.behind = nn.Sequential(conv(background, w), conv(w, w), nn.Conv2d(w, 4 * channels, 3, 1, 1))

    def forward(
        self,
        mean: Float[Tensor, "b k 2"],
        cov: Float[Tensor, "b k 2 2"],
        appearance: Float[Tensor, "b k d"],
        size: int,
        background: Float[Tensor, "b g h w"] | None = None,
        scene: Float[Tensor, "b g size size"] | None = None,
    ) -> Float[Tensor, "b c size size"]:
        heats4, heats2 = (heavy_tailed(mean, floored(cov, n), n, self.scale) for n in (size // 4, size // 2))
        x = self.at4(_joined(project(appearance, heats4), heats4))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        layers = F.pixel_shuffle(self.out(self.at2(_joined(x, heats2))), 2).float()
        colours = layers[:, : self.channels]
        if appearance.shape[-1] >= self.channels:
            colours = colours + paint(appearance[..., : self.channels].float(), heats2, size)
        if background is None:
            return colours.sigmoid()
        opaque = (layers[:, self.channels :] + coverage(heats2.float(), size)).sigmoid()
        return torch.lerp(self.ground(background, scene, size), colours.sigmoid(), opaque)

    def ground(self, background: Tensor, scene: Tensor | None, size: int) -> Float[Tensor, "b c size size"]:
        """What is behind the object: the scene where it is known, a painting from the background elsewhere."""
        painted = F.pixel_shuffle(self.behind(background), 2).float().sigmoid()
        painted = F.interpolate(painted, (size, size), mode="bilinear", align_corners=False)
        return painted if scene is None else torch.where(scene[:, -1:] > 0.99, scene[:, :-1], painted)


def _joined(first: Tensor, heats: Tensor) -> Tensor:
    return torch.cat([first, heats.to(first.dtype)], 1).contiguous(memory_format=torch.channels_last)
