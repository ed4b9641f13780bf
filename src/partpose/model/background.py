"""What the generator is told about the background, so that no part has to explain it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SHOWN = 0.2  # share of the blocks that stay visible (He et al. 2022 and AutoLink hide 80 %)
BLOCKS = 8  # blocks along a side


def masked_copy(images: Float[Tensor, "b c h w"], generator: torch.Generator | None) -> Float[Tensor, "b g h/4 w/4"]:
    """The picture at a quarter of its side with 80 % of its blocks hidden, and the mask of what is shown (channel C + 1)."""
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    small = F.avg_pool2d(images, 4)
    shown = (torch.rand(images.shape[0], 1, BLOCKS, BLOCKS, generator=generator) < SHOWN).to(images)
    shown = F.interpolate(shown, small.shape[-2:])
    return torch.cat([small * shown, shown], 1)
