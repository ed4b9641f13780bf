"""Part health on part maps made by hand: the loss does not show a collapse, these numbers must."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from partpose.config import ModelSettings, Settings
from partpose.geometry import grid
from partpose.model.part_model import PartModel
from partpose.train.health import Health, Watch, measure

SETTINGS = Settings(model=ModelSettings(size=64, parts=3, channels=1))
SIDE = SETTINGS.model.canvas


class MadeModel(PartModel):
    """A network whose part maps are what `maps` says."""

    def __init__(self, maps: Callable[[Tensor], Tensor]) -> None:
        nn.Module.__init__(self)
        self.maps = maps

    def part_maps(self, images: Tensor) -> Tensor:
        return self.maps(images)


def dots() -> Tensor:
    """Pictures (16, 1, SIDE, SIDE) of three dots of different brightness, at other places in each."""
    places = torch.rand(16, 3, 2, generator=torch.Generator().manual_seed(0)) * 0.3 - 0.15
    places = places + torch.tensor([[-0.4, -0.3], [0.4, -0.2], [0.0, 0.4]])
    d2 = (grid(SIDE, SIDE) - places[:, :, None, None]).square().sum(-1)
    brightness = torch.tensor([0.3, 0.6, 0.9])[:, None, None]
    return (torch.exp(-d2 / (2 * 0.05**2)) * brightness).sum(1, keepdim=True)


def follow(images: Tensor) -> Tensor:
    """Maps that see the dots: each is the picture's brightness near one of the three places."""
    u = grid(images.shape[-1], images.shape[-1])
    regions = torch.stack([(u[..., 1] < 0.1) & (u[..., 0] < 0), (u[..., 1] < 0.1) & (u[..., 0] >= 0), u[..., 1] >= 0.1])
    maps = images.square() * regions + 1e-9
    return maps / maps.sum((-2, -1), keepdim=True)


def still(images: Tensor) -> Tensor:
    """Maps that ignore the picture: a fixed grid, as a strong separation makes it on clutter."""
    places = torch.tensor([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.5]])
    d2 = (grid(32, 32) - places[:, None, None]).square().sum(-1)
    maps = torch.exp(-d2 / (2 * 0.08**2)).expand(len(images), -1, -1, -1)
    return maps / maps.sum((-2, -1), keepdim=True)


def flat(images: Tensor) -> Tensor:
    return images.new_full((len(images), 3, 32, 32), 1 / 32**2)


def together(images: Tensor) -> Tensor:
    """The first two parts sit on one point."""
    return follow(images)[:, [0, 0, 2]]


def health(maps: Callable[[Tensor], Tensor]) -> Health:
    return measure(MadeModel(maps), dots(), SETTINGS)


def test_parts_that_follow_are_alive_apart_and_equivariant():
    found = health(follow)
    assert found.alive.all()
    assert not found.doubled.any()
    assert not found.static.any()
    assert (found.equivariance < 2).all()
    assert found.advice() is None


def test_a_fixed_grid_is_static_though_alive_and_apart():
    found = health(still)
    assert found.alive.all()
    assert not found.doubled.any()
    assert found.static.all()
    assert (found.equivariance > 2).all()
    assert "--loss.separation" in (found.advice() or "")


def scene(jitter: float, pictures: int = 16) -> Tensor:
    """Pictures of a bright dot that moves and a darker lamp that does not, but for a jitter (root mean square, K = 1)."""
    rng = torch.Generator().manual_seed(0)
    dot = torch.rand(pictures, 2, generator=rng) * 0.6 - torch.tensor([0.6, 0.3])
    lamp = torch.tensor([0.5, 0.2]) + torch.randn(pictures, 2, generator=rng) * jitter / 2**0.5
    d2 = (grid(SIDE, SIDE) - torch.stack([dot, lamp], 1)[:, :, None, None]).square().sum(-1)
    return (torch.exp(-d2 / (2 * 0.05**2)) * torch.tensor([0.9, 0.5])[:, None, None]).sum(1, keepdim=True)


def by_brightness(images: Tensor) -> Tensor:
    """Maps of the bright dot and of the lamp, wherever they are."""
    u = grid(images.shape[-1], images.shape[-1])
    bright = images * (images > 0.6 * images.amax((-2, -1), keepdim=True))
    dot = (u * bright[..., None]).sum((-3, -2), keepdim=True) / bright.sum((-2, -1), keepdim=True)[..., None]
    near = (u - dot).norm(dim=-1) < 0.25
    maps = torch.cat([images.square() * near, images.square() * ~near], 1) + 1e-9
    return maps / maps.sum((-2, -1), keepdim=True)


