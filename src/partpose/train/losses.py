"""The terms of the loss. Every one is a mean over pictures and parts, so that weights do not depend on K or the batch."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from partpose.geometry import grid, root2
from partpose.train.distributed import mean_of_all


def focus(mean: Float[Tensor, "b k 2"], size: int, radius: float = 0.1) -> Float[Tensor, "b size size"]:
    """Where the parts are: Σ_k 1 / (1 + |u - μ_k|² / r²), clipped to [0, 1], zero under 0.2, summing to 1.

    The gradient is stopped: parts would otherwise flee from what is hard to rebuild (Lorenz et al. 2019, eq. 9).
    """
    distance2 = (grid(size, size, mean)[None, None] - mean.detach()[:, :, None, None]).square().sum(-1)
    weight = (1 / (1 + distance2 / radius**2)).sum(1).clamp(max=1)
    weight = torch.where(weight < 0.2, 0, weight)
    return weight / weight.sum((-2, -1), keepdim=True).clamp_min(1e-6)


def weighted_l2(
    rebuilt: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], mean: Float[Tensor, "b k 2"]
) -> Float[Tensor, ""]:
    """The original's reconstruction: squared error, weighted by where the parts are."""
    error = (rebuilt - target).square().sum(1)
    return (error * focus(mean, target.shape[-1])).sum((-2, -1)).mean()


def pyramid(
    rebuilt: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"], mean: Float[Tensor, "b k 2"], share: float
) -> Float[Tensor, ""]:
    """Absolute error of values and of gradients at full, half and quarter side; `share` of the weight is near the parts."""
    difference, total = rebuilt - target, rebuilt.new_zeros(())
    for _ in range(3):
        across, down = difference.diff(dim=-1).abs(), difference.diff(dim=-2).abs()
        weight = emphasis(mean, difference.shape[-1], share)
        total = total + (difference.abs() * weight).mean()
        total = total + (across * weight[..., 1:]).mean() + (down * weight[..., 1:, :]).mean()
        difference = F.avg_pool2d(difference, 2)
    return total / 3


def dissimilarity(rebuilt: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """(1 - SSIM) / 2 at full, half and quarter side (Wang et al. 2004, over square windows of 7 pixels)."""
    a, b, total = rebuilt.float(), target.float(), 0.0
    for _ in range(3):
        total = total + (1 - _ssim(a, b, 7).mean()) / 2
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return total / 3


def _ssim(a: Tensor, b: Tensor, window: int) -> Tensor:
    mean_a, mean_b = _box(a, window), _box(b, window)
    variances = (_box(a.square() + b.square(), window) - mean_a.square() - mean_b.square()).clamp_min(0)
    covariance = _box(a * b, window) - mean_a * mean_b
    level = (2 * mean_a * mean_b + 0.01**2) / (mean_a.square() + mean_b.square() + 0.01**2)
    return level * (2 * covariance + 0.03**2) / (variances + 0.03**2)


def emphasis(mean: Float[Tensor, "b k 2"], size: int, share: float) -> Float[Tensor, "#b 1 size size"]:
    """A weight for every place, 1 on average: `share` of it where the parts are (see `focus`), the rest spread evenly."""
    if not share:
        return mean.new_ones(1, 1, size, size)
    return (1 - share) + share * size**2 * focus(mean, size)[:, None]


def mean_difference(
    a: Float[Tensor, "b k 2"], b: Float[Tensor, "b k 2"], valid: Float[Tensor, "b k"], squared: bool
) -> Float[Tensor, ""]:
    """Distance (or half the squared distance, the original's mean square) between means, over the valid parts."""
    d2 = (a - b).square().sum(-1)
    return _over(d2 / 2 if squared else (d2 + 1e-6).sqrt(), valid)


def covariance_difference(
    a: Float[Tensor, "b k 2 2"], b: Float[Tensor, "b k 2 2"], valid: Float[Tensor, "b k"], squared: bool
) -> Float[Tensor, ""]:
    """Frobenius norm of the difference of covariances (the original's), or of their square roots (units of the mean)."""
    difference = a - b if squared else root2(a) - root2(b)
    return _over((difference.square().sum((-2, -1)) + 1e-8).sqrt(), valid)


def _over(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum() / mean_of_all(valid.sum()).clamp_min(1)


def separation(mean: Float[Tensor, "b k 2"], radius: float) -> Float[Tensor, ""]:
    """Σ_{j≠k} exp(-|μ_j - μ_k|² / 2r²), a mean over pictures and parts k. Without it all parts sit on one point."""
    k = mean.shape[1]
    d2 = (mean[:, :, None] - mean[:, None]).square().sum(-1)
    near = torch.exp(-d2 / (2 * radius**2)) * (1 - torch.eye(k, device=mean.device))
    return near.sum((1, 2)).mean() / k


def concentration(cov: Float[Tensor, "b k 2 2"]) -> Float[Tensor, ""]:
    """tr Σ: how spread out the part maps are."""
    return (cov[..., 0, 0] + cov[..., 1, 1]).mean()


def flatness(
    images: Float[Tensor, "b c h w"], side: int, scene: Float[Tensor, "b g h w"] | None = None, soft: float = 0.05
) -> Float[Tensor, "b side side"]:
    """How little there is to see around each cell of a grid: 1 on a uniform patch, 1/2 where the contrast is `soft`.

    The contrast is the standard deviation of the values within an eighth of the picture, colours pooled. Where the scene
    behind the object is known (`scene`: its colours, and in the last channel whether they are), it is how far the picture
    is from that, root mean square.
    """
    window = images.shape[-1] // 16 * 2 + 1
    unknown: Tensor | float = 1.0
    if scene is not None:
        images = images - scene[:, :-1] * scene[:, -1:]
        unknown = 1 - _box(scene[:, -1:], window)
    mean, square = _box(images, window), _box(images.square(), window)
    contrast = (square - unknown * mean.square()).mean(1, keepdim=True).clamp_min(0).sqrt()
    return (soft / (soft + F.adaptive_avg_pool2d(contrast, side)))[:, 0]


def _box(images: Tensor, window: int) -> Tensor:
    """Means over square windows, without what lies outside: a product with a banded matrix from either side.

    On CPUs it is ten times as fast as average pooling, at the sides that training has.
    """
    down, across = (_band(n, window, images.device) for n in images.shape[-2:])
    with torch.autocast(images.device.type, enabled=False):
        return down @ images.float().contiguous() @ across.mT


def _band(size: int, window: int, device: torch.device) -> Tensor:
    """(size, size) whose rows average the cells at most half a window away."""
    place = torch.arange(size, device=device)
    near = ((place[:, None] - place).abs() <= window // 2).float()
    return near / near.sum(1, keepdim=True)


def evidence(
    maps: Float[Tensor, "b k m m"], images: Float[Tensor, "b c h w"], scene: Float[Tensor, "b g h w"] | None = None
) -> Float[Tensor, ""]:
    """The share of each part map that lies on flat patches, or, before a known scene, on what does not differ from it.

    A part there is placed by what surrounds it, and rides on the object as a point of a grid instead of following a limb;
    the generator reads from its appearance whether the limb is near. Both look fine in the other terms.
    """
    return (maps * flatness(images, maps.shape[-1], scene)[:, None]).sum((-2, -1)).mean()
