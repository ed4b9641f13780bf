"""A worker and its shards, and what joins their files."""

import errno
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training import save_pictures, save_untrained

from partpose.cluster import fetch, worker
from partpose.cluster.merge import merge
from partpose.cluster.plan import Shard, cut, list_files, settle
from partpose.cluster.worker import Worker
from partpose.data import images
from partpose.errors import PartposeError
from partpose.predict.formats import read_hdf5, write_hdf5
from partpose.predict.predictor import load


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("models") / "untrained")


def do(model: Path, output: Path, files: list[str], size: int) -> list[dict]:
    shards = cut(files, size)
    settle(output, shards, {})
    one = Worker(str(model), str(output), {"average": 1, "uncertainty": 0, "batch": 32}, {0: "nose"}, "cpu")
    return [one(shard._asdict()) for shard in shards]


def test_merged_shards_are_what_one_prediction_gives(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 7)
    (folder / "3.png").write_bytes(b"not a picture")
    files, _ = list_files([str(folder)])
    said = do(model, tmp_path / "out", files, 3)
    assert [(one["rows"], one["skipped"]) for one in said] == [(3, 0), (2, 1), (1, 0)]
    written, skipped, _ = merge(tmp_path / "out", tmp_path, ["h5", "csv"], 1000)
    assert [path.name for path in written] == ["pictures.h5", "pictures.csv"]
    assert [Path(one.path).name for one in skipped] == ["3.png"]
    whole, found = load(str(model), "cpu").predict(folder), read_hdf5(tmp_path / "pictures.h5")
    np.testing.assert_allclose(found.mean, whole.mean, atol=1e-3)
    np.testing.assert_allclose(found.covariance, whole.covariance, rtol=1e-3)
    assert [Path(name).name for name in found.files] == list(whole.files)
    assert found.frame_index.tolist() == list(range(6))


def test_pictures_at_addresses_are_fetched_and_what_is_not_there_is_passed_over(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 2)
    files = [f"file://{folder}/0.png", f"file://{folder}/none.png", f"file://{folder}/1.png"]
    (said,) = do(model, tmp_path / "out", files, 3)
    assert (said["rows"], said["skipped"]) == (2, 1)
    poses = read_hdf5(tmp_path / "out/shards/00000000.h5")
    assert poses.files == (files[0], files[2])
    assert poses.skipped == ((files[1], "is not there"),)
    assert poses.provenance["input"] == files[0]
    assert poses.names[0] == "nose"


def test_what_cannot_be_decoded_is_named_by_its_address(tmp_path, model):
    (tmp_path / "a.png").write_bytes(b"broken")
    do(model, tmp_path / "out", [f"file://{tmp_path}/a.png", f"file://{tmp_path}/none.mp4"], 1)
    for number, name in enumerate(("a.png", "none.mp4")):
        (one,) = read_hdf5(tmp_path / f"out/shards/{number:08d}.h5").skipped
        assert one.path == f"file://{tmp_path}/{name}"


def test_a_store_that_does_not_answer_leaves_the_shard_undone(tmp_path, model):
    (said,) = do(model, tmp_path / "out", ["nowhere://bucket/a.png"], 1)
    assert "shard 00000000: nowhere://bucket/a.png cannot be fetched" in said["failed"]
    assert not (tmp_path / "out/shards/00000000.h5").exists()


def test_a_machine_without_the_disk_does_not_say_that_a_shard_is_done(tmp_path, model):
    (said,) = do(model, tmp_path / "out", [f"{tmp_path}/disk/{i}.png" for i in range(2)], 2)
    assert "disk is not there on" in said["failed"]
    assert not (tmp_path / "out/shards/00000000.h5").exists()


@pytest.fixture(autouse=True)
def in_haste(monkeypatch) -> None:
    """A worker that has failed goes on at once."""
    monkeypatch.setattr(worker, "PAUSE", 0.0)


def failing(real: Callable, name: str, *errors: Exception) -> Callable:
    """A function of a path that raises these, one after the other, for the files of one name."""
    left = list(errors)

    def call(path, *rest):
        if Path(path).name == name and left:
            raise left.pop(0)
        return real(path, *rest)

    return call


