"""What is counted in annotated sets, pictures and videos."""

from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from PIL import Image

from partpose.data.cut import Cut
from partpose.data.inspection import Clip, inspect_annotated, inspect_sources, joined
from partpose.data.landmarks import Landmarks
from partpose.data.sources import find_sources
from partpose.errors import Skipped

NAN = float("nan")


@pytest.fixture
def landmarks(tmp_path) -> Landmarks:
    """Of three pictures and two frames one each is missing; a.png shows two objects, c.jpg has no landmark."""
    Image.fromarray(blob(32, 24, 9, 9)).save(tmp_path / "a.png")
    Image.fromarray(blob(40, 30, 9, 9)).save(tmp_path / "c.jpg")
    files = ("a.png", "a.png", "b.png", "c.jpg", "clip.mp4", "clip.mp4")
    points = [
        [[1, 2], [3, 4]],
        [[31.4, 23.4], [31.6, 5]],
        [[5, 6], [7, 8]],
        [[NAN] * 2] * 2,
        [[1, 1], [NAN] * 2],
        [[2, 2]] * 2,
    ]
    return Landmarks(
        tmp_path,
        files,
        ("train", "train", "test", "", "test", "test"),
        np.array(points, float),
        ("nose", "tail"),
        frames=(-1, -1, -1, -1, 3, 30),
        cuts=tuple(Cut(track=str(i)) for i in range(6)),
        skipped=(Skipped("d.csv", "is broken"),),
    )


def test_an_annotated_set_is_counted_by_its_pictures_and_frames(landmarks, clip):
    """The clip has 30 frames, so that its frame 30 is not there."""
    seen = inspect_annotated(landmarks.root, "ours", landmarks)
    assert clip.parent == landmarks.root
    assert (seen.format, seen.landmarks, seen.objects, seen.noun) == ("ours", ("nose", "tail"), 6, "picture")
    assert (seen.pictures, seen.missing, seen.absent) == (3, 2, ("b.png", "clip.mp4 frame 30"))
    assert (seen.annotated, seen.visible) == (4, 9)
    assert seen.split == {"train": 1, "test": 3, "none": 1}
    assert seen.videos == (Clip("clip.mp4", 30, 25.0, 64, 48, 1.2),)
    assert seen.sizes == {(32, 24): 1, (40, 30): 1, (64, 48): 1}
    assert seen.skipped == (("d.csv", "is broken"),)


def test_landmarks_beyond_the_edge_are_counted(landmarks):
    """x = 31.6 lies outside a picture of 32 pixels, whose right edge is at 31.5."""
    assert inspect_annotated(landmarks.root, "ours", landmarks).outside == 1


def test_a_video_that_is_not_there_or_broken_has_no_frame(landmarks):
    (landmarks.root / "clip.mp4").write_bytes(b"no video")
    seen = inspect_annotated(landmarks.root, "ours", landmarks)
    assert (seen.pictures, seen.missing, seen.videos) == (2, 3, ())
    assert seen.absent == ("b.png", "clip.mp4")
    assert [Path(one.path).name for one in seen.skipped] == ["d.csv", "clip.mp4"]


def test_only_frames_are_called_frames(landmarks, clip):
    assert inspect_annotated(clip.parent, "ours", landmarks.rows([4, 5])).noun == "frame"


@pytest.mark.parametrize(
    ("keep", "form", "counts"),
    [
        ((".png", ".jpg"), "pictures", (12, 0)),
        ((".mp4",), "video", (0, 1)),
        ((".png", ".mp4"), "pictures and videos", (6, 1)),
    ],
)
def test_pictures_and_videos_without_annotations(picture_folder, clip, keep, form, counts):
    clip.rename(picture_folder / "clip.mp4")
    for path in picture_folder.rglob("*.*"):
        if path.suffix not in keep:
            path.unlink()
    seen = inspect_sources(picture_folder, *find_sources([picture_folder]))
    assert (seen.format, (seen.pictures, len(seen.videos))) == (form, counts)
    assert (seen.annotated, seen.landmarks, seen.missing) == (0, (), 0)


def test_broken_pictures_are_named_and_the_others_counted(bad_folder):
    seen = inspect_sources(bad_folder.path, *find_sources([bad_folder.path]))
    assert {Path(one.path).name for one in seen.skipped} == set(bad_folder.bad)
    assert sum(seen.sizes.values()) == len(bad_folder.good)


def test_several_sets_are_added_up(landmarks, clip):
    one = inspect_annotated(clip.parent, "ours", landmarks)
    other = inspect_annotated(clip.parent, "ours", landmarks.rows([2]))
    both = joined(clip.parent, [one, other], [Skipped("e.csv", "is broken too")])
    assert (both.pictures, both.missing, both.annotated, both.visible, both.objects) == (3, 3, 5, 11, 7)
    assert both.split == {"train": 1, "test": 4, "none": 1}
    assert [skipped.path for skipped in both.skipped] == ["e.csv", "d.csv", "d.csv"]
    assert both.sets == (one, other)
