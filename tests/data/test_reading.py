"""Squares come in order, bad files among them, and no more are held than are promised."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from PIL import Image
from videos import save_video

from partpose.data import reading
from partpose.data.cut import Box, Cut, Mask
from partpose.data.images import Picture, read_image
from partpose.data.reading import AHEAD, Look, read_views
from partpose.data.sources import Source
from partpose.data.video import read_frames
from partpose.errors import PartposeError


def fake(monkeypatch, decode) -> None:
    monkeypatch.setattr(reading, "read_image", lambda file, *_: decode(int(file.name)))


def grey(value: int) -> Picture:
    return Picture(np.full((20, 30, 3), value % 256, np.uint8), 30, 20)


def pictures(*files: Path, cuts=None) -> Source:
    return Source(Path("set"), "pictures", files, tuple(file.name for file in files), "set", cuts)


def numbered(count: int) -> Source:
    return pictures(*(Path(str(i)) for i in range(count)))


def test_squares_come_in_the_order_of_the_files(monkeypatch):
    def decode(i: int) -> Picture:
        time.sleep(0.003 * (i % 3 == 0))
        return grey(i)

    fake(monkeypatch, decode)
    assert [int(square.pixels[0, 0, 0]) for square in read_views(numbered(200), Look(16), [])] == list(range(200))


def test_a_square_is_that_of_the_picture(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "a.png")
    for channels in (1, 2, 3, 4):
        (square,) = read_views(pictures(tmp_path / "a.png"), Look(32, channels), [])
        expected = read_image(tmp_path / "a.png", channels, 32)
        np.testing.assert_array_equal(square.pixels, expected.square(32))
        assert square.pixels.shape == (32, 32, channels)
        assert (square.width, square.height) == (64, 40)


def test_a_bad_file_is_listed_and_passed_over(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    names, skipped = ["good.png", "bad.png", "good.png", "missing.png", "good.png"], []
    found = list(read_views(pictures(*(tmp_path / name for name in names)), Look(16), skipped))
    assert [view.index for view in found] == [0, 2, 4]
    assert [one.path for one in skipped] == [str(tmp_path / "bad.png"), str(tmp_path / "missing.png")]


def test_nothing_gives_nothing():
    assert list(read_views(pictures(), Look(16), [])) == []


def test_every_box_is_a_view_of_its_own(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "a.png")
    boxes = (Cut(Box(10, 4, 16, 12), None, "left"), Cut(Box(40, 20, 8, 10), None, "right"))
    left, right = read_views(pictures(tmp_path / "a.png", cuts={0: boxes}), Look(32, margin=0.5), [])
    assert (left.track, left.number, right.track, right.number) == ("left", 0, "right", 1)
    assert left.place == Box(6, -2, 24, 24)
    assert right.place == Box(36.5, 17.5, 15, 15)
    picture = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(left.pixels, picture.square(32, left.place))


def test_a_box_shows_what_lies_there():
    """A place in whole pixels is that part of the picture; beyond the picture its edge is repeated."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    picture = Picture(pixels, 30, 20)
    np.testing.assert_array_equal(picture.square(8, Box(3, 5, 8, 8)), pixels[5:13, 3:11])
    beyond = picture.square(8, Box(26, -4, 8, 8))
    np.testing.assert_array_equal(beyond[4:, :4], pixels[:4, 26:])
    np.testing.assert_array_equal(beyond[:4, :4], np.broadcast_to(pixels[:1, 26:], (4, 4, 3)))


