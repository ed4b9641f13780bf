"""Shards on a Ray cluster: models as actors, a file a shard. What is killed is done again, what is done is not."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from partpose.cluster.plan import SHARDS, Shard
from partpose.cluster.worker import Worker
from partpose.errors import PartposeError

TRIES = 3
"""How often a shard is given to another worker where one dies: a file may be what kills them."""


def run(
    shards: Sequence[Shard], workers: int | None, device: str | None, model: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Do the shards, and yield what `Worker` says of each, as they are done.

    A worker has one GPU where the cluster has any, or else one core. Ray restarts what dies, as long as there is a machine, and
    gives its shard to another worker, three times at most; only the list of files and a few numbers pass between machines, so
    memory does not grow with the input.

    workers: at most; None for as many as the cluster has room for.  device: "cpu" leaves its GPUs alone.  model: what `Worker`
    is made with, but for the device. Raises PartposeError where Ray is not installed, no cluster answers, or a worker fails
    for good.
    """
    ray = _ray()
    started = not ray.is_initialized()
    try:
        if started:
            ray.init(**_local_if_alone(), log_to_driver=False, logging_level=logging.ERROR)
        yield from _done(ray, shards, workers, device, model)
    except ConnectionError as error:
        address = os.environ.get("RAY_ADDRESS")
        raise PartposeError(f"no Ray cluster answers at RAY_ADDRESS={address}: {error}") from None
    except ray.exceptions.RayError as error:
        raise PartposeError(f"a worker failed: {_innermost(error)}") from error
    finally:
        if started:
            ray.shutdown()


def _done(
    ray: Any, shards: Sequence[Shard], workers: int | None, device: str | None, model: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    there = ray.cluster_resources()
    gpu = device != "cpu" and there.get("GPU", 0) > 0
    most = max(1, min(workers or int(there.get("GPU" if gpu else "CPU", 1)), len(shards)))
    rows = ray.data.from_items([shard._asdict() for shard in shards], override_num_blocks=len(shards))
    resources = {"num_gpus": 1} if gpu else {"num_cpus": 1}
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=most)
    given = model | {"device": None if gpu else "cpu"}
    found = rows.map(Worker, fn_constructor_kwargs=given, compute=pool, max_task_retries=TRIES, **resources)
    yield from found.iter_rows()


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
