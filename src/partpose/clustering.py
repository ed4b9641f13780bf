"""What `partpose predict --engine ray` and `partpose merge` do."""

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from partpose.cluster.engine import run, undone
from partpose.cluster.merge import Missing, merge
from partpose.cluster.options import Engine
from partpose.cluster.plan import SHARDS, Shard, clear_partial, cut, file_of, list_files, settle
from partpose.data.atomic import make_folder
from partpose.data.where import chosen_boxes
from partpose.edit.names import names_of
from partpose.errors import PartposeError, Skipped
from partpose.model.shipped import resolve
from partpose.predict.finish import Finish
from partpose.predict.onnx_model import is_onnx
from partpose.predict.predictor import load
from partpose.terminal import SHOWN, count, counting, report_skipped
from partpose.train.run_folder import SKIPPED, read_skipped, skipped_name, write_skipped
from partpose.wanted import Wanted

FAILED = "failed.jsonl"
"""Beside the shards: which of them the last call has not done, and why."""
ROUNDS = 2
"""How often a shard is tried: it may have been its machine that failed, or the fault may have passed."""
DEVICES = (None, "cpu", "cuda")
POSSIBLE = ("average", "uncertainty", "batch", "skip_existing", "boxes")


def predict_on_cluster(
    model: str,
    inputs: Sequence[str],
    output: Path,
    wanted: Wanted,
    device: str | None,
    finish: Finish,
    engine: Engine,
) -> None:
    """Predict all pictures and videos in shards, and say what was done; the same call goes on with what was interrupted."""
    _check(wanted, finish, device)
    predictor = load(model, "cpu")
    if chosen_boxes(wanted.boxes, predictor.settings) is not None:
        raise PartposeError("--engine ray looks at whole pictures: say --boxes none, or predict boxes without --engine")
    files, skipped = list_files(inputs)
    shards, names = cut(files, engine.shard), names_of(model)
    options = {"average": wanted.average, "uncertainty": wanted.uncertainty}
    settle(output, shards, {"model": predictor.digest, "options": json.dumps([options, engine.shard, names])})
    clear_partial(output)
    write_skipped(output / SHARDS, skipped)
    report_skipped(skipped, str(output / SHARDS / SKIPPED))
    made_with = {
        "model": str((Path(model) if is_onnx(model) else resolve(model)).resolve()),
        "output": str(output.resolve()),
        "options": options | {"batch": wanted.batch},
        "names": names,
    }
    rest = undone(shards, output)
    _say(_run(rest, engine, device, made_with), len(shards) - len(rest), output)


def _run(rest: Sequence[Shard], engine: Engine, device: str | None, model: dict[str, Any]) -> list[dict[str, Any]]:
    said: dict[int, dict[str, Any]] = {}
    total = len(rest)
    with counting("shards") as progress:
        for _ in range(ROUNDS):
            for one in run(rest, engine.workers, device, model, engine.cores_per_worker) if rest else ():
                said[one["number"]] = one
                progress(len(said), total)
            rest = [shard for shard in rest if said[shard.number]["failed"]]
    return list(said.values())


def _say(said: Sequence[dict[str, Any]], before: int, output: Path) -> None:
    """What was done. Raises PartposeError where something was not, or where nothing could be read."""
    rows, missed = (sum(one[name] for one in said) for name in ("rows", "skipped"))
    done = [one for one in said if not one["failed"]]
    there = f", {before} were there before" if before else ""
    print(f"{count(rows, 'picture')} in {count(len(done), 'shard')}{there}")
    if missed:
        print(f"{count(missed, 'file')} could not be read, `partpose merge` lists them")
    failed = [Skipped(str(file_of(output, one["number"])), one["failed"]) for one in said if one["failed"]]
    write_skipped(output / SHARDS, failed, FAILED)
    if failed:
        raise PartposeError(
            f"{count(len(failed), 'shard')} not done, give the same command again, or `partpose merge --incomplete`; "
            f"the reasons are in {output / SHARDS / FAILED}, the first: {failed[0].reason}"
        )
    # Of what a worker wrote just before it died nothing is known but that it is there
    if missed and not rows and not before and all(one["new"] for one in said):
        raise PartposeError(f"none of {count(missed, 'file')} could be read, the reasons are in {output / SHARDS}")
    print(f"next: partpose merge {output} --output RESULTS")


def merge_shards(
    folder: Path, output: Path, formats: Sequence[str], rows: int, landmarks: Path | None, incomplete: bool = False
) -> None:
    """Join shards, and say what was written and what is not in it."""
    make_folder(output)
    files, skipped, missing = merge(folder, output, formats, rows, landmarks, incomplete)
    for file in files:
        print(f"written: {file}")
    skipped = read_skipped(folder / SHARDS / SKIPPED) + skipped + _in_words(missing, folder)
    name = skipped_name(output)
    write_skipped(output, skipped, name)
    report_skipped(skipped, str(output / name))
    if missing:
        print(_in_one_line(missing), file=sys.stderr)


def _in_words(missing: Sequence[Missing], folder: Path) -> list[Skipped]:
    """Each shard that is not done, with what the last call has said of it."""
    why = {Path(one.path).name: f": {one.reason}" for one in read_skipped(folder / SHARDS / FAILED)}
    return [Skipped(str(one.path), f"is missing, {_contents([one])}{why.get(one.path.name, '')}") for one in missing]


def _in_one_line(missing: Sequence[Missing]) -> str:
    first = ", ".join(one.path.stem for one in missing[:SHOWN])
    rest = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return f"missing: {count(len(missing), 'shard')}, {_contents(missing)}: {first}{rest}"


def _contents(missing: Sequence[Missing]) -> str:
    pictures, videos = sum(one.pictures for one in missing), sum(not one.pictures for one in missing)
    return " and ".join(count(n, noun) for n, noun in ((pictures, "picture"), (videos, "video")) if n)


def _check(wanted: Wanted, finish: Finish, device: str | None) -> None:
    if device not in DEVICES:
        raise PartposeError(f"--device {device}: with --engine ray cpu or cuda; Ray gives each worker a GPU of its own")
    usual = Wanted()
    asked = [f.name for f in fields(Wanted) if getattr(wanted, f.name) != getattr(usual, f.name)]
    if other := [name for name in asked if name not in POSSIBLE]:
        raise PartposeError(f"--{other[0].replace('_', '-')} is not for --engine ray: merge first, then do the rest")
    if finish != Finish():
        raise PartposeError(
            "formats and filters are not for --engine ray: `partpose merge --format` chooses formats, `partpose smooth` "
            "filters what is merged"
        )