REFUSED, BROKEN = (OSError(code, os.strerror(code)) for code in (errno.EACCES, errno.EIO))


def test_paths_that_may_not_be_read_do_not_make_a_shard_of_nothing(tmp_path, model, monkeypatch):
    folder = save_pictures(tmp_path / "pictures", 2)
    monkeypatch.setattr(fetch, "_open", failing(fetch._open, "1.png", REFUSED))
    (said,) = do(model, tmp_path / "out", list_files([str(folder)])[0], 2)
    assert said["failed"] == f"shard 00000000: {folder}/1.png cannot be opened: Permission denied"
    assert not (tmp_path / "out/shards/00000000.h5").exists()


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ([BROKEN, BROKEN], r"1.png cannot be read: .*Input/output error"),
        ([MemoryError("full"), MemoryError("full")], "1.png cannot be read: full"),
        ([BROKEN], "1.png could not be read at first, and then it could"),
    ],
)
def test_a_machine_that_cannot_read_does_not_call_a_picture_damaged(tmp_path, model, monkeypatch, errors, words):
    folder = save_pictures(tmp_path / "pictures", 2)
    monkeypatch.setattr(images, "_open", failing(images._open, "1.png", *errors))
    (said,) = do(model, tmp_path / "out", list_files([str(folder)])[0], 2)
    assert re.search(words, said["failed"])
    assert not (tmp_path / "out/shards/00000000.h5").exists()


@pytest.mark.parametrize("broken", [False, True])
def test_a_video_is_damaged_only_where_its_bytes_can_be_read(tmp_path, model, monkeypatch, broken):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"broken")
    if broken:
        monkeypatch.setattr(worker, "read_through", failing(worker.read_through, "a.mp4", BROKEN))
    (said,) = do(model, tmp_path / "out", [str(video)], 1)
    assert ("a.mp4 cannot be read: [Errno 5]" in said["failed"]) is broken
    assert (tmp_path / "out/shards/00000000.h5").exists() is not broken


def test_a_worker_that_has_failed_waits_before_the_next_shard(tmp_path, model, monkeypatch):
    folder, waited = save_pictures(tmp_path / "pictures", 1), []
    monkeypatch.setattr(worker, "PAUSE", 3.0)
    monkeypatch.setattr(worker.time, "sleep", waited.append)
    do(model, tmp_path / "out", [f"{folder}/0.png", f"{tmp_path}/disk/1.png"], 1)
    assert waited == [3.0]


@pytest.mark.parametrize(
    ("error", "words"), [(MemoryError("0.png"), "MemoryError: 0.png"), (PartposeError("no space"), "no space")]
)
def test_what_nobody_expected_names_its_shard_and_does_not_end_the_others(tmp_path, model, monkeypatch, error, words):
    folder = save_pictures(tmp_path / "pictures", 3)
    real = Worker.predict

    def predict(self, shard):
        if shard.number == 0:
            raise error
        return real(self, shard)

    monkeypatch.setattr(Worker, "predict", predict)
    first, second = do(model, tmp_path / "out", list_files([str(folder)])[0], 2)
    assert first["failed"] == f"shard 00000000 ({folder}/0.png to {folder}/1.png): {words}"
    assert (second["rows"], second["failed"]) == (1, "")


def test_a_shard_that_is_there_is_left_alone_and_one_of_nothing_is_done(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 1)
    (folder / "1.png").write_bytes(b"")
    files, _ = list_files([str(folder)])
    do(model, tmp_path / "out", files, 1)
    before = (tmp_path / "out/shards/00000000.h5").stat().st_mtime_ns
    assert [one["new"] for one in do(model, tmp_path / "out", files, 1)] == [False, False]
    assert (tmp_path / "out/shards/00000000.h5").stat().st_mtime_ns == before
    skipped = merge(tmp_path / "out", tmp_path, ["h5"], 10).skipped
    assert len(read_hdf5(tmp_path / "pictures.h5")) == 1
    assert [Path(one.path).name for one in skipped] == ["1.png"]


