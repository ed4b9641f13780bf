"""Shards on a Ray cluster: models as actors, a file a shard. What is killed is done again, what is done is not."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from partpose.cluster.plan import SHARDS, Shard
from partpose.cluster.worker import Worker, said
from partpose.errors import PartposeError

RETRIES = 3
"""How often a shard is given to another worker after one has died over it: a file may be what kills them."""


def run(
    shards: Sequence[Shard],
    workers: int | None,
    device: str | None,
    model: dict[str, Any],
    cores: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Do the shards, and yield what `Worker` says of each, as they are done; at the end, of each that its workers died over.

    A worker has one GPU where the cluster has any, or else one core. Ray restarts what dies, as long as there is a machine, and
    gives its shard to another worker, three more times at most; only the list of files and a few numbers pass between
    machines, so memory does not grow with the input.

    workers: at most; None for as many as the cluster has room for.  device: "cpu" leaves its GPUs alone, "cuda" wants them.
    model: what `Worker` is made with, but for the device.  cores: of each worker that has no GPU.
    Raises PartposeError where Ray is not installed, no cluster answers or it has no room, or a worker cannot begin.
    """
    ray = _ray()
    started = not ray.is_initialized()
    try:
        if started:
            ray.init(**_local_if_alone(), log_to_driver=False, logging_level=logging.ERROR)
        yield from _done(ray, shards, workers, device, model, cores)
    except ConnectionError as error:
        address = os.environ.get("RAY_ADDRESS")
        raise PartposeError(f"no Ray cluster answers at RAY_ADDRESS={address}: {error}") from None
    except ray.exceptions.RayError as error:
        raise PartposeError(f"a worker failed: {_innermost(error)}") from error
    finally:
        if started:
            ray.shutdown()


def _done(
    ray: Any,
    shards: Sequence[Shard],
    workers: int | None,
    device: str | None,
    model: dict[str, Any],
    cores: float | None,
) -> Iterator[dict[str, Any]]:
    _go_on_quietly(ray.data.DataContext.get_current())
    resources, room = share([node["Resources"] for node in ray.nodes() if node["Alive"]], device, cores)
    most = max(1, min(workers or room, len(shards)))
    rows = ray.data.from_items([shard._asdict() for shard in shards], override_num_blocks=len(shards))
    # A shard that waits at a worker would count its death as well
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=most, max_tasks_in_flight_per_actor=1)
    given = model | {"device": None if "num_gpus" in resources else "cpu"}
    # Ray has no other way yet to say how often, and complains of this one
    with warnings.catch_warnings(action="ignore"):
        found = rows.map(Worker, fn_constructor_kwargs=given, compute=pool, max_task_retries=RETRIES, **resources)
    seen = set()
    for one in found.iter_rows():
        seen.add(one["number"])
        yield one
    died = f"{RETRIES + 1} workers died over it, one after the other: a file may be to blame, or too little memory"
    yield from (said(one, new=False, failed=f"{one}: {died}") for one in shards if one.number not in seen)


def _go_on_quietly(context: Any) -> None:
    """A shard whose workers die must not end the others; Ray would print a traceback for each."""
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def share(
    machines: Sequence[Mapping[str, float]], device: str | None, cores: float | None
) -> tuple[dict[str, float], int]:
    """What one worker gets, and how many of them the machines have room for. Raises PartposeError where none has any.

    A worker is on one machine, and would wait for ever for what only several of them have together.
    """
    gpus, cpus = (sum(int(one.get("GPU", 0)) for one in machines), [one.get("CPU", 0) for one in machines])
    if device == "cuda" and not gpus:
        raise PartposeError("--device cuda: the cluster has no GPU; leave it out, or say cpu")
    if gpus and device != "cpu":
        if cores is not None:
            raise PartposeError("--cores-per-worker is for workers without a GPU: add --device cpu, or leave it out")
        return {"num_gpus": 1}, gpus
    if cores is not None and cores > (most := max(cpus, default=0)):
        raise PartposeError(f"--cores-per-worker {cores:g}: no machine of the cluster has more than {most:g}")
    each = cores or 1
    return {"num_cpus": each}, sum(int(cpu / each) for cpu in cpus)


def undone(shards: Sequence[Shard], output: Path) -> list[Shard]:
    """Those that have no file yet."""
    there = {path.name for path in (output / SHARDS).glob("*.h5")}
    return [shard for shard in shards if shard.file(output).name not in there]


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise PartposeError("--engine ray needs Ray: pip install 'partpose[cluster]'") from None
    return ray


def _local_if_alone() -> dict[str, Any]:
    """Join the cluster that RAY_ADDRESS names, as `ray job submit` sets it; else start one on this machine."""
    return {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}


def _innermost(error: BaseException) -> str:
    """The line that says what happened, out of the many that Ray wraps around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
