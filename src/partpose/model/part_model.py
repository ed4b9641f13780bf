"""The whole network, and its folder on disk: `model.safetensors` + `config.json`, nothing pickled."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from partpose.config import ModelSettings, Settings, parse
from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.geometry import Parts, Square, det2, parts_of
from partpose.model.appearance import Appearance
from partpose.model.background import around, masked_copy
from partpose.model.facing import FacingShape
from partpose.model.generator import Generator
from partpose.model.lorenz import LorenzAppearance, LorenzGenerator, LorenzShape
from partpose.model.pretrained import INSTALL, PACKAGE, installed, teach
from partpose.model.shape import Shape, TaughtShape

WEIGHTS, CONFIG = "model.safetensors", "config.json"
BACKBONE = "shape.backbone."
"""What the names of its weights begin with, where a model has one."""


class Encoding(NamedTuple):
    """B pictures, taken apart: where their parts are, what each looks like, and what is behind them."""

    parts: Parts
    appearance: Tensor  # (B, K, D)
    background: Tensor | None  # (B, C + 1, side, side), last where it is known; None where the model has no background

    def replace(self, appearance: "Encoding", parts: Iterable[int] | None = None) -> "Encoding":
        """The same shapes and background in the looks of another encoding, of all parts or of those numbered here.

        appearance: of one picture, which all take, or of as many as there are here.
        Raises PartposeError for parts that there are not, and for looks of another model.
        """
        own, other = self.appearance, appearance.appearance
        if other.shape[1:] != own.shape[1:] or len(other) not in (1, len(own)):
            raise PartposeError(f"appearance must be {tuple(own.shape)}, or of one picture, got {tuple(other.shape)}")
        chosen = list(range(own.shape[1]) if parts is None else parts)
        self._check_parts(chosen)
        worn = own.clone()
        worn[:, chosen] = other.expand_as(own)[:, chosen]
        return self._replace(appearance=worn)

    def move(self, part: int, mean: Any = None, cov: Any = None, square: Square | None = None) -> "Encoding":
        """The same looks with one part somewhere else, or of another extent: in all B pictures.

        mean: (x, y).  cov: (2, 2).  Both in the inside frame; with `square` in pixels of the picture that it lies in
        (`geometry.Square.around(width, height)` for a whole one). Raises PartposeError where `cov` is no covariance.
        """
        self._check_parts([part])
        means, covs = self.parts.mean.clone(), self.parts.cov.clone()
        if mean is not None:
            inside = mean if square is None else square.from_pixels(np.asarray(mean))
            means[:, part] = torch.as_tensor(inside, dtype=means.dtype, device=means.device)
        if cov is not None:
            inside = cov if square is None else square.cov_from_pixels(np.asarray(cov))
            covs[:, part] = _as_covariance(inside).to(covs)
        return self._replace(parts=self.parts._replace(mean=means, cov=covs))

    def _check_parts(self, parts: Iterable[int]) -> None:
        count = self.appearance.shape[1]
        if wrong := [part for part in parts if not hasattr(part, "__index__") or not 0 <= part < count]:
            raise PartposeError(f"there is no part {wrong[0]!r}: expected a number from 0 to {count - 1}")


def _as_covariance(cov: Any) -> Tensor:
    matrix = torch.as_tensor(cov, dtype=torch.float64)
    if matrix.shape != (2, 2) or not (torch.allclose(matrix, matrix.T) and matrix[0, 0] > 0 and det2(matrix) > 0):
        raise PartposeError(f"a covariance must be 2×2, symmetric and positive definite, got {matrix.tolist()}")
    return matrix


class PartModel(nn.Module):
    """Shape stream, appearance stream and generator. Pictures are (B, C, side, side) in [0, 1], side a multiple of 16."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = s = settings
        background = 0 if s.background == "none" else s.channels + 1
        if s.architecture == "lorenz2019":
            self.shape: nn.Module = LorenzShape(s.channels, s.parts, s.size, s.logit_scale, s.dropout)
            self.appearance: nn.Module = LorenzAppearance(s.channels, s.parts, s.appearance, s.size)
            self.generator: nn.Module = LorenzGenerator(
                s.channels, s.parts, s.appearance, s.size, s.gaussian_scale, background
            )
        else:
            self.shape = _stream(s)(s.channels, s.parts, s.width, s.logit_scale, s.dropout)
            self.appearance = Appearance(s.channels, s.appearance, s.width)
            self.generator = Generator(s.channels, s.parts, s.appearance, s.width, s.gaussian_scale, background)

    def on(self, device: torch.device) -> "PartModel":
        """This network on a device, in the memory layout that convolutions are fastest in."""
        return self.to(device).to(memory_format=torch.channels_last)  # ty: ignore[no-matching-overload]

    def part_maps(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k m n"]:
        """One map a part, each summing to one."""
        return self.shape(images)

    def parts(self, images: Float[Tensor, "b c h w"]) -> Parts:
        """Means, covariances and confidences in the inside frame."""
        return parts_of(self.part_maps(images))

    def background(
        self, images: Float[Tensor, "b c h w"], generator: torch.Generator
    ) -> Float[Tensor, "b g h/4 w/4"] | None:
        """The heavily masked copy that the generator learns from, or None where the model has no background."""
        return None if self.settings.background == "none" else masked_copy(images, generator)

    def encode(self, images: Float[Tensor, "b c h w"], maps: Float[Tensor, "b k m n"] | None = None) -> Encoding:
        """Take pictures apart; `maps` are their part maps, where they are at hand already."""
        maps = self.part_maps(images) if maps is None else maps
        parts = parts_of(maps)
        scale = self.settings.gaussian_scale
        background = None if self.settings.background == "none" else around(images, parts.mean, parts.cov, scale)
        return Encoding(parts, self.appearance(images, maps), background)

    def decode(self, encoding: Encoding, size: int, painted: bool = False) -> Float[Tensor, "b c size size"]:
        """Pictures of `size` from what `encode` gave, or from an edited version of it.

        painted: the background is what the generator makes of it too, and no copy. An edit wants the copy; what is to show how
        well a picture can be rebuilt does not.
        Raises PartposeError for a size that is no multiple of 4: the coarsest maps have a quarter of it.
        """
        if size < 4 or size % 4:
            raise PartposeError(f"expected a multiple of 4 as the size of a picture to be made, got {size}")
        parts, appearance, background = encoding
        if background is None:
            return self.generator(parts.mean, parts.cov, appearance, size)
        scene = None if painted else F.interpolate(background, (size, size), mode="bilinear", align_corners=False)
        coarse = F.adaptive_avg_pool2d(background, size // 4)
        return self.generator(parts.mean, parts.cov, appearance, size, coarse, scene)


def _stream(settings: ModelSettings) -> type[Shape]:
    if settings.facing:
        return FacingShape
    return Shape if settings.backbone == "none" else TaughtShape


def fresh_model(settings: ModelSettings) -> PartModel:
    """A network before its first step: its weights are drawn, those of a backbone are the published ones.

    Raises PartposeError where these are not to be had.
    """
    model = PartModel(settings)
    if isinstance(model.shape, TaughtShape):
        teach(model.shape.backbone)
    return model


def save_model(folder: Path, model: PartModel, settings: Settings, facts: dict[str, Any]) -> None:
    """Write `model.safetensors` (the weights and nothing else) and `config.json` (settings and `facts`), atomically."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    config = {"settings": settings.model_dump(), "training": facts}
    with atomic(folder / WEIGHTS) as weights_file, atomic(folder / CONFIG) as config_file:
        weights_file.write_bytes(save(weights))
        config_file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_model(folder: Path) -> tuple[PartModel, Settings, dict[str, Any]]:
    """Read a model folder: the network in evaluation mode, its settings, and the facts of its training.

    Raises:
        PartposeError: where there is no model, or its files are broken or do not belong together.
    """
    settings, facts = read_config(folder)
    model = PartModel(settings.model)
    load_weights(model, folder)
    return model.eval(), settings, facts


def load_weights(model: PartModel, folder: Path) -> None:
    """Put the weights of a model folder into `model`; half precision is widened, a backbone left out is the published one."""
    try:
        (folder / WEIGHTS).open("rb").close()  # whose reasons are better than load_file's
        weights = load_file(folder / WEIGHTS)
        wide = {name: t.float() if t.is_floating_point() else t for name, t in weights.items()}
        model.load_state_dict(_published(model, wide) | wide)
    except PermissionError:
        raise PartposeError(f"the weights {folder / WEIGHTS} may not be read (no permission)") from None
    except (OSError, SafetensorError) as error:
        raise PartposeError(
            f"cannot read the weights {folder / WEIGHTS}: {error}; train again or copy them anew"
        ) from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:120]
        raise PartposeError(
            f"the weights in {folder} do not fit its settings ({reason}): were they made by another version of partpose? "
            "Train again"
        ) from None


def _published(model: PartModel, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """What of the weights is a backbone's, where a file leaves that out, as those of shipped models do."""
    if not isinstance(model.shape, TaughtShape) or any(name.startswith(BACKBONE) for name in weights):
        return {}
    if installed() is None:
        raise PartposeError(f"this model leaves its backbone to the package {PACKAGE}, which is not there: {INSTALL}")
    teach(model.shape.backbone)
    return {BACKBONE + name: tensor for name, tensor in model.shape.backbone.state_dict().items()}


def read_config(folder: Path) -> tuple[Settings, dict[str, Any]]:
    """Settings and facts of a model folder."""
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise PartposeError(
            f"no trained model in {folder}: expected {WEIGHTS} and {CONFIG} there; train one first with "
            f"`partpose train INPUT --output {folder}`"
        )
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return parse(config["settings"], str(folder / CONFIG)), config["training"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartposeError(f"{folder / CONFIG} is broken ({error!r}): copy it anew or train again") from None
