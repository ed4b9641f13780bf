"""What `partpose predict` does with many inputs."""

import json
import os

import h5py
import numpy as np
import pytest
from streets import save_street
from training import save_pictures, save_untrained

from partpose import prediction
from partpose.data.kia_convert import Crops, convert_kia
from partpose.data.kia_frames import PedestrianFilter
from partpose.data.video import read_frames
from partpose.edit.names import write_names
from partpose.errors import PartposeError
from partpose.predict.filtering import savgol_filter
from partpose.predict.finish import Finish
from partpose.predict.formats import read_hdf5
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.predictor import load
from partpose.predict.style import Style
from partpose.prediction import Wanted, predict_inputs


def test_frames_of_a_span_keep_their_numbers_and_times(tmp_path, clip):
    model = str(save_untrained(tmp_path / "model"))
    predict_inputs(model, [clip], tmp_path / "all")
    predict_inputs(model, [clip], tmp_path / "some", Wanted(start=4, stop=15, every=5, overlay=True))
    every, some = (read_hdf5(tmp_path / name / "clip.h5") for name in ("all", "some"))
    assert some.frame_index.tolist() == [4, 9, 14]
    np.testing.assert_array_equal(some.time_stamp, every.time_stamp[[4, 9, 14]])
    np.testing.assert_allclose(some.mean, every.mean[[4, 9, 14]], atol=1e-4)
    assert len(list(read_frames(tmp_path / "some" / "clip_parts.mp4"))) == 3


@pytest.mark.parametrize("wrong", [{"every": 0}, {"start": -1}, {"start": 5, "stop": 5}])
def test_a_span_of_nothing_is_refused(tmp_path, clip, wrong):
    with pytest.raises(PartposeError, match="expected --every of at least 1 and 0 <= --start < --stop"):
        predict_inputs(str(save_untrained(tmp_path / "model")), [clip], tmp_path / "out", Wanted(**wrong))


def test_what_was_predicted_before_is_left_alone(tmp_path, clip, capsys):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    predict_inputs(model, [clip], out)
    written = (out / "clip.h5").stat().st_mtime_ns
    predict_inputs(model, [clip], out, Wanted(skip_existing=True))
    assert (out / "clip.h5").stat().st_mtime_ns == written
    assert "was predicted before" in capsys.readouterr().out
    predict_inputs(model, [clip], out, Wanted(skip_existing=True, every=2))
    assert len(read_hdf5(out / "clip.h5")) == 15, "other options ask for another result"


@pytest.mark.parametrize("of", ["video", "pictures"])
def test_an_overlay_that_is_missing_or_older_is_drawn(tmp_path, clip, capsys, of):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    input = clip if of == "video" else save_pictures(tmp_path / "clip", 2)
    overlay = out / ("clip_parts.mp4" if of == "video" else "clip_parts")
    predict_inputs(model, [input], out)
    written = (out / "clip.h5").stat().st_mtime_ns
    again = Wanted(skip_existing=True, overlay=True)

    def drawn(wanted=again):
        predict_inputs(model, [input], out, wanted)
        assert overlay.exists()
        return str(overlay) in capsys.readouterr().out

    assert [drawn(), drawn()] == [True, False]
    assert [drawn(Wanted(skip_existing=True, overlay=True, style=Style(draw="names"))), drawn()] == [True, True]
    os.utime(out / ".clip.drawn", ns=(written - 1, written - 1))
    assert [drawn(), drawn()] == [True, False]
    (out / ".clip.drawn").unlink()
    assert drawn(), "it may have been interrupted"
    assert (out / "clip.h5").stat().st_mtime_ns == written


def test_a_calibration_in_between_is_measured_with(tmp_path, clip):
    model, out = save_untrained(tmp_path / "model"), tmp_path / "out"
    wanted = Wanted(skip_existing=True, uncertainty=2, stop=2)
    scales = []
    for scale in (1.0, 3.0):
        config = json.loads((model / "config.json").read_text())
        config["training"]["uncertainty_scale"] = scale
        (model / "config.json").write_text(json.dumps(config))
        predict_inputs(str(model), [clip], out, wanted)
        scales.append(read_hdf5(out / "clip.h5").uncertainty)
    np.testing.assert_allclose(scales[1], 3 * scales[0])


