"""Rows of a mapped file are those of the array, whatever view of the file it is."""

import numpy as np
import pytest

from partpose.data.mapped import take

PIXELS = np.random.default_rng(0).integers(0, 256, (50, 30, 30, 3), np.uint8)
ROWS = np.array([49, 0, 7, 7, 23])


@pytest.fixture
def mapped(tmp_path) -> np.memmap:
    np.save(tmp_path / "pixels.npy", PIXELS)
    return np.load(tmp_path / "pixels.npy", mmap_mode="r")


def test_rows_are_copied_in_their_order(mapped):
    found = take(mapped, ROWS)
    np.testing.assert_array_equal(found, PIXELS[ROWS])
    assert found.flags.writeable
    assert type(found) is np.ndarray


def test_of_a_part_of_the_file(mapped):
    np.testing.assert_array_equal(take(mapped[7:40], np.array([0, 32])), PIXELS[[7, 39]])
    np.testing.assert_array_equal(take(mapped[:0], np.array([], int)), PIXELS[:0])


def test_of_an_array_in_memory():
    np.testing.assert_array_equal(take(PIXELS[3:], ROWS[1:]), PIXELS[ROWS[1:] + 3])


def test_only_what_is_asked_for_is_asked_of_the_file(mapped, monkeypatch):
    asked = []

    class Listening:
        def madvise(self, *arguments) -> None:
            asked.append(arguments[1:])

    monkeypatch.setattr("partpose.data.mapped._map_of", lambda _: Listening())
    monkeypatch.setattr("partpose.data.mapped.np.frombuffer", lambda *_: mapped)
    take(mapped, ROWS[:2])
    size = PIXELS[0].nbytes
    assert asked[0] == ()
    for (page, length), row in zip(asked[1:], ROWS, strict=False):
        assert page % 4096 == 0
        assert page <= row * size < (row + 1) * size == page + length
        assert length < size + 4096
