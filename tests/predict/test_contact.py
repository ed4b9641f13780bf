"""Contact sheets show every object once, spread over the folder, with its file's name."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from partpose.predict import contact
from partpose.predict.artist import Artist
from partpose.predict.contact import PAGE, SIDE, Cell, cell, choose, write_sheets
from partpose.predict.poses import SHAPES, Poses
from partpose.predict.sheet import PAPER
from partpose.predict.style import Style


def one_part(square, mean, size=(400, 300)) -> Artist:
    poses = Poses(
        mean=np.array([[mean]], float),
        covariance=np.full((1, 1, 2, 2), np.nan),
        confidence=np.ones((1, 1)),
        source="folder",
        sizes=[size],
        squares=[square],
        frame_index=[0],
        time_stamp=[np.nan],
        files=("sub/a.png",),
    )
    return Artist(poses, Style())


@pytest.mark.parametrize(
    ("rows", "sheets", "count"), [(0, 1, 0), (1, 1, 0), (2, 1, 2), (500, 1, PAGE), (90, 2, 90), (9, 0, 0)]
)
def test_as_many_rows_are_chosen_as_fit(rows, sheets, count):
    chosen = sorted(choose(rows, sheets))
    assert len(chosen) == count
    if count:
        assert (chosen[0], chosen[-1]) == (0, rows - 1)
        assert max(np.diff(chosen)) <= -(-(rows - 1) // (count - 1))


@pytest.mark.parametrize(
    ("square", "mean", "shape", "at"),
    [
        ((0, -50, 400), (199.5, 149.5), (180, 240), (119.5, 89.5)),  # a whole picture, without the border around it
        ((100, 100, 60), (114.5, 129.5), (240, 240), (59.5, 119.5)),  # a box of 60 pixels, enlarged four times
        ((-40, -40, 80), (9.5, 19.5), (240, 240), (59.5, 119.5)),  # a box half outside of the picture
    ],
)
def test_a_cell_shows_what_the_model_saw(square, mean, shape, at):
    found = cell(one_part(square, mean), 0, np.zeros((300, 400, 3), np.uint8))
    assert (found.pixels.shape[:2], found.caption) == (shape, "a.png")
    y, x = np.nonzero(found.pixels.sum(axis=-1) > 100)
    np.testing.assert_allclose((x.mean(), y.mean()), at, atol=0.3)


@pytest.mark.parametrize("square", [(500, 0, 50), (-90, -90, 20), (399.8, 0, 0.1)])
def test_a_box_beside_the_picture_is_a_cell_too(square):
    assert cell(one_part(square, (5, 5)), 0, np.zeros((300, 400, 3), np.uint8)).pixels.size


def test_of_several_objects_the_track_is_written_too():
    one = one_part((0, 0, 300), (9, 9)).poses
    arrays = {name: np.repeat(getattr(one, name), 2, axis=0) for name in SHAPES}
    two = replace(one, **arrays, files=("a.png", "a.png"), track=("left", "right"))
    assert cell(Artist(two, Style()), 1, np.zeros((300, 400, 3), np.uint8)).caption == "a.png right"


def plain(value: int, caption: str = "") -> Cell:
    return Cell(np.full((90, 120, 3), value, np.uint8), caption)


def test_pages_are_written_as_they_fill(tmp_path):
    """No more than a page is held, however many there are."""
    there = []

    def cells():
        for i in range(2 * PAGE + 1):
            there.append(len(list(tmp_path.iterdir())))
            yield plain(i)

    paths = write_sheets(cells(), tmp_path / "a")
    assert [path.name for path in paths] == ["a_sheet.png", "a_sheet_2.png", "a_sheet_3.png"]
    assert there == [0] * PAGE + [1] * PAGE + [2]
    pages = [np.asarray(Image.open(path)) for path in paths]
    found = [
        {value for value in range(2 * PAGE + 1) if (page == value).all(axis=-1).sum() >= 90 * 120} for page in pages
    ]
    assert found == [set(range(PAGE)), set(range(PAGE, 2 * PAGE)), {2 * PAGE}]


def test_no_cells_no_sheet(tmp_path):
    assert write_sheets([], tmp_path / "a") == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["short.png", "a very long name of a file that is in no way short, number 0123.png", "猫" * 90]
)
def test_captions_keep_to_their_cell(text):
    paper = contact._captioned(plain(7, text))
    assert paper.shape[1] == SIDE
    below = (paper[90:] != PAPER).any(axis=-1)
    assert below.any()
    short = contact._shortened(text, SIDE)
    assert (short == text) == (text == "short.png")
    assert (short[0], short[-3:]) == (text[0], text[-3:])
