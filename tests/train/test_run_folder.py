import json

import pytest
from training import small

from partpose.errors import PartposeError, Skipped
from partpose.train.run_folder import (
    LOCK,
    LOG,
    RUN,
    SKIPPED,
    RunExists,
    append_log,
    begun,
    check_pictures,
    differences,
    locked,
    refuse_others,
    saved_settings,
    trim_log,
    write_skipped,
)


def begin(folder, settings=None, resume=False):
    with begun(folder, settings or small(), folder, resume):
        pass


def test_two_cannot_write_to_one_folder(tmp_path):
    entered = []
    with locked(tmp_path / "run"):
        with pytest.raises(PartposeError, match="another training is writing to"), locked(tmp_path / "run"):
            entered.append("while it is held")
        with pytest.raises(PartposeError, match="another training is writing to"), locked(tmp_path / "run"):
            entered.append("after one was refused")
    with locked(tmp_path / "run"):
        entered.append("after it")
    assert entered == ["after it"]


def test_a_lock_that_was_left_does_not_block(tmp_path):
    (tmp_path / LOCK).write_text("12345")
    with locked(tmp_path):
        pass


def test_what_killed_writers_left_is_removed(tmp_path):
    (tmp_path / "pictures").mkdir()
    left = [
        tmp_path / ".partial-0123.safetensors",
        tmp_path / "pictures" / ".partial-4567.png",
        tmp_path / ".canvases-9",
    ]
    for path in (*left, tmp_path / "mine.partial"):
        path.touch()
    with locked(tmp_path):
        assert not any(path.exists() for path in left)
        assert (tmp_path / "mine.partial").exists()


@pytest.mark.parametrize("below", ["file", "file/run"])
def test_a_file_in_the_way_is_named(tmp_path, below):
    (tmp_path / "file").touch()
    refused = pytest.raises(PartposeError, match=r"cannot write to the output folder .*; choose another --output")
    with refused, locked(tmp_path / below):
        pass


def test_a_run_remembers_its_settings(tmp_path):
    begin(tmp_path, small(seed=7))
    assert saved_settings(tmp_path) == small(seed=7)
    begin(tmp_path, small(seed=7), resume=True)
    with pytest.raises(RunExists):
        begin(tmp_path, small(seed=7))
    with pytest.raises(PartposeError, match=r"train.seed 7 → 8"):
        begin(tmp_path, small(seed=8), resume=True)


def test_a_run_that_could_not_be_prepared_is_forgotten(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(PartposeError, match="no pictures"), locked(folder), begun(folder, small(), tmp_path, False):
        raise PartposeError("no pictures")
    assert not folder.exists()


def test_a_run_that_exists_is_not_forgotten(tmp_path):
    begin(tmp_path)
    with pytest.raises(PartposeError, match="no pictures"), begun(tmp_path, small(), tmp_path, True):
        raise PartposeError("no pictures")
    assert (tmp_path / RUN).is_file()


@pytest.mark.parametrize("name", ["model.safetensors", "checkpoint.safetensors", "pack.json", "pictures/mine.png"])
def test_a_model_that_is_no_run_is_not_overwritten(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(PartposeError, match=f"holds {name.partition('/')[0]} but no run.json"):
        refuse_others(tmp_path, tmp_path / "in")


def test_a_run_may_lie_beside_its_input(tmp_path):
    (tmp_path / "videos").mkdir()
    refuse_others(tmp_path, tmp_path / "videos")
    refuse_others(tmp_path / "new", tmp_path / "videos")
    (tmp_path / "pictures").mkdir()
    refuse_others(tmp_path, tmp_path / "videos")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_broken_run_is_named(tmp_path, text):
    (tmp_path / RUN).write_text(text)
    with pytest.raises(PartposeError, match=r"run.json is broken: move .* away to begin anew"):
        begin(tmp_path, resume=True)


def test_a_run_remembers_its_pictures(tmp_path):
    begin(tmp_path)
    check_pictures(tmp_path, tmp_path, ["1.png", "é.png"])
    begin(tmp_path, resume=True)
    check_pictures(tmp_path, tmp_path / "moved", ["1.png", "é.png"])
    assert saved_settings(tmp_path) == small()
    other = r"was started with 2 pictures of .*, and .*elsewhere holds {}: name the same input .*, or start a new run"
    for names, words in (["1.png"], "1"), (["1.png", "3.png"], "others"), (["é.png", "1.png"], "others"):
        with pytest.raises(PartposeError, match=other.format(words)):
            check_pictures(tmp_path, tmp_path / "elsewhere", names)


def test_the_log_is_cut_at_the_checkpoint_and_loses_half_lines(tmp_path):
    for step in (5, 10, 15):
        append_log(tmp_path, {"step": step})
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 1')
    trim_log(tmp_path, 10)
    assert [json.loads(line)["step"] for line in (tmp_path / LOG).read_text().splitlines()] == [5, 10]


def test_no_log_needs_no_cutting(tmp_path):
    trim_log(tmp_path, 10)
    assert not (tmp_path / LOG).exists()


def test_the_list_of_skipped_files(tmp_path):
    write_skipped(tmp_path, [Skipped("ä b.png", "is empty"), Skipped("c.png", "is cut")])
    lines = (tmp_path / SKIPPED).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"path": "ä b.png", "reason": "is empty"},
        {"path": "c.png", "reason": "is cut"},
    ]
    write_skipped(tmp_path, [])
    assert not (tmp_path / SKIPPED).exists()


def test_differences_name_both_values():
    assert differences(small(), small(seed=1, batch=4)) == ["train.batch 8 → 4", "train.seed 0 → 1"]
