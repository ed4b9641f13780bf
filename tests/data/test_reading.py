"""Squares come in order, bad files among them, and no more are held than are promised."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from PIL import Image

from partpose.data import reading
from partpose.data.images import Picture, Unreadable, read_image
from partpose.data.reading import AHEAD, read_squares


def fake(monkeypatch, decode) -> None:
    monkeypatch.setattr(reading, "read_image", lambda file, channels, side: decode(int(file.name)))  # noqa: ARG005


def grey(value: int) -> Picture:
    return Picture(np.full((20, 30, 3), value % 256, np.uint8), 30, 20)


def files(count: int) -> list[Path]:
    return [Path(str(i)) for i in range(count)]


def test_squares_come_in_the_order_of_the_files(monkeypatch):
    def decode(i: int) -> Picture:
        time.sleep(0.003 * (i % 3 == 0))
        return grey(i)

    fake(monkeypatch, decode)
    assert [int(square.pixels[0, 0, 0]) for square in read_squares(files(200), 16)] == list(range(200))


def test_a_square_is_that_of_the_picture(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "a.png")
    for channels in (1, 2, 3, 4):
        (square,) = read_squares([tmp_path / "a.png"], 32, channels)
        expected = read_image(tmp_path / "a.png", channels, 32)
        np.testing.assert_array_equal(square.pixels, expected.square(32))
        assert square.pixels.shape == (32, 32, channels)
        assert (square.width, square.height) == (64, 40)


def test_a_bad_file_takes_its_place_in_the_order(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    names = ["good.png", "bad.png", "good.png", "missing.png", "good.png"]
    found = list(read_squares([tmp_path / name for name in names], 16))
    assert [isinstance(one, Unreadable) for one in found] == [False, True, False, True, False]
    assert [one.skipped.path for one in found if isinstance(one, Unreadable)] == [
        str(tmp_path / "bad.png"),
        str(tmp_path / "missing.png"),
    ]


def test_nothing_gives_nothing():
    assert list(read_squares([], 16)) == []


def test_it_reads_no_more_than_so_far_ahead(monkeypatch):
    decoded = []
    fake(monkeypatch, lambda i: decoded.append(i) or grey(i))
    squares = read_squares(files(1000), 16)
    for taken in range(1, 5):
        next(squares)
        time.sleep(0.05)
        assert len(decoded) <= taken + AHEAD
    squares.close()
    assert len(decoded) <= 5 + AHEAD


def test_whoever_stops_early_does_not_wait_for_what_was_read_ahead(monkeypatch):
    go_on, decoded = threading.Event(), []

    def decode(i: int) -> Picture:
        decoded.append(i)
        if i >= 1:
            go_on.wait(5)
        return grey(i)

    fake(monkeypatch, decode)
    squares = read_squares(files(1000), 16)
    threading.Timer(0.2, go_on.set).start()
    next(squares)
    squares.close()
    assert len(decoded) < AHEAD


def test_a_mistake_of_the_program_is_not_taken_for_a_bad_file(monkeypatch):
    def decode(i: int) -> Picture:
        raise ZeroDivisionError(i)

    fake(monkeypatch, decode)
    with pytest.raises(ZeroDivisionError, match="0"):
        list(read_squares(files(3), 16))
