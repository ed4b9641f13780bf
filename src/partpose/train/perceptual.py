"""The perceptual reconstruction error: differences between features of VGG19, a network that was taught to name pictures.

The network is configuration E of Simonyan and Zisserman 2015 as far as relu5_2, layer for layer and name for name as in
torchvision, whose weights (`vgg19-dcbb9e9d.pth`, 548 MB) it takes. Compared are the pictures themselves and relu1_2,
relu2_2, relu3_2, relu4_2 and relu5_2 (Chen and Koltun 2017).
"""

import pickle
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.config import LossSettings
from partpose.errors import PartposeError
from partpose.model.backbone import colours
from partpose.train.distributed import mean_of_all

HUB = "hub"
URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
CONVOLUTIONS = (2, 2, 4, 4, 2)  # in each block; the last one has two more, which nothing here needs
COMPARED = (3, 8, 13, 22, 31)  # the second ReLU of each block, by its place in `features`
SCALE = (
    0.3  # of the size of the pyramid (0.9 to 1 of it with random weights): those of the other terms keep their meaning
)


class NoWeights(PartposeError):
    """There are no weights to be had."""


class Vgg19(nn.Module):
    """RGB in [0, 1] to the features of the five layers that are compared. width: of the first block, 64 in VGG19."""

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers, inputs = [], 3
        for block, count in enumerate(CONVOLUTIONS):
            outputs = width * min(2**block, 8)
            for _ in range(count):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        # Of ImageNet, on whose pictures it was trained
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        x, found = (pictures - self.mean) / self.spread, []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in COMPARED:
                found.append(x)
        return found


class Perceptual(nn.Module):
    """The error between pictures as VGG19 sees them; nothing in it learns."""

    def __init__(self, network: Vgg19) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def forward(
        self,
        rebuilt: Float[Tensor, "b c h w"],
        target: Float[Tensor, "b c h w"],
        weight: Float[Tensor, "#b 1 h w"],
    ) -> Float[Tensor, ""]:
        """Mean absolute difference of each layer by the mean size of the target's features there, a mean over layers.

        weight: of every place, 1 on average; pooled to the side of each layer.
        """
        with torch.no_grad():
            wanted = [target, *self.network(colours(target))]
        total = rebuilt.new_zeros((), dtype=torch.float32)
        for ours, theirs in zip([rebuilt, *self.network(colours(rebuilt))], wanted, strict=True):
            error = (ours - theirs).abs().float() * F.adaptive_avg_pool2d(weight, ours.shape[-1])
            total = total + error.mean() / mean_of_all(theirs.abs().float().mean()).clamp_min(1e-6)
        return SCALE * total / len(wanted)


def perceptual_for(loss: LossSettings, device: torch.device, warn: Callable[[str], None]) -> Perceptual | None:
    """What the settings ask for; None where they ask for another reconstruction, or, with a warning, without weights.

    Raises:
        PartposeError: where the weights are not those of a VGG19.
    """
    if loss.reconstruction != "vgg":
        return None
    try:
        found = load_perceptual(loss.vgg_weights)
    except NoWeights as error:
        warn(f"{error}; the reconstruction is measured by loss.reconstruction pyramid instead")
        return None
    return found.to(device).to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]


def load_perceptual(weights: str) -> Perceptual:
    """The error with weights from a file, or from torch hub's folder (`hub`), where they are fetched to the first time.

    Raises:
        NoWeights: where there is no such file, or it cannot be fetched.
        PartposeError: where it holds something else.
    """
    tensors = _fetched() if weights == HUB else _read(Path(weights))
    where = "torch hub's file" if weights == HUB else weights
    try:
        network = Vgg19(len(tensors["features.0.bias"]))
        network.load_state_dict({name: tensors[name].float() for name in network.state_dict()})
    except (KeyError, TypeError, AttributeError, RuntimeError):
        raise _unlike(where) from None
    return Perceptual(network)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise NoWeights(f"there is no file {path} with weights of VGG19 (loss.vgg_weights)")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError):
        raise _unlike(str(path)) from None


def _fetched() -> Any:
    try:
        return torch.hub.load_state_dict_from_url(URL, map_location="cpu", check_hash=True, weights_only=True)
    except (OSError, HTTPException) as error:  # no network, no space, a connection that breaks off
        raise NoWeights(f"cannot fetch the weights of VGG19 ({error}): give a file with --loss.vgg-weights") from None
    except (RuntimeError, pickle.UnpicklingError, EOFError):  # what came, or what lies there, has another checksum
        raise _unlike("torch hub's file") from None


def _unlike(where: str) -> PartposeError:
    return PartposeError(
        f"{where} does not hold the weights of VGG19: expected torchvision's state dict (.pth, or .safetensors with its "
        f"names); copy it anew"
    )
