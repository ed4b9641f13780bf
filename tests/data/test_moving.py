import numpy as np
import pytest
from scenery import folder, frame, path, scene
from videos import save_video

from partpose.data.boxes import boxes_for
from partpose.data.images import Unreadable
from partpose.data.landmarks import read_landmarks
from partpose.data.moving import find_moving
from partpose.data.sources import find_sources


def video(path, frames):
    return find_sources([save_video(path, frames)])[0][0]


def film(middles, background=None, **looks):
    background = scene() if background is None else background
    return [frame(background, at, i, **looks) for i, at in enumerate(middles)]


def middles_of(source):
    """(N, 2) the middles of the boxes, their common side, and their places."""
    boxes = [cuts[0].box for cuts in source.cuts.values()]
    sides = {box.width for box in boxes} | {box.height for box in boxes}
    assert len(sides) == 1
    return (
        np.array([(box.left + box.width / 2, box.top + box.height / 2) for box in boxes]),
        sides.pop(),
        list(source.cuts),
    )


def away(found, expected):
    return np.linalg.norm(found - np.array(expected), axis=1)


def test_a_disc_in_a_video_is_found_in_every_frame(tmp_path):
    middles = path(40)
    boxed, said = boxes_for(video(tmp_path / "v.mp4", film(middles)), "auto")
    found, side, places = middles_of(boxed)
    assert (said, places) == ([], list(range(40)))
    assert away(found, middles).max() < 3
    assert 16 <= side <= 21


def test_a_disc_in_pictures_of_any_order(tmp_path):
    middles = path(30)[::7] + path(23)
    boxed, said = find_moving(folder(tmp_path / "in", film(middles)))
    assert said == []
    assert away(middles_of(boxed)[0], middles).max() < 2


def test_boxes_are_in_pixels_of_a_large_original(tmp_path):
    background = scene(640, 480)
    middles = path(16, 640, 480)
    boxed, _ = find_moving(folder(tmp_path / "in", film(middles, background, radius=30)))
    found, side, _ = middles_of(boxed)
    assert away(found, middles).max() < 4
    assert 54 <= side <= 68


def test_brightness_that_drifts(tmp_path):
    background, middles = scene(), path(40)
    frames = [frame(background, at, i, gain=0.75 + 0.5 * i / 40) for i, at in enumerate(middles)]
    found, side, _ = middles_of(find_moving(video(tmp_path / "v.mp4", frames))[0])
    assert away(found, middles).max() < 3
    assert side < 22


def test_a_corner_that_flickers_is_no_object(tmp_path):
    middles = path(40)
    frames = film(middles)
    for i, pixels in enumerate(frames):
        pixels[:30, :30] = np.clip(pixels[:30, :30].astype(int) + (40 if i % 2 else 0), 0, 255)
    assert away(middles_of(find_moving(video(tmp_path / "v.mp4", frames))[0])[0], middles).max() < 3


@pytest.mark.parametrize("rest", [0.3, 0.6, 0.75])
@pytest.mark.parametrize("bright", [False, True])
def test_an_object_that_rests_for_long_is_no_part_of_the_scene(tmp_path, rest, bright):
    count = int(60 * rest)
    middles = [(40.0, 40.0)] * count + path(60 - count)
    background = np.full((120, 160, 3), 150, np.float32) + scene() / 10
    frames = [255 - pixels if bright else pixels for pixels in film(middles, background)]
    found, side, _ = middles_of(find_moving(video(tmp_path / "v.mp4", frames))[0])
    assert away(found, middles).max() < 4
    assert side < 24


def test_where_nothing_is_found_boxes_lie_between(tmp_path):
    middles = path(40)
    shown = [None if 10 <= i < 20 else at for i, at in enumerate(middles)]
    boxed, said = find_moving(video(tmp_path / "v.mp4", film(shown)))
    found, _, places = middles_of(boxed)
    assert places == list(range(40))
    line = np.linspace(middles[9], middles[20], 12)[1:-1]
    assert away(found[10:20], line).max() < 3
    assert [line.reason for line in said] == [
        "nothing moves in 10 of 40 frames: their boxes lie between those before and after"
    ]


