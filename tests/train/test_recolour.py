"""The colours of two views."""

import math

import pytest
import torch

from partpose.config import TransformSettings
from partpose.train import warp
from partpose.train.warp import draw_recolour


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_no_strength_leaves_colours_alone(channels):
    picture = torch.rand(2, channels, 5, 5, generator=rng())
    change = draw_recolour(2, channels, TransformSettings(), 0.0, rng())
    torch.testing.assert_close(change(picture), picture, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_recolouring_leaves_alpha_alone_and_stays_in_0_1(channels):
    picture = torch.rand(6, channels, 5, 5, generator=rng())
    change = draw_recolour(6, channels, TransformSettings(contrast=1, brightness=1, saturation=1, hue=0.5), 1.0, rng())
    seen = change(picture)
    assert seen.min() >= 0
    assert seen.max() <= 1
    if channels in (2, 4):
        assert torch.equal(seen[:, -1], picture[:, -1])
    assert not torch.allclose(seen[:, 0], picture[:, 0], atol=0.05)


def test_brightness_alone_adds_and_contrast_alone_spreads_about_the_middle():
    still = {"contrast": 0.0, "brightness": 0.0, "saturation": 0.0, "hue": 0.0}
    brighter = draw_recolour(3, 3, TransformSettings(**(still | {"brightness": 0.2})), 1.0, rng())
    torch.testing.assert_close(brighter.matrix, torch.eye(3).expand(3, -1, -1), atol=1e-5, rtol=0)
    spread = draw_recolour(3, 3, TransformSettings(**(still | {"contrast": 0.4})), 1.0, rng())
    grey = torch.full((3, 3, 1, 1), 0.5)
    torch.testing.assert_close(spread(grey), grey, atol=1e-5, rtol=0)


def test_hue_turns_keep_greys_and_brightness_and_come_full_circle():
    s = TransformSettings(contrast=0, brightness=0, saturation=0, hue=0.5)
    change = draw_recolour(8, 3, s, 1.0, rng())
    grey = torch.full((8, 3, 1, 1), 0.3)
    torch.testing.assert_close(change(grey), grey, atol=1e-3, rtol=0)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(luma @ change.matrix, luma.expand(8, -1), atol=1e-3, rtol=0)
    full = warp._hue_matrix(torch.ones(1), torch.tensor([2 * math.pi]), 3)
    torch.testing.assert_close(full[0], torch.eye(3), atol=1e-5, rtol=0)
