"""`partpose calibrate` keeps its scale with the model, and predictions use it."""

import json

import pytest
from training import save_pictures, save_untrained

from partpose.calibration import calibrate_model
from partpose.errors import PartposeError
from partpose.predict.predictor import load


def test_the_scale_is_kept_with_the_model_and_nothing_else_changes(tmp_path, capsys):
    model, pictures = save_untrained(tmp_path / "model"), save_pictures(tmp_path / "pictures", 5)
    before = json.loads((model / "config.json").read_text())
    digest = load(model).digest
    scale = calibrate_model(str(model), pictures)
    after = json.loads((model / "config.json").read_text())
    assert after["training"].pop("uncertainty_scale") == scale
    before["training"].pop("uncertainty_scale", None)
    assert after == before
    assert "from 5 pictures" in capsys.readouterr().out
    predictor = load(model)
    assert predictor.facts["uncertainty_scale"] == scale
    assert predictor.digest == digest


def test_only_so_many_pictures_are_read(tmp_path, capsys):
    model, pictures = save_untrained(tmp_path / "model"), save_pictures(tmp_path / "pictures", 9)
    calibrate_model(str(model), pictures, 4)
    assert "from 4 pictures" in capsys.readouterr().out


def test_a_shipped_model_stays_as_it_is(tmp_path):
    with pytest.raises(PartposeError, match="figures comes with partpose and stays as it is"):
        calibrate_model("figures", save_pictures(tmp_path / "pictures", 2))


def test_nothing_to_calibrate_on_is_said(tmp_path):
    model = save_untrained(tmp_path / "model")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(PartposeError):
        calibrate_model(str(model), tmp_path / "pictures")
