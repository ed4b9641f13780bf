"""Trails lead back over the frames of the same object, and no further."""

import numpy as np
import pytest

from partpose.data.sources import Source
from partpose.errors import PartposeError
from partpose.predict.artist import Artist
from partpose.predict.poses import Poses
from partpose.predict.style import Style


def poses(frames, track=(), sizes=(100, 80), **changes) -> Poses:
    """One part, at x = 10 × frame, and y = 1 for each track after the first."""
    order = list(dict.fromkeys(track))
    y = [order.index(name) for name in track] if track else [0] * len(frames)
    values = {
        "mean": np.stack([10.0 * np.array(frames), np.array(y)], axis=-1).reshape(-1, 1, 2),
        "covariance": np.full((len(frames), 1, 2, 2), np.nan),
        "confidence": np.ones((len(frames), 1)),
        "source": "clip.mp4",
        "sizes": np.broadcast_to(sizes, (len(frames), 2)),
        "frame_index": frames,
        "time_stamp": np.array(frames, float),
        "track": track,
    }
    return Poses(**{**values, **changes})


def x_of_trail(poses: Poses, row: int, length: int = 3) -> list[float]:
    trail = Artist(poses, Style(draw="trails", trail=length)).marks(row).trail
    return [float(x) for x in trail[:, 0, 0]]


NAN = float("nan")


def test_a_trail_ends_with_the_part_itself():
    np.testing.assert_array_equal(x_of_trail(poses(range(6)), 5), [20, 30, 40, 50])
    np.testing.assert_array_equal(x_of_trail(poses(range(6)), 1), [NAN, NAN, 0, 10])


def test_where_every_third_frame_was_predicted_a_trail_counts_those():
    np.testing.assert_array_equal(x_of_trail(poses([0, 3, 6, 12]), 3), [30, 60, NAN, 120])


def test_a_trail_stays_with_its_object():
    two = poses([0, 0, 1, 2, 2, 3], ("a", "b", "b", "a", "b", "a"))
    np.testing.assert_array_equal(x_of_trail(two, 5), [0, NAN, 20, 30])
    np.testing.assert_array_equal(x_of_trail(two, 4), [NAN, 0, 10, 20])


def test_a_trail_begins_anew_where_the_size_of_the_frames_changes():
    changing = poses(range(4), sizes=[(100, 80), (100, 80), (50, 80), (50, 80)])
    np.testing.assert_array_equal(x_of_trail(changing, 3), [NAN, NAN, 20, 30])


def test_pictures_of_a_folder_have_no_trails():
    folder = poses([0, 1], files=("a.png", "b.png"), time_stamp=[NAN, NAN])
    assert Artist(folder, Style(draw="trails")).marks(1).trail is None


def test_only_one_of_several_objects_is_named():
    assert Artist(poses([0, 1], ("a", "a")), Style()).marks(0).track == ""
    assert Artist(poses([0, 0], ("a", "b")), Style()).marks(1).track == "b"


@pytest.mark.parametrize(
    ("frames", "expected"),
    [([4], slice(4, 5, 1)), ([0, 1, 2], slice(0, 3, 1)), ([10, 15, 30], slice(10, 31, 5)), ([2, 2, 5], slice(2, 6, 3))],
)
def test_the_frames_that_were_predicted_are_found_again(frames, expected, tmp_path):
    artist = Artist(poses(frames, tuple(map(str, range(len(frames))))), Style())
    source = Source(tmp_path, "video", (tmp_path,), ("clip.mp4",), "clip")
    assert artist.frames(source) == expected
    assert artist.frames(source._replace(frames=slice(0, None))) == slice(0, None)


def test_no_poses_cannot_be_drawn():
    with pytest.raises(PartposeError, match=r"no poses of clip\.mp4"):
        Artist(poses([]), Style())
