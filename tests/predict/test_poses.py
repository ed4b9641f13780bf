"""`Poses` refuses what does not fit, and landmarks come out of it through a linear map."""

import dataclasses
import json

import numpy as np
import pytest

from partpose.errors import PartposeError, Skipped
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.poses import Poses, part_names, same

FRAMES, PARTS = 4, 3


def make(**changes):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(FRAMES, PARTS, 2, 2))
    values = {
        "mean": rng.uniform(0, 100, (FRAMES, PARTS, 2)),
        "covariance": root @ root.swapaxes(-1, -2),
        "confidence": rng.uniform(0, 1, (FRAMES, PARTS)),
        "source": "clip.mp4",
        "sizes": np.full((FRAMES, 2), (160, 120)),
        "frame_index": np.array([0, 2, 3, 7]),
        "time_stamp": np.arange(FRAMES) / 25,
    }
    return Poses(**{**values, **changes})


def test_repr_and_length():
    poses = make(skipped=[Skipped("a.jpg", "truncated")])
    assert len(poses) == FRAMES
    assert repr(poses) == "Poses('clip.mp4': 4 frames of 3 keypoints, 160×120 px, 1 skipped)"


def test_repr_counts_different_sizes():
    poses = make(sizes=[(9, 9), (9, 8), (9, 9), (1, 2)], files=("a", "b", "c", "d"))
    assert "4 pictures of 3 keypoints, 3 picture sizes" in repr(poses)


