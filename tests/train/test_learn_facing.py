"""Which way animals face, from pictures alone."""

import pytest
import torch
from torch.nn import functional as F

from partpose.model.facing import FacingShape
from partpose.model.pretrained import teach
from partpose.train.learn_facing import facing_axis, learn_facing


def rows(apart: float, left: int = 40, count: int = 100, length: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit rows around plus or minus one direction, `left` of them around minus; and which."""
    g = torch.Generator().manual_seed(0)
    sides = torch.ones(count)
    sides[torch.randperm(count, generator=g)[:left]] = -1
    planted = F.normalize(torch.randn(length, generator=g), dim=0) * apart
    return F.normalize(sides[:, None] * planted + torch.randn(count, length, generator=g) / length**0.5, dim=1), sides


@pytest.mark.parametrize("left", [0, 10, 40, 50])
def test_the_axis_tells_the_sides_apart(left):
    found, sides = rows(1.0, left)
    axis = facing_axis(found)
    torch.testing.assert_close(axis.norm(), torch.tensor(1.0))
    assert bool(((found @ axis).sign() == sides).all()) or left == 50


@pytest.mark.parametrize("left", [60, 90, 100])
def test_most_lie_on_its_positive_side(left):
    found, sides = rows(1.0, left)
    assert torch.equal((found @ facing_axis(found)).sign(), -sides)


def test_the_axis_is_nearer_than_the_first_principal_one():
    found, _ = rows(0.8)
    along = torch.linalg.svd(found, full_matrices=False)[2][0]
    assert (found @ facing_axis(found)).abs().mean() > (found @ along).abs().mean()


def animals(count: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    """Dark bodies with a bright head at one end, in front of noise, of which a third face left; and which."""
    g = torch.Generator().manual_seed(1)
    pictures, left = torch.rand(count, 3, 64, 64, generator=g) * 0.3 + 0.3, torch.arange(count) % 3 == 0
    for picture, turned in zip(pictures, left, strict=True):
        x, y = (int(torch.randint(-4, 5, (), generator=g)) for _ in range(2))
        picture[:, 26 + y : 40 + y, 14 + x : 50 + x] = 0.1
        picture[:, 18 + y : 30 + y, 44 + x : 56 + x] = torch.tensor([0.9, 0.8, 0.2])[:, None, None]
        if turned:
            picture.copy_(picture.flip(-1))
    return pictures, left


@pytest.fixture(scope="module")
def shape():
    torch.manual_seed(0)
    shape = FacingShape(3, 4, 8, 3.0, 0.0).eval()
    teach(shape.backbone)
    return shape


def test_facing_is_learned_from_pictures_of_both_kinds(shape):
    pictures, left = animals()
    faced = learn_facing(shape, pictures.split(7))
    assert torch.equal(shape.turned(shape.both(pictures)[1]), left)
    assert faced.turned == pytest.approx(1 / 3)
    assert faced.agreement == 1


def test_where_nothing_tells_two_halves_of_the_pictures_disagree(shape, monkeypatch):
    noise = torch.randn(200, *shape.facing.shape, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(shape, "both", lambda rows: (None, rows))
    faced = learn_facing(shape, noise.split(64))
    assert 0.5 <= faced.agreement < 0.7
    assert "which way the animals face is not sure" in str(faced.doubt())


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_pictures_tell_nothing_and_that_is_said(shape, count):
    shape.facing.zero_()
    faced = learn_facing(shape, [torch.rand(count, 3, 64, 64)])
    assert not shape.facing.any()
    assert "not sure" in str(faced.doubt())


def test_pictures_that_show_nothing_agree_about_nothing(shape):
    assert learn_facing(shape, [torch.zeros(12, 3, 64, 64)]).agreement == 0


def test_neighbours_that_are_alike_do_not_make_facing_sure(shape, monkeypatch):
    """Each of a hundred scenes that tell nothing is shown four times in turn."""
    noise = torch.randn(100, *shape.facing.shape, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 0)
    monkeypatch.setattr(shape, "both", lambda rows: (None, rows))
    assert learn_facing(shape, noise.split(64)).agreement < 0.7
