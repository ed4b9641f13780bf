"""The shape stream."""

import pytest
import torch

from partpose.model.pretrained import teach
from partpose.model.shape import Logits, Shape, TaughtShape, kept_doubling, spatial_softmax, twice


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_spatial_softmax_sums_to_one_over_the_picture():
    maps = spatial_softmax(torch.randn(2, 3, 5, 7, generator=rng()) * 30)
    torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(2, 3))
    assert (maps >= 0).all()


def test_spatial_softmax_of_equal_logits_is_flat_and_of_one_high_logit_a_hot_cell():
    assert torch.equal(spatial_softmax(torch.zeros(1, 1, 4, 4)), torch.full((1, 1, 4, 4), 1 / 16))
    logits = torch.zeros(1, 1, 4, 4)
    logits[..., 1, 2] = 200
    assert float(spatial_softmax(logits)[0, 0, 1, 2]) == 1


@pytest.mark.parametrize("loudness", [0.1, 1.0, 1e3])
def test_logits_start_with_the_spread_of_the_scale_whatever_the_features(loudness):
    """Part maps that start flat stay flat: normalised logits times 3 cured it."""
    logits = Logits(8, 5, 3.0)(torch.randn(4, 8, 16, 16, generator=rng()) * loudness)
    torch.testing.assert_close(logits.std((0, 2, 3)), torch.full((5,), 3.0), atol=0.1, rtol=0)


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("side", [32, 48, 64, 80, 112])
@pytest.mark.parametrize("stream", [Shape, TaughtShape])
def test_part_maps_have_half_the_side_of_any_picture(stream, side, parts):
    """A stem or bottleneck built for one picture size only."""
    maps = stream(3, parts, 8, 3.0, 0.0)(torch.rand(2, 3, side, side, generator=rng()))
    assert maps.shape == (2, parts, side // 2, side // 2)
    torch.testing.assert_close(maps.sum((-2, -1)), torch.ones(2, parts))


def test_mirrored_weights_on_a_mirrored_picture_give_the_mirrored_maps():
    """The stream has no built-in shift."""
    torch.manual_seed(0)
    shape = Shape(1, 2, 8, 3.0, 0.0).eval()
    picture = torch.rand(1, 1, 32, 32, generator=rng())
    maps = shape(picture)
    with torch.no_grad():
        for p in shape.parameters():
            if p.ndim == 4:
                p.copy_(p.flip(-1))
    torch.testing.assert_close(shape(picture.flip(-1)), maps.flip(-1), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("level", ["read4", "read8", "read16"])
def test_features_of_the_backbone_are_read_at_each_level(level):
    torch.manual_seed(0)
    shape, picture = TaughtShape(3, 2, 8, 3.0, 0.0).eval(), torch.rand(1, 3, 32, 32, generator=rng())
    before, place = shape(picture), ("read4", "read8", "read16").index(level)
    seen = shape.backbone.forward

    def other(images):
        features = list(seen(images))
        features[place] = features[place] + 1
        return tuple(features)

    shape.backbone.forward = other
    assert not torch.allclose(shape(picture), before)


def test_a_backbone_computes_in_half_precision_in_training_alone():
    torch.manual_seed(0)
    shape, picture = TaughtShape(3, 2, 8, 3.0, 0.0), torch.rand(2, 3, 32, 32, generator=rng())
    teach(shape.backbone)
    found = {}
    for shape.halves in (False, True):
        found |= {(shape.halves, mode): shape.train(mode).seen(picture) for mode in (False, True)}
    for exact, same, near in zip(found[False, True], found[True, False], found[True, True], strict=True):
        assert torch.equal(same, exact)
        assert near.dtype == torch.float32
        assert not torch.equal(near, exact)
        torch.testing.assert_close(near, exact, rtol=0.05, atol=0.05 * float(exact.abs().max()))


def test_maps_stay_in_full_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert Shape(1, 2, 8, 3.0, 0.0)(torch.rand(2, 1, 32, 32)).dtype == torch.float32


@pytest.mark.parametrize("size", [(16, 16), (20, 12)])
def test_twice_is_torchs_bicubic_interpolation(size):
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(maps, scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(twice(maps), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 12])
def test_doubling_is_torch_s(n):
    maps = torch.rand(1, 1, n, n)
    matrix = kept_doubling(n, torch.device("cpu"))
    ours = torch.nn.functional.interpolate(maps, scale_factor=2, mode="bicubic", align_corners=False)
    torch.testing.assert_close(matrix @ maps @ matrix.T, ours)
