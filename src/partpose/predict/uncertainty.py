"""How far a keypoint moves when the picture is changed in a known way: its uncertainty, and the average over such changes.

A change is a small turn, zoom and shift, and a small change of contrast and brightness: nothing that alters what there is to
be seen. The keypoints of a changed picture are mapped back, and would all be the same if the model were perfect. Which
changes there are depends on their number alone, not on the picture or on chance.

The uncertainty of a keypoint is the standard deviation, along one axis, of where the model finds it under such changes:
by how much it would have been found elsewhere, had the same object been pictured a little differently. It says nothing of
what the changes leave alone: a part that is always found left of the elbow is as certain as one that is found on it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from partpose.errors import PartposeError
from partpose.geometry import Parts, grid, parts_of
from partpose.model.facing import held
from partpose.model.part_model import PartModel

# The largest turn (radians), zoom, shift along x and y (halves of the side: a cell of a 32² part map), contrast, brightness
LARGEST = (0.1, 0.05, 0.06, 0.06, 0.1, 0.05)
FEWEST = 2  # changes: of fewer there is no standard deviation
WILD = 5.0  # standard deviations: beyond it is another place, which no scale would mend
HELD_OUT = 4  # changes that the others are calibrated on
SCALE = "uncertainty_scale"  # where the facts of a model have what `calibrate` found


class Change(NamedTuple):
    """changed(u) = contrast (picture(A u + b) - 1/2) + 1/2 + brightness; a point p of the changed picture lies at A p + b."""

    matrix: Tensor  # (2, 2)
    offset: Tensor  # (2,)
    contrast: float
    brightness: float

    def __call__(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The changed pictures; beyond their border they go on with its colours, an alpha channel keeps its values."""
        where = self.back(grid(*images.shape[-2:], like=images)).expand(len(images), -1, -1, -1)
        moved = F.grid_sample(images, where, padding_mode="border", align_corners=False)
        colours = images.shape[1] - (images.shape[1] + 1) % 2
        recoloured = ((moved[:, :colours] - 0.5) * self.contrast + 0.5 + self.brightness).clamp(0, 1)
        return torch.cat([recoloured, moved[:, colours:]], dim=1)

    def back(self, points: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
        """Points of the changed picture to where they lie in the picture."""
        return points @ self.matrix.to(points).mT + self.offset.to(points)


def changes(count: int) -> list[Change]:
    """The first `count` of a fixed sequence that fills the range of changes evenly (Sobol 1967)."""
    if not count:
        return []
    drawn = torch.quasirandom.SobolEngine(len(LARGEST), scramble=True, seed=0).draw(count)
    found = []
    for turn, zoom, x, y, contrast, brightness in ((2 * drawn - 1) * torch.tensor(LARGEST)).unbind():
        cos, sin = (1 + zoom) * turn.cos(), (1 + zoom) * turn.sin()
        matrix = torch.stack([cos, -sin, sin, cos]).unflatten(0, (2, 2))
        found.append(Change(matrix, torch.stack([x, y]), 1 + float(contrast), float(brightness)))
    return found


def means_under(network: PartModel, images: Float[Tensor, "b c h w"], some: Iterable[Change]) -> list[Tensor]:
    """The keypoints (B, K, 2) under each change, mapped back: inside frame of the pictures as they are."""
    with held(network, images):
        return [change.back(network.parts(change(images)).mean) for change in some]


def measure(
    network: PartModel,
    images: Float[Tensor, "b c h w"],
    maps: Float[Tensor, "b k m n"],
    average: int = 1,
    uncertainty: int = 0,
    scale: float = 1.0,
) -> tuple[Parts, Float[Tensor, "b k"]]:
    """The parts of pictures whose part maps are at hand, and the uncertainty of their means, in the inside frame.

    average: the means are those over so many pictures, the unchanged one among them; covariance and confidence are its.
    uncertainty: how many changes it is measured with, beside the unchanged picture; with 0 it is NaN.
    scale: what `calibrate` found.
    """
    parts = parts_of(maps)
    some = changes(max(average - 1, uncertainty))
    means = torch.stack([parts.mean, *(means_under(network, images, some) if some else ())])
    parts = parts._replace(mean=means[: max(average, 1)].mean(0))
    if not uncertainty:
        return parts, torch.full_like(parts.confidence, torch.nan)
    return parts, scale * deviation(means[: uncertainty + 1])


def deviation(means: Float[Tensor, "n b k 2"]) -> Float[Tensor, "b k"]:
    """The standard deviation along one axis of where n ≥ 3 pictures have a keypoint.

    s² = Σ |x_i - x̄|² / ν with ν = 2 (n - 1) degrees of freedom. What is divided by so uncertain an s has Student's
    distribution, whose variance is ν / (ν - 2); times the root of that, few pictures give as honest a number as many.
    """
    freedom = 2 * (len(means) - 1)
    if freedom < 2 * FEWEST:
        raise PartposeError(f"uncertainty must be measured with {FEWEST} changes of the picture or more")
    squares = (means - means.mean(0)).square().sum((0, -1))
    return (squares / (freedom - 2)).sqrt()


def calibrate(network: PartModel, batches: Iterable[Float[Tensor, "b c h w"]], uncertainty: int = 8) -> float:
    """The scale by which a model's uncertainties have to be multiplied, from pictures of its kind.

    The error of a keypoint under a further change, which the uncertainty was not measured with, is divided by it; the scale
    is the root mean square of that, with errors beyond 5 standard deviations counted as 5.
    """
    errors = []
    for images in batches:
        some = changes(uncertainty + HELD_OUT)
        means = torch.stack([network.parts(images).mean, *means_under(network, images, some)])
        seen, held_out = means[: uncertainty + 1], means[uncertainty + 1 :]
        # The mean of n pictures has an error of its own
        spread = deviation(seen) * (1 + 1 / len(seen)) ** 0.5
        errors.append(((held_out - seen.mean(0)) / spread.clamp_min(1e-6)[..., None]).cpu().flatten())
    if not errors:
        raise PartposeError("no pictures to calibrate on")
    return float(torch.cat(errors).clamp(-WILD, WILD).square().mean().sqrt())
