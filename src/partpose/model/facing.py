"""Which way an animal faces, so that a part is the same one either way: in a picture and in its mirror image."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.model.appearance import pool
from partpose.model.backbone import FEATURES
from partpose.model.shape import TaughtShape


class FacingShape(TaughtShape):
    """In training as its parent. Later it looks at the mirror image as well, and takes what it finds in one of the two.

    That is the one in which the animal faces as most do. What tells is `facing`, a direction among the backbone's features
    at the parts, which is learned once the parts are (`train.learn_facing`); while it is zero no picture is turned.
    """

    def __init__(self, channels: int, parts: int, width: int, scale: float, dropout: float) -> None:
        super().__init__(channels, parts, width, scale, dropout)
        self.facing: Tensor
        self.register_buffer("facing", torch.zeros(parts, FEATURES[1]))
        self.held: Tensor | None = None

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h/2 w/2"]:
        if self.training:
            return super().forward(images)
        if self.held is not None:
            return mirrored_where(self.held, super().forward(mirrored_where(self.held, images)))
        (maps, mirrored), sides = self.both(images)
        turned = self.turned(sides)[:, None, None, None]
        return torch.where(turned, mirrored, maps)

    def both(self, images: Float[Tensor, "b c h w"]) -> tuple[tuple[Tensor, Tensor], Float[Tensor, "b k f"]]:
        """Part maps of pictures and of their mirror images, both as they lie in the pictures, and how the parts' features
        differ between the two."""
        maps, seen = self.looked_at(images)
        mirrored, other = self.looked_at(images.flip(-1))
        return (maps, mirrored.flip(-1)), seen - other

    def looked_at(
        self, images: Float[Tensor, "b c h w"]
    ) -> tuple[Float[Tensor, "b k h/2 w/2"], Float[Tensor, "b k f"]]:
        """Part maps, and what the backbone sees under each, at 1/8 of the side."""
        seen = self.seen(images)
        maps = self.maps(self.beside(images, seen))
        return maps, pool(seen[1], F.avg_pool2d(maps, 4) * 16)

    def turned(self, sides: Float[Tensor, "b k f"]) -> Bool[Tensor, "b"]:
        """Whether it is the mirror image that shows the animal as most of them face."""
        return (sides.float() * self.facing.float()).sum((1, 2)) < 0


@contextmanager
def held(network: nn.Module, images: Float[Tensor, "b c h w"]) -> Generator[None]:
    """Meanwhile animals face as they do in these pictures: a changed copy of one is not to be decided about anew.

    Else what is told with little margin would be told otherwise of some of the copies, and the mean of a head and a tail is
    neither.
    """
    shape = getattr(network, "shape", None)
    if not isinstance(shape, FacingShape) or shape.training:
        yield
        return
    shape.held = shape.turned(shape.both(images)[1])
    try:
        yield
    finally:
        shape.held = None


def mirrored_where(which: Bool[Tensor, "b"], images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The mirror images of some pictures of a batch, and the others as they are."""
    return torch.where(which[:, None, None, None], images.flip(-1), images)
