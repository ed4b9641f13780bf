"""Overlays show every part where the tables say it is, and keep a video's timing."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dots import dots, places, predictor
from PIL import Image
from videos import save_growing, save_uneven, save_video, turn

from partpose.data.images import Unreadable
from partpose.data.sources import Source, find_sources
from partpose.data.video import probe, read_frames
from partpose.errors import PartposeError
from partpose.predict.formats import write_dlc_csv
from partpose.predict.overlay import draw_overlay
from partpose.predict.poses import SHAPES, Poses

DOTS = predictor()


def overlay(input, out):
    """Poses, and the overlay, of the only source in an input."""
    (source,), _ = find_sources([input])
    poses = DOTS.predict_source(source)
    return poses, draw_overlay(poses, source, out / source.stem)[0]


def in_table(poses, out) -> np.ndarray:
    """(F, K, 2) from the CSV file."""
    write_dlc_csv(poses, out / "table.csv")
    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.reader(file))[3:]
    return np.array([[float(value) for value in row[1:]] for row in rows]).reshape(len(rows), -1, 3)[..., :2]


def drawn_at(drawn: np.ndarray) -> np.ndarray:
    """(2, 2) the middles of the two ellipses: what is coloured on grey, left and right."""
    colourful = np.ptp(drawn.astype(int), axis=-1) > 25
    y, x = np.nonzero(colourful)
    left = x < drawn.shape[1] / 2
    return np.array([[x[side].mean(), y[side].mean()] for side in (left, ~left)])


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 400), (257, 301)])
def test_a_picture_s_ellipses_are_where_the_table_says(tmp_path, width, height):
    where = places(1, width, height)[0]
    (tmp_path / "in").mkdir()
    Image.fromarray(dots(width, height, *where)).save(tmp_path / "in" / "a.jpg", quality=95)
    poses, folder = overlay(tmp_path / "in", tmp_path)
    drawn = np.asarray(Image.open(folder / "a.jpg.png"))
    assert drawn.shape == (height, width, 3)
    np.testing.assert_allclose(drawn_at(drawn), in_table(poses, tmp_path)[0], atol=0.6)


def test_a_small_picture_is_enlarged_with_its_parts(tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(dots(64, 64, *places(1, 64, 64)[0])).save(tmp_path / "in" / "a.png")
    poses, folder = overlay(tmp_path / "in", tmp_path)
    drawn = np.asarray(Image.open(folder / "a.png"))
    assert drawn.shape == (256, 256, 3)
    np.testing.assert_allclose(drawn_at(drawn), (in_table(poses, tmp_path)[0] + 0.5) * 4 - 0.5, atol=0.8)


@pytest.mark.parametrize("turns", [0, 1])
def test_a_video_s_ellipses_are_where_the_table_says(tmp_path, turns):
    where = places(6, 320, 240)
    path = save_video(tmp_path / "a.mp4", [dots(320, 240, *two) for two in where])
    turn(path, turns)
    poses, drawn = overlay(path, tmp_path)
    assert probe(drawn) == ((320, 240, 25.0, 6) if not turns else (240, 320, 25.0, 6))
    table = in_table(poses, tmp_path)
    for frame in read_frames(drawn):
        # Turned by a quarter the two are one above the other
        found = drawn_at(frame.pixels if not turns else np.rot90(frame.pixels, -1))
        if turns:
            found = np.stack([found[:, 1], 319 - found[:, 0]], axis=-1)
        np.testing.assert_allclose(found, table[frame.index], atol=1.5)


BELOW = np.array([0, 60])


def numbered(count: int) -> list[np.ndarray]:
    """Frames with two small dots that move and, above them, their number: eight squares, so pale that no part sees them."""
    frames = []
    for i, (bright, dark) in enumerate(places(count, 320, 160, seed=1)):
        pixels = dots(320, 240, bright + BELOW, dark + BELOW, radius=9)
        for bit in range(8):
            pixels[4:28, 4 + 40 * bit : 36 + 40 * bit] = 153 if i >> bit & 1 else 103
        frames.append(pixels)
    return frames


def number(pixels: np.ndarray) -> int:
    return sum((pixels[8:24, 8 + 40 * bit : 32 + 40 * bit].mean() > 128) << bit for bit in range(8))


@pytest.mark.parametrize("frames", [None, slice(7, None), slice(0, None, 5), slice(3, 40, 4)])
def test_table_and_overlay_show_the_same_parts_in_the_same_numbered_frame(tmp_path, frames):
    """Frames that were not predicted are in neither of them."""
    path = save_uneven(tmp_path / "a.mkv", numbered(48), times := [4 * i + 30 * (i > 20) for i in range(48)])
    (source,), _ = find_sources([path])
    poses = DOTS.predict_source(source._replace(frames=frames))
    expected = range(48)[frames or slice(None)]
    write_dlc_csv(poses, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = {int(row[0]): np.array(row[1:], float).reshape(2, 3)[:, :2] for row in list(csv.reader(file))[3:]}
    assert list(rows) == list(expected)
    for again in (source, source._replace(frames=frames)):
        (drawn,) = draw_overlay(poses, again, tmp_path / "out")
        seen = list(read_frames(drawn))
        assert [number(frame.pixels) for frame in seen] == list(expected)
        for frame, index in zip(seen, expected, strict=True):
            np.testing.assert_allclose(drawn_at(frame.pixels), rows[index], atol=1.5)
            assert frame.time - seen[0].time == pytest.approx((times[index] - times[expected[0]]) / 100, abs=2e-3)


def test_frames_without_an_object_are_shown_as_they_are(tmp_path):
    """Of what was asked for; and who draws again gets what lies between the first and the last that has one."""
    frames = numbered(12)
    (source,), _ = find_sources([save_video(tmp_path / "a.mp4", frames)])
    all_poses = DOTS.predict_source(source)
    poses = rows_of(all_poses, [2, 3, 6, 8])
    (drawn,) = draw_overlay(poses, source._replace(frames=slice(0, None)), tmp_path / "asked")
    seen = [frame.pixels for frame in read_frames(drawn)]
    assert [number(pixels) for pixels in seen] == list(range(12))
    coloured = [int((np.ptp(pixels.astype(int), axis=-1) > 60).sum()) for pixels in seen]
    assert [i for i, count in enumerate(coloured) if count > 20] == [2, 3, 6, 8]
    (drawn,) = draw_overlay(poses, source, tmp_path / "again")
    assert [number(frame.pixels) for frame in read_frames(drawn)] == list(range(2, 9))


def rows_of(poses: Poses, rows: list[int]) -> Poses:
    arrays = {name: getattr(poses, name)[rows] for name in SHAPES}
    return replace(poses, **arrays, track=[poses.track[i] for i in rows])


def test_several_objects_a_frame_are_all_drawn(tmp_path):
    path = save_video(tmp_path / "a.mp4", [np.full((200, 300, 3), 128, np.uint8)] * 3)
    (source,), _ = find_sources([path])
    centres = np.array([(60, 100), (240, 100), (60, 100), (240, 100)], float)
    poses = Poses(
        mean=centres[:, None],
        covariance=np.tile(64 * np.eye(2), (4, 1, 1, 1)),
        confidence=np.ones((4, 1)),
        source="a.mp4",
        sizes=np.tile((300, 200), (4, 1)),
        frame_index=[0, 0, 2, 2],
        time_stamp=[0, 0, 0.08, 0.08],
        track=("left", "right") * 2,
    )
    (drawn,) = draw_overlay(poses, source._replace(frames=slice(0, None)), tmp_path / "a")
    first, second, third = (frame.pixels for frame in read_frames(drawn))
    assert np.ptp(second.astype(int), axis=-1).max() < 60
    for pixels in (first, third):
        np.testing.assert_allclose(drawn_at(pixels), centres[:2], atol=1.5)


def test_poses_of_another_video_are_refused_and_nothing_is_left(tmp_path, clip):
    (source,), _ = find_sources([save_video(tmp_path / "a.mp4", [dots(80, 64, (20, 20), (50, 40))] * 3)])
    (other,), _ = find_sources([clip])
    with pytest.raises(PartposeError, match="has 64×48 pixels, but its poses are of 80×64"):
        draw_overlay(DOTS.predict_source(source), other, tmp_path / "out" / "a")
    assert not list((tmp_path / "out").iterdir())


def test_an_interrupted_overlay_leaves_nothing(tmp_path, clip):
    def interrupt(done: int, _total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    (source,), _ = find_sources([clip])
    with pytest.raises(KeyboardInterrupt):
        draw_overlay(DOTS.predict_source(source), source, tmp_path / "out" / "a", progress=interrupt)
    assert not list((tmp_path / "out").iterdir())


def test_pictures_that_have_gone_or_changed_are_passed_over(tmp_path, picture_folder):
    (source,), _ = find_sources([picture_folder])
    poses = DOTS.predict_source(source)
    (picture_folder / "frame1.png").unlink()
    Image.new("RGB", (50, 50)).save(picture_folder / "frame3.png")
    skipped = []
    folder, sheet = draw_overlay(poses, source, tmp_path / "a", skipped=skipped)
    reasons = {Path(one.path).name: one.reason for one in skipped}
    assert set(reasons) == {"frame1.png", "frame3.png"}
    assert "has 50×50 pixels, but its poses are of 64×56" in reasons["frame3.png"]
    assert len(list(folder.rglob("*.png"))) == 10
    assert sheet.name == "a_sheet.png"


def test_uneven_times_are_kept(tmp_path):
    times = [0, 4, 8, 50, 51, 52, 300, 304]
    path = save_uneven(tmp_path / "a.mkv", [dots(64, 48, *two) for two in places(8, 64, 48)], times)
    _, drawn = overlay(path, tmp_path)
    np.testing.assert_allclose([frame.time for frame in read_frames(drawn)], np.array(times) / 100, atol=2e-3)


def test_a_video_whose_size_changes_is_fitted_into_its_first_size(tmp_path):
    small = [dots(160, 120, *two) for two in places(5, 160, 120)]
    large = [dots(320, 320, *two) for two in places(5, 320, 320)]
    poses, drawn = overlay(save_growing(tmp_path / "a.mpg", small, large), tmp_path)
    assert poses.sizes.tolist() == [[160, 120]] * 5 + [[320, 320]] * 5
    frames = [frame.pixels for frame in read_frames(drawn)]
    assert [frame.shape for frame in frames] == [(120, 160, 3)] * 10
    expected = (poses.mean[7] + 0.5) * 120 / 320 - 0.5 + (20, 0)
    np.testing.assert_allclose(drawn_at(frames[7]), expected, atol=1.5)
    assert frames[7][:, :15].max() < 30, "what is beside the picture is black"


def test_a_video_cut_short_is_drawn_as_far_as_it_goes(tmp_path):
    rng = np.random.default_rng(0)
    path = save_video(tmp_path / "a.mp4", [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)])
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    poses, drawn = overlay(path, tmp_path)
    assert len(list(read_frames(drawn))) == len(poses) < 60


def test_a_folder_s_overlays_have_its_names(tmp_path, picture_folder):
    poses, folder = overlay(picture_folder, tmp_path / "out")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert found == sorted(name if name.endswith(".png") else name + ".png" for name in poses.files)


def test_every_picture_has_its_own_overlay(tmp_path):
    (tmp_path / "in").mkdir()
    where = places(3, 64, 64)
    names = ("a.jpg", "a.jpg.png", "a.jpg-2.png")
    for name, two in zip(names, where, strict=True):
        Image.fromarray(dots(64, 64, *two)).save(tmp_path / "in" / name)
    poses, folder = overlay(tmp_path / "in", tmp_path / "out")
    found = [drawn_at(np.asarray(Image.open(path))).round().astype(int).tolist() for path in folder.iterdir()]
    expected = ((poses.mean + 0.5) * 4 - 0.5).round().astype(int).tolist()
    assert len(found) == 3
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1)


def test_progress_is_told_as_it_goes(tmp_path, clip):
    (source,), _ = find_sources([clip])
    told = []
    draw_overlay(DOTS.predict_source(source), source, tmp_path / "a", progress=lambda *step: told.append(step))
    assert told == [(i, 30) for i in range(1, 31)]


def test_pictures_outside_their_set_are_never_drawn_over(tmp_path):
    """A table may list a picture by its absolute path, or above its folder."""
    root, elsewhere = tmp_path / "set", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
    pixels = dots(64, 64, *places(1, 64, 64)[0])
    files = (elsewhere / "a.png", root / ".." / "b.png", root / "c.png")
    for file in files:
        Image.fromarray(pixels).save(file)
    (root / "landmarks.csv").write_text(f"file,split,kp0_x,kp0_y\n{files[0]},test,,\n../b.png,test,,\nc.png,test,,\n")
    _, folder = overlay(root, tmp_path / "out")
    for file in files:
        np.testing.assert_array_equal(np.asarray(Image.open(file)), pixels)
    assert len(list(folder.rglob("*.png"))) == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"set_parts", "set_sheet.png"}


def test_an_input_that_has_gone_and_an_output_that_cannot_be_written(tmp_path, clip):
    (source,), _ = find_sources([clip])
    poses = DOTS.predict_source(source)
    gone = Source(tmp_path / "gone.mp4", "video", (tmp_path / "gone.mp4",), ("gone.mp4",), "gone")
    with pytest.raises(Unreadable, match="does not exist"):
        draw_overlay(poses, gone, tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(PartposeError, match="cannot be written"):
        draw_overlay(poses, source, tmp_path / "file" / "clip")
