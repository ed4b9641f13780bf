"""Drawings show what they are told, where they are told."""

import numpy as np
import pytest
from PIL import Image

from partpose.errors import PartposeError
from partpose.predict.draw import draw_maps, draw_parts, enlarge, palette, sheet, write_animation, write_png

BLACK = np.zeros((300, 400, 3), np.uint8)


def draw(mean, cov, confidence=1.0, pixels=BLACK, **others):
    return draw_parts(pixels, np.array([mean]), np.array([cov]), np.array([confidence]), **others)


@pytest.mark.parametrize("k", [1, 2, 5, 12, 24])
def test_colours_are_distinct_and_neither_dark_nor_pale(k):
    colours = palette(k).astype(int)
    luma = colours @ (0.299, 0.587, 0.114)
    assert ((luma > 80) & (luma < 215)).all()
    distance = np.linalg.norm(colours[:, None] - colours, axis=-1)[~np.eye(k, dtype=bool)]
    assert distance.min(initial=255) > 20


def test_an_ellipse_lies_where_its_gaussian_does():
    mean, cov = np.array([200.0, 120.0]), np.array([[900.0, 300.0], [300.0, 400.0]])
    drawn = draw(mean, cov).sum(axis=-1) > 30
    y, x = np.nonzero(drawn)
    points = np.stack([x, y], axis=-1)
    np.testing.assert_allclose(points.mean(axis=0), mean, atol=0.3)
    # A filled ellipse of r sigmas has the covariance r²/4 Σ
    np.testing.assert_allclose(np.cov(points.T), 1.5**2 / 4 * cov, rtol=0.12)


def test_an_upscaled_picture_s_parts_move_with_it():
    small = np.zeros((64, 64, 3), np.uint8)
    drawn = draw((10.0, 40.0), np.eye(2) * 4, pixels=small)
    assert drawn.shape == (256, 256, 3)
    y, x = np.nonzero(drawn.sum(axis=-1) > 30)
    np.testing.assert_allclose((x.mean(), y.mean()), (10.5 * 4 - 0.5, 40.5 * 4 - 0.5), atol=0.3)


def test_the_given_picture_stays_as_it_is():
    before = BLACK.copy()
    draw((100.0, 100.0), np.eye(2) * 100)
    np.testing.assert_array_equal(BLACK, before)


def test_doubtful_parts_fade():
    sure, doubtful = (int(draw((200.0, 120.0), np.eye(2) * 400, c).sum()) for c in (0.9, 0.05))
    assert 0 < doubtful < 0.5 * sure


@pytest.mark.parametrize("mean", [(np.nan, 5.0), (5000.0, 5.0), (-5000.0, -5.0)])
def test_parts_outside_or_unknown_are_left_out(mean):
    np.testing.assert_array_equal(draw(mean, np.eye(2) * 4), BLACK)


@pytest.mark.parametrize("cov", [np.zeros((2, 2)), np.full((2, 2), np.nan), [[1e6, 0], [0, 0]], [[1, 1], [1, 1]]])
def test_degenerate_covariances_still_show_the_centre(cov):
    drawn = draw((200.0, 120.0), np.array(cov, float))
    assert drawn[120, 200].max() > 100


def test_names_are_written_inside_the_picture():
    plain, named = (draw((390.0, 120.0), np.eye(2), names=names) for names in (None, ["left_wrist"]))
    _, x = np.nonzero((plain != named).any(axis=-1))
    assert x.size
    assert x.max() < 390


def test_a_picture_without_parts():
    np.testing.assert_array_equal(draw_parts(BLACK, np.zeros((0, 2)), np.zeros((0, 2, 2)), np.zeros(0)), BLACK)


def test_maps_glow_in_their_colours():
    maps = np.zeros((2, 30, 40))
    maps[0, 5, 10], maps[1, 20, 30] = 0.01, 1.0
    drawn = draw_maps(BLACK, maps).astype(int)
    for k, (y, x) in enumerate([(55, 105), (205, 305)]):
        assert np.abs(drawn[y, x] - palette(2)[k]).max() < 60
    assert drawn[280, 20].sum() == 0


@pytest.mark.parametrize(("height", "expected"), [(64, 256), (100, 300), (255, 510), (256, 256), (720, 720)])
def test_small_pictures_are_enlarged_by_a_whole_factor(height, expected):
    assert enlarge(np.zeros((height, 50, 3), np.uint8)).shape[0] == expected


def test_a_sheet_keeps_its_pictures_and_has_room_for_titles():
    red, blue = np.full((60, 80, 3), (255, 0, 0), np.uint8), np.full((40, 50, 3), (0, 0, 255), np.uint8)
    bare = sheet([[red, blue], [blue, None]])
    titled = sheet([[red, blue], [blue]], ["a", "a title longer than its column"], ["first", "second"])
    for paper in (bare, titled):
        assert (paper == (255, 0, 0)).all(axis=-1).sum() == 60 * 80
        assert (paper == (0, 0, 255)).all(axis=-1).sum() == 2 * 40 * 50
    assert titled.shape[0] > bare.shape[0]
    assert titled.shape[1] > bare.shape[1]


def test_png_is_written_whole(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    write_png(picture, tmp_path / "new" / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), picture)
    with pytest.raises(PartposeError, match="cannot be written"):
        write_png(picture, tmp_path)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_plays_all_its_frames(tmp_path, suffix):
    frames = [np.full((16, 16, 3), value, np.uint8) for value in (0, 90, 180, 250)]
    write_animation(frames, tmp_path / f"a{suffix}", seconds=2)
    with Image.open(tmp_path / f"a{suffix}") as animation:
        assert animation.n_frames == 4
        animation.seek(1)
        animation.load()
        assert animation.info["duration"] == 500
