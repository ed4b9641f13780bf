"""Every network can be exported."""

import numpy as np
import pytest
import torch
from dots import dots
from training import small

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from partpose.model.lorenz import Hourglass
from partpose.model.part_model import PartModel, fresh_model
from partpose.predict.export import export
from partpose.predict.predictor import Predictor, load

PICTURES = [dots(90, 60, (20, 30), (60, 40))]


def test_the_original_s_architecture(tmp_path, monkeypatch):
    """With an hourglass of fewer levels, of the same operations: an export takes as long as a graph has nodes."""
    monkeypatch.setattr("partpose.model.lorenz.Hourglass", lambda width, depth: Hourglass(width, depth % 4))
    settings = small().override(
        {"model": {"architecture": "lorenz2019", "parts": 2, "size": 64, "appearance": 2}}, "the test"
    )
    torch.manual_seed(0)
    model = Predictor(PartModel(settings.model).eval(), settings, {}, "lorenz", "digest")
    parity = export(model, tmp_path / "lorenz.onnx", PICTURES, ["a", "b"])
    assert parity.network <= 0.01
    assert load(tmp_path / "lorenz.onnx").predict(np.zeros((9, 9, 3), np.uint8)).mean.shape == (1, 2, 2)


@pytest.mark.parametrize(("half", "away"), [(False, 0.01), (True, 0.25)])
def test_a_backbone_goes_with_the_graph(tmp_path, half, away):
    settings = small().override({"model": {"backbone": "imagenet"}}, "the test")
    torch.manual_seed(0)
    model = Predictor(fresh_model(settings.model).eval(), settings, {}, "taught", "digest")
    assert export(model, tmp_path / "taught.onnx", PICTURES, ["a"] * 5, half).network <= away


def test_facing_goes_with_the_graph(tmp_path):
    """A picture and its mirror image have mirrored keypoints in the file as well."""
    settings = small().override({"model": {"backbone": "imagenet", "facing": True}}, "the test")
    torch.manual_seed(0)
    model = Predictor(fresh_model(settings.model).eval(), settings, {}, "facing", "digest")
    picture = torch.from_numpy(PICTURES[0])
    torch.nn.init.normal_(model.network.shape.facing)
    assert export(model, tmp_path / "facing.onnx", PICTURES, ["a"] * 5).network <= 0.01
    exported = load(tmp_path / "facing.onnx")
    here, there = (exported.predict(one.contiguous().numpy()).mean[0] for one in (picture, picture.flip(1)))
    np.testing.assert_allclose(there[:, 0], picture.shape[1] - 1 - here[:, 0], atol=0.01)
    np.testing.assert_allclose(there[:, 1], here[:, 1], atol=0.01)
