"""What the generator is told about the background, so that no part has to explain it."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SHOWN = 0.2  # share of the blocks that stay visible (He et al. 2022 and AutoLink hide 80 %)
BLOCKS = 8  # blocks along a side
LEAST_KNOWN = 0.2  # share of the view that a camera's steady scene must cover
MASKED_ANYWAY = 0.1


def masked_copy(images: Float[Tensor, "b c h w"], generator: torch.Generator | None) -> Float[Tensor, "b g h/4 w/4"]:
    """The picture at a quarter of its side with 80 % of its blocks hidden, and the mask of what is shown (channel C + 1)."""
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    small = F.avg_pool2d(images, 4)
    shown = (torch.rand(images.shape[0], 1, BLOCKS, BLOCKS, generator=generator) < SHOWN).to(images)
    shown = F.interpolate(shown, small.shape[-2:])
    return torch.cat([small * shown, shown], 1)


def behind(
    images: Float[Tensor, "b c h w"], scene: Float[Tensor, "b g h w"], generator: torch.Generator
) -> Float[Tensor, "b g h/4 w/4"]:
    """What a fixed camera sees behind the object, for pictures whose camera is known, and the masked copy of all others.

    scene: the camera's median and, in the last channel, where it is steady. A few pictures get their masked copy all the
    same: that is what a model has at hand later, when it is given one picture of whatever camera.
    """
    known = scene[:, -1].mean((1, 2)) > LEAST_KNOWN
    known = known & (torch.rand(len(known), generator=generator) > MASKED_ANYWAY).to(known.device)
    return torch.where(known[:, None, None, None], F.avg_pool2d(scene, 4), masked_copy(images, generator))
