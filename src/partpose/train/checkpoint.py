"""Everything that a run needs to go on: weights, their average, the optimiser's memory, and where it stood."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from partpose.data.atomic import atomic
from partpose.errors import PartposeError

CHECKPOINT = "checkpoint.safetensors"


class Standing(NamedTuple):
    """Where a run stood."""

    step: int
    seconds: float
    finished: bool


def save_checkpoint(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, standing: Standing
) -> None:
    """Write `checkpoint.safetensors` atomically."""
    tensors = _named("model", model.state_dict()) | _named("average", average.state_dict())
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= _named(f"optimizer.{i}", state)
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    with atomic(folder / CHECKPOINT) as path:
        save_file(tensors, path, {"standing": json.dumps(standing._asdict())})


def read_standing(folder: Path) -> Standing | None:
    """Where the run in `folder` stood, or None before its first checkpoint."""
    if not (folder / CHECKPOINT).is_file():
        return None
    try:
        with safe_open(folder / CHECKPOINT, "pt") as file:
            return Standing(**json.loads(file.metadata()["standing"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PartposeError(f"cannot read {folder / CHECKPOINT}: {error}; delete it to begin this run anew") from None


def load_checkpoint(folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint back where it came from."""
    tensors = {}
    with safe_open(folder / CHECKPOINT, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model.load_state_dict(_below("model", tensors))
    average.load_state_dict(_below("average", tensors))
    saved = optimizer.state_dict()
    count = sum(len(group["params"]) for group in saved["param_groups"])
    saved["state"] = {i: state for i in range(count) if (state := _below(f"optimizer.{i}", tensors))}
    optimizer.load_state_dict(saved)


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
