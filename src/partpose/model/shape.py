"""The shape stream: picture → K part maps."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.model.backbone import FEATURES, Backbone, Levels
from partpose.model.blocks import Residual, conv

# torch's bicubic kernel (a = -3/4), a quarter of a cell before a cell
_QUARTER = (-9.0, 67.0, 225.0, -27.0)  # / 256


def spatial_softmax(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
    """Maps that sum to one over the picture."""
    return logits.flatten(2).softmax(-1).unflatten(2, logits.shape[-2:])


def twice(maps: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 2*h 2*w"]:
    """Bicubic interpolation to twice the sides, as two products: on CPUs many times as fast as `F.interpolate`."""
    # While a graph is traced a tensor stands for values that are not there, and must not be kept for the next call
    matrix = doubling if torch.compiler.is_compiling() else kept_doubling
    down, across = (matrix(n, maps.device) for n in maps.shape[-2:])
    with torch.autocast(maps.device.type, enabled=False):
        return down @ maps.float().contiguous() @ across.mT


def doubling(n: int, device: torch.device) -> Float[Tensor, "m n"]:
    """(2n, n): bicubic interpolation of n cells to twice as many, beyond whose ends they go on as they are.

    Of torch's operations alone: others would break the graph that torch.compile makes of the network in two.
    """
    first, second = (torch.tensor(taps, device=device) / 256 for taps in (_QUARTER, _QUARTER[::-1]))
    cell = torch.arange(n, device=device)[:, None, None]
    taps = (cell + torch.tensor([[-2], [-1]], device=device) + torch.arange(4, device=device)).clamp(0, n - 1)
    weights = torch.stack([first, second]).expand(n, 2, 4).flatten(0, 1)
    return weights.new_zeros(2 * n, n).scatter_add(1, taps.flatten(0, 1), weights)


kept_doubling = lru_cache(maxsize=32)(torch.inference_mode(False)(doubling))


class Logits(nn.Module):
    """1×1 convolution to K logit maps with a spread of `scale` over the batch.

    Maps that start flat stay flat (250 steps at near-uniform softmax taught nothing), hence the normalisation.
    """

    def __init__(self, channels: int, parts: int, scale: float) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, parts, 1, bias=False)
        self.norm = nn.BatchNorm2d(parts, affine=False)
        self.scale = nn.Parameter(torch.full((parts, 1, 1), float(scale)))

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        return self.norm(self.project(features)) * self.scale


class Shape(nn.Module):
    """A small U over 1/4, 1/8 and 1/16 of the side; part maps at 1/2 of it, from logits at 1/4."""

    def __init__(self, channels: int, parts: int, width: int, scale: float, dropout: float) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(conv(channels, w, 2, 6), conv(w, 2 * w, 2, 4))
        self.down8 = nn.Sequential(conv(2 * w, 3 * w, 2, 4), Residual(3 * w))
        self.down16 = nn.Sequential(conv(3 * w, 4 * w, 2, 4), Residual(4 * w))
        self.side8, self.up8 = conv(4 * w, 3 * w, kernel=1), conv(3 * w, 3 * w)
        self.side4, self.up4 = conv(3 * w, 2 * w, kernel=1), conv(2 * w, 2 * w)
        self.dropout = nn.Dropout2d(dropout)
        self.logits = Logits(2 * w, parts, scale)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h/2 w/2"]:
        return self.maps(self.down(images))

    def maps(self, levels: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, "b k m n"]:
        """Part maps from the features of the three levels."""
        at4, at8, at16 = levels
        at8 = self.up8(at8 + F.interpolate(self.side8(at16), at8.shape[-2:]))
        at4 = self.up4(at4 + F.interpolate(self.side4(at8), at4.shape[-2:]))
        logits = self.logits(self.dropout(at4))
        return spatial_softmax(twice(logits))

    def down(self, images: Float[Tensor, "b c h w"]) -> Levels:
        """Features at 1/4, 1/8 and 1/16 of the side."""
        at4 = self.stem(images)
        at8 = self.down8(at4)
        return at4, at8, self.down16(at8)


class TaughtShape(Shape):
    """The same, and at each of the three levels it reads what a network sees that was taught to name pictures."""

    def __init__(self, channels: int, parts: int, width: int, scale: float, dropout: float) -> None:
        super().__init__(channels, parts, width, scale, dropout)
        self.backbone, self.halves = Backbone(), has_bfloat16()
        self.read4, self.read8, self.read16 = (
            conv(features, level * width, kernel=1) for features, level in zip(FEATURES, (2, 3, 4), strict=True)
        )

    def down(self, images: Float[Tensor, "b c h w"]) -> Levels:
        """Features at 1/4, 1/8 and 1/16 of the side."""
        return self.beside(images, self.seen(images))

    def beside(self, images: Float[Tensor, "b c h w"], seen: tuple[Tensor, Tensor, Tensor]) -> Levels:
        """The same, where what the backbone sees is at hand."""
        seen4, seen8, seen16 = seen
        at4 = self.stem(images) + self.read4(seen4)
        at8 = self.down8(at4) + self.read8(seen8)
        return at4, at8, self.down16(at8) + self.read16(seen16)

    def seen(self, images: Float[Tensor, "b c h w"]) -> Levels:
        """What the backbone sees; in a training on a CPU that is made for it, in bfloat16, which takes half of the time."""
        half = self.halves and self.training and images.device.type == "cpu"
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            at4, at8, at16 = self.backbone(images)
        return (at4.float(), at8.float(), at16.float()) if half else (at4, at8, at16)


def has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16: others only imitate it, which is slower than float32."""
    return getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