def test_a_part_on_a_fixed_scene_is_static_though_it_follows_the_whole_picture():
    found = measure(MadeModel(by_brightness), scene(0.0), SETTINGS)
    assert found.alive.all()
    assert (found.equivariance < 2).all()
    assert found.static.tolist() == [False, True]
    assert "crop the object" in (found.advice() or "")


@pytest.mark.parametrize(("share_of_side", "static"), [(0.005, True), (0.02, False), (0.04, False)])
def test_parts_of_aligned_pictures_spread_enough(share_of_side, static):
    assert measure(MadeModel(by_brightness), scene(2 * share_of_side), SETTINGS).static[1] == static


@pytest.mark.parametrize("pictures", [scene(0.0, 7), scene(0.0, 1).expand(16, -1, -1, -1)], ids=["few", "the same"])
def test_too_few_different_pictures_say_nothing_about_a_scene(pictures):
    assert not measure(MadeModel(by_brightness), pictures, SETTINGS).static.any()


def test_flat_maps_are_dead_and_doubled():
    found = health(flat)
    assert not found.alive.any()
    assert found.doubled.all()
    assert "flat" in (found.advice() or "")


def test_parts_on_one_point_are_doubled():
    found = health(together)
    assert found.doubled.tolist() == [True, True, False]
    assert "share a place" in (found.advice() or "")


def test_a_single_part_is_never_doubled():
    assert health(lambda images: follow(images)[:, :1]).doubled.tolist() == [False]


def test_parts_out_of_sight_give_finite_numbers():
    corner = torch.zeros(3, 32, 32)
    corner[:, 0, 0] = 1
    found = health(lambda images: corner.expand(len(images), -1, -1, -1))
    assert found.equivariance.isfinite().all()


def test_counts_are_plain_numbers_for_the_log():
    counts = health(follow).counts()
    assert (counts["alive"], counts["doubled"], counts["static"]) == (3, 0, 0)
    assert all(type(value) in (int, float) for value in counts.values())


@pytest.mark.parametrize("kind", [follow, still], ids=["follow", "still"])
def test_health_is_the_same_every_time(kind):
    assert all(torch.equal(a, b) for a, b in zip(health(kind), health(kind), strict=True))


def test_health_of_a_real_network_leaves_it_as_it_was():
    model = PartModel(ModelSettings(size=32, parts=2, width=8)).eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    settings = Settings(model=model.settings)
    found = measure(model, torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(0)), settings)
    assert found.alive.shape == found.equivariance.shape == (2,)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def made(alive: str, doubled: str, static: str) -> Health:
    """Health of parts from rows of 0 and 1."""
    rows = [torch.tensor([letter == "1" for letter in row]) for row in (alive, doubled, static)]
    return Health(*rows, torch.zeros(len(alive)))


USELESS, USEFUL = made("0111", "0100", "0011"), made("0111", "0100", "0010")


def test_a_part_is_of_use_that_is_alive_apart_and_follows():
    assert (USELESS.useful, USEFUL.useful) == (0, 1)
    assert "static" in (USELESS.advice() or "")


def test_there_is_advice_where_half_of_the_parts_are_of_no_use():
    assert made("0111", "0000", "0000").advice() is None
    assert "flat" in (made("0111", "0000", "0001").advice() or "")


def test_the_commonest_trouble_is_named_though_it_has_less_than_half():
    assert "share a place" in (made("001111111", "001111000", "000000110").advice() or "")


def test_a_run_without_a_useful_part_is_hopeless_after_a_quarter_of_it():
    watch = Watch()
    said = [watch.hopeless(USELESS, step / 2000, step) for step in range(0, 2000, 50)]
    assert said.index(True) * 50 == 1000
    assert all(said[20:])


def test_one_useful_part_gives_a_run_its_time_anew():
    watch = Watch()
    said = [watch.hopeless(USEFUL if step == 900 else USELESS, step / 2000, step) for step in range(0, 2000, 50)]
    assert said.index(True) * 50 == 1450


def test_short_runs_are_never_hopeless():
    watch = Watch()
    assert not any(watch.hopeless(USELESS, step / 300, step) for step in range(301))
