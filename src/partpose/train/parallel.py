"""How the networks of a step are run: translated, or by several processes with one batch norm and one gradient."""

import os
import shutil
from collections.abc import Callable
from functools import partial
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


def translate(model: PartModel) -> None:
    """Have torch.compile translate the networks of a model at their first call; on GPUs into CUDA graphs.

    What is drawn at random, the warps and the losses are left as they are. Names of weights stay.
    Raises PartposeError where the machine has no C++ compiler, which torch needs for it.
    """
    if not any(map(shutil.which, (os.environ.get("CXX", "g++"), "clang++"))):
        raise PartposeError("train.compile needs a C++ compiler, and there is none: install g++, or train without it")
    mode = "reduce-overhead" if next(model.parameters()).device.type == "cuda" else "default"
    for network in (model.shape, model.appearance, model.generator):
        network.compile(mode=mode)


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
