"""One training by several processes, on the GPUs or cores of one machine or of many, as torchrun starts them.

Each process holds the whole network and learns from its share of every batch. Together they take the step that one process
would take with the whole batch: its randomness is drawn for all of its pictures, statistics of batch norm are over all of
them, gradients are averaged. The first process alone writes. A checkpoint knows nothing of how many processes there were.
"""

import os
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from partpose.config import Settings, TrainSettings
from partpose.data.atomic import atomic
from partpose.data.canvas import Canvases
from partpose.errors import PartposeError, Skipped
from partpose.train.schedule import Clock
from partpose.train.signals import Stopped

JOIN = timedelta(minutes=3)  # the longest wait for all processes to start
STEP = timedelta(minutes=10)  # and for another one within a step
READ = timedelta(days=7)  # and while another one reads its pictures
FAILED = "partpose/failed"


def processes() -> int:
    """How many processes torchrun has started; 1 without it."""
    return _number("WORLD_SIZE", 1)


def _number(variable: str, default: int) -> int:
    return int(os.environ.get(variable) or default)


def mean_of_all(value: Tensor) -> Tensor:
    """The mean over the processes of this training, where there are several; without a gradient."""
    if not dist.is_initialized():
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


class Team:
    """The processes of one training; this is number `rank` of `size`, and number `local` of its machine.

    store: what they can all write to.  patient: a group that waits for as long as one of them reads.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: dist.Store | None = None, patient: Any = None) -> None:
        self.rank, self.size, self.store, self.patient = rank, size, store, patient
        self.local, self.machine = _number("LOCAL_RANK", 0), _number("GROUP_RANK", 0)

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def on(self, device: torch.device) -> str:
        """What they train on, in words."""
        return device.type if self.size == 1 else f"{self.size} × {device.type}"

    def share(self, batch: int) -> slice:
        """Which pictures of a batch are for this process."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def own(self, rng: torch.Generator) -> torch.Generator:
        """A step's randomness for what each process draws for its own pictures."""
        return torch.Generator().manual_seed(rng.initial_seed() + self.rank) if self.rank else rng

    def clock(self, settings: TrainSettings, step: int = 0, seconds: float = 0.0) -> Clock:
        """A clock that shows the same to all."""
        return _SharedClock(self, settings, step, seconds) if self.size > 1 else Clock(settings, step, seconds)

    def wait(self) -> None:
        """Until all are here, however long another one reads."""
        if self.size > 1:
            with self.together():
                dist.barrier(group=self.patient)

    def any(self, signal: int | None) -> int | None:
        """A signal that one of the processes got."""
        if self.size == 1:
            return signal
        return int(self._reduced(torch.tensor([signal or 0]), dist.ReduceOp.MAX)) or None

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a value over all processes, whose shares are equal."""
        with self.together():
            return mean_of_all(value.detach()) if self.size > 1 else value

    def of_first(self, value: float) -> float:
        """What the first process says."""
        return float(self._reduced(torch.tensor([value if self.leads else 0.0], dtype=torch.float64)))

    def check(self, settings: Settings) -> None:
        """Raises PartposeError where a batch cannot be shared evenly, and where another process has other settings."""
        batch = settings.train.batch
        if batch % self.size:
            raise PartposeError(
                f"train.batch {batch} cannot be shared evenly by {self.size} processes: take a multiple of {self.size}, "
                f"such as {-(-batch // self.size) * self.size}, or start another number of processes"
            )
        self.alike(settings.model_dump_json(), "the machines train with different settings: give all the same command")

    def alike(self, text: str, otherwise: str) -> None:
        """Raises PartposeError(otherwise) where `text` is not the same in all processes."""
        if self.size > 1:
            crc = zlib.crc32(text.encode(errors="surrogateescape"))
            found = self._reduced(torch.tensor([crc, -crc]), dist.ReduceOp.MAX)
            if found[0] != -found[1]:
                raise PartposeError(otherwise)

    @contextmanager
    def together(self) -> Generator[None]:
        """What becomes of the others when one process ends in the middle of the body: an error that names it."""
        try:
            yield
        except Stopped:
            if not self.failed():
                raise
            raise _lost() from None  # torchrun ends all when one has failed
        except RuntimeError as error:
            if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            raise _lost() from None

    def failed(self) -> bool:
        """Whether a process has said that it ends with an error."""
        return self.store is not None and self._said(0) > 0

    def claim(self) -> bool:
        """Tell the others of an error; whether it is the first one, which the user should see."""
        return self.store is None or self._said(1) == 1

    def _said(self, more: int) -> int:
        try:
            return self.store.add(FAILED, more) if self.store else more
        except RuntimeError:  # it has gone with the first process, which has said why
            return more + 1

    def _reduced(self, value: Tensor, how: Any = dist.ReduceOp.SUM) -> Tensor:
        with self.together():
            dist.all_reduce(value, how)
        return value


ALONE = Team()


class _SharedClock(Clock):
    """The first process' time is everybody's, looked at once a step, so that all draw the same and end at the same step."""

    def __init__(self, team: Team, settings: TrainSettings, step: int, seconds: float) -> None:
        super().__init__(settings, step, seconds)
        self._team, self._now = team, seconds

    @property
    def seconds(self) -> float:
        return self._now

    def tick(self) -> None:
        super().tick()
        self._now = self._team.of_first(super().seconds)


def own_device(asked: str | None) -> str | None:
    """The name of this process' device: under torchrun every process takes the next GPU of its machine.

    Raises PartposeError where there are fewer GPUs than processes, or all ask for one GPU.
    """
    gpus, here = torch.cuda.device_count(), _number("LOCAL_WORLD_SIZE", 1)
    if processes() == 1 or asked == "cpu" or (asked is None and not gpus):
        return asked
    if asked not in (None, "cuda"):
        raise PartposeError(f"each process takes a GPU of its own, not all {asked}: leave --device out, or ask for cpu")
    if here > gpus:
        raise PartposeError(
            f"{here} processes for {gpus} GPUs: torchrun --nproc-per-node {gpus}, or ask for --device cpu"
        )
    return f"cuda:{_number('LOCAL_RANK', 0)}"


@contextmanager
def joined(device: torch.device) -> Generator[Team]:
    """The team of this process, in which it is alone where torchrun has not started several.

    An error ends all processes, and one of them says it: the others leave with exit code 2 and without a word.
    """
    if processes() == 1:
        yield ALONE
        return
    team = _join(device)
    try:
        with team.together():
            yield team
    except PartposeError as error:
        if not team.claim():
            raise SystemExit(2) from None
        said = PartposeError(f"{gethostname()}: {error}" if _number("GROUP_WORLD_SIZE", 1) > 1 else str(error))
        said.alone = True
        raise said from None
    except Exception:
        team.claim()
        raise
    dist.destroy_process_group()


def _join(device: torch.device) -> Team:
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        store, rank, size = next(iter(dist.rendezvous("env://", timeout=JOIN)))
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=STEP)
        return Team(rank, size, store, dist.new_group(timeout=READ, backend="gloo"))
    except (RuntimeError, ValueError) as error:
        raise PartposeError(f"the processes do not find each other ({error}): start them with torchrun") from None


def _lost() -> PartposeError:
    return PartposeError(
        "another process of this training has ended without a word, as when it is killed or its machine is lost: go on "
        "from the last checkpoint with the same command and --resume"
    )


def read_once(team: Team, folder: Path, read: Callable[[], Canvases]) -> Canvases:
    """What `read` gives, read by the first process of each machine; the others map its file, which nobody sees afterwards."""
    if team.size == 1:
        return read()
    squares, names = folder / f".canvases-{team.machine}.npy", folder / f".canvases-{team.machine}.npz"
    try:
        skipped = _write(read(), squares, names) if team.local == 0 else []
        team.wait()
        canvases = _mapped(squares, names, skipped)
        team.wait()
    finally:
        if team.local == 0:
            squares.unlink(missing_ok=True)
            names.unlink(missing_ok=True)
    return canvases


def _mapped(squares: Path, table: Path, skipped: list[Skipped]) -> Canvases:
    with np.load(table) as about:
        names = tuple(about["names"].tobytes().decode(errors="surrogateescape").split("\0"))
        clip, extent = about["clip"], about["extent"] if len(about["extent"]) else None
    return Canvases(np.load(squares, mmap_mode="r"), names, clip, skipped, extent)


def _write(canvases: Canvases, squares: Path, names: Path) -> list[Skipped]:
    blob = np.frombuffer("\0".join(canvases.names).encode(errors="surrogateescape"), np.uint8)
    with atomic(squares) as path:
        np.save(path, canvases.pixels)
    with atomic(names) as path:
        np.savez(path, names=blob, clip=canvases.clip, extent=() if canvases.extent is None else canvases.extent)
    return canvases.skipped
