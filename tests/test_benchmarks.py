"""The benchmarks run, on small replicas of their data."""

import importlib
import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from human36m_replica import save_official, save_simplified
from training import save_untrained

from partpose.config import load_preset
from partpose.data.cameras import find_cameras

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
FOLDERS = {"S1": ["Directions 1.54138969"], "S9": ["Walking.60457274"], "S11": ["Posing.55011271"]}


@pytest.mark.training
@pytest.mark.xdist_group("training")
@pytest.mark.parametrize("save", [save_official, save_simplified])
def test_human36m_is_trained_and_evaluated_by_one_command(tmp_path, monkeypatch, capsys, save):
    folder = save(tmp_path / "data", FOLDERS, frames=8)
    options = ["--preset", "smoke", "--steps", "4", "--every", "2", "--jobs", "1", "--device", "cpu"]
    main = runpy.run_path(str(BENCHMARKS / "human36m.py"))["main"]
    monkeypatch.setattr("sys.argv", ["human36m.py", str(folder), "--output", str(tmp_path / "out"), *options])
    main()
    printed = capsys.readouterr().out
    for words in ("2.79", "left/right flip forgiven", "untrained network", "mean pose", "smoke, 5 parts"):
        assert words in printed
    result = json.loads((tmp_path / "out/smoke/evaluation.json").read_text())
    pictures = 4 if save is save_official else 8
    assert (result["train_pictures"], result["test_pictures"]) == (2 * pictures, pictures)
    assert (result["protocol"], result["intercept"], result["unit"]) == ("human36m", False, "% of image size")
    assert result["error_flip_forgiven"] <= result["error"]
    # A second time there is nothing to train, and the result is the same
    main()
    assert json.loads((tmp_path / "out/smoke/evaluation.json").read_text()) == result


