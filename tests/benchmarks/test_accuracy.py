"""Runs that are kept one by one, and their table."""

import json
from pathlib import Path

import pytest
from kept import result
from training import save_annotated

from partpose.config import Settings, load_preset


def test_a_result_knows_what_it_was_made_with(module):
    """Also where a default has changed since; a setting that is new stands as it was without it."""
    alike, settings = module("trials").made_alike, Settings()
    kept = settings.model_dump(mode="json")
    assert alike(kept, settings)
    assert alike(kept, settings.override({"train": {"stop_hopeless": False}}, "the test"))
    assert not alike(kept, settings.override({"loss": {"evidence": 0.25}}, "the test"))
    kept["loss"]["evidence"] = 0.25  # a default of long ago
    assert not alike(kept, settings)
    del kept["loss"]["evidence"]
    assert alike(kept, settings)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_set_is_trained_evaluated_and_kept(tmp_path, call, capsys):
    save_annotated(tmp_path / "data/livestock_cattle", "aaaaaaee")
    options = ("accuracy", "--sets=livestock_cattle", "--steps=1")
    call(*options)
    (path,) = (tmp_path / "results/accuracy").glob("livestock_cattle_animals_*_1-step_0.json")
    kept = json.loads(path.read_text())
    assert kept["command"] == "python benchmarks/accuracy.py --sets livestock_cattle --steps 1 --seeds 0 --data DIR"
    assert (kept["train_pictures"], kept["test_pictures"], kept["pictures_seen"]) == (6, 2, 16)
    assert kept["error_low"] <= kept["error"] <= kept["error_high"]
    assert (tmp_path / "docs/parts_livestock_cattle.webp").stat().st_size < 150_000
    page = (tmp_path / "docs/results.md").read_text()
    assert (
        f"| livestock_cattle | animals | {kept['machine']} | 1 step | 0 | 16 | 12, 64 | {kept['error']:.2f} |" in page
    )
    assert kept["command"] in page
    assert "CC BY 4.0" in page
    # It is there now: the page is made anew, nothing is trained
    before = path.stat().st_mtime_ns
    (tmp_path / "docs/results.md").unlink()
    capsys.readouterr()
    call(*options)
    assert capsys.readouterr().out == f"there already: {path.name} (--again makes it anew)\n"
    assert path.stat().st_mtime_ns == before
    assert (tmp_path / "docs/results.md").read_text() == page


def test_a_run_that_fails_does_not_keep_the_others_from_theirs(tmp_path, call, capsys):
    save_annotated(tmp_path / "data/faces_lfw5", "ae")
    with pytest.raises(SystemExit, match="2"):
        call("accuracy", "--sets=human_lspet,livestock_cattle")
    said = capsys.readouterr().err
    assert "failed: human_lspet: human_lspet is not there" in said
    assert "accuracy.py: 2 of the runs failed, the first: human_lspet is not there" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "≤ 1.7 ✓"),
        ({"error": 1.8}, "≤ 1.7 ✗"),
        ({"error": 1.1, "machine": "NVIDIA H200"}, "≤ 1.0 ✗"),
        ({"set": "human_lspet", "preset": "people", "mean_pose_error": 80.0, "error": 60}, "≤ 64.0 ✓"),
        ({"budget": "1 minute"}, ""),
        ({"machine": "64 CPU cores"}, ""),
        ({"preset": "lorenz2019"}, ""),
        ({"set": "human_mocap3", "preset": "people"}, ""),
    ],
)
def test_the_error_is_compared_with_what_was_asked_for_in_ten_minutes(module, changes, words):
    assert module("accuracy").asked(result(**changes)) == words


def test_several_seeds_have_a_line_of_their_mean_and_spread(module):
    some = [result(seed=2, error=1.9), result(seed=0, error=1.5), result(seed=1, error=1.7)]
    lines = list(module("accuracy").rows([result(set="faces_lfw5", preset="faces"), *some]))
    assert [line[4] for line in lines] == ["0", "1", "2", "**mean of 3**", "0"]
    assert lines[3][7] == "**1.70 ± 0.20**"
    assert lines[3][9] == "≤ 1.7 ✓"
    assert {len(line) for line in lines} == {len(module("accuracy").HEAD)}


def test_a_row_of_an_earlier_recipe_is_marked(module):
    page = module("accuracy").page
    earlier = load_preset("figures").override({"loss": {"evidence": 0.25}}, "the test").model_dump(mode="json")
    now, before = (page([one], Path("nowhere")) for one in (result(seed=3), result(settings=earlier)))
    assert "| 1.50 |" in now
    assert "as it was before" not in now
    assert "| 1.50 \\* |" in before
    assert "\n\\* with the recipe as it was before" in before


def test_every_command_on_the_page_is_one_that_makes_those_rows(module):
    some = [result(seed=seed) for seed in (0, 1)] + [result(preset="lorenz2019", budget="200 steps")]
    page = module("accuracy").page(some, Path("nowhere"))
    assert "accuracy.py --sets figures-plain --minutes 10 --seeds 0,1\n" in page
    assert "accuracy.py --sets figures-plain --preset lorenz2019 --steps 200 --seeds 0\n" in page
