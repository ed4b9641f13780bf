"""Where a run stands, and what follows from it: learning rate, transform strength, the moving average."""

import math
import time

import torch
from torch import nn

from partpose.config import TrainSettings


class Clock:
    """Progress in [0, 1] of a run that is bounded by steps, by minutes, or by both (whichever is further)."""

    def __init__(self, settings: TrainSettings, step: int = 0, seconds: float = 0.0) -> None:
        self.settings, self.step = settings, step
        self._began = time.monotonic() - seconds

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier sittings of the same run counted in."""
        return time.monotonic() - self._began

    def tick(self) -> None:
        """One more step is done."""
        self.step += 1

    @property
    def progress(self) -> float:
        """A run bounded by steps alone never looks at the time, so that it can be repeated to the bit."""
        s = self.settings
        by_steps = self.step / s.steps if s.steps else 0.0
        by_time = self.seconds / (60 * s.minutes) if s.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    @property
    def seconds_left(self) -> float:
        """An estimate; infinite before the first step."""
        done = self.progress
        return self.seconds * (1 - done) / done if done else math.inf


def learning_rate(progress: float, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine to zero (Loshchilov and Hutter 2017), or constant as in the original."""
    if settings.constant_rate:
        return settings.learning_rate
    rise = min(1.0, (progress + 1e-3) / settings.warmup) if settings.warmup else 1.0
    fall = 0.5 * (1 + math.cos(math.pi * max(0.0, progress - settings.warmup) / (1 - settings.warmup + 1e-9)))
    return settings.learning_rate * rise * fall


def strength(progress: float, settings: TrainSettings) -> float:
    """Strength of the transforms: from 0.3 to 1 over the warm-up."""
    return min(1.0, 0.3 + 0.7 * progress / settings.warmup) if settings.warmup else 1.0


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int, decay: float) -> None:
    """Move the averaged weights and normalisation statistics towards the model's; quickly at first."""
    decay = min(decay, (1 + step) / (10 + step))
    floats = [(a, m) for a, m in zip(_state(average), _state(model), strict=True) if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [m for _, m in floats], 1 - decay)


def _state(module: nn.Module) -> list[torch.Tensor]:
    return list(module.state_dict(keep_vars=False).values())
