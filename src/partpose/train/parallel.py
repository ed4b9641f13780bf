"""How a step is run: compiled, and by several processes, with batch norm over all their pictures and one gradient."""

import os
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from partpose.errors import PartposeError
from partpose.model.part_model import PartModel
from partpose.train.distributed import mean_of_all
from partpose.train.step import Terms, training_step


def compiled(model: PartModel) -> None:
    """Have torch compile the networks at their first step; what they are called, and their weights, stay as they are.

    Raises PartposeError where there is nothing to compile with.
    """
    device = next(model.parameters()).device.type
    compilers = [os.environ.get("CXX", "g++"), "clang++"]
    if not any(map(shutil.which, compilers)) if device == "cpu" else find_spec("triton") is None:
        wanted = f"a C++ compiler ({' or '.join(compilers)})" if device == "cpu" else "triton"
        raise PartposeError(f"train.compile needs {wanted}, which is not installed: install it, or train without")
    # The cached functions that it means return constants
    warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
    for network in (model.shape, model.appearance, model.generator):
        network.compile()


class _Mean(torch.autograd.Function):
    """The mean over all processes; its gradient is that of the sum of all their losses."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        return mean_of_all(value)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        return mean_of_all(gradient)


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the pictures of all processes, whose shares are equal. torch has one, for GPUs alone."""

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        if not self.training:
            return super().forward(input)
        mean = _Mean.apply(input.mean((0, 2, 3)))
        centred = input - mean[:, None, None]
        variance = _Mean.apply(centred.square().mean((0, 2, 3)))
        self._remember(mean.detach(), variance.detach(), input.numel() // len(mean) * dist.get_world_size())
        scale = (variance + self.eps).rsqrt()
        if not self.affine:
            return centred * scale[:, None, None]
        return centred * (scale * self.weight)[:, None, None] + self.bias[:, None, None]

    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        buffers, momentum = dict(self.named_buffers()), self.momentum or 0.0
        buffers["running_mean"].lerp_(mean, momentum)
        buffers["running_var"].lerp_(variance * (count / (count - 1)), momentum)
        buffers["num_batches_tracked"].add_(1)


def synchronised(model: PartModel, size: int) -> PartModel:
    """The model, in place, with batch norm over the pictures of `size` processes."""
    if size == 1:
        return model
    if next(model.parameters()).device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = SharedBatchNorm
    return model


class _Step(nn.Module):
    """DDP wants a module whose `forward` is all that is differentiated; here that is the step."""

    def __init__(self, model: PartModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *given: Any) -> Terms:
        return training_step(self.model, *given)


def stepper(model: PartModel, size: int) -> Callable[..., Terms]:
    """`training_step` of a model; with several processes the gradients of its terms are those of the mean over all."""
    if size == 1:
        return partial(training_step, model)
    known = signature(DistributedDataParallel).parameters
    buffers = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # its name before 2.13
    options: dict[str, Any] = {"gradient_as_bucket_view": True, buffers: False}
    return DistributedDataParallel(_Step(model), **options)
