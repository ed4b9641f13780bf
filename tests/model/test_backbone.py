"""The network that was taught to name pictures."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from partpose.model.backbone import FEATURES, MEAN, Backbone, Block, Convolution, Stage, folded, published_names


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return Backbone()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("side", [32, 48, 80])
def test_features_have_a_quarter_an_eighth_and_a_sixteenth_of_the_side(backbone, side, channels):
    read = backbone(torch.rand(2, channels, side, side, generator=rng()))
    assert [tuple(one.shape) for one in read] == [
        (2, features, side // part, side // part) for features, part in zip(FEATURES, (4, 8, 16), strict=True)
    ]


def test_grey_is_seen_as_three_equal_colours_and_alpha_not_at_all(backbone):
    grey, alpha = torch.rand(2, 1, 32, 32, generator=rng()), torch.rand(2, 1, 32, 32)
    expected = backbone(grey.repeat(1, 3, 1, 1))
    for picture in (grey, torch.cat([grey, alpha], 1), torch.cat([grey.repeat(1, 3, 1, 1), alpha], 1)):
        for ours, theirs in zip(backbone(picture), expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_nothing_in_it_learns_or_knows_whether_it_trains(backbone):
    picture = torch.rand(1, 3, 32, 32, generator=rng())
    assert not any(p.requires_grad for p in backbone.parameters())
    before = [one.clone() for one in backbone.eval()(picture)]
    for ours, theirs in zip(backbone.train()(picture), before, strict=True):
        assert torch.equal(ours, theirs)


def test_the_gray_that_it_was_centred_on_is_nothing_to_it():
    """Values are brought to where they were when it was taught: 127 of 255 to 0."""
    backbone = Backbone()
    nn.init.zeros_(backbone.stem.get_parameter("bias"))
    seen = []
    backbone.stages[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    backbone(torch.full((1, 3, 32, 32), MEAN))
    assert seen[0].shape[-1] == 32
    torch.testing.assert_close(seen[0], torch.zeros_like(seen[0]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_stride_of_two_starts_at_the_first_cell_as_tensorflow_does(kernel):
    """The window of the first cell of the result is centred between the first two cells, not on the first."""
    convolution = Convolution(1, 1, kernel, 2)
    nn.init.ones_(convolution.weight)
    nn.init.zeros_(convolution.get_parameter("bias"))
    line = torch.arange(1.0, 9.0).expand(1, 1, 8, 8)
    found = convolution(line)[0, 0, 1] / kernel  # whose rows are all inside
    first = {
        3: [1 + 2 + 3, 3 + 4 + 5, 5 + 6 + 7, 7 + 8],
        5: [1 + 2 + 3 + 4, 2 + 3 + 4 + 5 + 6, 4 + 5 + 6 + 7 + 8, 6 + 7 + 8],
    }
    torch.testing.assert_close(found, torch.tensor(first[kernel], dtype=torch.float32))


@pytest.mark.parametrize(("stride", "inputs", "added"), [(1, 4, True), (1, 3, False), (2, 4, False)])
def test_a_block_adds_what_it_was_given_where_that_fits(stride, inputs, added):
    block = Block(inputs, Stage(1, 3, stride, 4, 6), stride)
    for parameter in block.project.parameters():
        nn.init.zeros_(parameter)
    given = torch.rand(1, inputs, 8, 8, generator=rng())
    expected = given if added else torch.zeros(1, 4, 8 // stride, 8 // stride)
    assert torch.equal(block(given), expected)


def test_a_folded_convolution_is_the_convolution_and_its_batch_norm():
    norm = nn.BatchNorm2d(4, eps=1e-3).eval()
    for name, tensor in norm.state_dict().items():
        if tensor.ndim:
            norm.state_dict()[name].copy_(torch.rand(4, generator=rng()) + 0.5)
    weight, picture = torch.randn(4, 3, 3, 3, generator=rng()), torch.rand(2, 3, 8, 8, generator=rng())
    both = folded({"weight": weight}, norm.state_dict())
    torch.testing.assert_close(F.conv2d(picture, **both, padding=1), norm(F.conv2d(picture, weight, padding=1)))


def test_every_tensor_has_a_published_name(backbone):
    names = {f"{name}.{kind}" for name in published_names() for kind in ("weight", "bias")}
    assert names == set(backbone.state_dict())
