"""One training step: the paper's figure, as a dozen statements."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from partpose.config import Settings
from partpose.geometry import moments
from partpose.model.background import elsewhere, guessed, trusted
from partpose.model.facing import mirrored_where
from partpose.model.part_model import PartModel
from partpose.train import losses
from partpose.train.perceptual import Perceptual
from partpose.train.warp import Recolour, Transform, between, draw_recolour, draw_transform, sample, warp_maps


class Draw(NamedTuple):
    """The randomness of one step: where the two views lie on the canvas, and how their colours change."""

    plain: Transform
    warped: Transform
    recolour: Recolour  # of the two views, stacked

    def of(self, rows: slice) -> "Draw":
        """The same for some pictures of the batch."""
        plain, warped = (Transform(*(t[rows] for t in view)) for view in (self.plain, self.warped))
        return Draw(plain, warped, Recolour(*(t.unflatten(0, (2, -1))[:, rows].flatten(0, 1) for t in self.recolour)))


class Beside(NamedTuple):
    """What belongs to the pictures of a batch, each as large as they are.

    partner: (B, C, side, side) another frame of the same clip, whose appearance stands for the picture's own.
    scene: (B, C + 1, side, side) what its camera sees behind the object and, in the last channel, where that is known, and no
    guess. All zero without a camera.
    """

    partner: Tensor | None = None
    scene: Tensor | None = None


ALONE = Beside()


class Terms(NamedTuple):
    """The terms of the loss, unweighted."""

    reconstruction: Tensor
    mean: Tensor
    covariance: Tensor
    separation: Tensor
    concentration: Tensor
    evidence: Tensor
    cycle: Tensor


class Painted(NamedTuple):
    """What the generator is to paint, and what it is given for it beside the looks."""

    target: Tensor  # (B, C, side, side)
    mean: Tensor  # (B, K, 2)
    cov: Tensor  # (B, K, 2, 2)
    background: Tensor | None
    known: Tensor | None


def draw_step(
    batch: int,
    settings: Settings,
    strength: float,
    rng: torch.Generator,
    extent: Float[Tensor, "b 4"] | None = None,
    device: torch.device | None = None,
) -> Draw:
    """All randomness of a step, drawn on the CPU, so that it does not depend on the device; what follows from it, there.

    extent: what of each canvas is picture and not padding.
    """
    t = settings.transform
    plain = draw_transform(batch, t, strength, warped=False, rng=rng, extent=extent, device=device)
    warped = draw_transform(batch, t, strength, warped=True, rng=rng, extent=extent, device=device)
    recolour = draw_recolour(2 * batch, settings.model.channels, t, strength, rng)
    return Draw(plain, warped, recolour.to(plain.offset.device))


def training_step(
    model: PartModel,
    canvas: Float[Tensor, "b c h w"],
    draw: Draw,
    settings: Settings,
    rng: torch.Generator,
    beside: Beside = ALONE,
    perceptual: Perceptual | None = None,
) -> Terms:
    """Shape of one view, appearance of the other, rebuild the first.

    Args:
        canvas: pictures in [0, 1], a quarter larger than the views, so that these can move and turn within them.
        perceptual: what the reconstruction is measured by in place of what the settings name.
    """
    size, loss = settings.model.size, settings.loss
    (x, seen, scene), (_, seen_t, scene_t) = (
        seen_in(view, canvas, beside.scene, size, rng) for view in (draw.plain, draw.warped)
    )
    maps, maps_t = model.part_maps(draw.recolour(torch.cat([seen, seen_t]))).chunk(2)
    (mean, cov), (mean_t, cov_t) = moments(maps), moments(maps_t)

    own = beside.partner is None
    appearance = model.appearance(*(seen_t, maps_t) if own else looks(model, beside.partner, scene_t, draw, size, rng))
    known, background = None if scene is None else trusted(scene, rng), model.background(x, rng)
    painted = Painted(x, mean, cov, background, known)
    if settings.model.facing:
        painted = either_way(painted, rng)
    rebuilt = model.generator(painted.mean, painted.cov, appearance, size, painted.background, painted.known)

    moved, share = warp_maps(maps, between(draw.plain, draw.warped, maps.shape[-1]))
    (mean_m, cov_m), valid = moments(moved), (share > 0.8).float()

    return Terms(
        reconstruct(rebuilt, painted.target, painted.mean, settings, perceptual),
        losses.mean_difference(mean_t, mean_m, valid, loss.squared),
        losses.covariance_difference(cov_t, cov_m, valid, loss.squared),
        losses.separation(mean, loss.separation_radius),
        losses.concentration(cov),
        losses.evidence(maps, x, None if scene is None else guessed(scene)),
        cycle(model, maps, appearance, size, background, known) if loss.cycle else mean.new_zeros(()),
    )


def either_way(painted: Painted, rng: torch.Generator) -> Painted:
    """Half of the pictures mirrored, with their parts where they are then.

    A part that is the same one whichever way an animal faces (`model.facing`) lies where it never did while facing was not
    known yet; so the generator learns to paint both.
    """
    mirrored = (torch.rand(len(painted.target), generator=rng) < 0.5).to(painted.target.device, non_blocking=True)
    there = (1 - 2.0 * mirrored)[:, None]
    mean = painted.mean * torch.stack([there, torch.ones_like(there)], -1)
    cov = painted.cov * torch.stack([torch.ones_like(there), there, there, torch.ones_like(there)], -1).unflatten(
        -1, (2, 2)
    )
    background, known = (
        None if one is None else mirrored_where(mirrored, one) for one in (painted.background, painted.known)
    )
    return Painted(mirrored_where(mirrored, painted.target), mean, cov, background, known)


def cycle(
    model: PartModel, maps: Tensor, appearance: Tensor, size: int, background: Tensor | None, known: Tensor | None
) -> Tensor:
    """How far looks that are lent to another picture's shape are from those that are read again from what becomes of it.

    Looks that tell something of a pose change on the way. A quarter of the pictures are enough; shapes learn nothing from it.
    """
    some = slice(max(len(maps) // 4, 1))
    shape, lent = maps[some].detach(), appearance.roll(1, 0)[some].detach()
    behind, scene = (None if one is None else one[some] for one in (background, known))
    with unmoved(model):
        worn = model.generator(*moments(shape), lent, size, behind, scene)
        return (model.appearance(worn, shape) - lent).abs().mean()


@contextmanager
def unmoved(module: nn.Module) -> Generator[None]:
    """What normalisations remember stays as it is: painted pictures are none of those that will be predicted."""
    norms = [one for one in module.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    kept = [one.momentum for one in norms]
    for one in norms:
        one.momentum = 0.0
    try:
        yield
    finally:
        for one, momentum in zip(norms, kept, strict=True):
            one.momentum = momentum


def seen_in(
    view: Transform, canvas: Tensor, scene: Tensor | None, size: int, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A view of pictures as it is, and as the network sees it, before a scene of some other; and its own scene, if any."""
    where = view.at(size)
    x = sample(canvas, where)
    if scene is None:
        return x, x, None
    behind = seen_through(scene, where)
    return x, elsewhere(x, behind, rng), behind