def test_files_of_an_earlier_call_that_stay_are_named(tmp_path, clip, capsys):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    predict_inputs(model, [clip], out, Wanted(stop=5, overlay=True), finish=Finish(smooth="median"))
    assert "beside them" not in capsys.readouterr().out
    every = Finish(format="h5,csv,coco,npz")
    predict_inputs(model, [save_pictures(tmp_path / "set", 2)], out, Wanted(overlay=True), finish=every)
    (tmp_path / "boxes.csv").write_text("frame,x,y,w,h\n0,1,2,20,20\n")
    predict_inputs(model, [clip], tmp_path / "boxed", Wanted(boxes=str(tmp_path / "boxes.csv")))
    assert "beside them" not in capsys.readouterr().out
    predict_inputs(model, [clip], out, Wanted(stop=3))
    assert f"of an earlier call: {out / 'clip.raw.csv'}, {out / 'clip_parts.mp4'}" in capsys.readouterr().out


def test_what_was_interrupted_is_gone_on_with(tmp_path, clip, monkeypatch):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    predict_inputs(model, [clip], tmp_path / "whole")
    monkeypatch.setattr(prediction.PredictionBar, "advance", raise_after(2, prediction.PredictionBar.advance))
    with pytest.raises(KeyboardInterrupt):
        predict_inputs(model, [clip], out, Wanted(batch=7))
    assert {path.name for path in out.iterdir()} == {".clip.input", ".clip.partial.h5"}
    monkeypatch.undo()
    seen = []
    monkeypatch.setattr(prediction.PredictionBar, "advance", lambda self, count: seen.append(count))  # noqa: ARG005
    predict_inputs(model, [clip], out, Wanted(batch=7, skip_existing=True))
    whole, gone_on = (read_hdf5(folder / "clip.h5") for folder in (tmp_path / "whole", out))
    assert gone_on.frame_index.tolist() == list(range(30))
    np.testing.assert_allclose(gone_on.mean, whole.mean, atol=1e-4)
    assert seen[0] == 14, "what was found before counts as done"
    assert not (out / ".clip.partial.h5").exists()


def raise_after(calls: int, function):
    """`function`, which is interrupted in the call after so many."""
    left = [calls]

    def interrupted(*arguments):
        function(*arguments)
        left[0] -= arguments[1] > 0
        if not left[0]:
            raise KeyboardInterrupt

    return interrupted


def test_a_line_now_and_then_where_there_is_no_terminal(tmp_path, clip, capsys, monkeypatch):
    monkeypatch.setattr(prediction.PredictionBar, "EVERY", 0.0)
    predict_inputs(str(save_untrained(tmp_path / "model")), [clip], tmp_path / "out", Wanted(batch=10))
    assert "10 of 30 done" in capsys.readouterr().out


