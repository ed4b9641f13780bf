"""`partpose predict --engine ray` and `partpose merge` as commands, with a worker of this process in place of Ray."""

import json
from pathlib import Path

import pytest
from training import save_pictures, save_untrained

from partpose import clustering, prediction
from partpose.cli import main
from partpose.cluster import worker
from partpose.cluster.fetch import Unfetched
from partpose.cluster.worker import Worker
from partpose.errors import PartposeError
from partpose.predict.formats import read_hdf5


@pytest.fixture
def model(tmp_path) -> Path:
    return save_untrained(tmp_path / "model")


@pytest.fixture(autouse=True)
def here(monkeypatch) -> None:
    """Shards are done one after the other, in this process."""

    def run(shards, workers, device, given, cores):  # noqa: ARG001
        one = Worker(**given, device="cpu")
        yield from (one(shard._asdict()) for shard in shards)

    monkeypatch.setattr(clustering, "run", run)
    monkeypatch.setattr(worker, "PAUSE", 0.0)


def call(*words: object) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code or 0)


def skipped_in(path: Path) -> list[tuple[str, str]]:
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(Path(one["path"]).name, one["reason"]) for one in entries]


ADDRESSES = (
    "s3://bucket/a//b.jpg",
    "https://h/a.png?next=http://x//y",
    "https://h/dir/",
    "s3+x://b/a",
    "file:///a.png",
)


def test_addresses_come_through_the_command_line_as_they_are(tmp_path, model, monkeypatch, capsys):
    def list_files(inputs):
        raise PartposeError(f"seen: {inputs}")

    monkeypatch.setattr(clustering, "list_files", list_files)
    assert call("predict", model, *ADDRESSES, "plain/a.png", "--output", tmp_path / "job", "--engine", "ray") == 2
    assert f"seen: {[*ADDRESSES, 'plain/a.png']}" in capsys.readouterr().err


def test_one_machine_is_given_paths(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(prediction, "predict_inputs", lambda _, inputs, *rest: seen.extend(inputs))  # noqa: ARG005
    assert call("predict", "model", "pictures/", "a.png", "--output", tmp_path) == 0
    assert seen == [Path("pictures"), Path("a.png")]


def test_what_has_an_unknown_ending_is_said_and_merge_lists_it(tmp_path, model, capsys):
    save_pictures(tmp_path / "pictures", 2)
    (tmp_path / "more.txt").write_text("pictures/0.png\nnotes.doc\npictures/1.png\nnotes.doc\n")
    job = tmp_path / "job"
    assert call("predict", model, tmp_path / "more.txt", "--output", job, "--engine", "ray") == 0
    said = capsys.readouterr().err
    assert f"skipped 1 file (listed in {job / 'shards/skipped.jsonl'})" in said
    assert "notes.doc: has an unknown ending" in said
    for _ in range(2):  # also where the results go beside the shards
        assert call("merge", job, "--output", job, "--format", "h5") == 0
        assert "notes.doc: has an unknown ending" in capsys.readouterr().err
        assert skipped_in(job / "skipped.jsonl") == [("notes.doc", "has an unknown ending")]


def test_a_shard_that_is_never_done_is_named_and_need_not_hold_up_the_others(tmp_path, model, monkeypatch, capsys):
    folder, job = save_pictures(tmp_path / "pictures", 5), tmp_path / "job"
    real = Worker.predict

    def predict(self, shard):
        if shard.number == 1:
            raise Unfetched(f"{shard.files[0]} cannot be fetched: 503")
        return real(self, shard)

    monkeypatch.setattr(Worker, "predict", predict)
    command = ["predict", model, folder, "--output", job, "--engine", "ray", "--shard", "2"]
    assert call(*command) == 2
    said = capsys.readouterr().err
    assert "1 shard not done" in said
    assert f"the first: shard 00000001: {folder}/2.png cannot be fetched: 503" in said
    assert call("merge", job, "--output", tmp_path / "out") == 2
    assert "1 of 3 shards of" in capsys.readouterr().err
    assert call("merge", job, "--output", tmp_path / "out", "--format", "h5", "--incomplete") == 0
    assert "missing: 1 shard, 2 pictures: 00000001\n" in capsys.readouterr().err
    ((name, reason),) = skipped_in(tmp_path / "out/skipped.jsonl")
    assert name == "00000001.h5"
    assert reason == f"is missing, 2 pictures: shard 00000001: {folder}/2.png cannot be fetched: 503"
    assert len(read_hdf5(tmp_path / "out/pictures.h5")) == 3


def test_what_failed_and_is_done_later_is_not_listed_any_more(tmp_path, model, monkeypatch):
    folder, job = save_pictures(tmp_path / "pictures", 2), tmp_path / "job"
    command = ["predict", model, folder, "--output", job, "--engine", "ray", "--shard", "1"]
    with monkeypatch.context() as patched:

        def fail(self, shard):  # noqa: ARG001
            raise Unfetched("503")

        patched.setattr(Worker, "predict", fail)
        assert call(*command) == 2
    assert [name for name, _ in skipped_in(job / "shards/failed.jsonl")] == ["00000000.h5", "00000001.h5"]
    assert call(*command) == 0
    assert not (job / "shards/failed.jsonl").exists()
    assert call("merge", job, "--output", tmp_path / "out") == 0
    assert not (tmp_path / "out/skipped.jsonl").exists()


def test_what_has_failed_is_tried_again_when_all_others_are_done(tmp_path, model, monkeypatch, capsys):
    """By then it may come to another machine."""
    folder, real, seen = save_pictures(tmp_path / "pictures", 3), Worker.predict, []

    def predict(self, shard):
        seen.append(shard.number)
        if shard.number == 1 and seen.count(1) == 1:
            raise Unfetched("503")
        return real(self, shard)

    monkeypatch.setattr(Worker, "predict", predict)
    job = tmp_path / "job"
    assert call("predict", model, folder, "--output", job, "--engine", "ray", "--shard", "1") == 0
    assert seen == [0, 1, 2, 1]
    assert "3 pictures in 3 shards" in capsys.readouterr().out
    assert not (job / "shards/failed.jsonl").exists()


@pytest.mark.parametrize("skipped", [0, 1])
def test_a_shard_whose_worker_died_when_it_was_written_is_no_failure(tmp_path, monkeypatch, model, capsys, skipped):
    """The next worker finds its file, and knows no numbers; beside it a shard of nothing may have been done."""
    folder = save_pictures(tmp_path / "pictures", 1 + skipped)
    for i in range(skipped):
        (folder / f"{i + 1}.png").write_bytes(b"broken")
    real = Worker.__call__

    def twice(self, row):
        once = real(self, row)
        return real(self, row) if row["number"] == 0 else once

    monkeypatch.setattr(Worker, "__call__", twice)
    assert call("predict", model, folder, "--output", tmp_path / "job", "--engine", "ray", "--shard", "1") == 0
    assert "next: partpose merge" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["mps", "cuda:1", "gpu"])
def test_a_device_that_ray_does_not_give_is_refused(tmp_path, capsys, device):
    assert call("predict", "none", "none", "--output", tmp_path, "--engine", "ray", "--device", device) == 2
    assert f"--device {device}: with --engine ray cpu or cuda" in capsys.readouterr().err
