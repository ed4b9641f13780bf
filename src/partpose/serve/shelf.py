"""The scenes that are held, by keys that nobody can guess: a few of them, none for long."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from partpose.serve.limits import Limits, Refusal
from partpose.serve.scene import Scene


class Shelf:
    """What was put on the page. Only the network's thread may use it: no scene is removed while it is worked on."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._scenes: OrderedDict[str, tuple[float, Scene]] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._scenes)

    def put(self, scene: Scene) -> str:
        """Hold a scene, at the cost of those that were not used for the longest time. Returns its key."""
        key = secrets.token_urlsafe(16)
        self._scenes[key] = self._clock(), scene
        self.tidy()
        return key

    def get(self, key: str) -> Scene:
        """A scene, which counts as used now. Raises Refusal, 404, where it is not here (any more)."""
        if key not in self._scenes:
            raise Refusal(404, "this picture is not here any more: add it again")
        scene = self._scenes[key][1]
        self._scenes[key] = self._clock(), scene
        self._scenes.move_to_end(key)
        return scene

    def drop(self, key: str) -> None:
        """Let go of a scene. Raises Refusal, 404, where it is not here."""
        self.get(key)
        self._scenes.pop(key)[1].remove()

    def tidy(self) -> None:
        """Let go of what was not used for long, and of what is too much."""
        while self._scenes and self._is_too_much():
            self._scenes.popitem(last=False)[1][1].remove()

    def _is_too_much(self) -> bool:
        scenes, most = [scene for _, scene in self._scenes.values()], self._limits
        used = next(iter(self._scenes.values()))[0]
        if self._clock() - used > most.idle:
            return True
        held = len(scenes), sum(scene.memory for scene in scenes), sum(scene.disk for scene in scenes)
        return len(scenes) > 1 and any(
            a > b for a, b in zip(held, (most.pictures, most.memory, most.disk), strict=True)
        )
