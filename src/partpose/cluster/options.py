"""The options of `partpose predict` that are about many machines; light, as those in `wanted`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from partpose.errors import PartposeError

Positive = Parameter(validator=Number(gte=1))


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Where a prediction runs."""

    engine: Literal["here", "ray"] = "here"
    """ray: on a Ray cluster, or on all cores of this machine, in shards that `partpose merge` joins. Inputs may also be
    manifests (.txt, a path or address a line) and addresses (s3://…)."""
    shard: Annotated[int, Positive] = 1000
    """ray: pictures in a shard, each of which is a file."""
    workers: Annotated[int | None, Positive] = None
    """ray: models at once, at most; without it as many as there are GPUs, or cores."""

    cores_per_worker: Annotated[float | None, Parameter(validator=Number(gt=0))] = None
    """ray, without GPUs: cores of a worker. Below 1 there are more workers than cores, which helps where a store is slow;
    above 1 each computes with several. Default: 1."""

    def __post_init__(self) -> None:
        asked = (self.shard, self.workers, self.cores_per_worker)
        if self.engine == "here" and asked != (Engine.shard, Engine.workers, Engine.cores_per_worker):
            raise PartposeError(
                "--shard, --workers and --cores-per-worker are about --engine ray: add it, or leave them out"
            )
