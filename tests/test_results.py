"""The benchmarks whose runs are kept one by one, and whose tables make docs/results.md."""

import importlib
import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from dots import predictor, save_set
from training import save_annotated

from partpose.config import Settings, load_preset
from partpose.data.figures import draw_figures
from partpose.data.sources import training_files
from partpose.errors import PartposeError
from partpose.evaluate import disentangle
from partpose.model.part_model import load_model
from partpose.run import evaluate_model
from partpose.train.step import Beside, draw_step
from partpose.train.warp import Recolour

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """A benchmark's module by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def call(module, monkeypatch, tmp_path):
    """Run a benchmark on sets in tmp_path/data, everything else lying in tmp_path as well."""
    places = [f"--{name}={tmp_path / name}" for name in ("data", "results", "work")]

    def start(name: str, *options: str) -> None:
        page = f"--page={tmp_path / 'docs/results.md'}"
        monkeypatch.setattr("sys.argv", [f"{name}.py", *places, page, "--device=cpu", *options])
        module(name).main()

    return start


def result(**changes) -> dict:
    """What a run keeps."""
    about = {"set": "figures-plain", "preset": "figures", "choice": "as-it-is", "machine": "2 CPU cores", "seed": 0}
    numbers = {"budget": "10 minutes", "error": 1.5, "error_low": 1.4, "error_high": 1.6, "mean_pose_error": 9.65}
    more = {"untrained_error": 6.0, "unit": "% of short side", "pictures_seen": 40000, "parts": 24, "size": 64}
    settings = {"settings": load_preset("figures").model_dump(mode="json")}
    return about | numbers | more | settings | {"alive": 24, "doubled": 0, "static": 0} | changes


# ---- the page


def test_a_section_is_replaced_and_all_else_is_left_alone(tmp_path, module):
    write = module("sections").write_section
    page = tmp_path / "results.md"
    write(page, "speed", "## Speed\n\n| a | b |")
    write(page, "accuracy", "## Accuracy\n\nold")
    page.write_text("# Numbers\n\nBy hand.\n" + page.read_text().split("\n\n", 1)[1])
    write(page, "other", "## Other")
    before = page.read_text()
    write(page, "accuracy", "## Accuracy\n\n\\1 new <b>\n")
    assert page.read_text() == before.replace("old", "\\1 new <b>")
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        "# Numbers", "## Accuracy", "## Speed", "## Other",
    ]  # fmt: skip
    assert "By hand." in before


def test_a_new_page_has_a_head(tmp_path, module):
    module("sections").write_section(tmp_path / "docs/results.md", "speed", "## Speed")
    assert (tmp_path / "docs/results.md").read_text().startswith("# Results\n")


@pytest.mark.parametrize("page", [["--page"], ["--page", "other.md"], ["--page=other.md"]])
def test_the_command_of_a_section_writes_it_again(module, page):
    repeat = module("sections").repeat
    assert repeat("a.py", ["--half", *page]) == "python benchmarks/a.py --half --page docs/results.md"
    assert repeat("a.py", [*page, "--rounds", "3"]) == "python benchmarks/a.py --rounds 3 --page docs/results.md"


# ---- sets


def test_test_pictures_are_held_out_of_a_folder_of_links(tmp_path, module, clip):
    """A set with a clip is trained on links to both: tables of the set are found through them."""
    save_annotated(tmp_path / "data/mouse_mirror", "aaaeea")
    sets = module("sets")
    one = sets.SETS["mouse_mirror"]._replace(clip=clip.name)
    for _ in range(2):  # the links of an earlier call are replaced
        place = sets.find("mouse_mirror", one, tmp_path / "data", clip.parent, tmp_path / "work")
    assert {path.name for path in place.training.iterdir()} == {"mouse_mirror", clip.name}
    found = training_files(place.training)
    assert found.held_out == 2
    names = [name for source in found.sources for name in source.names]
    assert names == [f"mouse_mirror/images/{i}.png" for i in (0, 1, 2, 5)] + [clip.name]


def test_what_is_missing_is_named(tmp_path, module):
    sets = module("sets")
    with pytest.raises(PartposeError, match="faces_lfw5 is not there: give --data DIR"):
        sets.find("faces_lfw5", sets.SETS["faces_lfw5"], tmp_path, None, tmp_path)
    save_annotated(tmp_path / "data/mouse_mirror", "ae")
    with pytest.raises(PartposeError, match=r"clips.mouse.mirror-mouse_test_vid.mp4 as well, .* give --clips DIR"):
        sets.find("mouse_mirror", sets.SETS["mouse_mirror"], tmp_path / "data", None, tmp_path)
    with pytest.raises(PartposeError, match="no set 'cats': expected some of figures-plain, "):
        sets.chosen(["cats"])


def test_another_preset_sees_the_same_pictures_with_as_many_parts(module):
    sets = module("sets").SETS
    for one in sets.values():
        own, other = one.settings(), one.settings("lorenz2019")
        assert (other.model.parts, other.model.size) == (own.model.parts, own.model.size)
        assert other.data == own.data
        assert other.model.architecture == "lorenz2019"
    assert sets["mouse_openfield"].settings("lorenz2019").transform.rotation > 3
    assert sets["faces_lfw5"].settings("faces") == sets["faces_lfw5"].settings()


# ---- accuracy


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


# ---- ablation


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
    changed = {**ablation.CHOICES["warp-0"], "loss": {"evidence": 0.25}}
    made = [faces.settings(changes=one).model_dump(mode="json") for one in (ablation.CHOICES["warp-0"], changed)]
    now, before = (result(set="faces_lfw5", choice="warp-0", settings=one) for one in made)
    assert "| warp-0 |" in ablation.page([now], ablation.CHOICES, "")
    assert ablation.page([before], ablation.CHOICES, "") == ""


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
    assert cell(runs, "faces_lfw5", "background-camera") == "as it is"
    assert cell(runs, "faces_lfw5", "warp-0.12") == ""


# ---- seeds


@pytest.mark.parametrize(
    ("changes", "collapsed"),
    [({}, False), ({"alive": 12}, True), ({"doubled": 12}, True), ({"static": 11}, False), ({"error": 9.7}, True)],
)
def test_when_a_run_has_collapsed(module, changes, collapsed):
    assert module("seeds").collapsed(result(**changes)) == collapsed


def test_one_seed_that_collapses_is_an_exit_code(tmp_path, call, module, capsys):
    """One of those that were asked for: what has collapsed elsewhere, or with other seeds, stands on the page alone."""
    machine = module("trials").machine("cpu")
    for seed, where in ((0, machine), (1, machine), (2, "another")):
        path = tmp_path / f"results/seeds/{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result(seed=seed, budget="1 minute", static=24 * (seed > 0), machine=where)))
    with pytest.raises(SystemExit, match="1"):
        call("seeds", "--table")
    assert "yes" in capsys.readouterr().out
    page = (tmp_path / "docs/results.md").read_text()
    assert f"| figures-plain | {machine} | 1 minute | 1 | 24 of 24 | 0 | 24 | 1.50 | 0.16 | yes |" in page
    assert "| figures-plain | another | 1 minute | 2 |" in page
    with pytest.raises(SystemExit, match="0"):
        call("seeds", "--table", "--seeds=0,2")
    assert "python benchmarks/seeds.py --sets figures-plain --minutes 1 --seeds 0,1\n" in page


# ---- disentangling


def apart(**changes) -> dict:
    """A result with the protocol's numbers."""
    swap = {"psnr_object": 17.25, "psnr": 24.0, "ssim_object": 0.7, "ssim": 0.9, "colour_error": 0.07}
    read = {"joints": 0.8, "colours": 0.5, "rank1": 0.93, "mean_precision": 0.5}
    protocol = dict.fromkeys(("swap", "unchanged", "rebuilt"), swap) | dict.fromkeys(("shape", "appearance"), read)
    return result(budget="4 minutes", disentangle=protocol, **changes)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_swaps_are_measured_and_drawn_into_the_page(tmp_path, call, module, monkeypatch, capsys):
    sets = module("sets")
    smoke = sets.SETS["figures-plain"]._replace(preset="smoke")
    monkeypatch.setitem(sets.SETS, "figures-plain", smoke)
    monkeypatch.setattr(
        sets, "draw_figures", lambda folder, background: draw_figures(folder, 8, 32, 48, background, jobs=1)
    )
    monkeypatch.setattr(disentangle, "PAIRS", 10)
    options = "--presets=smoke", "--steps=1"
    call("disentangle", *options)
    (path,) = (tmp_path / "results/disentangling").glob("figures-plain_smoke_*_1-step_0.json")
    kept = json.loads(path.read_text())
    assert (kept["disentangle"]["people"], kept["disentangle"]["protocol"]) == (2, "disentangle")
    page = (tmp_path / "docs/results.md").read_text()
    assert f"{kept['disentangle']['swap']['psnr']:.1f} (" in page
    assert "disentangle.py --sets figures-plain --presets smoke --steps 1 --seeds 0\n" in page
    call("disentangle", *options)
    assert "there already" in capsys.readouterr().out
    assert (tmp_path / "docs/results.md").read_text() == page
    with pytest.raises(SystemExit, match="2"):
        call("disentangle", "--sets=faces_lfw5")
    assert "faces_lfw5 is no set of drawn figures" in capsys.readouterr().err


