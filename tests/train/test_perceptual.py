"""The perceptual error, with weights that are made here: the shapes of VGG19, a twelfth as wide."""

from http.client import IncompleteRead
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from training import Listener, small, train_in

from partpose.config import LossSettings
from partpose.errors import PartposeError
from partpose.model.part_model import read_config
from partpose.train.perceptual import (
    COMPARED,
    SCALE,
    NoWeights,
    Perceptual,
    Vgg19,
    load_perceptual,
    perceptual_for,
)

CPU = torch.device("cpu")
EVERYWHERE = torch.ones(1, 1, 32, 32)


def network(width: int = 4) -> Vgg19:
    torch.manual_seed(0)
    vgg = Vgg19(width)
    for module in vgg.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return vgg


def whole_file() -> dict[str, torch.Tensor]:
    """What torchvision's file holds beside what is needed: the last convolutions and the classifier."""
    more = {
        "features.32.weight": torch.ones(2),
        "classifier.0.weight": torch.ones(3),
        "classifier.0.bias": torch.ones(3),
    }
    return network().state_dict() | more


@pytest.fixture
def pth(tmp_path):
    torch.save(whole_file(), tmp_path / "vgg19.pth")
    return tmp_path / "vgg19.pth"


def pictures(seed: int, channels: int = 3, side: int = 32) -> torch.Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(seed))


# ---- the network


def test_it_is_vgg19_as_far_as_relu5_2():
    shapes = {name: tuple(t.shape) for name, t in Vgg19().state_dict().items() if name.endswith("weight")}
    outputs = {int(name.split(".")[1]): shape[0] for name, shape in shapes.items()}
    assert outputs == {
        0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256, 16: 256, 19: 512, 21: 512, 23: 512, 25: 512, 28: 512,
        30: 512,
    }  # fmt: skip
    assert all(shape[2:] == (3, 3) for shape in shapes.values())


def test_it_compares_the_second_relu_of_each_block():
    features = network()(pictures(0))
    assert [tuple(f.shape[1:]) for f in features] == [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4), (32, 2, 2)]
    assert all(f.min() == 0 < f.max() for f in features)
    assert all(isinstance(network().features[place], torch.nn.ReLU) for place in COMPARED)


# ---- the error


def test_the_error_is_zero_between_equal_pictures_and_grows_with_the_difference():
    error, x = Perceptual(network()), pictures(0)
    assert float(error(x, x, EVERYWHERE)) == 0
    values = [float(error(x + step * (pictures(1) - x), x, EVERYWHERE)) for step in (0.1, 0.5, 1.0)]
    assert values == sorted(values)
    assert values[0] > 0


def test_the_layers_count_alike_whatever_the_size_of_their_features():
    """Each layer's error is relative: ten times larger weights in the first one change nothing."""
    louder = network()
    with torch.no_grad():
        louder.features[2].weight *= 10
        louder.features[2].bias *= 10
        louder.features[5].weight /= 10
    a, b = (Perceptual(n)(pictures(1), pictures(0), EVERYWHERE) for n in (network(), louder))
    torch.testing.assert_close(a, b)


def test_the_pictures_themselves_are_one_of_six_layers():
    blind = network()
    for parameter in blind.parameters():
        torch.nn.init.zeros_(parameter)
    a, b = pictures(1), pictures(0)
    expected = SCALE * (a - b).abs().mean() / b.mean() / 6
    torch.testing.assert_close(Perceptual(blind)(a, b, EVERYWHERE), expected)


def test_places_without_weight_do_not_count():
    error, x = Perceptual(network()), pictures(0, side=64)
    other = x.clone()
    other[..., :4, :4] = 0
    weight = torch.zeros(1, 1, 64, 64)
    weight[..., 48:, 48:] = 16
    assert float(error(other, x, weight)) < 0.1 * float(error(other, x, torch.ones(1, 1, 64, 64)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_gradient_reaches_the_rebuilt_picture_and_nothing_else(channels):
    error, rebuilt = Perceptual(network()), pictures(1, channels).requires_grad_()
    target = pictures(0, channels).requires_grad_()
    error(rebuilt, target, EVERYWHERE).backward()
    assert rebuilt.grad is not None
    assert rebuilt.grad.isfinite().all()
    assert all(rebuilt.grad[:, c].any() for c in range(channels))
    assert not any(p.requires_grad for p in error.parameters())


# ---- its weights


def test_weights_of_a_pth_and_of_a_safetensors_file_are_the_same(tmp_path, pth):
    save_file(whole_file(), tmp_path / "vgg19.safetensors")
    a, b = (load_perceptual(str(path)) for path in (pth, tmp_path / "vgg19.safetensors"))
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert torch.equal(a.state_dict()["network.features.30.bias"], network().features[30].bias)


def test_weights_in_the_folder_of_torch_hub_are_taken_without_a_network(tmp_path, pth, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    pth.rename(tmp_path / "hub/checkpoints/vgg19-dcbb9e9d.pth")
    assert load_perceptual("hub").network.features[0].out_channels == 4


def failing(error):
    def fetch(*_args, **_options):
        raise error

    return fetch


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ("hub", URLError("no network"), "cannot fetch"),
        ("hub", IncompleteRead(b"half"), "cannot fetch"),
        ("missing.pth", URLError("no network"), "no file missing.pth"),
    ],
)
def test_missing_weights_are_a_warning_and_the_pyramid(monkeypatch, weights, error, words):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", failing(error))
    warnings = []
    assert perceptual_for(LossSettings(reconstruction="vgg", vgg_weights=weights), CPU, warnings.append) is None
    assert len(warnings) == 1
    assert words in warnings[0]
    assert "pyramid instead" in warnings[0]
    with pytest.raises(NoWeights):
        load_perceptual(weights)


def test_nothing_is_looked_for_where_it_was_not_asked_for(monkeypatch):
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", failing(URLError("no network")))
    assert perceptual_for(LossSettings(), CPU, pytest.fail) is None


def others() -> dict[str, object]:
    narrow = network().state_dict()
    return {
        "cut": None,
        "a list": [1, 2],
        "other names": {name.removeprefix("features."): t for name, t in narrow.items()},
        "other shapes": narrow | {"features.2.weight": torch.ones(1)},
    }


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", others())
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, kind, suffix):
    path, content = tmp_path / f"other{suffix}", others()[kind]
    if isinstance(content, dict) and suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
        path.write_bytes(path.read_bytes()[: 200 if kind == "cut" else None])
    with pytest.raises(
        PartposeError, match=rf"other{suffix} does not hold the weights of VGG19: expected torchvision's"
    ):
        load_perceptual(str(path))


# ---- in a run


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_run_is_trained_with_it_and_says_what_it_was_trained_with(tmp_path, pth):
    listener, runs = Listener(), {}
    for name, weights in {"vgg": pth, "pyramid": tmp_path / "nowhere.pth"}.items():
        loss = {"loss": {"reconstruction": "vgg", "vgg_weights": str(weights)}}
        train_in(tmp_path / name, small(steps=2).override(loss, "the test"), listener)
        runs[name] = read_config(tmp_path / name)[1]["reconstruction"]
    assert runs == {"vgg": "vgg", "pyramid": "pyramid"}
    assert len(listener.warnings) == 1
    with pytest.raises(PartposeError, match="does not hold the weights"):
        loss = {"loss": {"reconstruction": "vgg", "vgg_weights": str(tmp_path / "vgg/config.json")}}
        train_in(tmp_path / "other", small().override(loss, "the test"), read=lambda: pytest.fail("read the pictures"))
