"""Parts that are the same ones in a picture and in its mirror image."""

import pytest
import torch
from torch import nn

from partpose.model.facing import FacingShape, held
from partpose.model.shape import TaughtShape


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(4, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def shape(pictures):
    """One that turns some of the pictures, and not others."""
    torch.manual_seed(0)
    shape = FacingShape(3, 2, 8, 3.0, 0.0).eval()
    sides = shape.both(pictures)[1].detach()
    wanted = torch.tensor([1.0, -1.0, -1.0, 1.0])
    shape.facing.copy_((torch.linalg.pinv(sides.flatten(1)) @ wanted).unflatten(0, shape.facing.shape))
    return shape


def test_before_facing_is_learned_and_in_training_nothing_is_turned(pictures):
    torch.manual_seed(0)
    shape, parent = FacingShape(3, 2, 8, 3.0, 0.0), TaughtShape(3, 2, 8, 3.0, 0.0)
    parent.load_state_dict({name: one for name, one in shape.state_dict().items() if name != "facing"})
    assert torch.equal(shape.eval()(pictures), parent.eval()(pictures))
    shape.facing.fill_(-1.0)
    assert torch.equal(shape.train()(pictures), parent.train()(pictures))


def test_parts_are_those_of_the_mirror_image_where_that_faces_as_most_do(shape, pictures):
    found, (maps, mirrored) = shape(pictures), shape.both(pictures)[0]
    assert not torch.allclose(maps, mirrored)
    for row, turned in enumerate([False, True, True, False]):
        assert torch.equal(found[row], (mirrored if turned else maps)[row])


def test_a_mirrored_picture_has_the_mirrored_parts(shape, pictures):
    """Which the parent's have not: this is what facing is for."""
    torch.testing.assert_close(shape(pictures.flip(-1)), shape(pictures).flip(-1))
    maps = [shape.looked_at(one)[0] for one in (pictures.flip(-1), pictures)]
    assert not torch.allclose(maps[0], maps[1].flip(-1))


def test_what_tells_is_seen_under_each_part(shape, pictures):
    """A feature that is one at one place, and a map that is all there."""
    seen = torch.zeros(1, shape.facing.shape[1], 4, 6)
    seen[0, 7, 2, 5] = 1.0
    maps = torch.zeros(1, 2, 16, 24)
    maps[0, 1, 8:12, 20:24] = 1 / 16
    shape.seen, shape.beside, shape.maps = (lambda _: (seen, seen, seen)), (lambda *_: None), (lambda _: maps)
    found = shape.looked_at(pictures[:1])[1]
    assert found[0, 1, 7] == 1
    assert found.sum() == 1


def test_while_facing_is_held_a_copy_is_not_decided_about_anew(shape, pictures):
    """The mirror image of each picture would be decided otherwise; held, it faces as the picture does."""
    network, mirrored = nn.Module(), pictures.flip(-1)
    network.shape = shape
    (maps, other), _ = shape.both(mirrored)
    turned = shape.turned(shape.both(pictures)[1])[:, None, None, None]
    with held(network, pictures):
        torch.testing.assert_close(shape(pictures), torch.where(turned, *reversed(shape.both(pictures)[0])))
        torch.testing.assert_close(shape(mirrored), torch.where(turned, other, maps))
    torch.testing.assert_close(shape(mirrored), shape(pictures).flip(-1))


def test_nothing_is_held_of_a_network_without_facing_or_in_training(shape, pictures):
    with held(nn.Module(), pictures):
        pass
    network = nn.Module()
    network.shape = shape.train()
    with held(network, pictures):
        assert shape.held is None
