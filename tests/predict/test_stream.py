"""A stream answers frame by frame what a prediction of the whole answers."""

import numpy as np
import pytest
from dots import dots, in_full, places, predictor
from training import save_untrained
from videos import save_video, turn

import partpose
from partpose.data.cut import Box, Cut
from partpose.data.sources import find_sources

DOTS = predictor()


def assert_same(stream, poses) -> None:
    for row, pose in enumerate(stream):
        assert pose.index == poses.frame_index[row]
        np.testing.assert_equal(pose.time, poses.time_stamp[row])
        for name in ("mean", "covariance", "confidence", "uncertainty"):
            np.testing.assert_allclose(getattr(pose, name), getattr(poses, name)[row], atol=1e-4, err_msg=name)
    assert row == len(poses) - 1


@pytest.fixture
def moving(tmp_path):
    """A video of two dots, 320×240 and stored lying on its side."""
    path = save_video(tmp_path / "a.mp4", [dots(320, 240, *where) for where in places(6, 320, 240)])
    turn(path, 1)
    return path


def test_a_video_gives_what_predict_gives(moving):
    poses = DOTS.predict(moving)
    assert tuple(poses.sizes[0]) == (240, 320)
    assert_same(DOTS.stream(moving), poses)


def test_arrays_of_any_sizes_give_what_predict_gives():
    pictures = [dots(*shape, *places(1, *shape, seed=seed)[0]) for seed, shape in enumerate([(320, 240), (90, 120)])]
    assert_same(DOTS.stream(pictures), DOTS.predict(pictures))
    first = next(DOTS.stream(iter(pictures)))
    np.testing.assert_allclose(first.mean, in_full(pictures[0])[0], atol=1)


def test_uncertainty_is_measured_where_it_is_asked_for():
    model = predictor()
    model.uncertainty = 4
    picture = dots(64, 64, (20, 30), (50, 40))
    assert_same(model.stream([picture]), model.predict(picture))
    assert (next(model.stream([picture])).uncertainty > 0).all()


def test_a_box_is_where_is_looked(moving):
    box = Box(10, 20, 200, 200)
    (source,), _ = find_sources([moving])
    poses = DOTS.predict_source(source._replace(cuts={i: (Cut(box),) for i in range(6)}))
    assert_same(DOTS.stream(moving, box), poses)


def test_the_lines_of_the_guide(tmp_path, clip):
    save_untrained(tmp_path / "m")
    model = partpose.load(tmp_path / "m")
    found = [parts.mean.shape for parts in model.stream(clip)]
    assert found == [(5, 2)] * 30
    newest = list(model.stream(clip, latest=True))
    assert newest[-1].index == 29
