"""What `partpose predict --engine ray` and `partpose merge` do."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from partpose.cluster.engine import run, undone
from partpose.cluster.merge import merge
from partpose.cluster.options import Engine
from partpose.cluster.plan import cut, list_files, settle
from partpose.data.atomic import make_folder
from partpose.errors import PartposeError
from partpose.model.shipped import resolve
from partpose.predict.finish import Finish
from partpose.predict.predictor import load
from partpose.terminal import count, counting, report_skipped
from partpose.train.run_folder import write_skipped
from partpose.wanted import Wanted

POSSIBLE = ("average", "uncertainty", "batch", "skip_existing")


def predict_on_cluster(
    model: str, inputs: Sequence[Path], output: Path, wanted: Wanted, device: str | None, engine: Engine
) -> None:
    """Predict all pictures and videos in shards, and say what was done; the same call goes on with what was interrupted."""
    _check(wanted)
    predictor = load(model, device)
    files, skipped = list_files([_address(one) for one in inputs])
    shards = cut(files, engine.shard)
    options = json.dumps({"average": wanted.average, "uncertainty": wanted.uncertainty, "shard": engine.shard})
    settle(output, shards, {"model": predictor.digest, "options": options})
    rest = undone(shards, output)
    made_with = {
        "model": str(resolve(model).resolve()),
        "output": str(output.resolve()),
        "average": wanted.average,
        "uncertainty": wanted.uncertainty,
        "batch": wanted.batch,
        "device": None if predictor.device.type == "cuda" else "cpu",
    }
    rows = missed = 0
    with counting("shards") as progress:
        for done, said in (
            enumerate(run(rest, engine.workers, predictor.device.type == "cuda", made_with), 1) if rest else ()
        ):
            rows, missed = rows + said["rows"], missed + said["skipped"]
            progress(done, len(rest))
    write_skipped(output, skipped)
    before = len(shards) - len(rest)
    print(f"{count(rows, 'picture')} in {count(len(rest), 'shard')}{f', {before} were there before' if before else ''}")
    if missed:
        print(f"{count(missed, 'file')} could not be read, `partpose merge` lists them")
    print(f"next: partpose merge {output} --output RESULTS")


def merge_shards(folder: Path, output: Path, finish: Finish, rows: int, landmarks: Path | None) -> None:
    """Join shards, and say what was written."""
    if finish != replace(Finish(), format=finish.format):
        raise PartposeError("shards are merged as they were predicted: use `partpose smooth` on the merged file")
    make_folder(output)
    files, skipped = merge(folder, output, finish.formats, rows, landmarks)
    for file in files:
        print(f"written: {file}")
    write_skipped(output, skipped)
    report_skipped(skipped)


def _check(wanted: Wanted) -> None:
    usual = Wanted()
    asked = [f.name for f in fields(Wanted) if getattr(wanted, f.name) != getattr(usual, f.name)]
    if other := [name for name in asked if name not in POSSIBLE]:
        raise PartposeError(f"--{other[0].replace('_', '-')} is not for --engine ray: merge first, then do the rest")


def _address(one: Path) -> str:
    """What the command line took for a path, with both slashes of an address."""
    text = str(one)
    scheme, colon, rest = text.partition(":/")
    return f"{scheme}://{rest.lstrip('/')}" if colon and scheme.isalnum() and len(scheme) > 1 else text
