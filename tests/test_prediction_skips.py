"""What `partpose predict` passes over, and says."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from skips import assert_lists, listed
from training import save_annotated, save_pictures, save_untrained
from videos import save_video

from partpose import prediction
from partpose.data.video import read_frames
from partpose.errors import PartposeError
from partpose.predict.formats import read_hdf5
from partpose.prediction import Wanted, predict_inputs


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
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == [
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
    note = {"input": str(clip.resolve()), "files": [".h5", ".csv"]}
    (tmp_path / "out" / ".clip.input").write_text(json.dumps(note))
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
