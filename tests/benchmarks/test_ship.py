"""Weights that ship, and what is measured with them."""

import json

import pytest
import torch
from safetensors.torch import load_file
from training import save_annotated

from partpose.model.part_model import BACKBONE, load_model
from partpose.run import evaluate_model


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_row_is_shipped_in_half_precision_with_a_card(tmp_path, call, module, monkeypatch, capsys):
    """Without the backbone, which is not learned from the pictures that the card names."""
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
    assert not any(name.startswith(BACKBONE) for name in load_file(folder / "model.safetensors"))
    about, card = facts["about"], (folder / "CARD.md").read_text()
    assert about["licence"].startswith("CC BY 4.0")
    for words in (
        "K = 12, 64 px",
        "Yiwei Wang",
        f"{about['error']:.2f} {about['unit']}",
        "ship.py cattle --data DIR",
        "--steps 1 ",
        "not in this file, from the package efficientnet-lite0",
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
