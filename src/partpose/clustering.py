"""What `partpose predict --engine ray` and `partpose merge` do."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from partpose.cluster.engine import run, undone
from partpose.cluster.merge import merge
from partpose.cluster.options import Engine
from partpose.cluster.plan import SHARDS, Shard, cut, list_files, settle
from partpose.data.atomic import make_folder
from partpose.data.where import chosen_boxes
from partpose.edit.names import names_of
from partpose.errors import PartposeError
from partpose.model.shipped import resolve
from partpose.predict.finish import Finish
from partpose.predict.onnx_model import is_onnx
from partpose.predict.predictor import load
from partpose.terminal import count, counting, report_skipped
from partpose.train.run_folder import write_skipped
from partpose.wanted import Wanted

POSSIBLE = ("average", "uncertainty", "batch", "skip_existing", "boxes")


def predict_on_cluster(
    model: str,
    inputs: Sequence[Path],
    output: Path,
    wanted: Wanted,
    device: str | None,
    finish: Finish,
    engine: Engine,
) -> None:
    """Predict all pictures and videos in shards, and say what was done; the same call goes on with what was interrupted."""
    _check(wanted, finish)
    predictor = load(model, "cpu")
    if chosen_boxes(wanted.boxes, predictor.settings) is not None:
        raise PartposeError("--engine ray looks at whole pictures: say --boxes none, or predict boxes without --engine")
    files, skipped = list_files([_address(one) for one in inputs])
    shards, names = cut(files, engine.shard), names_of(model)
    options = {"average": wanted.average, "uncertainty": wanted.uncertainty}
    settle(output, shards, {"model": predictor.digest, "options": json.dumps([options, engine.shard, names])})
    write_skipped(output, skipped)
    made_with = {
        "model": str((Path(model) if is_onnx(model) else resolve(model)).resolve()),
        "output": str(output.resolve()),
        "options": options | {"batch": wanted.batch},
        "names": names,
    }
    rest = undone(shards, output)
    _say(_run(rest, engine.workers, device, made_with), len(shards) - len(rest), output)


def _run(rest: Sequence[Shard], workers: int | None, device: str | None, model: dict[str, Any]) -> list[dict[str, Any]]:
    said = []
    with counting("shards") as progress:
        for one in run(rest, workers, device, model) if rest else ():
            said.append(one)
            progress(len(said), len(rest))
    return said


def _say(said: Sequence[dict[str, Any]], before: int, output: Path) -> None:
    """What was done. Raises PartposeError where something was not, or where nothing could be read."""
    rows, missed = (sum(one[name] for one in said) for name in ("rows", "skipped"))
    done = [one for one in said if not one["failed"]]
    there = f", {before} were there before" if before else ""
    print(f"{count(rows, 'picture')} in {count(len(done), 'shard')}{there}")
    if missed:
        print(f"{count(missed, 'file')} could not be read, `partpose merge` lists them")
    if failed := [one["failed"] for one in said if one["failed"]]:
        raise PartposeError(
            f"{count(len(failed), 'shard')} not done, give the same command again; the first: {failed[0]}"
        )
    if said and not rows and not before:
        raise PartposeError(f"none of {count(missed, 'file')} could be read, the reasons are in {output / SHARDS}")
    print(f"next: partpose merge {output} --output RESULTS")


def merge_shards(folder: Path, output: Path, formats: Sequence[str], rows: int, landmarks: Path | None) -> None:
    """Join shards, and say what was written."""
    make_folder(output)
    files, skipped = merge(folder, output, formats, rows, landmarks)
    for file in files:
        print(f"written: {file}")
    write_skipped(output, skipped)
    report_skipped(skipped)


def _check(wanted: Wanted, finish: Finish) -> None:
    usual = Wanted()
    asked = [f.name for f in fields(Wanted) if getattr(wanted, f.name) != getattr(usual, f.name)]
    if other := [name for name in asked if name not in POSSIBLE]:
        raise PartposeError(f"--{other[0].replace('_', '-')} is not for --engine ray: merge first, then do the rest")
    if finish != Finish():
        raise PartposeError(
            "formats and filters are not for --engine ray: `partpose merge --format` chooses formats, `partpose smooth` "
            "filters what is merged"
        )


def _address(one: Path) -> str:
    """What the command line took for a path, with all slashes of an address."""
    scheme, colon, rest = str(one).partition(":/")
    if not colon or not scheme.isalnum() or len(scheme) < 2:
        return str(one)
    return f"{scheme}://{'/' if scheme in ('file', 'hdfs') else ''}{rest.lstrip('/')}"
