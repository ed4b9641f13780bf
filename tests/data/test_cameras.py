"""Pictures of one fixed camera are found among others, and its scene behind what moves in front of it."""

import numpy as np
import pytest

from partpose.data import cameras
from partpose.data.cameras import LEARNT_FROM, Cameras, filled, find_cameras

RNG = np.random.default_rng(0)
SIDE = 32


def scene() -> np.ndarray:
    """Smooth patches, as of a room."""
    return RNG.integers(0, 255, (4, 4, 3), np.uint8).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)


def visited(room: np.ndarray, count: int, reach: int = 10) -> np.ndarray:
    """The room with a bright square somewhere in its middle, and noise."""
    pictures = np.repeat(room[None], count, 0).astype(np.int16) + RNG.integers(-3, 4, (count, SIDE, SIDE, 3))
    for picture in pictures:
        x, y = RNG.integers(4, 4 + reach, 2)
        picture[y : y + 6, x : x + 6] = 250
    return pictures.clip(0, 255).astype(np.uint8)


def numbers(found: Cameras) -> np.ndarray:
    """Of all pictures."""
    return found.of(np.arange(len(found.pixels)))


def test_every_camera_is_found_with_its_scene():
    rooms = [scene(), scene()]
    order = RNG.permutation(40)
    pixels = np.concatenate([visited(room, 20) for room in rooms])[order]
    found = find_cameras(pixels)
    assert len(found.scene) == 2
    first = numbers(found)[np.argsort(order)]
    assert (first[:20] == first[0]).all()
    assert (first[20:] == 1 - first[0]).all()
    for number, room in zip((first[0], 1 - first[0]), rooms, strict=True):
        away = np.abs(found.scene[number].astype(int) - room)[found.steady[number]]
        assert away.max() <= 3
        assert found.steady[number].mean() > 0.9


def test_rooms_that_are_alike_in_half_of_their_border_are_two():
    room = scene()
    other = room.copy()
    other[: SIDE // 2] = 255 - other[: SIDE // 2]
    found = find_cameras(np.concatenate([visited(room, 20), visited(other, 20)]))
    assert len(found.scene) == 2
    assert len(set(numbers(found)[:20])) == len(set(numbers(found)[20:])) == 1


def test_what_never_goes_away_is_not_steady():
    """An object that stays in the middle and moves there leaves its blur in the median: that is no scene."""
    pixels = visited(scene(), 60, reach=1)
    pixels[:, 8:20, 8:20] = RNG.integers(0, 255, (60, 12, 12, 3), np.uint8)
    found = find_cameras(pixels)
    assert not found.steady[0, 9:19, 9:19].any()
    assert found.steady[0, 22:, 22:].all()


def test_pictures_from_everywhere_have_no_camera():
    found = find_cameras(np.stack([scene() for _ in range(50)]))
    assert found.scene.shape == (0, SIDE, SIDE, 3)
    assert found.steady.shape == (0, SIDE, SIDE)
    assert (numbers(found) == -1).all()


@pytest.mark.parametrize("count", [1, 7])
def test_a_handful_of_pictures_is_no_camera(count):
    assert (numbers(find_cameras(visited(scene(), count))) == -1).all()


def test_a_few_strangers_among_them_have_none():
    pixels = np.concatenate([visited(scene(), 30), np.stack([scene() for _ in range(3)])])
    assert (numbers(find_cameras(pixels)) == [0] * 30 + [-1] * 3).all()


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(channels):
    pixels = np.repeat(visited(scene(), 12)[..., :1], channels, -1)
    assert find_cameras(pixels).scene.shape == (1, SIDE, SIDE, channels)


def test_what_is_not_steady_is_guessed_from_around_it():
    """A wall that grows lighter to the right, with a hole in it: the guess keeps to the colours at the hole's rim."""
    wall = np.repeat(np.linspace(0, 248, SIDE).astype(np.uint8)[None], SIDE, 0)[..., None].repeat(3, -1)
    known = np.ones((SIDE, SIDE), bool)
    known[8:24, 12:18] = False
    found = filled(np.where(known[..., None], wall, 7).astype(np.uint8), known)
    assert np.array_equal(found[known], wall[known])
    assert np.abs(found[~known].astype(int) - wall[~known]).max() < 40
    assert np.abs(found[~known].astype(int) - wall[~known]).mean() < 16


def test_a_hole_larger_than_any_reach_is_filled_and_one_without_a_rim_stays():
    wall, corner = np.full((SIDE, SIDE, 1), 90, np.uint8), np.zeros((SIDE, SIDE), bool)
    corner[0, 0] = True
    assert (filled(wall, corner) == 90).all()
    assert np.array_equal(filled(wall, np.zeros_like(corner)), wall)


class Counted:
    """Pictures of some rooms, which count the rows that are read."""

    def __init__(self, count: int, rooms: int = 1) -> None:
        self.room = np.concatenate([visited(scene(), max(1, 50 // rooms)) for _ in range(rooms)])
        self.read, self.shape = 0, (count, SIDE, SIDE, 3)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.read += len(rows)
        return self.room[rows % len(self.room)]


def test_a_million_pictures_are_not_read_to_find_their_cameras():
    pixels = Counted(10**6)
    found = find_cameras(pixels)
    assert pixels.read <= LEARNT_FROM + 100
    before = pixels.read
    assert found.of(np.array([5, 999_999, 5])).tolist() == [0, 0, 0]
    assert found.of(np.array([5])).tolist() == [0]
    assert pixels.read == before + 2  # none of them twice


def test_scenes_of_cameras_that_are_seldom_used_come_from_more_than_the_sample(monkeypatch):
    """Each of five takes some 20 of the pictures that cameras are learnt from: too few to look behind an object."""
    monkeypatch.setattr(cameras, "LEARNT_FROM", 100)
    monkeypatch.setattr(cameras, "MOST_SEEN", 300)
    monkeypatch.setattr(cameras, "BLOCK", 64)
    pixels = Counted(10**4, rooms=5)
    found = find_cameras(pixels)
    assert len(found.scene) == 5
    assert 300 + 5 * 30 < pixels.read <= 300 + 5 * 100
