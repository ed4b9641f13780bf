"""What a run says while it goes: a progress line on a terminal, plain lines anywhere else."""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from partpose.errors import Skipped

console = Console(highlight=False)
SHOWN = 10


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int | None], None]]:
    """A bar for something countable; yields `update(done, total)`. Silent where there is no terminal."""
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def ticking(what: str, total: int | None = None) -> Generator[Callable[[int], None]]:
    """The same for work that says how much more is done; yields `tick(more)`."""
    with counting(what) as update:
        done = 0

        def tick(more: int) -> None:
            nonlocal done
            done += more
            update(done, total)

        yield tick


class TrainingBar:
    """How far a training is, kept below its lines on a terminal; silent where there is none. `close` takes it away."""

    def __init__(self) -> None:
        columns = TextColumn("training"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[state]}")
        hidden = not console.is_terminal
        self.bar = Progress(*columns, console=console, transient=True, refresh_per_second=1, disable=hidden)
        self.task = self.bar.add_task("training", total=1.0, state="")

    def update(self, entry: dict[str, Any], progress: float, seconds_left: float) -> None:
        """Show where the run stands at a line of its log."""
        state = f"{minutes(seconds_left)} left, {_speed(entry):.0f} pictures/s, loss {entry['loss']:.3f}"
        self.bar.update(self.task, completed=progress, state=state)
        self.bar.start()

    def close(self) -> None:
        """Take the bar away; it may not have been shown."""
        self.bar.stop()


class PredictionBar:
    """How far a prediction of many inputs is: one bar with the time left on a terminal, now and then a line elsewhere.

    totals: pictures or frames of each input, in their order, as far as known.
    """

    EVERY = 30.0

    def __init__(self, totals: Sequence[int]) -> None:
        self.left, self.total, self.done = list(totals), sum(totals), 0
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=self.total)
        self.began = self.said = monotonic()
        self.name, self.due = "", 0

    def __enter__(self) -> "PredictionBar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def begin(self, name: str) -> None:
        """The next input, by its name; the last one counts as done, whatever it held."""
        self.done, self.name = self.due, name
        self.due += self.left.pop(0)
        self.bar.update(self.task, description=name, completed=self.done)

    def advance(self, count: int) -> None:
        """So many more pictures or frames are done."""
        self.done += count
        self.bar.update(self.task, completed=self.done)
        if not console.is_terminal and monotonic() - self.said > self.EVERY:
            self.say(f"{self.done} of {self.total} done, {minutes(self.seconds_left())} left: {self.name}")

    def drawing(self, done: int, total: int) -> None:
        """How far the drawing of the current input is."""
        self.bar.update(self.task, description=f"drawing {self.name} {done}/{total}")

    def seconds_left(self) -> float:
        """At the speed so far."""
        return (monotonic() - self.began) * max(self.total - self.done, 0) / max(self.done, 1)

    def say(self, line: str) -> None:
        """A line that stays."""
        self.said = monotonic()
        self.bar.console.print(line, soft_wrap=True, markup=False) if console.is_terminal else print(line, flush=True)


def training_line(entry: dict[str, Any], parts: int, progress: float, seconds_left: float) -> str:
    """Step, speed, time left, loss terms and part health, in one line."""
    terms = " ".join(
        f"{short} {entry[name]:.3f}"
        for short, name in (("loss", "loss"), ("rec", "reconstruction"), ("eqv", "mean"), ("cov", "covariance"))
    )
    health = f"{entry['alive']}/{parts} alive, {entry['doubled']} doubled, {entry['static']} static"
    return (
        f"{progress:4.0%} step {entry['step']} {minutes(seconds_left)} left, {_speed(entry):.0f} pictures/s | {terms} | "
        f"{health}, {entry['equivariance_px']:.2f} px"
    )


def _speed(entry: dict[str, Any]) -> float:
    return entry["pictures_seen"] / max(entry["seconds"], 1e-9)


def minutes(seconds: float) -> str:
    """`m:ss`, or `h:mm:ss`."""
    if seconds == float("inf"):
        return "?"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def count(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def report_skipped(skipped: list[Skipped], where: str | None = None) -> None:
    """What was passed over and why, at the end of a run; the first few, and where the whole list is."""
    if not skipped:
        return
    print(
        f"skipped {count(len(skipped), 'file')}{f' (listed in {where})' if where else ''}:",
        file=sys.stderr,
    )
    for entry in skipped[:SHOWN]:
        print(f"  {entry.path}: {entry.reason}", file=sys.stderr)
    if len(skipped) > SHOWN:
        print(f"  … and {len(skipped) - SHOWN} more", file=sys.stderr)