def save_noise(folder: Path) -> tuple[Path, Path]:
    """A video of one frame, 320×240 and busy, and a picture of that frame."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3), np.uint8)).resize((320, 240), Image.Resampling.BICUBIC)
    path = save_video(folder / "a.mp4", [np.asarray(coarse)])
    Image.fromarray(next(read_frames(path)).pixels).save(folder / "a.png")
    return path, folder / "a.png"


def test_a_large_frame_gives_the_square_of_a_picture_of_it(tmp_path):
    video, picture = save_noise(tmp_path)
    (seen,) = read_views(Source(video, "video", (video,), ("a.mp4",), "a"), Look(32), [])
    (expected,) = read_views(pictures(picture), Look(32), [])
    assert seen[2:7] == (0.0, 320, 240, *expected[5:7])
    # Where the picture is, for a padded border repeats a mean of edge pixels
    away = np.abs(seen.pixels[5:27].astype(int) - expected.pixels[5:27])
    # The usual way to RGB rounds down, which makes its colours up to two levels darker
    assert away.mean() < 2.5
    assert away.max() <= 10


def test_a_frame_is_not_reduced_for_a_small_box(tmp_path):
    video, picture = save_noise(tmp_path)
    cuts = {0: (Cut(Box(0, 0, 320, 240), None, "large"), Cut(Box(100, 50, 60, 60), None, "small"))}
    seen = read_views(Source(video, "video", (video,), ("a.mp4",), "a", cuts), Look(32, margin=0), [])
    for one, expected in zip(seen, read_views(pictures(picture, cuts=cuts), Look(32, margin=0), []), strict=True):
        np.testing.assert_array_equal(one.pixels, expected.pixels)


def test_a_box_outside_the_picture_is_passed_over(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "a.png")
    skipped = []
    cuts = {0: (Cut(Box(100, 0, 10, 10)), Cut(Box(0, 0, 10, 10)))}
    (view,) = read_views(pictures(tmp_path / "a.png", cuts=cuts), Look(16), skipped)
    assert view.number == 1
    assert "lies outside the picture of 64×40 pixels" in skipped[0].reason


@pytest.mark.parametrize("instance", [None, 3 * 65536 + 2 * 256 + 1])
def test_outside_its_mask_a_picture_is_black(tmp_path, instance):
    pixels = np.full((40, 64, 3), 200, np.uint8)
    mask = np.zeros_like(pixels)
    mask[10:30, 20:40] = 255 if instance is None else (3, 2, 1)
    mask[:5] = 0 if instance is None else (3, 2, 2)
    for name, values in (("a.png", pixels), ("mask.png", mask)):
        Image.fromarray(values).save(tmp_path / name)
    cuts = {0: (Cut(Box(12, 2, 36, 36), Mask(tmp_path / "mask.png", instance)),)}
    (view,) = read_views(pictures(tmp_path / "a.png", cuts=cuts), Look(36, margin=0), [])
    expected = np.zeros((36, 36, 3), np.uint8)
    expected[8:28, 8:28] = 200
    np.testing.assert_array_equal(view.pixels, expected)


def test_a_missing_mask_is_reported(tmp_path):
    Image.fromarray(blob(64, 40, 20, 10)).save(tmp_path / "a.png")
    skipped = []
    assert not list(
        read_views(pictures(tmp_path / "a.png", cuts={0: (Cut(mask=Mask(tmp_path / "no.png")),)}), Look(16), skipped)
    )
    assert "no.png cannot be read" in skipped[0].reason


def test_it_reads_no_more_than_so_far_ahead(monkeypatch):
    decoded = []
    fake(monkeypatch, lambda i: decoded.append(i) or grey(i))
    squares = read_views(numbered(1000), Look(16), [])
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
    squares = read_views(numbered(1000), Look(16), [])
    threading.Timer(0.2, go_on.set).start()
    next(squares)
    squares.close()
    assert len(decoded) < AHEAD


def test_a_mistake_of_the_program_is_not_taken_for_a_bad_file(monkeypatch):
    def decode(i: int) -> Picture:
        raise ZeroDivisionError(i)

    fake(monkeypatch, decode)
    with pytest.raises(ZeroDivisionError, match="0"):
        list(read_views(numbered(3), Look(16), []))


@pytest.mark.parametrize("value", [1, 3, 255])
def test_masks_of_small_numbers_are_masks_too(tmp_path, value):
    stored = np.zeros((20, 30), np.uint8)
    stored[5:9, 7:12] = value
    Image.fromarray(stored).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(Mask(tmp_path / "mask.png").read(30, 20), stored > 0)


@pytest.mark.parametrize("instance", [None, 1])
def test_a_mask_that_is_damaged_is_said(tmp_path, instance):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)).save(tmp_path / "mask.png")
    data = bytearray((tmp_path / "mask.png").read_bytes())
    data[data.index(b"IDAT") - 2] ^= 1  # its length
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(PartposeError, match=r"the mask .*mask\.png cannot be read"):
        Mask(tmp_path / "mask.png", instance).read(30, 20)


@pytest.mark.parametrize("instance", [None, 1])
@pytest.mark.parametrize(("width", "height"), [(63, 41), (23, 17), (97, 60)])
def test_a_window_of_a_mask_is_that_of_the_whole(tmp_path, width, height, instance):
    """Whatever the size of the picture; the whole one as Pillow finds the nearest pixels."""
    stored = np.random.default_rng(0).integers(0, 2, (41, 63, 1), np.uint8) * np.uint8((0, 0, 1))
    stored = stored if instance else stored[..., 2] * np.uint8(255)
    Image.fromarray(stored).save(tmp_path / "mask.png")
    mask = Mask(tmp_path / "mask.png", instance)
    inside = Image.fromarray((stored[..., 2] if instance else stored) > 0)
    whole = np.asarray(inside.resize((width, height), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(mask.read(width, height), whole)
    np.testing.assert_array_equal(mask.read(width, height, (5, 2, 20, 16)), whole[2:16, 5:20])
