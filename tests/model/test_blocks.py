"""The convolutions that every stream is made of."""

import pytest
import torch

from partpose.model.blocks import Residual, conv


@pytest.mark.parametrize(("stride", "kernel"), [(1, 1), (1, 3), (2, 4), (2, 6)])
@pytest.mark.parametrize("side", [16, 48])
def test_sides_shrink_by_the_stride_alone(stride, kernel, side):
    assert conv(3, 8, stride, kernel)(torch.rand(2, 3, side, side)).shape == (2, 8, side // stride, side // stride)


def test_convolutions_see_as_far_to_the_left_as_to_the_right():
    """An off-centre kernel would shift every part by a pixel."""
    block = conv(1, 1, 2, 6).eval()
    torch.nn.init.ones_(block[0].weight)
    dot = torch.zeros(1, 1, 16, 16)
    dot[..., 7:9, 7:9] = 1
    seen = block(dot)
    torch.testing.assert_close(seen, seen.flip(-1))
    torch.testing.assert_close(seen, seen.flip(-2))


def test_a_residual_block_starts_as_the_identity():
    x = torch.rand(2, 4, 8, 8)
    torch.testing.assert_close(Residual(4)(x), x)
