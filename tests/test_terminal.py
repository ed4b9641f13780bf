"""What a run says: one line a step, what was skipped and why, and bars only where there is a terminal."""

import io

import pytest
from rich.console import Console

from partpose import terminal
from partpose.errors import Skipped
from partpose.terminal import SHOWN, count, counting, minutes, report_skipped, training_line

ENTRY = {
    "step": 1200, "pictures_seen": 19200, "seconds": 64.0, "loss": 0.4321, "reconstruction": 0.2, "mean": 0.03,
    "covariance": 0.004, "alive": 11, "doubled": 2, "static": 1, "equivariance_px": 0.876,
}  # fmt: skip


def console(monkeypatch, is_terminal: bool) -> io.StringIO:
    file = io.StringIO()
    fake = Console(file=file, force_terminal=is_terminal, color_system=None, width=100, highlight=False)
    monkeypatch.setattr(terminal, "console", fake)
    return file


def test_a_line_of_a_training():
    assert training_line(ENTRY, 12, 0.25, 192.4) == (
        " 25% step 1200 3:12 left, 300 pictures/s | loss 0.432 rec 0.200 eqv 0.030 cov 0.004 | "
        "11/12 alive, 2 doubled, 1 static, 0.88 px"
    )


def test_a_line_before_any_time_has_passed():
    assert "? left, " in training_line({**ENTRY, "seconds": 0.0}, 12, 0.0, float("inf"))


@pytest.mark.parametrize(("number", "words"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_counts(number, words):
    assert count(number, "frame") == words


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (61, "1:01"), (3600, "1:00:00"), (90061, "25:01:01")])
def test_times(seconds, words):
    assert minutes(seconds) == words


def test_nothing_skipped_is_nothing_said(capsys):
    report_skipped([], "skipped.jsonl")
    assert capsys.readouterr() == ("", "")


def test_what_was_skipped_and_why(capsys):
    report_skipped([Skipped("a b.png", "is empty")])
    assert capsys.readouterr() == ("", "skipped 1 file:\n  a b.png: is empty\n")


def test_a_long_list_is_cut_and_says_where_the_whole_is(capsys):
    report_skipped([Skipped(f"{i}.png", "is empty") for i in range(SHOWN + 3)], "out/skipped.jsonl")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"skipped {SHOWN + 3} files (listed in out/skipped.jsonl):"
    assert lines[1] == "  0.png: is empty"
    assert lines[-1] == "  … and 3 more"
    assert len(lines) == SHOWN + 2


@pytest.mark.parametrize("is_terminal", [True, False])
def test_counting_shows_a_bar_on_a_terminal_only(monkeypatch, is_terminal):
    file = console(monkeypatch, is_terminal)
    with counting("my clip") as update:
        update(3, None)
        update(7, 20)
    assert (("my clip" in file.getvalue()) and ("7/20" in file.getvalue())) is is_terminal


def test_counting_takes_its_bar_away_when_the_work_fails(monkeypatch):
    file = console(monkeypatch, True)
    with pytest.raises(ZeroDivisionError), counting("my clip"):
        raise ZeroDivisionError
    assert file.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K"), "the cursor is back and the line is empty"
