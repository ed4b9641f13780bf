"""Where a run stands, and what follows from it."""

import copy

import pytest
import torch
from torch import nn

from partpose.config import TrainSettings
from partpose.train import schedule
from partpose.train.schedule import Clock, follow, learning_rate, strength


def rates(settings: TrainSettings, steps: int) -> list[float]:
    return [learning_rate(i / steps, settings) for i in range(steps + 1)]


def test_learning_rate_rises_to_its_peak_then_falls_to_zero():
    s = TrainSettings(learning_rate=0.1, warmup=0.1)
    r = rates(s, 100)
    assert 0 < r[0] < 0.01
    assert max(r) == pytest.approx(0.1, rel=1e-3)
    assert r.index(max(r)) == 10
    assert r[:11] == sorted(r[:11])
    assert r[10:] == sorted(r[10:], reverse=True)
    assert r[-1] == pytest.approx(0, abs=1e-9)


def test_learning_rate_without_warm_up_starts_at_its_peak():
    assert learning_rate(0.0, TrainSettings(learning_rate=0.1, warmup=0)) == pytest.approx(0.1)


def test_learning_rate_with_nothing_but_warm_up_is_finite():
    assert all(0 <= r <= 0.1 for r in rates(TrainSettings(learning_rate=0.1, warmup=1), 10))


def test_learning_rate_of_the_original_is_constant():
    assert set(rates(TrainSettings(learning_rate=0.1, constant_rate=True), 10)) == {0.1}


def test_schedules_fit_a_run_of_three_steps():
    s = TrainSettings(steps=3, minutes=None, learning_rate=0.1)
    clock, seen = Clock(s), []
    while clock.progress < 1:
        seen.append((learning_rate(clock.progress, s), strength(clock.progress, s)))
        clock.step += 1
    assert len(seen) == 3
    assert max(rate for rate, _ in seen) > 0.05
    assert seen[-1][1] == 1


def test_strength_grows_from_a_third_to_one_over_the_warm_up():
    s = TrainSettings(warmup=0.2)
    values = [strength(i / 20, s) for i in range(21)]
    assert values[0] == pytest.approx(0.3)
    assert values == sorted(values)
    assert values[4] == pytest.approx(1)
    assert values[-1] == 1
    assert strength(0.0, TrainSettings(warmup=0)) == 1


@pytest.mark.parametrize(
    ("steps", "minutes", "step", "seconds", "expected"),
    [
        (100, None, 25, 1e9, 0.25),
        (None, 10.0, 10**9, 150, 0.25),
        (100, 10.0, 25, 300, 0.5),
        (100, 10.0, 75, 60, 0.75),
        (100, 10.0, 101, 0, 1.0),
    ],
    ids=["steps alone", "minutes alone", "minutes first", "steps first", "never over one"],
)
def test_progress_follows_whichever_bound_comes_first(monkeypatch, steps, minutes, step, seconds, expected):
    monkeypatch.setattr(schedule.time, "monotonic", lambda: 1000.0)
    clock = Clock(TrainSettings(steps=steps, minutes=minutes), step, seconds)
    assert clock.progress == pytest.approx(expected)


def test_a_clock_goes_on_from_earlier_sittings(monkeypatch):
    now = [50.0]
    monkeypatch.setattr(schedule.time, "monotonic", lambda: now[0])
    clock = Clock(TrainSettings(minutes=10), 5, 120.0)
    now[0] += 30
    assert clock.seconds == pytest.approx(150)
    assert clock.progress == pytest.approx(0.25)
    assert clock.seconds_left == pytest.approx(450)


def test_time_left_is_infinite_before_the_first_step():
    assert Clock(TrainSettings(steps=5, minutes=None)).seconds_left == float("inf")


def test_the_average_copies_at_first_and_decays_later():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = copy.deepcopy(model)
    with torch.no_grad():
        model[0].weight.add_(1)
        model[1].running_mean.add_(1)
    before = average[0].weight.clone()
    follow(average, model, 0, 0.995)
    torch.testing.assert_close(average[0].weight, before + 0.9)
    torch.testing.assert_close(average[1].running_mean, torch.full((2,), 0.9))
    now = average[0].weight.clone()
    follow(average, model, 10**6, 0.995)
    torch.testing.assert_close(average[0].weight, now + 0.005 * (model[0].weight - now))


def test_the_average_converges_to_the_model_and_leaves_it_alone():
    model = nn.Linear(3, 3)
    average = copy.deepcopy(model)
    with torch.no_grad():
        model.weight.add_(1)
    kept = model.weight.clone()
    for step in range(200):
        follow(average, model, step, 0.9)
    torch.testing.assert_close(average.weight, model.weight)
    assert torch.equal(model.weight, kept)
