"""Trails, lines, boxes and names: each is where it belongs, and only what is asked for is drawn."""

import numpy as np
import pytest

from partpose.predict.marks import Marks, draw_marks, palette
from partpose.predict.style import Style

BLACK = np.zeros((300, 400, 3), np.uint8)
NOTHING = np.full((2, 2, 2), np.nan)
ENDS = np.array([[100.0, 150.0], [300.0, 150.0]])


def marks(mean=ENDS, **others) -> Marks:
    return Marks(np.array(mean, float), NOTHING, np.ones(2), **others)


def drawn(marks: Marks, words: str = "", edges=(), pixels=BLACK, **others) -> np.ndarray:
    return draw_marks(pixels, [marks], Style(draw=words), ("nose", "tail"), edges, 1, **others).astype(int)


def changed(marks: Marks, words: str, **others) -> np.ndarray:
    """Where a word draws something that is not drawn without it."""
    return (drawn(marks, words, **others) != drawn(marks, "", **{**others, "edges": ()})).any(axis=-1)


def test_a_line_of_the_skeleton_joins_its_parts():
    where = changed(marks(), "", edges=[(0, 1)])
    y, x = np.nonzero(where)
    assert np.abs(y - 150).max() <= 2
    assert x.min() > 98
    assert x.max() < 302
    assert where[150, 110:290].all()


def test_no_line_leads_to_a_hidden_part():
    hidden = marks([ENDS[0], (np.nan, np.nan)])
    assert not changed(hidden, "", edges=[(0, 1)]).any()


def trail(*places) -> np.ndarray:
    return np.array([[place, (np.nan, np.nan)] for place in places], float)


def test_a_trail_fades_into_the_past():
    places = [(20 * i, 50) for i in range(16)]
    row = drawn(marks(trail=trail(*places)), "trails")[50].sum(axis=-1)
    light = [row[a : a + 20].mean() for a in (40, 140, 270)]
    assert 0 < light[0] < 0.7 * light[1] < 0.7 * light[2]
    np.testing.assert_allclose(row[270] / row[270].max() * palette(1)[0].sum(), row[270], rtol=1)


def test_a_trail_has_a_gap_where_the_part_was_not_seen():
    places = [(20 * i, 50) if i not in (7, 8) else (np.nan, np.nan) for i in range(16)]
    where = changed(marks(trail=trail(*places)), "trails")[50]
    assert where[60:115].all()
    assert not where[130:170].any()
    assert where[190:290].all()


@pytest.mark.parametrize("places", [[], [(50, 50)], [(np.nan, np.nan)] * 4, [(50, 50)] * 3])
def test_a_trail_of_somebody_who_has_not_moved_is_no_line(places):
    assert changed(marks(trail=trail(*places).reshape(-1, 2, 2)), "trails").sum() < 30


def test_a_box_is_drawn_along_the_edges_of_what_was_seen():
    where = changed(marks(square=np.array([50, 40, 200])), "boxes")
    y, x = np.nonzero(where)
    np.testing.assert_allclose((x.min() + x.max() + 1, y.min() + y.max() + 1), (300, 280), atol=1)
    np.testing.assert_allclose((np.ptp(x), np.ptp(y)), 200, atol=4)
    assert not where[60:220, 70:230].any()


@pytest.mark.parametrize("square", [(0, -50, 400), (-9, -60, 410)])
def test_the_whole_picture_needs_no_box(square):
    assert not changed(marks(square=np.array(square)), "boxes").any()


def test_names_do_not_cover_each_other_nor_the_dots():
    near = marks([(200, 150), (206, 154)])
    one, other = (draw_marks(BLACK, [near], Style(draw="names"), names, scale=1) for names in (("a", "i"), ("a", "l")))
    y, x = np.nonzero((one != other).any(axis=-1))
    alone = draw_marks(BLACK, [near], Style(draw="names"), ("a", ""), scale=1)
    assert (alone[y, x] == 0).all(), "the second name is where the first one is not"


@pytest.mark.parametrize("corner", [(2, 2), (397, 2), (2, 297), (397, 297)])
def test_names_in_a_corner_stay_in_the_picture(corner):
    words, free = (
        draw_marks(BLACK, [marks([place, (np.nan, 0)])], Style(draw="names"), ("long name", ""), scale=1)
        for place in (corner, (200, 150))
    )
    letters = [(pixels.max(axis=-1) > 150).sum() for pixels in (words, free)]
    assert letters[0] == pytest.approx(letters[1], rel=0.1)


def test_a_nameless_part_is_called_by_its_number():
    name, number = (
        draw_marks(BLACK, [marks()], Style(draw="names"), names) for names in (("part_07", "x"), ("7", "x"))
    )
    np.testing.assert_array_equal(name, number)


def test_the_name_of_a_track_stands_over_its_box():
    place = {"square": np.array([50, 60, 200])}
    where = (drawn(marks(track="fly", **place)) != drawn(marks(**place))).any(axis=-1)
    y, x = np.nonzero(where)
    assert x.min() >= 50
    assert y.max() <= 60
    above = drawn(marks(track="fly", square=np.array([50, 0, 200])))
    assert above[:20, 50:90].max() > 150, "inside, where there is no room above"


def test_lines_and_letters_are_thin_on_small_objects_and_pictures():
    def thickness(side: int, square: float) -> int:
        pixels = np.zeros((side, side, 3), np.uint8)
        one = Marks(np.full((1, 2), side / 2), np.zeros((1, 2, 2)), np.ones(1), np.array([0, 0, square]))
        return int((draw_marks(pixels, [one], Style(), scale=1).sum(axis=-1) > 0).sum())

    assert thickness(1080, 100) < 0.3 * thickness(1080, 1080)
    assert thickness(128, 128) < 0.3 * thickness(1080, 1080)


def test_marks_move_with_a_piece_of_the_picture():
    """The middle of pixel (10, 20) is (1.5, 1.5) pixels from the edges of a piece that begins at (9, 19)."""
    one = marks([(10, 20), (9, 19)], square=np.array([9, 19, 4]), trail=trail((10, 20)))
    moved = one.moved(9, 19, 2)
    np.testing.assert_allclose(moved.mean, [(2.5, 2.5), (0.5, 0.5)])
    np.testing.assert_allclose(moved.square, (0, 0, 8))
    np.testing.assert_allclose(moved.trail[0, 0], (2.5, 2.5))
    solid = one._replace(cov=np.tile(np.eye(2), (2, 1, 1))).moved(0, 0, 3)
    np.testing.assert_allclose(solid.cov[0], 9 * np.eye(2))


def test_colours_of_the_first_parts_stay_when_there_are_more():
    np.testing.assert_array_equal(palette(40)[:7], palette(7))


@pytest.mark.parametrize("k", [4, 8, 12, 16, 24])
def test_colours_can_be_told_apart_by_colour_blind_eyes(k):
    """Machado et al. 2009, full deuteranopia and protanopia; equally spaced hues come down to 0.01 of OKLab's units."""
    linear = (palette(k) / 255.0) ** 2.2
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    for seen in (deutan, protan):
        lab = _oklab(np.clip(linear @ np.array(seen).T, 0, 1))
        distance = np.linalg.norm(lab[:, None] - lab, axis=-1)[~np.eye(k, dtype=bool)]
        assert distance.min() > 0.04


def _oklab(linear: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    lms = np.cbrt(linear @ np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]).T)
    return lms @ np.array([[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]).T
