"""Everything that a run needs to go on: weights, their average, the optimiser's memory, and where it stood."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from partpose.data.atomic import atomic
from partpose.errors import PartposeError

CHECKPOINT = "checkpoint.safetensors"


class Standing(NamedTuple):
    """Where a run stood.  useless: since which progress and step no part has been of use, see `health.Watch`."""

    step: int
    seconds: float
    finished: bool
    useless: tuple[float, int] | None = None


def save_checkpoint(
    folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, standing: Standing
) -> None:
    """Write `checkpoint.safetensors` atomically."""
    tensors = _named("model", model.state_dict()) | _named("average", average.state_dict())
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= _named(f"optimizer.{i}", state)
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    with atomic(folder / CHECKPOINT) as path:
        path.write_bytes(save(tensors, {"standing": json.dumps(standing._asdict())}))


def read_standing(folder: Path) -> Standing | None:
    """Where the run in `folder` stood, or None before its first checkpoint."""
    if not (folder / CHECKPOINT).is_file():
        return None
    try:
        with safe_open(folder / CHECKPOINT, "pt") as file:
            return Standing(**json.loads(file.metadata()["standing"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PartposeError(f"cannot read {folder / CHECKPOINT}: {error}; move {folder} away to begin anew") from None


def load_checkpoint(folder: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint back where it came from."""
    with safe_open(folder / CHECKPOINT, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        model.load_state_dict(_below("model", tensors))
        average.load_state_dict(_below("average", tensors))
    except RuntimeError:
        raise PartposeError(
            f"{folder / CHECKPOINT} is of a network that this version does not build: start a new run"
        ) from None
    saved = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    saved["state"] = {
        i: {name: _laid_out(value, p) for name, value in state.items()}
        for i, p in enumerate(parameters)
        if (state := _below(f"optimizer.{i}", tensors))
    }
    optimizer.load_state_dict(saved)


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In the parameter's memory layout: the fused optimiser walks through both as they lie in memory."""
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
