"""What `partpose predict` does with many inputs, good and bad."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from streets import save_street
from training import save_annotated, save_pictures, save_untrained
from videos import save_video

from partpose import prediction
from partpose.data.kia_convert import Crops, convert_kia
from partpose.data.kia_frames import PedestrianFilter
from partpose.data.video import read_frames
from partpose.edit.names import write_names
from partpose.errors import PartposeError
from partpose.predict.finish import Finish
from partpose.predict.formats import read_hdf5
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.predictor import load
from partpose.prediction import Wanted, predict_inputs


def listed(folder: Path) -> dict[str, str]:
    """`skipped.jsonl` as path → reason."""
    lines = (folder / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["path"]: entry["reason"] for entry in map(json.loads, lines)}


def assert_lists(found: dict[str, str], bad: dict[str, str]) -> None:
    for name, word in bad.items():
        assert any(path.endswith(name) and word in reason for path, reason in found.items()), (name, word)
    assert len(found) == len(bad)


def test_predicting_a_bad_folder_goes_on_and_lists_what_it_skipped(bad_folder, tmp_path, capsys):
    model = save_untrained(tmp_path / "model")
    predict_inputs(str(model), [bad_folder.path], tmp_path / "out", Wanted(overlay=True))
    out, err = capsys.readouterr()
    assert out.startswith(f"{len(bad_folder.good)} pictures of {bad_folder.path}: ")
    assert_lists(listed(tmp_path / "out"), bad_folder.bad)
    assert f"skipped {len(bad_folder.bad)} files" in err
    (results,) = (tmp_path / "out").glob("*.h5")
    with h5py.File(results) as file:
        assert tuple(file["files"].asstr()[:]) == bad_folder.good
    (overlays,) = (tmp_path / "out").glob("*_parts")
    assert len([path for path in overlays.rglob("*") if path.is_file()]) == len(bad_folder.good)


def test_a_result_lists_what_was_passed_over_in_its_own_input(tmp_path, capsys):
    """Also what the walk could not reach, which is found before any picture is read; each file once."""
    model, inputs = save_untrained(tmp_path / "model"), [tmp_path / "a", tmp_path / "b"]
    for folder in inputs:
        save_pictures(folder, 2)
        (folder / "link.png").symlink_to(folder / "nowhere.png")
        (folder / "text.png").write_text("no picture")
    predict_inputs(str(model), inputs, tmp_path / "out")
    for folder in inputs:
        expected = {str(folder / "link.png"), str(folder / "text.png")}
        assert {one.path for one in read_hdf5(tmp_path / "out" / f"{folder.name}.h5").skipped} == expected
    assert len(listed(tmp_path / "out")) == 4
    assert capsys.readouterr().err.startswith("skipped 4 files")


def test_one_bad_input_among_good_ones_is_passed_over(clip, tmp_path, capsys):
    model, bad = save_untrained(tmp_path / "model"), tmp_path / "bad.mp4"
    bad.write_text("no video")
    pictures = save_pictures(tmp_path / "good")
    predict_inputs(str(model), [clip, bad, pictures], tmp_path / "out", Wanted(overlay=True))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(
            "clip.csv",
            "clip.h5",
            "clip_parts.mp4",
            "good.csv",
            "good.h5",
            "good_parts",
            "good_sheet.png",
            "skipped.jsonl",
        ),
    ]
    assert_lists(listed(tmp_path / "out"), {"bad.mp4": "not a video"})
    assert capsys.readouterr().out.startswith("30 frames of ")


def test_nothing_but_bad_inputs_is_an_error(tmp_path):
    model, bad = save_untrained(tmp_path / "model"), tmp_path / "bad.mp4"
    bad.write_text("no video")
    with pytest.raises(PartposeError, match=r"nothing could be predicted: .*not a video.*skipped.jsonl"):
        predict_inputs(str(model), [bad], tmp_path / "out")


def test_nothing_but_unreadable_pictures_lists_each_of_them(tmp_path, capsys):
    model, folder = save_untrained(tmp_path / "model"), tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.jpg"):
        (folder / name).write_text("no picture")
    with pytest.raises(PartposeError, match=r"nothing could be predicted: .*a\.png: is not a picture.*skipped.jsonl"):
        predict_inputs(str(model), [folder], tmp_path / "out")
    assert_lists(listed(tmp_path / "out"), dict.fromkeys(("a.png", "b.png", "c.jpg"), "not a picture"))
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("skipped 3 files (listed in ")
    assert len(err) == 4


def test_every_kind_of_bad_input_among_good_ones_is_passed_over(tmp_path, clip):
    model, good = save_untrained(tmp_path / "model"), save_pictures(tmp_path / "good", 2)
    bad = {name: tmp_path / name for name in ("unreadable", "empty", "table", "notes.txt", "cut.mp4", "nothing.mp4")}
    for name in ("unreadable", "empty", "table"):
        bad[name].mkdir()
    (bad["unreadable"] / "a.png").write_text("no picture")
    (bad["unreadable"] / "b.png").touch()
    (bad["table"] / "landmarks.csv").write_text("picture,x,y\n")
    bad["notes.txt"].write_text("a note")
    bad["cut.mp4"].write_bytes(clip.read_bytes()[:500])
    bad["nothing.mp4"].touch()
    predict_inputs(str(model), [*bad.values(), good, clip], tmp_path / "out", Wanted(overlay=True))
    assert {path.name for path in (tmp_path / "out").glob("*.h5")} == {"good.h5", "clip.h5"}
    reasons = {"a.png": "not a picture", "b.png": "is empty", "empty": "holds no picture", "table": "no column 'file'"}
    videos = {"cut.mp4": "not a video", "nothing.mp4": "is empty"}
    found = listed(tmp_path / "out")
    assert_lists(found, reasons | videos | {"notes.txt": "unknown ending"})
    assert all(not reason.startswith(path) for path, reason in found.items()), "a reason repeats its path"
    assert {Path(path).parent for path in found} == {tmp_path, bad["unreadable"]}


def test_a_damaged_video_is_used_as_far_as_it_goes_and_said(tmp_path, capsys):
    rng = np.random.default_rng(0)
    path = save_video(tmp_path / "a.mp4", [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)])
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    predict_inputs(str(save_untrained(tmp_path / "model")), [path], tmp_path / "out", Wanted(overlay=True))
    frames = len(list(read_frames(tmp_path / "out" / "a_parts.mp4")))
    assert 10 < frames < 60
    assert capsys.readouterr().out.startswith(f"{frames} frames of {path}: ")
    assert_lists(listed(tmp_path / "out"), {"a.mp4": f"{frames} frames could be decoded"})


def test_predicting_into_a_run_keeps_the_list_of_its_training(tmp_path):
    model, good, bad = save_untrained(tmp_path / "run"), save_pictures(tmp_path / "good", 2), tmp_path / "bad.mp4"
    bad.touch()
    for name in ("run.json", "skipped.jsonl"):
        (model / name).write_text("of the training")
    predict_inputs(str(model), [good, bad], model)
    assert "is empty" in (model / "skipped_predictions.jsonl").read_text(encoding="utf-8")
    predict_inputs(str(model), [good], model)
    assert not (model / "skipped_predictions.jsonl").exists()
    assert (model / "skipped.jsonl").read_text(encoding="utf-8") == "of the training"


def test_a_name_that_is_no_text_can_be_printed(tmp_path, capsys):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    save_pictures(folder, 2)
    predict_inputs(str(save_untrained(tmp_path / "model")), [folder], tmp_path / "out")
    out = capsys.readouterr().out
    assert out.encode("utf-8").startswith(f"2 pictures of {tmp_path}/caf\\xe9: ".encode())


def test_of_several_sets_those_without_the_split_are_passed_over(tmp_path):
    model, pictures = str(save_untrained(tmp_path / "model")), save_pictures(tmp_path / "pictures", 2)
    both, only_train = save_annotated(tmp_path / "both", "aae"), save_annotated(tmp_path / "only", "aa")
    predict_inputs(model, [both, only_train, pictures], tmp_path / "out", Wanted(split="test"))
    assert {path.name for path in (tmp_path / "out").glob("*.h5")} == {"both.h5"}
    assert_lists(listed(tmp_path / "out"), {"only": "splits there: train", "pictures": "no annotated set"})
    with pytest.raises(PartposeError, match=r"no input has a split 'test': .*pictures: has no split"):
        predict_inputs(model, [only_train, pictures], tmp_path / "out", Wanted(split="test"))


def test_an_output_that_cannot_be_written_ends_it_but_keeps_the_list(tmp_path, clip):
    model, bad = str(save_untrained(tmp_path / "model")), tmp_path / "bad.mp4"
    bad.touch()
    (tmp_path / "out" / "clip.h5").mkdir(parents=True)
    with pytest.raises(PartposeError, match=r"clip\.h5 cannot be written: it is a folder"):
        predict_inputs(model, [bad, clip], tmp_path / "out")
    assert_lists(listed(tmp_path / "out"), {"bad.mp4": "is empty"})


def test_an_input_that_goes_while_its_overlay_is_drawn_stops_no_other(tmp_path, clip, monkeypatch):
    model, pictures = str(save_untrained(tmp_path / "model")), save_pictures(tmp_path / "pictures", 2)
    write = prediction.write_files

    def write_and_lose(*given):
        clip.unlink(missing_ok=True)
        return write(*given)

    monkeypatch.setattr(prediction, "write_files", write_and_lose)
    predict_inputs(model, [clip, pictures], tmp_path / "out", Wanted(overlay=True))
    assert len(list((tmp_path / "out").glob("*.h5"))) == 2
    assert_lists(listed(tmp_path / "out"), {"clip.mp4": "does not exist"})


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


def test_what_was_interrupted_is_gone_on_with(tmp_path, clip, monkeypatch):
    model, out = str(save_untrained(tmp_path / "model")), tmp_path / "out"
    predict_inputs(model, [clip], tmp_path / "whole")
    monkeypatch.setattr(prediction.PredictionBar, "advance", raise_after(2, prediction.PredictionBar.advance))
    with pytest.raises(KeyboardInterrupt):
        predict_inputs(model, [clip], out, Wanted(batch=7))
    assert {path.name for path in out.iterdir()} == {".clip.partial.h5"}
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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.csv", "clip.h5"]


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
    predict_inputs(model, [other], out, Wanted(skip_existing=True))
    assert read_hdf5(out / "clip.h5").source == str(other)


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
