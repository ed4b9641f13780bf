"""What the generator is told about the background, so that no part has to explain it."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from partpose.geometry import heavy_tailed
from partpose.model.generator import coverage, floored

SHOWN = 0.2  # share of the blocks that stay visible (He et al. 2022 and AutoLink hide 80 %)
BLOCKS = 8  # blocks along a side
LEAST_KNOWN = 0.2  # share of the view that a camera's steady scene must cover
MASKED_ANYWAY = 0.1  # share of the pictures of a known camera that are learned from as if it were not known
OUTSIDE = -3.0  # the coverage, a logit, below which a place belongs to no part
OTHER = 0.35  # share of the pictures of known cameras that are seen before the scene of another picture
FLAT = 0.4  # and before a flat colour; the others keep their own
ALIKE, DIFFERENT = 0.03, 0.1  # of values in [0, 1], what differs from the scene by less is it, by more is not


def masked_copy(images: Float[Tensor, "b c h w"], generator: torch.Generator) -> Float[Tensor, "b g h/4 w/4"]:
    """The picture at a quarter of its side with 80 % of its blocks hidden, and the mask of what is shown (channel C + 1)."""
    small = F.avg_pool2d(images, 4)
    shown = (torch.rand(images.shape[0], 1, BLOCKS, BLOCKS, generator=generator) < SHOWN).to(images, non_blocking=True)
    shown = F.interpolate(shown, small.shape[-2:])
    return torch.cat([small * shown, shown], 1)


def around(
    images: Float[Tensor, "b c h w"], mean: Float[Tensor, "b k 2"], cov: Float[Tensor, "b k 2 2"], scale: float = 1.0
) -> Float[Tensor, "b g h w"]:
    """The picture without the places near parts, and in its last channel where it is left; scale: see `heavy_tailed`."""
    side = images.shape[-1]
    heats = heavy_tailed(mean, floored(cov, side // 2), side // 2, scale)
    left = (coverage(heats, side) < OUTSIDE).to(images)
    return torch.cat([images * left, left], 1)


def trusted(scene: Float[Tensor, "b g h w"], generator: torch.Generator) -> Float[Tensor, "b g h w"]:
    """A fixed camera's scene as the generator is given it: unknown where too little of it is, and in a few pictures.

    scene: what the camera sees behind the object and, in the last channel, where that is known. In those few the generator
    has the masked copy alone: that is what a model has at hand later, when it is given one picture of whatever camera.
    """
    shown = (torch.rand(len(scene), generator=generator) > MASKED_ANYWAY).to(scene.device, non_blocking=True)
    known = mostly_known(scene) & shown
    return scene * known[:, None, None, None]


def mostly_known(scene: Float[Tensor, "b g h w"]) -> Bool[Tensor, "b"]:
    """Which pictures have a scene worth the name."""
    return scene[:, -1].mean((1, 2)) > LEAST_KNOWN


def guessed(scene: Float[Tensor, "b g h w"]) -> Float[Tensor, "b g h w"]:
    """A scene that is taken for known all over, where most of it is."""
    known = mostly_known(scene).to(scene)[:, None, None, None]
    return torch.cat([scene[:, :-1] * known, known.expand_as(scene[:, -1:])], 1)


def elsewhere(
    images: Float[Tensor, "b c h w"], scene: Float[Tensor, "b g h w"], generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Objects before the scene of another picture of the batch, or before a flat colour: of pictures with a known scene some.

    Two views of an object then have nothing in common but the object. What of a picture differs from its own scene is
    carried over; where the scene is no more than a guess (see `data.cameras`) so is what differs from the guess.
    """
    known, drawn = mostly_known(scene), torch.rand(len(images), generator=generator).to(images, non_blocking=True)
    colour = torch.rand(len(images), images.shape[1], 1, 1, generator=generator).to(images, non_blocking=True)
    colour[:, images.shape[1] - (images.shape[1] + 1) % 2 :] = 1  # an alpha channel is no colour
    other, flat = known & known.roll(1) & (drawn < OTHER), known & (drawn > 1 - FLAT)
    ground = torch.where(flat[:, None, None, None], colour, scene[:, :-1].roll(1, 0))
    moved = torch.lerp(ground, images, foreground(images, scene))
    return torch.where((other | flat)[:, None, None, None], moved, images)


def foreground(images: Float[Tensor, "b c h w"], scene: Float[Tensor, "b g h w"]) -> Float[Tensor, "b 1 h w"]:
    """From 0 to 1, how surely a place does not belong to the scene: by how far its colours differ, over 3 × 3 pixels."""
    away = (images - scene[:, :-1]).abs().amax(1, keepdim=True)
    sure = ((away - ALIKE) / (DIFFERENT - ALIKE)).clamp(0, 1)
    return F.avg_pool2d(F.max_pool2d(sure, 3, 1, 1), 3, 1, 1, count_include_pad=False)
