"""Which way animals face: learned once there are parts, from pictures and their mirror images, without a label."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from partpose.model.facing import FacingShape

FACED = 512  # pictures that facing is learned from, at most
FEWEST = 8  # pictures; with fewer it stays unknown
SURE = 0.9  # the agreement below which it may be chance
ROUNDS = 100
"""After which an axis that still moves goes back and forth between two that are as good."""


class Faced(NamedTuple):
    """How far facing could be told.

    turned: the share of the pictures in which the animal faces as fewer do.  agreement: the share of them of which two axes
    say the same that were learned from the first and from the second half of the pictures; 0 where these are too few.
    """

    turned: float
    agreement: float

    def doubt(self) -> str | None:
        """A warning where facing is not sure."""
        if self.agreement >= SURE:
            return None
        return (
            f"which way the animals face is not sure: what the two halves of the pictures tell agrees in {self.agreement:.0%} "
            "of them. More pictures may help, of both ways before the same scenes; else train with --model.no-facing"
        )


@torch.no_grad()
def learn_facing(shape: FacingShape, pictures: Iterable[Float[Tensor, "b c h w"]]) -> Faced:
    """Give `shape` its direction, from some pictures of the training."""
    sides = torch.cat([shape.both(some)[1].float() for some in pictures])
    if len(sides) < FEWEST:
        return Faced(0.0, 0.0)
    spread = sides.std((0, 1)).clamp_min(1e-6)
    rows = F.normalize((sides / spread).flatten(1), dim=1)
    axis = facing_axis(rows)
    # Neighbours are alike, as frames of one video: in every second picture both halves would hold the same
    first, second = (torch.sign(rows @ facing_axis(half)) for half in rows.tensor_split(2))
    same, other = (float((first * second == product).float().mean()) for product in (1, -1))
    shape.facing.copy_(axis.unflatten(0, shape.facing.shape) / spread)
    return Faced(float((rows @ axis < 0).float().mean()), max(same, other))


def facing_axis(rows: Float[Tensor, "n j"]) -> Float[Tensor, " j"]:
    """The unit axis along which rows of unit length lie farthest on one side or the other; most lie on its positive one.

    Each row may be turned round (a picture and its mirror image differ by the same, with the other sign): those turns are
    sought with which the rows' mean is longest, from the sides of their first principal axis on, by turns and mean in turn.
    """
    axis = torch.linalg.svd(rows, full_matrices=False)[2][0]
    for _ in range(ROUNDS):
        before, along = axis, rows @ axis
        axis = F.normalize((along.sign()[:, None] * rows).sum(0), dim=0)
        if torch.allclose(axis, before):
            break
    return axis if float((rows @ axis < 0).float().mean()) <= 0.5 else -axis
