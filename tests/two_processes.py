"""What two processes of torchrun do for tests/train/test_distributed.py, one after the other, in the folder that is named."""

import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from training import Listener, canvases, small, train_in

from partpose.command import command
from partpose.data.canvas import Canvases
from partpose.errors import PartposeError
from partpose.train.batches import Batches
from partpose.train.distributed import Team, joined, read_once
from partpose.train.parallel import SharedBatchNorm

GENTLE = small(learning_rate=1e-3, log_every=1)  # so that rounding does not grow into another training


def normalise(kind: type[nn.BatchNorm2d], share: slice) -> dict[str, np.ndarray]:
    """Values, gradients and what is remembered, of a share of eight pictures."""
    x, weight = torch.randn(2, 8, 3, 5, 4, generator=torch.Generator().manual_seed(0)) + 3.0
    x, layer = x[share].contiguous(memory_format=torch.channels_last).requires_grad_(), kind(3)
    y = layer(x)
    (y * weight[share]).sum().backward()
    kept = {"x": x.grad, "weight": layer.weight.grad, "mean": layer.running_mean, "variance": layer.running_var}
    return {"y": y.detach().numpy()} | {name: value.numpy() for name, value in kept.items()}


def watch_rows(stop: int | None = None) -> list[np.ndarray]:
    """The rows of pictures that are looked up from now on; a SIGINT comes with those number `stop`."""
    seen, right = [], Batches.at

    def at(batches: Batches, rows: np.ndarray) -> torch.Tensor:
        seen.append(rows)
        if len(seen) == stop:
            signal.raise_signal(signal.SIGINT)
        return right(batches, rows)

    Batches.at = at
    return seen


def whole(team: Team, folder: Path) -> None:
    """A run, and what each process has seen and learnt in it."""
    seen, listener = watch_rows(), Listener()
    read = lambda: read_once(team, folder / "whole", canvases)  # noqa: E731
    train_in(folder / "whole", GENTLE, listener, read=read, team=team)
    rows = np.array([r for r in seen if len(r) == GENTLE.train.batch // team.size])
    np.savez(folder / f"whole{team.rank}.npz", rows=rows, lines=listener.steps, grids=listener.grids)


def unreadable() -> Canvases:
    raise PartposeError("the second process cannot read")


def main(folder: Path) -> None:
    """All of it; the last thing is an error of the second process."""
    with command("partpose"), joined(torch.device("cpu")) as team:
        np.savez(folder / f"norm{team.rank}.npz", **normalise(SharedBatchNorm, team.share(8)))
        whole(team, folder)
        watch_rows(stop=5 if team.rank else None)
        train_in(folder / "two", GENTLE, team=team)
        train_in(folder / "one", GENTLE, team=team, resume=True)
        train_in(folder / "bad", GENTLE, read=unreadable if team.rank else canvases, team=team)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
