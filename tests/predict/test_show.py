"""Sheets show the pictures that they were given, and every part where it is."""

import numpy as np
import pytest
import torch
from dots import dots, places, predictor
from PIL import Image
from training import save_annotated, save_pictures, save_untrained, small

from partpose import run
from partpose.data.canvas import read_canvases
from partpose.data.sources import Source
from partpose.errors import PartposeError
from partpose.model.part_model import PartModel
from partpose.predict.draw import enlarge
from partpose.predict.show import MOST_SWAPPED, Shown, overview, sheets, swap_grid, to_pixels

DOTS = predictor()


def shown(count: int = 3) -> Shown:
    pixels = np.stack([dots(80, 80, *two) for two in places(count, 80, 80)])
    return Shown(DOTS.network, DOTS.tensor(pixels))


@pytest.mark.parametrize(
    ("channels", "expected"), [(1, (10, 10, 10)), (2, (10, 10, 10)), (3, (10, 20, 30)), (4, (10, 20, 30))]
)
def test_pixels_of_any_channels_are_shown_in_colour(channels, expected):
    image = torch.tensor([10, 20, 30, 40])[:channels].float().reshape(1, channels, 1, 1).expand(2, -1, 4, 5) / 255
    pixels = to_pixels(image)
    assert (pixels.shape, pixels.dtype) == ((2, 4, 5, 3), np.uint8)
    assert (pixels == expected).all()


def test_pixels_are_rounded():
    assert to_pixels(torch.full((1, 3, 1, 1), 127.6 / 255))[0, 0, 0, 0] == 128


def test_parts_are_drawn_where_they_are():
    one = shown()
    for drawn, (bright, dark) in zip(one.parts(), places(3, 80, 80), strict=True):
        assert drawn.shape == (320, 320, 3)
        y, x = np.nonzero(np.ptp(drawn.astype(int), axis=-1) > 25)
        left = x < 160
        for side, where in ((left, bright), (~left, dark)):
            np.testing.assert_allclose((x[side].mean(), y[side].mean()), (where + 0.5) * 4 - 0.5, atol=2)


def test_swapping_with_oneself_is_the_reconstruction():
    one = shown()
    for i in range(3):
        np.testing.assert_array_equal(one.swapped(i)[i], one.reconstructions()[i])


def test_a_swap_keeps_the_shape_and_changes_the_looks():
    one = shown()
    looks = torch.randn(one.encoding.appearance.shape, generator=torch.Generator().manual_seed(0)) * 20
    one.encoding = one.encoding._replace(appearance=looks)
    with torch.no_grad():
        expected = to_pixels(DOTS.network.decode(one.encoding._replace(appearance=looks[[1, 1, 1]]), 80))
    for found, pixels in zip(one.swapped(1), expected, strict=True):
        np.testing.assert_array_equal(found, enlarge(pixels))
    assert any((a != b).any() for a, b in zip(one.swapped(0), one.swapped(1), strict=True))


def test_a_sheet_is_made_of_its_pictures():
    one = shown(2)
    made = sheets(one)
    assert list(made) == ["parts.png", "part_maps.png", "reconstructions.png", "swap.png"]
    for picture in (*one.inputs(), *one.parts()):
        assert contains(made["parts.png"], picture)
    for picture in one.part_maps():
        assert contains(made["part_maps.png"], picture)
    for picture in (*one.inputs(), *one.swapped(0), *one.swapped(1)):
        assert contains(made["swap.png"], picture)
    assert contains(overview(one), one.reconstructions()[1])


def contains(sheet: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture is on the sheet, pixel for pixel, with white paper above it and on its left."""
    white = (sheet == 255).all(axis=-1)
    corners = ~white[1:, 1:] & white[:-1, 1:] & white[1:, :-1] & white[:-1, :-1]
    height, width = picture.shape[:2]
    return any(np.array_equal(sheet[y : y + height, x : x + width], picture) for y, x in np.argwhere(corners) + 1)


def test_a_swap_grid_stays_small():
    grid = swap_grid(shown(MOST_SWAPPED + 3))
    assert grid.shape == swap_grid(shown(MOST_SWAPPED)).shape


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("background", ["none", "masked"])
def test_models_of_any_channels_are_shown(channels, background):
    settings = small().override({"model": {"channels": channels, "background": background}}, "the test")
    images = torch.rand(2, channels, 48, 48)
    assert len(sheets(Shown(PartModel(settings.model).eval(), images))) == 4


def test_one_picture_is_enough():
    assert len(sheets(shown(1))) == 4


@pytest.fixture
def model(tmp_path):
    return str(save_untrained(tmp_path / "model"))


def watch(monkeypatch) -> list[Source]:
    """What `partpose show` reads, as it goes."""
    read: list[Source] = []
    monkeypatch.setattr(
        run, "read_canvases", lambda sources, *rest: read.extend(sources) or read_canvases(sources, *rest)
    )
    return read


def widths(folder) -> int:
    """How many pictures of 288 pixels a sheet is wide, with a gap of 8 each and a little more for titles."""
    with Image.open(folder / "parts.png") as sheet:
        return sheet.width // 296


def test_the_test_split_is_shown_where_there_is_one(tmp_path, model, monkeypatch):
    read = watch(monkeypatch)
    run.show_model(model, save_annotated(tmp_path / "set", "aaaaee"), tmp_path / "out", 8)
    assert [source.names for source in read] == [("images/4.png", "images/5.png")]
    run.show_model(model, save_annotated(tmp_path / "train", "aaa"), tmp_path / "out", 8)
    assert read[1].names == ("images/0.png", "images/1.png", "images/2.png")


def test_no_more_is_read_than_may_be_shown(tmp_path, model, monkeypatch):
    read = watch(monkeypatch)
    run.show_model(model, save_pictures(tmp_path / "many", 40), tmp_path / "out", 3)
    assert len(read[0].names) == 9
    assert (read[0].names[0], read[0].names[-1]) == ("0.png", "39.png")
    assert widths(tmp_path / "out") == 3


def test_a_video_and_a_bad_folder_are_shown(tmp_path, model, clip, bad_folder, capsys):
    run.show_model(model, clip, tmp_path / "out", 4)
    assert widths(tmp_path / "out") == 4
    capsys.readouterr()
    run.show_model(model, bad_folder.path, tmp_path / "out", 8)
    out, err = capsys.readouterr()
    assert out.count(".png\n") == 4
    assert f"skipped {len(bad_folder.bad)} files" in err


def test_an_output_that_cannot_be_written_is_said_before_anything_is_read(tmp_path, model, monkeypatch):
    (tmp_path / "file").touch()
    read = watch(monkeypatch)
    with pytest.raises(PartposeError, match=r"cannot write to the output folder .*file"):
        run.show_model(model, save_pictures(tmp_path / "in", 2), tmp_path / "file")
    assert read == []


def test_nothing_to_show_is_said(tmp_path, model):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_text("no picture")
    with pytest.raises(PartposeError, match=r"can be read, the first: .*a\.png is not a picture"):
        run.show_model(model, tmp_path / "in", tmp_path / "out")
