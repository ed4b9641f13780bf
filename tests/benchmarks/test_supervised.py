"""The network with labels."""

import json

import numpy as np
import pytest
import torch
from dots import predictor, save_set

from partpose.data.figures import draw_figures
from partpose.train.step import Beside, draw_step
from partpose.train.warp import Recolour


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
