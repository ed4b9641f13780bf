"""Keypoints under known changes: mapped back to where they were, and their spread as large as the error that is there."""

import numpy as np
import pytest
import torch
from dots import Dots, dots, in_full, places, predictor

from partpose.errors import PartposeError
from partpose.geometry import grid
from partpose.model.part_model import PartModel
from partpose.predict import uncertainty
from partpose.predict.uncertainty import calibrate, changes, deviation, means_under, measure


def pictures(count=6, channels=3):
    model = predictor(Dots, channels)
    canvases = [model.canvas(dots(160, 120, *where)) for where in places(count, 160, 120)]
    return model.network, model.tensor(np.stack(canvases))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_keypoints_of_changed_pictures_come_back_to_where_they_were(channels):
    network, images = pictures(channels=channels)
    with torch.inference_mode():
        still = network.parts(images).mean
        moved = [network.parts(change(images)).mean for change in changes(8)]
        back = means_under(network, images, changes(8))
    assert min(float((m - still).abs().max()) for m in moved) > 0.01
    assert max(float((b - still).abs().max()) for b in back) < 0.01


def test_an_alpha_channel_is_moved_but_not_recoloured():
    images = torch.full((1, 4, 32, 32), 0.5)
    changed = changes(1)[0](images)
    assert (changed[:, :3] != 0.5).all()
    torch.testing.assert_close(changed[:, 3], images[:, 3])


def test_changes_are_the_same_ones_however_many_there_are():
    for few, many in zip(changes(3), changes(9), strict=False):
        torch.testing.assert_close(few, many)
    assert changes(0) == []


def test_without_average_and_uncertainty_nothing_changes():
    network, images = pictures()
    with torch.inference_mode():
        parts, spread = measure(network, images, network.part_maps(images))
        plain = network.parts(images)
    for found, expected in zip(parts, plain, strict=True):
        assert torch.equal(found, expected)
    assert spread.isnan().all()


class Noisy(PartModel):
    """Looks at nothing: two keypoints in the middle, but for noise, of a size of their own in each picture."""

    def __init__(self, sigma: torch.Tensor) -> None:
        torch.nn.Module.__init__(self)
        self.sigma, self.rng, self.calls = sigma, torch.Generator().manual_seed(0), 0

    def part_maps(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        noise = torch.randn(len(images), 2, 2, generator=self.rng) * self.sigma[..., None]
        off = grid(32, 32) - noise[:, :, None, None]
        return (-off.square().sum(-1) / 0.02).flatten(2).softmax(-1).unflatten(-1, (32, 32))


@pytest.fixture
def noisy(monkeypatch):
    """Such a network, pictures, the size of its noise, and changes that change nothing."""
    still = uncertainty.Change(torch.eye(2), torch.zeros(2), 1.0, 0.0)
    monkeypatch.setattr(uncertainty, "changes", lambda count: [still] * count)
    sigma = torch.rand(400, 2, generator=torch.Generator().manual_seed(1)) * 0.1 + 0.02
    return Noisy(sigma), torch.zeros(400, 3, 32, 32), sigma


@pytest.mark.parametrize("count", [2, 4, 16])
def test_errors_divided_by_the_uncertainty_have_a_root_mean_square_of_one(noisy, count):
    network, images, sigma = noisy
    _, spread = measure(network, images, network.part_maps(images), uncertainty=count)
    error = torch.randn(400, 2, generator=torch.Generator().manual_seed(2)) * sigma
    assert abs(float((error / spread).clamp(-8, 8).square().mean().sqrt()) - 1) < 0.1
    assert float(torch.corrcoef(torch.stack([spread.flatten(), sigma.flatten()]))[0, 1]) > 0.5


def test_the_average_is_nearer_to_the_truth(noisy):
    network, images, _ = noisy
    single, average = (
        measure(network, images, network.part_maps(images), average=n)[0].mean.square().mean() for n in (1, 8)
    )
    assert abs(float(single / average) / 8 - 1) < 0.2


def test_calibration_finds_nothing_to_mend_where_all_changes_err_alike(noisy):
    network, images, _ = noisy
    assert abs(calibrate(network, [images, images], 6) - 1) < 0.05


def test_calibration_finds_errors_that_the_first_changes_do_not_show(noisy, monkeypatch):
    network, images, sigma = noisy
    maps = network.part_maps

    def part_maps(images: torch.Tensor) -> torch.Tensor:
        network.sigma = sigma if network.calls < 7 else 2 * sigma
        return maps(images)

    monkeypatch.setattr(network, "part_maps", part_maps)
    assert 1.6 < calibrate(network, [images], 6) < 2.1


def test_uncertainty_of_dots_is_what_they_err_by():
    """Drawn anew at places that a camera would see them at, a little aside: by how much are they found off there?"""
    model = predictor(Dots)
    where = places(40, 64, 64)
    aside = where + np.random.default_rng(5).uniform(-2, 2, (40, 1, 2))
    here, there = (np.stack([dots(64, 64, *one) for one in some]) for some in (where, aside))
    with torch.inference_mode():
        images = model.tensor(np.stack([model.canvas(pixels) for pixels in here]))
        scale = calibrate(model.network, [images], 8)
        _, spread = measure(model.network, images, model.network.part_maps(images), uncertainty=8, scale=scale)
    found = [model.predict(some).mean for some in (here, there)]
    truth = [np.stack([in_full(pixels)[0] for pixels in some]) for some in (here, there)]
    errors = (found[1] - truth[1]) - (found[0] - truth[0])
    ratio = np.sqrt(np.mean(errors**2)) / (float(spread.square().mean().sqrt()) * 32)
    assert 0.3 < ratio < 3


def test_too_few_changes_are_refused():
    with pytest.raises(PartposeError, match="with 2 changes of the picture or more"):
        deviation(torch.zeros(2, 1, 1, 2))
    with pytest.raises(PartposeError, match="no pictures"):
        calibrate(Noisy(torch.ones(1, 2)), [])