def test_a_video_has_a_result_of_its_own(tmp_path, model, clip):
    folder = save_pictures(tmp_path / "pictures", 2)
    do(model, tmp_path / "out", [*list_files([str(folder)])[0], str(clip)], 2)
    written = merge(tmp_path / "out", tmp_path, ["h5"], 10).written
    assert [path.name for path in written] == ["pictures.h5", f"{clip.stem}_00000001.h5"]
    assert read_hdf5(written[1]).files is None


def test_many_pictures_are_merged_into_several_files(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 5)
    do(model, tmp_path / "out", list_files([str(folder)])[0], 2)
    written = merge(tmp_path / "out", tmp_path, ["h5"], 4).written
    assert [(path.name, len(read_hdf5(path))) for path in written] == [("pictures_000.h5", 4), ("pictures_001.h5", 1)]


def test_an_earlier_merge_does_not_stay_beside_a_later_one(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 5)
    do(model, tmp_path / "out", list_files([str(folder)])[0], 2)
    results = tmp_path / "results"
    results.mkdir()
    for name in ("pictures.raw.h5", "pictures_of_mine.h5", "pictures.h5.old", "pictures.csv"):
        (results / name).touch()
    merge(tmp_path / "out", results, ["h5"], 10)
    merge(tmp_path / "out", results, ["h5"], 10)
    with pytest.raises(PartposeError, match=r"results/pictures.h5 would stay beside .*: remove it, or name another"):
        merge(tmp_path / "out", results, ["h5"], 4)
    assert not (results / "pictures_000.h5").exists()
    (results / "pictures.h5").unlink()
    merge(tmp_path / "out", results, ["h5"], 4)
    with pytest.raises(PartposeError, match=r"results/pictures_000.h5 would stay"):
        merge(tmp_path / "out", results, ["h5"], 10)


def test_missing_shards_are_counted_and_other_folders_refused(tmp_path, model):
    folder = save_pictures(tmp_path / "pictures", 2)
    do(model, tmp_path / "out", list_files([str(folder)])[0], 1)
    Shard(1, "pictures", ()).file(tmp_path / "out").unlink()
    with pytest.raises(
        PartposeError, match=r"1 of 2 shards of .* are missing, the first is 00000001: `partpose predict` goes"
    ):
        merge(tmp_path / "out", tmp_path, ["h5"], 10)
    with pytest.raises(PartposeError, match="holds no plan of shards"):
        merge(folder, tmp_path, ["h5"], 10)


def test_what_is_there_of_an_incomplete_job_is_merged_when_that_is_asked_for(tmp_path, model, clip):
    folder = save_pictures(tmp_path / "pictures", 5)
    do(model, tmp_path / "out", [*list_files([str(folder)])[0], str(clip)], 2)
    for number in (0, 2, 3):
        Shard(number, "pictures", ()).file(tmp_path / "out").unlink()
    merged = merge(tmp_path / "out", tmp_path, ["h5"], 10, incomplete=True)
    assert [Path(name).name for name in read_hdf5(tmp_path / "pictures.h5").files] == ["2.png", "3.png"]
    assert [(one.path.name, one.pictures) for one in merged.missing] == [
        ("00000000.h5", 2),
        ("00000002.h5", 1),
        ("00000003.h5", 0),
    ]
    Shard(1, "pictures", ()).file(tmp_path / "out").unlink()
    with pytest.raises(PartposeError, match=r"4 of 4 shards of .* are missing, .* goes on with them$"):
        merge(tmp_path / "out", tmp_path, ["h5"], 10, incomplete=True)


def test_a_video_at_an_address_is_named_after_its_file_and_not_after_its_query(tmp_path, model, clip):
    do(model, tmp_path / "out", [str(clip)], 1)
    file = tmp_path / "out/shards/00000000.h5"
    write_hdf5(replace(read_hdf5(file), source="https://x/day.mp4?next=http://y//z"), file)
    (written,) = merge(tmp_path / "out", tmp_path, ["h5"], 10).written
    assert written.name == "day_00000000.h5"