def test_what_was_asked_of_a_swap_is_said_to_be_met_or_not(module):
    rows = list(module("disentangle").rows("figures-plain", [apart(), apart(preset="lorenz2019")]))
    cells = {row[0]: row[1:] for row in rows}
    assert cells["PSNR on the person, dB"] == ["≥ 18.0", "17.2 (17.2, 17.2) ✗", "17.2 (17.2, 17.2)"]
    assert cells["colour under each part, error"][:2] == ["≤ 0.080", "0.070 (0.070, 0.070) ✓"]
    assert cells["same person first (rank-1) from appearance"] == ["≥ 0.90", "0.93 ✓", "0.93"]
    assert cells["same person first (rank-1) from shape"] == ["", "0.93", "0.93"]


def test_a_table_of_swaps_has_its_command(module):
    page = module("disentangle").page([apart(preset="lorenz2019"), apart(), apart(seed=1, set="figures-room")])
    assert "| asked for | figures, seed 0 | lorenz2019, seed 0 |" in page
    assert "disentangle.py --sets figures-plain --presets figures,lorenz2019 --minutes 4 --seeds 0\n" in page
    assert "--sets figures-room --presets figures --minutes 4 --seeds 1\n" in page


# ---- weights that ship


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_row_is_shipped_in_half_precision_with_a_card(tmp_path, call, module, monkeypatch, capsys):
    save_annotated(tmp_path / "data/livestock_cattle", "aaaaaaee")
    call("accuracy", "--sets=livestock_cattle", "--steps=1")
    places = [f"--{name}={tmp_path / name}" for name in ("data", "results", "work", "package")]
    monkeypatch.setattr("sys.argv", ["ship.py", "cattle", "--device=cpu", *places])
    capsys.readouterr()
    module("ship").main()
    assert "cattle: " in capsys.readouterr().out
    folder = tmp_path / "package/cattle"
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.json", "CARD.md"}
    whole = next((tmp_path / "work/accuracy").glob("livestock_cattle*")) / "model.safetensors"
    assert (folder / "model.safetensors").stat().st_size < 0.6 * whole.stat().st_size
    model, _, facts = load_model(folder)
    for name, tensor in load_model(whole.parent)[0].state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
    about, card = facts["about"], (folder / "CARD.md").read_text()
    assert about["licence"].startswith("CC BY 4.0")
    for words in (
        "K = 12, 64 px",
        "Yiwei Wang",
        f"{about['error']:.2f} {about['unit']}",
        "ship.py cattle --data DIR",
        "--steps 1 ",
    ):
        assert words in card, words


