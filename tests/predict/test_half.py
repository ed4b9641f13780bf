"""Keypoints in half precision are those in full precision, as far as anyone can see."""

import numpy as np
import torch
from dots import predictor
from torch import nn
from training import save_untrained

from partpose.model.part_model import PartModel
from partpose.predict.half import HalfPrecision
from partpose.predict.predictor import load


def peaked(seed: int = 0) -> PartModel:
    """A network whose part maps have peaks, at random places."""
    torch.manual_seed(seed)
    network = predictor(PartModel).network
    with torch.no_grad():
        network.shape.logits.scale.fill_(8)  # as after training
        network.train().part_maps(torch.rand(16, 3, 80, 80))
    return network.eval()


def test_keypoints_move_by_less_than_what_matters():
    network, images = peaked(), torch.rand(8, 3, 80, 80)
    with torch.inference_mode():
        full = network.parts(images)
        network.shape = HalfPrecision(network.shape)
        half = network.parts(images)
    moved = (half.mean - full.mean).norm(dim=-1) * 40
    assert 0 < moved.max() < 0.1
    assert {part.dtype for part in half} == {torch.float32}
    torch.testing.assert_close(half.confidence, full.confidence, atol=5e-3, rtol=0)


def test_values_beyond_half_precision_are_computed_in_full():
    stream = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1), nn.Flatten(2), nn.Softmax(-1))
    with torch.no_grad():
        stream[0].weight.fill_(1e5)
        stream[1].weight.fill_(1e-6)
    half, images = HalfPrecision(stream), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(half(images), stream(images))
    assert not half.enabled


def test_a_model_is_loaded_in_half_precision_where_that_is_asked_for(tmp_path):
    folder = save_untrained(tmp_path / "m")
    half, full = load(folder, "cpu", half=True), load(folder, "cpu")
    assert isinstance(half.network.shape, HalfPrecision)
    assert not isinstance(full.network.shape, HalfPrecision)
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    np.testing.assert_allclose(half.predict(picture).mean, full.predict(picture).mean, atol=0.2)