def test_every_format_filters_and_raw_keypoints_beside(clip, tmp_path, capsys):
    model = str(save_untrained(tmp_path / "model"))
    finish = Finish(smooth="savgol", min_confidence=0.01, max_gap=2, format="h5,csv,coco,npz")
    predict_inputs(model, [clip], tmp_path / "out", finish=finish)
    names = ["clip.coco.json", "clip.coco_images.json", "clip.csv", "clip.h5", "clip.npz"]
    names += ["clip.raw.coco.json", "clip.raw.coco_images.json", "clip.raw.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".clip.input", *names]
    poses, plain = read_hdf5(tmp_path / "out" / "clip.h5"), load(model).predict(clip)
    np.testing.assert_allclose(poses.raw, plain.mean, atol=1e-4)
    assert [one.split("(")[0] for one in poses.history][-2:] == ["savgol_filter", "interpolate_gaps"]
    assert "clip.raw.csv" in capsys.readouterr().out


def test_landmarks_are_filtered_not_their_parts(tmp_path, clip):
    model = save_untrained(tmp_path / "model")
    parts = load(model).settings.model.parts
    matrix = np.zeros((1, 2, parts, 2))
    matrix[0, :, 0], matrix[0, :, 1] = np.eye(2) / 2, np.eye(2) / 2
    LandmarkMap(matrix, ("nose",), "image-size").save(tmp_path / "map.json")
    finish, wanted = Finish(smooth="median"), Wanted(landmarks=tmp_path / "map.json", uncertainty=2, average=2)
    predict_inputs(str(model), [clip], tmp_path / "out", wanted, finish=finish)
    poses = read_hdf5(tmp_path / "out" / "clip.h5")
    assert poses.raw.shape == poses.mean.shape == (30, 1, 2)
    assert np.isfinite(poses.uncertainty).all()
    done = [one.split("(")[0] for one in poses.history]
    assert done == ["average", "uncertainty", "landmarks by a linear map, protocol image-size", "median_filter"]


def test_appearance_and_maps_of_every_frame_and_no_temporary_file(clip, tmp_path):
    model = save_untrained(tmp_path / "model")
    predict_inputs(str(model), [clip], tmp_path / "out", Wanted(extras="appearance,maps", batch=7))
    s = load(model).settings.model
    with h5py.File(tmp_path / "out" / "clip.h5") as file:
        assert file["appearance"].shape == (30, s.parts, s.appearance)
        assert file["maps"].shape[:2] == (30, s.parts)
        np.testing.assert_allclose(file["maps"][:].astype(float).sum((2, 3)), 1, rtol=5e-3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".clip.input", "clip.csv", "clip.h5"]


def test_a_result_smoothed_in_another_way_is_not_taken_for_this_one(clip, tmp_path, capsys):
    model = str(save_untrained(tmp_path / "model"))
    predict_inputs(model, [clip], tmp_path / "out", finish=Finish(smooth="median"))
    for smooth, again in (("median", False), ("kalman", True)):
        capsys.readouterr()
        predict_inputs(model, [clip], tmp_path / "out", Wanted(skip_existing=True), finish=Finish(smooth=smooth))
        assert ("was predicted before" in capsys.readouterr().out) is not again


@pytest.mark.parametrize("wanted", [{"skip_existing": True}, {"extras": "maps"}])
def test_what_needs_the_hdf5_file_says_so(clip, tmp_path, wanted):
    with pytest.raises(PartposeError, match="needs the HDF5 file: add h5 to --format csv"):
        predict_inputs("nowhere", [clip], tmp_path / "out", Wanted(**wanted), finish=Finish(format="csv"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [({"uncertainty": 1}, "takes 2 changes or more"), ({"extras": "map"}, "--with expects some of appearance, maps")],
)
def test_measures_that_do_not_fit_are_refused(wanted, message):
    with pytest.raises(PartposeError, match=message):
        Wanted(**wanted)


def test_pedestrians_come_out_in_pixels_of_their_frames_either_way(tmp_path):
    """Predicted where they lie, and cut out first and mapped back."""
    model, street = str(save_untrained(tmp_path / "model")), save_street(tmp_path / "street", 1, 2)
    crops = Crops(64, masks=False, filters=PedestrianFilter(0, 1.0, 1e9, 0))
    convert_kia(street, tmp_path / "set", crops)
    predict_inputs(model, [street], tmp_path / "out")
    predict_inputs(model, [tmp_path / "set"], tmp_path / "out", Wanted(full_frame=True))
    there, back = (read_hdf5(tmp_path / "out" / name) for name in ("street.h5", "set.h5"))
    assert set(back.track) == set(there.track) == {"5", "70000"}
    assert (back.sizes == there.sizes[0]).all()
    for poses in (there, back):
        left, top, side = poses.squares.T
        inside = (poses.mean >= np.stack([left, top], 1)[:, None] - 1) & (poses.mean <= side[:, None, None] + 1e4)
        assert inside.all()


def test_pedestrians_are_smoothed_in_their_frames_each_by_itself(tmp_path):
    """In the pictures that were cut out, one follows the other."""
    model, street = str(save_untrained(tmp_path / "model")), save_street(tmp_path / "street", 1, 3)
    convert_kia(street, tmp_path / "set", Crops(64, masks=False, filters=PedestrianFilter(0, 1.0, 1e9, 0)))
    predict_inputs(model, [tmp_path / "set"], tmp_path / "plain", Wanted(full_frame=True))
    plain = read_hdf5(tmp_path / "plain" / "set.h5")
    smooth = Finish(smooth="savgol", window=5)
    predict_inputs(model, [tmp_path / "set"], tmp_path / "out", Wanted(full_frame=True, overlay=True), finish=smooth)
    found = read_hdf5(tmp_path / "out" / "set.h5")
    np.testing.assert_array_equal(found.raw, plain.mean)
    np.testing.assert_allclose(found.mean, savgol_filter(plain, 5, 2, 0).mean)
    assert found.history[-2:] == ("mapped back to the full frames", "savgol_filter(window=5, degree=2, max_gap=0)")


def test_a_set_that_was_not_cut_out_has_no_full_frame(tmp_path, clip):
    with pytest.raises(PartposeError, match="was not cut out of frames"):
        predict_inputs(str(save_untrained(tmp_path / "m")), [clip], tmp_path / "out", Wanted(full_frame=True))


def test_keypoints_have_the_names_that_the_user_gave_parts(tmp_path, clip):
    model, output = save_untrained(tmp_path / "model"), tmp_path / "out"
    write_names(model, {0: "head", 2: "torso", 3: "torso"})
    predict_inputs(str(model), [clip], output, device="cpu")
    assert read_hdf5(output / "clip.h5").names == ("head", "part_1", "torso_2", "torso_3", "part_4")
    assert "torso_3" in (output / "clip.csv").read_text()


def test_what_was_predicted_under_other_names_is_predicted_again(tmp_path, clip, capsys):
    model, output, again = save_untrained(tmp_path / "model"), tmp_path / "out", Wanted(skip_existing=True)
    predict_inputs(str(model), [clip], output, again, device="cpu")
    predict_inputs(str(model), [clip], output, again, device="cpu")
    assert "was predicted before" in capsys.readouterr().out
    write_names(model, {0: "head"})
    predict_inputs(str(model), [clip], output, again, device="cpu")
    assert "was predicted before" not in capsys.readouterr().out
    assert read_hdf5(output / "clip.h5").names[0] == "head"


def test_another_input_of_the_same_name_is_not_taken_for_what_was_predicted(tmp_path, clip):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    predict_inputs(model, [clip], out)
    other = tmp_path / "elsewhere" / clip.name
    other.parent.mkdir()
    other.write_bytes(clip.read_bytes())
    for _ in range(2):
        predict_inputs(model, [other], out, Wanted(skip_existing=True))
    assert [read_hdf5(out / name).source for name in ("clip.h5", "clip-2.h5")] == [str(clip), str(other)]
    assert len(list(out.glob("*.h5"))) == 2


def test_a_folder_that_has_grown_and_boxes_that_have_changed_are_predicted_anew(tmp_path):
    model, out, folder = str(save_untrained(tmp_path / "model")), tmp_path / "out", save_pictures(tmp_path / "set", 2)
    name = sorted(path.name for path in folder.glob("*.png"))[0]
    wanted = Wanted(skip_existing=True, boxes=str(tmp_path / "boxes.csv"))
    for x in (1, 3):
        (tmp_path / "boxes.csv").write_text(f"file,x,y,w,h\n{name},{x},2,10,10\n")
        predict_inputs(model, [folder], out, wanted)
        assert read_hdf5(out / "set.h5").squares[0, 0] == x - 1.25
    predict_inputs(model, [folder], out, Wanted(skip_existing=True))
    save_pictures(folder, 3)
    predict_inputs(model, [folder], out, Wanted(skip_existing=True))
    assert len(read_hdf5(out / "set.h5")) == 3


def test_frames_beyond_the_end_are_said(tmp_path, clip):
    with pytest.raises(PartposeError, match=r"clip\.mp4: has no frame or box in what was asked for"):
        predict_inputs(str(save_untrained(tmp_path / "m")), [clip], tmp_path / "out", Wanted(start=500))
