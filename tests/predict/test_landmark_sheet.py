"""Contact sheets of annotated pictures: the right objects of the right frames, with marks where the landmarks are."""

import numpy as np
import pytest
from PIL import Image
from videos import save_video

from partpose.data.cut import Box, Cut
from partpose.data.landmarks import Landmarks
from partpose.data.sources import find_sources
from partpose.predict.landmark_sheet import Sample, annotated_samples, landmark_sheet, source_samples

GREY = np.full((40, 40, 3), 90, np.uint8)


def flat(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, np.uint8)


@pytest.fixture
def landmarks(tmp_path) -> Landmarks:
    """Three pictures of which one is missing and one has no landmark, and two frames of a video, all of flat greys."""
    Image.fromarray(flat(10)).save(tmp_path / "a.png")
    Image.fromarray(flat(20)).save(tmp_path / "empty.png")
    save_video(tmp_path / "clip.mp4", [flat(value) for value in (100, 140, 180, 220)])
    files = ("a.png", "a.png", "gone.png", "empty.png", "clip.mp4", "clip.mp4")
    points = np.arange(24.0).reshape(6, 2, 2)
    points[3] = np.nan
    cuts = (Cut(Box(10, 20, 16, 8), None, "left"), Cut(Box(500, 500, 9, 9)), *[Cut()] * 4)
    return Landmarks(
        tmp_path, files, ("train",) * 6, points, ("nose", "tail"), frames=(-1, -1, -1, -1, 3, 1), cuts=cuts
    )


def test_samples_are_of_objects_that_have_landmarks_and_a_picture(landmarks):
    samples = annotated_samples(landmarks, 12)
    assert [sample.title for sample in samples] == ["a.png left", "a.png", "clip.mp4 frame 3", "clip.mp4 frame 1"]
    assert [round(sample.pixels.mean(), -1) for sample in samples] == [10, 10, 220, 140]


def test_an_object_is_shown_in_its_box_and_a_box_beside_the_picture_is_not_believed(landmarks):
    """A square of 16 px, larger by a quarter, reaches from x = 8 to 28 and from y = 14 to 34."""
    first, second, *_ = annotated_samples(landmarks, 12)
    assert first.pixels.shape[:2] == (21, 21)
    np.testing.assert_array_equal(first.points, landmarks.points[0] - (8, 14))
    assert second.pixels.shape[:2] == (48, 64)


def test_of_many_rows_some_are_taken_from_the_first_to_the_last(landmarks):
    assert [sample.title for sample in annotated_samples(landmarks, 2)] == ["a.png left", "clip.mp4 frame 1"]


def test_pictures_and_videos_without_annotations_give_samples_too(landmarks):
    sources, _ = find_sources([landmarks.root])
    assert len(source_samples(sources, 4)) == 4
    assert {sample.title.split()[0] for sample in source_samples(sources, 4)} == {"a.png", "empty.png", "clip.mp4"}


def test_what_cannot_be_read_is_left_out(landmarks):
    (landmarks.root / "a.png").write_bytes(b"no picture")
    (landmarks.root / "clip.mp4").write_bytes(b"no video")
    assert annotated_samples(landmarks, 12) == []
    sources, _ = find_sources([landmarks.root])
    assert [sample.title for sample in source_samples(sources, 12)] == ["empty.png"]


def test_a_landmark_is_marked_in_its_place_and_a_missing_one_is_not():
    """Two pictures of 40 px, enlarged to 640: the pixel at (30, 10) is at (30.5, 10.5) · 16 there."""
    points = np.array([[30, 10], [np.nan, np.nan]])
    drawn = landmark_sheet([Sample(GREY, points, "one"), Sample(GREY, points * np.nan, "two")], ["a", "b"])
    marked, plain = drawn[8:648, 8:648].astype(int), drawn[8:648, 656:1296].astype(int)
    changed = np.argwhere(np.abs(marked - 90).max(axis=-1) > 60)
    assert np.abs(plain - 90).max() <= 2
    assert np.abs(changed - (10.5 * 16, 30.5 * 16)).max() < 60  # the dot, and its name beside it
    assert not (marked[int(10.5 * 16), int(30.5 * 16)] == 90).all()


def test_lines_join_their_landmarks():
    points = np.array([[5, 20], [35, 20]])
    joined, apart = (landmark_sheet([Sample(GREY, points, "")], ["a", "b"], lines) for lines in ([(0, 1)], []))
    middle = 8 + int(20.5 * 16), 8 + int(20.5 * 16)
    assert joined[middle].min() > 200
    assert np.abs(apart[middle].astype(int) - 90).max() <= 2


def test_the_names_are_listed_below_in_their_colours():
    names = [f"landmark {i}" for i in range(60)]
    sample = Sample(GREY, np.full((60, 2), np.nan), "a very long title of a picture " * 9)
    assert len(landmark_sheet([sample], names)) > len(landmark_sheet([sample._replace(points=np.empty((0, 2)))])) + 40