def looks(
    model: PartModel, partner: Tensor, scene: Tensor | None, draw: Draw, size: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Another frame of the clip, seen as the transformed view is, and its part maps.  scene: what is behind it there."""
    view = sample(partner, draw.warped.at(size))
    view = view if scene is None else elsewhere(view, scene, rng)
    _, recoloured = draw.recolour(torch.cat([view, view])).chunk(2)
    return view, model.part_maps(recoloured)


def seen_through(scene: Tensor, where: Tensor) -> Tensor:
    """A scene in a view; what is known there is known in full, or not."""
    view = sample(scene, where)
    return torch.cat([view[:, :-1], (view[:, -1:] > 0.99).to(view.dtype)], 1)


def reconstruct(
    rebuilt: Tensor, target: Tensor, mean: Tensor, settings: Settings, perceptual: Perceptual | None = None
) -> Tensor:
    """The reconstruction error: the perceptual one where it is given, else what the settings name."""
    loss = settings.loss
    if perceptual is not None:
        return perceptual(rebuilt, target, losses.emphasis(mean, target.shape[-1], loss.focus))
    if loss.reconstruction == "weighted-l2":
        return losses.weighted_l2(rebuilt, target, mean)
    error = losses.pyramid(rebuilt, target, mean, loss.focus)
    return error + loss.ssim * losses.dissimilarity(rebuilt, target) if loss.ssim else error


def total(terms: Terms, settings: Settings) -> Tensor:
    """The weighted sum that is minimised."""
    w = settings.loss
    return (
        terms.reconstruction
        + w.mean * terms.mean
        + w.covariance * terms.covariance
        + w.separation * terms.separation
        + w.concentration * terms.concentration
        + w.evidence * terms.evidence
        + w.cycle * terms.cycle
    )