def test_names_sort_as_they_count():
    assert make().names == ("part_0", "part_1", "part_2")
    assert part_names(12)[3] == "part_03"
    assert list(part_names(101)) == sorted(part_names(101))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros((FRAMES, 2))}, r"mean must have the shape \(F, K, 2\), got \(4, 2\)"),
        (
            {"covariance": np.zeros((FRAMES, PARTS, 2))},
            r"covariance must have the shape \(4, 3, 2, 2\), got \(4, 3, 2\)",
        ),
        ({"confidence": np.full((FRAMES, PARTS), 1.5)}, r"confidence must lie in \[0, 1\], got 1.5"),
        ({"sizes": np.zeros((FRAMES, 2))}, "sizes must be at least 1 pixel, got 0"),
        ({"names": ("a", "b")}, "names must be 3, one a keypoint, got 2"),
        ({"names": ("a", "b", "a")}, "names must differ, got 'a'"),
        ({"files": ("a.jpg",)}, "files must be 4, one a row, got 1"),
        ({"frame_index": [0, 2, 2, 3]}, "frame_index must differ from row to row"),
        ({"frame_index": [0, 2, 1, 3]}, "frame_index must rise"),
        ({"skeleton": ((0, 3),)}, "skeleton must join keypoints from 0 to 2"),
        ({"track": ("a",)}, "track must be 4, one a row, got 1"),
        ({"squares": np.zeros((2, 3))}, r"squares must have the shape \(4, 3\)"),
        ({"mean": np.full((FRAMES, PARTS, 2), np.inf)}, "must be finite"),
        ({"uncertainty": np.full((FRAMES, PARTS), -1.0)}, "uncertainty must be a finite number of pixels, 0 or more"),
        ({"uncertainty": np.zeros((FRAMES, 2))}, r"uncertainty must have the shape \(4, 3\), got \(4, 2\)"),
        ({"raw": np.zeros((FRAMES, PARTS))}, r"raw must have the shape \(4, 3, 2\), got \(4, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(PartposeError, match=message):
        make(**changes)


def test_arrays_cannot_be_changed_from_inside_or_outside():
    mean = np.zeros((FRAMES, PARTS, 2))
    poses = make(mean=mean)
    mean[:] = 1
    assert (poses.mean == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        poses.mean[0] = 1


def test_what_nobody_can_change_is_shared():
    """A filter's result has the arrays that it leaves alone in common with what went in."""
    poses = make()
    assert dataclasses.replace(poses, mean=poses.mean + 1).covariance is poses.covariance
    rows = poses.mean.copy()
    rows.flags.writeable = False
    assert make(mean=rows).mean is rows


def test_no_frames_are_poses_too():
    nothing = {name: getattr(make(), name)[:0] for name in ("mean", "covariance", "confidence", "sizes")}
    poses = make(**nothing, frame_index=[], time_stamp=[])
    assert len(poses) == 0
    assert repr(poses)


def swap(intercept=None, **others):
    """Two landmarks: part 2, and the middle of parts 0 and 1."""
    matrix = np.zeros((2, 2, PARTS, 2))
    matrix[0, :, 2] = np.eye(2)
    matrix[1, :, 0] = matrix[1, :, 1] = np.eye(2) / 2
    return LandmarkMap(matrix, ("nose", "tail"), "image-size", intercept, **others)


def test_landmarks_in_pixels_of_any_size():
    poses = make(sizes=[(160, 120), (33, 500), (64, 64), (1, 7)])
    found = poses.landmarks(swap(skeleton=((0, 1),)))
    np.testing.assert_allclose(found.mean[:, 0], poses.mean[:, 2], atol=1e-9)
    np.testing.assert_allclose(found.mean[:, 1], poses.mean[:, :2].mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(found.confidence[:, 1], poses.confidence[:, :2].mean(axis=1))
    assert (found.names, found.skeleton) == (("nose", "tail"), ((0, 1),))
    assert np.isnan(found.covariance).all()
    assert len(found.history) == 1


def test_an_intercept_is_a_share_of_the_long_side():
    poses = make()
    moved = poses.landmarks(swap(np.array([[0.1, 0.0], [0.0, 0.0]])))
    np.testing.assert_allclose(moved.mean[:, 0] - poses.mean[:, 2], [[16.0, 0.0]] * FRAMES, atol=1e-9)


def test_a_map_for_something_else_is_refused():
    with pytest.raises(PartposeError, match="for 3 parts, but the poses have 2"):
        dataclasses.replace(
            make(),
            mean=np.zeros((4, 2, 2)),
            covariance=np.zeros((4, 2, 2, 2)),
            confidence=np.zeros((4, 2)),
            names=(),
            uncertainty=np.empty((0, 0)),
        ).landmarks(swap())
    with pytest.raises(PartposeError, match="another model"):
        make(provenance={"model_hash": "b"}).landmarks(swap(model_hash="a"))


@pytest.mark.parametrize("intercept", [None, np.array([[0.25, np.nan], [1 / 3, 0.0]])])
def test_a_map_is_kept_without_loss(tmp_path, intercept):
    kept = swap(intercept, ridge=1e-4, model_hash="a", skeleton=((1, 0),), nearest=(1, 0, 0))
    kept.matrix[1, 0] = np.nan
    kept.save(tmp_path / "map.json")
    found = LandmarkMap.load(tmp_path / "map.json")
    np.testing.assert_array_equal(found.matrix, kept.matrix)
    np.testing.assert_array_equal(found.intercept, kept.intercept)
    assert (found.names, found.protocol, found.ridge, found.model_hash) == (kept.names, "image-size", 1e-4, "a")
    assert (found.skeleton, found.nearest) == (kept.skeleton, kept.nearest)


def test_a_map_of_an_earlier_version(tmp_path):
    swap(skeleton=((0, 1),), nearest=(0, 0, 1)).save(tmp_path / "map.json")
    content = json.loads((tmp_path / "map.json").read_text())
    (tmp_path / "map.json").write_text(
        json.dumps({name: content[name] for name in content if name not in ("skeleton", "nearest")})
    )
    found = LandmarkMap.load(tmp_path / "map.json")
    assert (found.skeleton, found.nearest) == ((), ())


@pytest.mark.parametrize("about", [{"skeleton": ((0, 2),)}, {"nearest": (0, 0, 2)}, {"nearest": (0, 1)}])
def test_a_map_that_does_not_fit_itself_is_none(tmp_path, about):
    swap(**about).save(tmp_path / "map.json")
    with pytest.raises(PartposeError, match="is not a landmark map"):
        LandmarkMap.load(tmp_path / "map.json")


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", '{"partpose_landmark_map": 1, "names": []}', "\0\1\2"])
def test_something_else_is_no_map(tmp_path, content):
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(PartposeError, match="is not a landmark map"):
        LandmarkMap.load(tmp_path / "map.json")


def test_a_map_that_is_not_there(tmp_path):
    with pytest.raises(PartposeError, match="cannot read the landmark map"):
        LandmarkMap.load(tmp_path / "map.json")


def test_rows_of_a_track_are_found_by_its_name():
    changed = {"frame_index": [0, 0, 1, 1], "track": ("b", "a", "a", "c")}
    tracks = make(**changed).tracks()
    assert {name: rows.tolist() for name, rows in tracks.items()} == {"b": [0], "a": [1, 2], "c": [3]}


def test_landmarks_have_the_raw_points_and_the_uncertainty_of_their_parts():
    sigma = np.tile([3.0, 4.0, 1.5], (FRAMES, 1))
    poses = make(uncertainty=sigma, raw=make().mean + 1)
    found = poses.landmarks(swap())
    np.testing.assert_allclose(found.uncertainty, np.tile([1.5, 2.5], (FRAMES, 1)))
    np.testing.assert_allclose(found.raw, found.mean + 1)


def test_filtered_and_raw_poses_are_not_the_same():
    poses = make()
    filtered = make(raw=poses.mean)
    assert not same(poses, filtered)
    assert not same(filtered, poses)
    assert np.isnan(poses.uncertainty).all()
