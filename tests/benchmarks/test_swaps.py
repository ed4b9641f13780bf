"""The table of swaps."""

import json

import pytest
from kept import result

from partpose.data.figures import draw_figures
from partpose.evaluate import disentangle


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