def test_pictures_without_the_object_are_passed_over(tmp_path):
    shown = [None if i == 5 else at for i, at in enumerate(path(20))]
    boxed, said = find_moving(folder(tmp_path / "in", film(shown)))
    assert set(boxed.cuts) == set(range(20)) - {5}
    assert said == [("0005.png", "shows no object that moves")]


def test_of_two_alike_one_is_followed_and_it_is_said(tmp_path):
    first, background = path(40), scene()
    frames = film(first, background)
    for i, (x, y) in enumerate(first):
        other = frame(background, (160 - x, 120 - y), i, radius=9.5)
        frames[i] = np.minimum(frames[i], other)
    boxed, said = find_moving(video(tmp_path / "v.mp4", frames))
    found, _, _ = middles_of(boxed)
    one, two = away(found, first).max(), away(found, [(160 - x, 120 - y) for x, y in first]).max()
    assert min(one, two) < 3
    assert "more than one thing moves in 40 of 40 frames" in said[0].reason


def test_only_the_span_that_is_wanted_is_looked_at(tmp_path):
    middles = path(40)
    source = video(tmp_path / "v.mp4", film(middles))._replace(frames=slice(4, 40, 3))
    found, _, places = middles_of(find_moving(source)[0])
    assert places == list(range(4, 40, 3))
    assert away(found, middles[4::3]).max() < 3


def test_a_jolt_of_the_camera_by_a_pixel_is_no_object(tmp_path):
    middles = path(40)
    frames = [np.roll(pixels, 1, (0, 1)) if 10 <= i < 16 else pixels for i, pixels in enumerate(film(middles))]
    boxed, said = find_moving(video(tmp_path / "v.mp4", frames))
    found, side, _ = middles_of(boxed)
    assert said == []
    assert away(found, middles).max() < 3
    assert side < 22


def test_a_blink_of_something_larger_does_not_move_the_box(tmp_path):
    middles = path(40)
    frames = film(middles)
    frames[20][:30, 130:] = 250
    assert away(middles_of(find_moving(video(tmp_path / "v.mp4", frames))[0])[0], middles).max() < 4


def shaking(rng):
    return [np.roll(pixels, tuple(rng.integers(-5, 6, 2)), (0, 1)) for pixels in film(path(24))]


def all_over(rng):
    frames = film([None] * 24)
    for pixels in frames:
        for x, y in rng.integers(0, [150, 110], (40, 2)):
            pixels[y : y + 6, x : x + 6] = 255
    return frames


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (shaking, "the camera moves, the light changes, or it is not one scene"),
        (lambda rng: [frame(scene(seed=i), None, i) for i in rng.permutation(12)], "the camera moves"),
        (lambda rng: film([None] * 24), "nothing moves in front of the camera"),  # noqa: ARG005
        (all_over, "not one thing moves but the picture all over"),
        (lambda rng: film(path(7)), "there are only 7 frames or pictures, expected 8"),  # noqa: ARG005
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(tmp_path, frames, words):
    source = video(tmp_path / "v.mp4", frames(np.random.default_rng(0)))
    with pytest.raises(Unreadable, match=words) as error:
        find_moving(source)
    assert str(error.value).startswith(f"{tmp_path / 'v.mp4'}: no boxes can be found in it: ")
    assert str(error.value).endswith("; give --boxes FILE.csv, or --boxes none to look at all of it")


def test_the_mouse_of_an_open_field(shared_data):
    landmarks = read_landmarks(shared_data / "mouse_openfield").subset("train")
    source = find_sources([shared_data / "mouse_openfield"])[0][0]
    boxed, said = find_moving(source)
    assert said == []
    squares = [boxed.cuts[source.names.index(name)][0].box.square(0.25) for name in landmarks.files]
    points = landmarks.points + 0.5
    low, high = (np.array([(box[0] + a * box[2], box[1] + a * box[3]) for box in squares])[:, None] for a in (0, 1))
    assert np.mean(((low <= points) & (points <= high)).all((1, 2))) > 0.95
