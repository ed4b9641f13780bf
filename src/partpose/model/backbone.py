"""A network that was taught to name pictures, whose features the shape stream may read.

EfficientNet-Lite0 (Tan and Le 2019, EfficientNet-B0; as Liu 2020 made it for small devices: without squeeze and excitation,
ReLU6 for swish), as far as its features are used. Nothing in it learns, so its batch norms are folded into convolutions.
"""

from itertools import starmap
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Levels = tuple[Float[Tensor, "b l h/4 w/4"], Float[Tensor, "b m h/8 w/8"], Float[Tensor, "b n h/16 w/16"]]
"""Features of pictures of h × w at 1/4, 1/8 and 1/16 of the side."""


class Stage(NamedTuple):
    """Blocks of one width; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    channels: int
    expansion: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(2, 3, 2, 24, 6),
    Stage(2, 5, 2, 40, 6),
    Stage(3, 3, 2, 80, 6),
    Stage(3, 5, 1, 112, 6),
    Stage(4, 5, 2, 192, 6),
)
STEM = 32  # channels before the first stage
READ = (2, 4, 5)  # the stages whose features are read: the last ones of 1/8, 1/16 and 1/32 of the doubled side
FEATURES = tuple(STAGES[stage].channels for stage in READ)
MEAN, SPREAD = 127 / 255, 128 / 255  # of values in [0, 1], as it was trained


class Convolution(nn.Conv2d):
    """One whose picture is padded as TensorFlow does, by more on the right and below where the stride is 2."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0 if stride == 2 else kernel // 2, groups=groups)
        self.more = stride == 2

    def forward(self, input: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o m n"]:
        least = (self.kernel_size[0] - 2) // 2
        return super().forward(F.pad(input, (least, least + 1) * 2) if self.more else input)


class Block(nn.Module):
    """An inverted residual (Sandler et al. 2018): widen, look around in each channel, narrow."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.expand = Convolution(inputs, inner, 1) if stage.expansion > 1 else None
        self.depthwise = Convolution(inner, inner, stage.kernel, stride, groups=inner)
        self.project = Convolution(inner, stage.channels, 1)
        self.residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Float[Tensor, "b i h w"]) -> Float[Tensor, "b o m n"]:
        wide = x if self.expand is None else F.relu6(self.expand(x), inplace=True)
        narrow = self.project(F.relu6(self.depthwise(wide), inplace=True))
        return x + narrow if self.residual else narrow


def blocks(inputs: int, stage: Stage) -> nn.Sequential:
    """Those of one stage, after one of so many channels."""
    first = Block(inputs, stage, stage.stride)
    return nn.Sequential(first, *(Block(stage.channels, stage, 1) for _ in range(stage.blocks - 1)))


class Backbone(nn.Module):
    """RGB (or grey, or either with alpha) in [0, 1] to features at 1/4, 1/8 and 1/16 of the side; `FEATURES` channels.

    It looks at the picture at twice its size: what it was taught on was larger than the views of a training are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        inputs = (STEM, *(stage.channels for stage in STAGES[:-1]))
        self.stages = nn.ModuleList(starmap(blocks, zip(inputs, STAGES, strict=True)))
        self.requires_grad_(False)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Levels:
        large = F.interpolate(colours(images), scale_factor=2.0, mode="bilinear", align_corners=False)
        x, read = F.relu6(self.stem((large - MEAN) / SPREAD), inplace=True), []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in READ:
                read.append(x)
        at4, at8, at16 = read
        return at4, at8, at16


def colours(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
    """What a network for photographs sees of pictures of any channels: grey is repeated, alpha left out."""
    return images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)


def folded(convolution: dict[str, Tensor], norm: dict[str, Tensor], eps: float = 1e-3) -> dict[str, Tensor]:
    """Weight and bias of a convolution with the batch norm behind it, as it is in evaluation."""
    scale = norm["weight"] / (norm["running_var"] + eps).sqrt()
    return {
        "weight": convolution["weight"] * scale[:, None, None, None],
        "bias": norm["bias"] - norm["running_mean"] * scale,
    }


def published_names() -> dict[str, tuple[str, str]]:
    """Each convolution of a `Backbone` by name, and what it and its batch norm are called in the published weights."""
    names, number = {"stem": ("_conv_stem", "_bn0")}, 0
    for stage, one in enumerate(STAGES):
        for place in range(one.blocks):
            here, there = f"stages.{stage}.{place}", f"_blocks.{number}"
            if one.expansion > 1:
                names[f"{here}.expand"] = (f"{there}._expand_conv", f"{there}._bn0")
            names[f"{here}.depthwise"] = (f"{there}._depthwise_conv", f"{there}._bn1")
            names[f"{here}.project"] = (f"{there}._project_conv", f"{there}._bn2")
            number += 1
    return names
