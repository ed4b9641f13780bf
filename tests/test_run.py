"""What the verbs do with real folders: good ones, bad ones, annotated ones, videos."""

import io
import json

import pytest
from rich.console import Console
from skips import assert_lists, listed
from training import save_annotated, save_pictures, small

from partpose import run, terminal
from partpose.config import load_preset
from partpose.errors import PartposeError
from partpose.model.part_model import read_config
from partpose.terminal import minutes
from partpose.train.run_folder import RUN

TWO_STEPS = small(steps=2)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_training_on_a_bad_folder_goes_on_and_lists_what_it_skipped(bad_folder, tmp_path, capsys):
    assert run.train_run(bad_folder.path, tmp_path / "run", TWO_STEPS) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{len(bad_folder.good)} pictures from {bad_folder.path}, training on ")
    assert_lists(listed(tmp_path / "run"), bad_folder.bad)
    assert f"skipped {len(bad_folder.bad)} files (listed in {tmp_path / 'run' / 'skipped.jsonl'})" in err
    assert read_config(tmp_path / "run")[1]["pictures"] == len(bad_folder.good)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_the_test_split_is_not_trained_on(tmp_path, capsys):
    annotated = save_annotated(tmp_path / "set", "aaaaaee")
    assert run.train_run(annotated, tmp_path / "run", TWO_STEPS) == 0
    out, err = capsys.readouterr()
    assert f"5 pictures from {annotated} (2 of split=test held out), training on " in out
    assert "warning: 5 pictures show little of how an object moves: name some hundred, or a video" in err
    assert read_config(tmp_path / "run")[1]["pictures"] == 5


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_training_says_how_it_ended(tmp_path, capsys):
    pictures = save_pictures(tmp_path / "pictures", 1)
    assert run.train_run(pictures, tmp_path / "run", TWO_STEPS) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"1 picture from {pictures}, training on ")
    assert lines[1].startswith("100% step 2 0:00 left, ")
    assert lines[2].startswith("finished: step 2, ")
    assert (tmp_path / "run" / "pictures" / "step_0000002.png").is_file()
    with pytest.raises(PartposeError, match="already holds a run: add --go-on to go on with it"):
        run.train_run(pictures, tmp_path / "run", TWO_STEPS, resume_option="--go-on")
    assert run.train_run(pictures, tmp_path / "run", TWO_STEPS, resume=True) == 0
    assert capsys.readouterr().out.startswith("nothing to do, finished before: step 2, ")


def test_who_resumes_without_a_preset_gets_the_settings_of_the_run(tmp_path):
    (tmp_path / RUN).write_text(json.dumps({"settings": TWO_STEPS.model_dump()}))
    assert run.starting_settings(tmp_path, None, {}, resume=True) == TWO_STEPS
    assert run.starting_settings(tmp_path, None, {}, resume=False) == load_preset("figures")
    assert run.starting_settings(tmp_path, "faces", {}, resume=True) == load_preset("faces")
    assert run.starting_settings(tmp_path, None, {"train": {"steps": 3}}, resume=True) == small(steps=3)


def test_a_bar_on_a_terminal_and_none_elsewhere(monkeypatch):
    for is_terminal in (True, False):
        file = io.StringIO()
        monkeypatch.setattr(
            terminal, "console", Console(file=file, force_terminal=is_terminal, color_system=None, width=120)
        )
        bar = terminal.TrainingBar()
        bar.update({"pictures_seen": 80, "seconds": 2.0, "loss": 0.5}, 0.25, 90.0)
        bar.close()
        assert ("25% 1:30 left, 40 pictures/s, loss 0.500" in file.getvalue()) is is_terminal


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01"), (float("inf"), "?")]
)
def test_times(seconds, text):
    assert minutes(seconds) == text