def test_human36m_refuses_other_folders_in_one_line(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(BENCHMARKS / "human36m.py"))["main"]
    monkeypatch.setattr("sys.argv", ["human36m.py", str(tmp_path), "--output", str(tmp_path / "out"), "--steps", "1"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "found nothing in" in capsys.readouterr().err


def test_the_data_stage_is_timed_from_files_and_from_a_pack(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(BENCHMARKS / "data_speed.py"))["main"]
    options = [
        "--pictures",
        "32",
        "--sizes",
        "32",
        "--rounds",
        "1",
        "--rows",
        "1000",
        "--json",
        tmp_path / "speed.json",
    ]
    monkeypatch.setattr("sys.argv", ["data_speed.py", "--folder", str(tmp_path), *map(str, options)])
    main()
    assert "a pack of 1000 pictures: first batch after" in capsys.readouterr().out
    rows = json.loads((tmp_path / "speed.json").read_text())["data_stage"]
    assert [row["from"] for row in rows[:4]] == ["JPEG on disk", "pack on disk", "JPEG in memory", "pack in memory"]
    assert all(row["rate"] > 0 for row in rows)


def test_uncertainty_is_held_against_drawn_truth(tmp_path, monkeypatch, capsys):
    model = save_untrained(tmp_path / "model")
    main = runpy.run_path(str(BENCHMARKS / "uncertainty.py"))["main"]
    main.__globals__.update(CHANGES=(2,), FRAMES=12, CLIPS=1, NOISE=(0.0, 0.1))
    monkeypatch.setattr(
        "sys.argv", ["uncertainty.py", str(model), "--people", "8", "--json", str(tmp_path / "found.json")]
    )
    main()
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["against_truth"][0].keys() == {"changes", "scale", "rms", "rms_calibrated", "within_1", "within_2"}
    assert [row["noise"] for row in found["smoothing"]] == [0.0, 0.1]
    assert all(row["kalman"] > 0 for row in found["smoothing"])
    assert "jitter from frame to frame" in capsys.readouterr().out


def test_predictions_are_timed_and_their_memory_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    main = runpy.run_path(str(BENCHMARKS / "predict_speed.py"))["main"]
    main.__globals__["CLIP"] = 8
    options = ["--preset", "smoke", "--frames", "12", "--pictures", "5", "--rounds", "1", "--memory", "16"]
    files = ["--json", str(tmp_path / "speed.json"), "--page", str(tmp_path / "page.md")]
    monkeypatch.setattr("sys.argv", ["predict_speed.py", *options, *files])
    main()
    found = json.loads((tmp_path / "speed.json").read_text())
    assert [(row["input"], row["frames"]) for row in found["stages"]] == [("frames of a clip", 12), ("pictures", 5)]
    assert all(row[key] > 0 for row in found["stages"] for key in ("decode", "model", "write", "whole", "of_sum"))
    assert all(0 < row["median_ms"] <= row["p99_ms"] for row in found["streams"])
    assert [row["rows"] for row in found["memory"]] == [16]
    printed, page = capsys.readouterr().out, (tmp_path / "page.md").read_text()
    for words in ("end to end", "99th percentile", "peak memory over torch's own"):
        assert words in printed
        assert words in page


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_growth_is_measured_line_by_line_in_processes_of_their_own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    growth = importlib.import_module("growth")
    monkeypatch.setitem(growth.AXES, "pictures", growth.AXES["pictures"]._replace(values=(40,)))
    options = ["--preset", "smoke", "--only", "pictures", "--rounds", "1", "--seconds", "0.1", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["growth.py", *options, "--page", str(tmp_path / "results.md")])
    growth.main()
    page = (tmp_path / "results.md").read_text()
    assert (
        "python benchmarks/growth.py --preset smoke --rounds 1 --seconds 0.1 --only pictures --page docs/results.md\n"
        in page
    )
    (line,) = (line for line in page.splitlines() if line.startswith("| 40 |"))
    _, step, by, memory, _, ready = [cell.strip() for cell in line.split("|")[1:-1]]
    assert float(step) > 0 < float(memory)
    assert float(ready) > 0
    assert by == ""


def test_growth_by_the_pixels_is_half_of_that_by_the_side(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    growth = importlib.import_module("growth")
    lines = [{"value": 64, "step": 1.0}, {"value": 128, "step": 4.0}]
    assert growth.exponent(growth.AXES["size"], *lines, "step") == "1.00"
    assert growth.exponent(growth.AXES["parts"], *lines, "step") == "2.00"
    assert growth.exponent(growth.AXES["size"], None, lines[0], "step") == ""


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_the_speed_of_training_is_measured_beside_the_network_of_2019(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    speed = importlib.import_module("train_speed")
    monkeypatch.setattr(speed, "LEAST", 0.01)
    options = ["--presets", "smoke", "--sizes", "32", "--rounds", "1", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["train_speed.py", *options, "--page", str(tmp_path / "results.md")])
    speed.main()
    page = (tmp_path / "results.md").read_text()
    assert "python benchmarks/train_speed.py --presets smoke --sizes 32 --rounds 1 --page docs/results.md\n" in page
    (line,) = (line for line in page.splitlines() if line.startswith("| smoke | 32 |"))
    shares = [float(cell.strip(" %")) for cell in line.split("|")[10:-1]]
    assert len(shares) == len(speed.STAGES) + 1
    assert all(share >= 0 for share in shares)


@pytest.mark.parametrize("size", [64, 128, 256])
def test_made_pictures_have_a_camera_at_every_size(monkeypatch, size):
    """Else the sizes of a table would do different work."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    speed = importlib.import_module("train_speed")
    made = speed.rig(load_preset("animals").override({"model": {"size": size}}, "the test")).pixels
    found = find_cameras(made)
    assert len(found.scene) == 1
    assert (found.of(np.arange(len(made))) == 0).all()
    assert found.steady.mean() > 0.5


@pytest.mark.parametrize(("name", "options", "said"), [
    ("growth", ["--only", "moons"], "no table 'moons': expected some of parts, size"),
    ("growth", ["--preset", "moons"], "moons"),
    ("growth", ["--device", "cuda:99"], "no device 'cuda:99' on this machine"),
    ("train_speed", ["--device", "cuda:99"], "no device 'cuda:99' on this machine"),
])  # fmt: skip
def test_a_mistake_is_one_line(monkeypatch, capsys, name, options, said):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr("sys.argv", [f"{name}.py", *options])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(name).main()
    assert said in capsys.readouterr().err
