"""The networks of the original (Lorenz et al. 2019), so that it can be compared with anything newer in one run.

Part maps and both hourglasses live at 64²; the shape hourglass has depth 4 (five poolings), the appearance hourglass 1.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.geometry import heavy_tailed
from partpose.model.appearance import pool
from partpose.model.generator import floored, project
from partpose.model.shape import Logits, spatial_softmax

WIDTH = 256
COARSE = {4: (0, 2), 8: (2, 4)}  # appearances of parts 0-1 enter at 4², 2-3 at 8², the others at 16²
HEATS = {4: 2, 8: 4}  # the first 2 parts' heats at 4², 4 at 8², all from 16² on


def preactivated(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Batch norm, ReLU, convolution."""
    return nn.Sequential(
        nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)
    )


class Bottleneck(nn.Module):
    """Pre-activation bottleneck of half the width, with a 1×1 projection where the width changes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.body = nn.Sequential(
            preactivated(inputs, half, 1), preactivated(half, half, 3), preactivated(half, outputs, 1)
        )
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        return self.skip(x) + self.body(x)


class Hourglass(nn.Module):
    """Newell et al. 2016; `depth` levels inside the outermost, so depth + 1 poolings."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.skip, self.down, self.up = (Bottleneck(channels, channels) for _ in range(3))
        self.inner = Hourglass(channels, depth - 1) if depth else Bottleneck(channels, channels)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2, ceil_mode=True))))
        return self.skip(x) + F.interpolate(low, x.shape[-2:])


def stem(channels: int, size: int) -> nn.Sequential:
    """From a view of `size` to 256 channels at 64²: 6×6 convolution (stride 1 at 64²), and a max-pool above 128²."""
    stride = 1 if size <= 64 else 2
    first = nn.Sequential(
        nn.ZeroPad2d((2, 3, 2, 3) if stride == 1 else 2), nn.Conv2d(channels, 64, 6, stride, bias=False)
    )
    pooling = [nn.MaxPool2d(2)] if size > 128 else []
    return nn.Sequential(first, Bottleneck(64, 128), *pooling, Bottleneck(128, 128), Bottleneck(128, WIDTH))


class LorenzShape(nn.Module):
    """Stem, hourglass of depth 4, dropout, 1×1 head."""

    def __init__(self, channels: int, parts: int, size: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.stem, self.hourglass = stem(channels, size), Hourglass(WIDTH, 4)
        self.finish = nn.Sequential(nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.Dropout(dropout))
        self.logits = Logits(WIDTH, parts, scale)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k m n"]:
        return spatial_softmax(self.logits(self.finish(self.hourglass(self.stem(images)))).float())


class LorenzAppearance(nn.Module):
    """Stem features plus projected part maps, hourglass of depth 1, 1×1 to D, averaged under the part maps."""

    def __init__(self, channels: int, parts: int, dimensions: int, size: int) -> None:
        super().__init__()
        self.stem, self.maps = stem(channels, size), nn.Conv2d(parts, WIDTH, 1, bias=False)
        self.hourglass, self.head = Hourglass(WIDTH, 1), nn.Conv2d(WIDTH, dimensions, 1)

    def forward(self, images: Float[Tensor, "b c h w"], maps: Float[Tensor, "b k m n"]) -> Float[Tensor, "b k d"]:
        peaks = maps / maps.amax((-2, -1), keepdim=True)
        return pool(self.head(self.hourglass(self.stem(images) + self.maps(peaks))), maps)


class LorenzGenerator(nn.Module):
    """A decoder from 4² to the full side that meets heats and projected appearances on its way up."""

    def __init__(self, channels: int, parts: int, dimensions: int, size: int, scale: float, background: int) -> None:
        super().__init__()
        self.scale, self.levels, self.heats, self.spans = scale, _levels(size), {}, {}
        widths = {n: max(WIDTH * 16 // max(n, 16), 32) for n in self.levels}
        self.blocks = nn.ModuleDict()
        below = 0
        for n in self.levels:
            self.heats[n] = min(HEATS.get(n, parts), parts)
            self.spans[n] = _span(n, parts)
            given = self.heats[n] + (dimensions if self.spans[n] else 0) + (background if n == 16 else 0)
            self.blocks[str(n)] = nn.Sequential(
                nn.Conv2d(below + given, widths[n], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[n]), nn.ReLU()
            )
            below = widths[n]
        self.out = nn.Sequential(nn.ZeroPad2d((2, 3, 2, 3)), nn.Conv2d(below, channels, 6))

    def forward(
        self,
        mean: Float[Tensor, "b k 2"],
        cov: Float[Tensor, "b k 2 2"],
        appearance: Float[Tensor, "b k d"],
        size: int,
        background: Float[Tensor, "b g h w"] | None = None,
        scene: Float[Tensor, "b g size size"] | None = None,
    ) -> Float[Tensor, "b c size size"]:
        if background is not None and scene is not None:  # it has no second layer: all that it has is what it is told
            coarse = F.avg_pool2d(scene, 4)
            background = torch.where(coarse[:, -1:].mean((2, 3), keepdim=True) > 0, coarse, background)
        x = appearance.new_zeros(len(mean), 0, 2, 2)
        for n in self.levels:
            side = size * n // self.levels[-1]  # a larger picture than the views passes the same levels
            heats = heavy_tailed(mean, floored(cov, side), side, self.scale)
            x = F.interpolate(x, (side, side)) if x.shape[1] else x.new_zeros(len(mean), 0, side, side)
            given = [x, heats[:, : self.heats[n]].to(x.dtype)]
            if self.spans[n]:
                span = slice(*self.spans[n])
                given.append(project(appearance[:, span], heats[:, span]))
            if n == 16 and background is not None:
                given.append(F.adaptive_avg_pool2d(background, side))
            x = self.blocks[str(n)](torch.cat(given, 1))
        return self.out(x).float().sigmoid()


def _levels(size: int) -> list[int]:
    """4, 8, 16, … and the size itself where that is not a power of two times four."""
    levels = [4]
    while levels[-1] * 2 < size:
        levels.append(levels[-1] * 2)
    return [*levels, size]


def _span(n: int, parts: int) -> tuple[int, int] | None:
    """Which parts' appearances enter at n²; with few parts the coarse levels hold what there are."""
    first, last = COARSE.get(n, (4, parts) if n == 16 else (0, 0))
    last = min(last, parts)
    return (first, last) if first < last else None
