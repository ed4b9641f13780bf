"""Crop → frame: against the crop's own points to 1e-6, against what was drawn, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from dots import dots, in_full, predictor
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from streets import Walker, save_frame, save_street

from partpose.data.crops import Crop, read_crops
from partpose.data.kia import find, read
from partpose.data.kia_convert import Crops, convert_kia
from partpose.data.kia_frames import PedestrianFilter
from partpose.data.landmarks import read_landmarks
from partpose.errors import PartposeError
from partpose.geometry import to_inside
from partpose.predict.full_frame import to_full_frame
from partpose.predict.poses import Poses

ALL = PedestrianFilter(0, 1, 1e9, 0)


def poses(mean, files=None, size=64, covariance=None):
    """Poses of pictures of one size."""
    mean = np.asarray(mean, float)
    count, parts = mean.shape[:2]
    return Poses(
        mean=mean,
        covariance=np.tile(np.eye(2), (count, parts, 1, 1)) if covariance is None else covariance,
        confidence=np.tile(np.linspace(0, 1, count)[:, None], parts),
        source="set",
        sizes=np.full((count, 2), size),
        frame_index=np.arange(count),
        time_stamp=np.full(count, np.nan),
        files=files or tuple(f"{i}.png" for i in range(count)),
    )


@given(
    st.integers(-300, 2000), st.integers(-300, 2000), st.integers(1, 4000), st.integers(16, 512), st.integers(0, 2**31)
)
def test_there_and_back_to_a_millionth_of_a_pixel(left, top, side, size, seed):
    frame_points = np.random.default_rng(seed).uniform(0, 2000, (1, 5, 2))
    in_crop = (frame_points + 0.5 - (left, top)) * size / side - 0.5
    back = to_full_frame(poses(in_crop, size=size), {"0.png": Crop("f.png", (1920, 1280), "7", left, top, side)})
    np.testing.assert_allclose(back.mean, frame_points, atol=1e-6)
    np.testing.assert_allclose(back.covariance[0, 0], np.eye(2) * (side / size) ** 2, rtol=1e-12)
    np.testing.assert_allclose(back.squares, [[left, top, side]], atol=1e-9)


def test_what_the_model_saw_stays_where_it_is_in_the_inside_frame():
    crop = poses(np.random.default_rng(0).uniform(0, 64, (1, 5, 2)))
    frame = to_full_frame(crop, {"0.png": Crop("f.png", (1920, 1280), "7", 31, -8, 200)})
    np.testing.assert_allclose(to_inside(frame.mean, frame.squares), to_inside(crop.mean, crop.squares), atol=1e-12)


def test_raw_keypoints_and_uncertainty_come_back_too():
    crop = poses(np.ones((2, 3, 2)))
    crop = replace(crop, raw=crop.mean + 1, uncertainty=np.full((2, 3), 0.5))
    crops = {f"{i}.png": Crop("f.png", (320, 200), str(i), 10, 20, 128) for i in range(2)}
    frame = to_full_frame(crop, crops)
    np.testing.assert_allclose(frame.raw, frame.mean + 2)
    np.testing.assert_allclose(frame.uncertainty, 1)


def test_rows_are_in_the_order_of_frames_and_objects():
    cut = [("f10.png", "2"), ("f2.png", "10"), ("f10.png", "1"), ("f2.png", "9")]
    crops = {f"{i}.png": Crop(frame, (320, 240), instance, i, 0, 64) for i, (frame, instance) in enumerate(cut)}
    back = to_full_frame(poses(np.zeros((4, 1, 2))), crops)
    assert back.files == ("f2.png", "f2.png", "f10.png", "f10.png")
    assert back.track == ("9", "10", "1", "2")
    assert back.mean[:, 0, 0].tolist() == [3, 1, 2, 0]
    assert back.confidence[:, 0].tolist() == [1, 1 / 3, 2 / 3, 0]
    assert back.frame_index.tolist() == [0, 0, 1, 1]
    assert back.sizes.tolist() == [[320, 240]] * 4
    assert back.history == ("mapped back to the full frames",)


def test_unknown_keypoints_stay_unknown():
    crops = {"0.png": Crop("f.png", (320, 240), "1", 0, 0, 64)}
    assert np.isnan(to_full_frame(poses(np.full((1, 2, 2), np.nan)), crops).mean).all()


@pytest.mark.parametrize("valerie", [False, True])
def test_the_joints_of_a_converted_set_come_back_to_their_frames(tmp_path, valerie):
    street = save_street(tmp_path / "street", valerie=valerie)
    convert_kia(street, tmp_path / "set", Crops(64, filters=ALL))
    crop, truth = read_landmarks(tmp_path / "set"), read(street, find(street), ALL)
    back = to_full_frame(poses(crop.points, crop.files), read_crops(tmp_path / "set"))
    assert (back.files, back.track) == (truth.files, tuple(cut.track for cut in truth.cuts))
    # landmarks.csv has three decimals, of pixels that are up to 1.8 times as large as the frame's
    np.testing.assert_allclose(back.mean, truth.points, atol=0.0005 * 113 / 64 + 1e-9)


def test_a_prediction_on_a_crop_comes_back_to_what_was_drawn_in_the_frame(tmp_path):
    frame = dots(320, 240, (130, 120), (180, 150), radius=6)
    box = {"c_x": 155, "c_y": 130, "w": 110, "h": 90}
    save_frame(tmp_path / "seq", "f1", [Walker(1, 100, 90, about=box)], masked=False)
    Image.fromarray(frame).save(tmp_path / "seq" / "sensor/camera/left/png/f1.png")
    convert_kia(tmp_path / "seq", tmp_path / "set", Crops(128, filters=ALL))
    model = predictor()
    found = to_full_frame(model.predict(tmp_path / "set"), read_crops(tmp_path / "set"))
    mean, covariance = in_full(frame)
    np.testing.assert_allclose(found.mean[0], mean, atol=0.6)
    np.testing.assert_allclose(found.covariance[0], covariance, atol=0.25 * covariance.max())
    assert (found.files, found.track) == (("sensor/camera/left/png/f1.png",), ("1",))


def test_a_picture_of_which_nothing_is_known_is_named():
    crops = {"0.png": Crop("f.png", (320, 240), "1", 0, 0, 64)}
    with pytest.raises(PartposeError, match=r"set: its meta.csv does not say where 1.png was cut out"):
        to_full_frame(poses(np.zeros((2, 1, 2))), crops)


def test_a_video_has_no_full_frames():
    from dataclasses import replace

    with pytest.raises(PartposeError, match="set is a video"):
        to_full_frame(replace(poses(np.zeros((1, 1, 2))), files=None), {})


def test_nothing_goes_back_to_nothing():
    assert len(to_full_frame(poses(np.zeros((0, 2, 2))), {})) == 0
