"""Scenes are held for a while, and no more of them than fit."""

from dataclasses import dataclass, field

import pytest

from partpose.serve.limits import Limits, Refusal
from partpose.serve.shelf import Shelf


@dataclass
class Fake:
    """As much of a scene as a shelf sees."""

    memory: int = 10
    disk: int = 10
    removed: list[bool] = field(default_factory=list)

    def remove(self) -> None:
        self.removed.append(True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_not_used_goes_and_what_is_used_stays():
    clock = Clock()
    shelf = Shelf(Limits(idle=60), clock)
    scenes = [Fake(), Fake()]
    keys = [shelf.put(scene) for scene in scenes]
    clock.now = 50
    assert shelf.get(keys[0]) is scenes[0]
    clock.now = 70
    shelf.tidy()
    assert [scene.removed for scene in scenes] == [[], [True]]
    with pytest.raises(Refusal, match="add it again"):
        shelf.get(keys[1])


@pytest.mark.parametrize("limits", [Limits(pictures=2), Limits(memory=25), Limits(disk=25)])
def test_the_least_recently_used_makes_room(limits):
    shelf = Shelf(limits)
    scenes = [Fake(), Fake(), Fake()]
    first, _ = (shelf.put(scene) for scene in scenes[:2])
    shelf.get(first)
    shelf.put(scenes[2])
    assert [scene.removed for scene in scenes] == [[], [True], []]


def test_a_scene_that_is_too_large_for_all_is_held_alone():
    shelf = Shelf(Limits(memory=5))
    keys = [shelf.put(Fake()) for _ in range(2)]
    assert len(shelf) == 1
    assert shelf.get(keys[1])


def test_keys_cannot_be_guessed():
    shelf = Shelf(Limits())
    keys = {shelf.put(Fake()) for _ in range(50)}
    assert len(keys) == 50
    assert min(map(len, keys)) > 20