def test_keypoints_are_read_in_other_ways_by_the_weights_that_ship(tmp_path, call):
    """The line of how it is says what `evaluate` says; afterwards maps are as they were."""
    annotated = save_annotated(tmp_path / "data/mouse_mirror", "aaaaee")
    (clip := tmp_path / "clips/mouse/mirror-mouse_test_vid.mp4").parent.mkdir(parents=True)
    clip.touch()
    call("keypoints", "--sets=mouse_mirror")
    lines = (tmp_path / "docs/results.md").read_text().splitlines()
    cells = dict(line.strip("|").strip().split(" | ") for line in lines if line.startswith("| ") and len(line) > 30)
    evaluate_model("mouse_mirror", annotated, json=tmp_path / "e.json", device="cpu")
    usual = json.loads((tmp_path / "e.json").read_text())["error"]
    assert cells["maps bicubic, 1/2 of the side (as it is)"].startswith(f"{usual:.2f} (±")
    assert cells["averaged over 2 pictures"] != cells["averaged over 8 pictures"]
    assert "python benchmarks/keypoints.py --sets mouse_mirror --data DIR" in lines


def test_what_was_not_trained_or_is_not_known_is_not_shipped(tmp_path, module, monkeypatch, capsys):
    for name, words in (
        ("cattle", "livestock_cattle has no result: run python benchmarks/accuracy.py"),
        ("dogs", "no model 'dogs'"),
    ):
        monkeypatch.setattr("sys.argv", ["ship.py", name, f"--results={tmp_path}", f"--package={tmp_path}"])
        with pytest.raises(SystemExit, match="2"):
            module("ship").main()
        assert words in capsys.readouterr().err


