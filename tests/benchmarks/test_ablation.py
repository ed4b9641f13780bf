"""Choices beside the recipe."""

from argparse import Namespace

import pytest
from kept import result
from training import save_annotated


def test_every_choice_is_a_setting(module):
    """And one that is the recipe's own is not run twice."""
    ablation, sets = module("ablation"), module("sets").SETS
    for name in ablation.ON:
        alike = [choice for choice in ablation.ALL if ablation.same(sets[name], choice)]
        assert "background-camera" in alike
        assert len(alike) < 6
        made = ablation.trial(name, sets[name], "separation-0", 3, Namespace(steps=5, device="cpu"), None)
        assert made.settings.loss.separation == 0
        assert (made.settings.train.steps, made.settings.train.seed) == (5, 3)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_choices_are_compared_with_the_recipe(tmp_path, call, capsys):
    save_annotated(tmp_path / "data/faces_lfw5", "aaaaee")
    call("ablation", "--sets=faces_lfw5", "--choices=as-it-is,parts-8,pairs-video", "--steps=1")  # there is no video
    page = (tmp_path / "docs/results.md").read_text()
    assert "## How many parts should I ask for?" in page
    assert page.count("1 step a run on") == 2
    assert "ablation.py --sets faces_lfw5 --choices as-it-is,parts-8 --steps 1 --seeds 0 --data DIR" in page
    with pytest.raises(SystemExit, match="2"):
        call("ablation", "--choices=nothing")
    assert "no choice 'nothing': expected some of as-it-is, " in capsys.readouterr().err


def test_results_of_an_earlier_recipe_are_not_compared(module):
    ablation, faces = module("ablation"), module("sets").SETS["faces_lfw5"]
    recipe = ablation.recipe(faces, "warp-0")
    changed = recipe.override({"loss": {"evidence": 0.25}}, "the test")
    made = [one.model_dump(mode="json") for one in (recipe, changed)]
    now, before = (result(set="faces_lfw5", choice="warp-0", settings=one) for one in made)
    assert "| warp-0 |" in ablation.page([now], ablation.CHOICES, "")
    assert ablation.page([before], ablation.CHOICES, "") == ""


def test_a_backbone_is_a_choice_whatever_the_preset_has(module):
    """With one, three minutes show fewer pictures: it is compared with what it replaces, and so is all else."""
    ablation, faces = module("ablation"), module("sets").SETS["faces_lfw5"]
    assert faces.settings().model.backbone == "imagenet"
    found = {
        choice: ablation.recipe(faces, choice).model.backbone for choice in ("as-it-is", "warp-0", "backbone-imagenet")
    }
    assert found == {"as-it-is": "none", "warp-0": "none", "backbone-imagenet": "imagenet"}
    assert not ablation.same(faces, "backbone-imagenet")


def test_every_command_of_an_ablation_is_one_that_makes_those_runs(module):
    """Sets with other seeds have a command of their own; choices that were run alike share one."""
    seeds = {"faces_lfw5": [0, 1], "figures-clutter": [0]}
    runs = {(s, c): [result(seed=n) for n in seeds[s]] for c in ("as-it-is", "warp-0") for s in seeds}
    found = list(module("ablation")._commands(runs, "3 minutes"))
    assert found == [
        f"python benchmarks/ablation.py --sets {name} --choices as-it-is,warp-0 --minutes 3 --seeds {some} --data DIR"
        for name, some in (("faces_lfw5", "0,1"), ("figures-clutter", "0"))
    ]


def test_a_cell_says_how_the_choice_compares(module):
    cell = module("ablation").cell
    runs = {
        ("faces_lfw5", "as-it-is"): [result(error=8.0, parts=10, alive=10), result(error=8.4, parts=10, alive=10)],
        ("faces_lfw5", "warp-0"): [result(error=9.02, parts=10, alive=9, static=3, doubled=1)],
    }
    assert cell(runs, "faces_lfw5", "as-it-is") == "8.20 ± 0.28; 10 of 10 alive, 0 useless; 40 k"
    assert cell(runs, "faces_lfw5", "warp-0") == "9.02 (+10 %); 9 of 10 alive, 3 useless; 40 k"
    runs["faces_lfw5", "as-it-is"][1]["seed"] = 1  # a mean of both seeds says nothing of the one
    assert cell(runs, "faces_lfw5", "warp-0") == "9.02 (+13 %); 9 of 10 alive, 3 useless; 40 k"
    runs["faces_lfw5", "warp-0"].append(result(error=16.02, parts=10, alive=9, static=3, seed=2))
    assert "(+13 %)" in cell(runs, "faces_lfw5", "warp-0"), "nor does one of another seed"
    assert "%" not in cell({**runs, ("faces_lfw5", "warp-0"): [result(seed=2)]}, "faces_lfw5", "warp-0")
    assert cell(runs, "faces_lfw5", "background-camera") == "as it is"
    assert cell(runs, "faces_lfw5", "warp-0.12") == ""