# ---- with labels


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_the_network_is_told_the_landmarks_of_the_training_split(tmp_path, call):
    """The same protocol, one part a landmark; nothing of it lies among the results of parts."""
    draw_figures(tmp_path / "data/faces_lfw5", people=4, pictures=24, size=32, seed=0)
    call("supervised", "--sets=faces_lfw5", "--steps=2")
    (path,) = (tmp_path / "results").rglob("*.json")
    kept = json.loads(path.read_text())
    assert path.parent.name == "supervised"
    assert (kept["parts"], kept["train_pictures"]) == (15, 18)
    assert kept["command"] == "python benchmarks/supervised.py --sets faces_lfw5 --steps 2 --seeds 0 --data DIR"
    page = (tmp_path / "docs/results.md").read_text()
    assert f"| 2 steps | 0 | 32 | {kept['error']:.2f} |" in page
    assert kept["command"] in page


def test_keypoints_on_what_is_painted_at_the_landmarks_cost_nothing(tmp_path, module):
    """Whoever finds the dots of a set in any view finds its landmarks, which are the dots."""
    supervised, rng = module("supervised"), torch.Generator().manual_seed(0)
    landmarks = save_set(tmp_path, "aaa")
    settings = module("sets").SETS["figures-plain"].settings(changes={"model": {"parts": 2, "size": 64}})
    canvases, points = supervised.labelled(landmarks, settings)
    told = supervised.Told.__new__(supervised.Told)
    told.truth, told.device = torch.from_numpy(points).float(), torch.device("cpu")
    told.model = predictor().network
    pictures = torch.from_numpy(canvases.pixels).permute(0, 3, 1, 2).float() / 255
    draw = draw_step(3, settings, 1.0, rng)
    draw = draw._replace(recolour=Recolour(torch.eye(3).expand(6, 3, 3), torch.zeros(6, 3)))
    found = float(told.terms(pictures, draw, settings, rng, Beside()).reconstruction)
    told.truth = told.truth.flip(1)
    assert found < 0.06 < float(told.terms(pictures, draw, settings, rng, Beside()).reconstruction)
    told.truth[:, 1] = float("nan")  # those that are missing do not count, and spoil nothing
    assert np.isfinite(float(told.terms(pictures, draw, settings, rng, Beside()).reconstruction))
