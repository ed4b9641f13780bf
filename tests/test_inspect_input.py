"""The verb `inspect`: what it says of annotated sets, pictures, videos and our own files, and what it refuses."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from labels_files import POINTS, write_labels
from PIL import Image
from training import save_untrained

from partpose.cli import main
from partpose.data.landmarks import Landmarks, write_landmarks
from partpose.predict.formats import write_dlc_csv, write_hdf5
from partpose.predict.npz import write_npz
from partpose.predict.poses import Poses

FIELDS = ["format", "pictures", "missing", "landmarks", "annotated", "visible", "split"]
TABLE = "scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\n"


def run(capsys, *words) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as left:
        main(["inspect", *map(str, words)])
    return left.value.code or 0, *capsys.readouterr()


def told(capsys, *words) -> dict:
    code, out, err = run(capsys, *words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.fixture
def annotated(tmp_path) -> Path:
    """Three pictures, of which one is missing, with two landmarks, of which one is."""
    root = tmp_path / "set"
    points = np.array([[[1, 2], [3, 4]], [[5, 6], [np.nan, np.nan]], [[1, 1], [2, 2]]])
    write_landmarks(
        root, Landmarks(root, ("a.png", "b.png", "c.png"), ("train", "test", "test"), points, ("nose", "tail"))
    )
    for name in ("a.png", "b.png"):
        Image.fromarray(blob(32, 24, 9, 9)).save(root / name)
    return root


@pytest.fixture
def poses() -> Poses:
    flat = {"covariance": np.zeros((2, 1, 2, 2)), "confidence": np.ones((2, 1)), "sizes": np.full((2, 2), 32)}
    times = {"frame_index": [0, 1], "time_stamp": [0.0, 0.1], "fps": 10.0}
    provenance = {"version": "3.0", "model": "runs/mice"}
    return Poses(mean=np.ones((2, 1, 2)), source="clip.mp4", names=("nose",), provenance=provenance, **flat, **times)


def test_an_annotated_set_in_words(annotated, capsys):
    code, out, err = run(capsys, annotated)
    assert (code, err) == (0, "")
    assert [line.split(maxsplit=1) for line in out.splitlines()[1:]] == [
        ["format", "partpose"],
        ["pictures", "2 on disk, 1 missing: c.png"],
        ["size", "32×24"],
        ["landmarks", "2: nose, tail"],
        ["annotated", "3 pictures, 5 of 6 landmarks visible"],
        ["split", "test 2, train 1"],
    ]


def test_an_annotated_set_as_json(annotated, capsys):
    seen = told(capsys, annotated)
    assert [seen[name] for name in FIELDS] == ["partpose", 2, 1, ["nose", "tail"], 3, 5, {"test": 2, "train": 1}]
    assert list(seen)[: len(FIELDS)] == FIELDS
    assert seen["absent"] == ["c.png"]


def test_a_broken_picture_among_others_is_named_and_the_set_still_inspected(annotated, capsys):
    (annotated / "b.png").write_bytes(b"no picture")
    code, out, err = run(capsys, annotated)
    assert code == 0
    assert "2 on disk, 1 missing" in out
    assert err.splitlines() == [
        "skipped 1 file:",
        f"  {annotated / 'b.png'}: is not a picture, or its beginning is damaged",
    ]
    assert told(capsys, annotated)["skipped"][0]["path"] == str(annotated / "b.png")


def test_a_sheet_is_drawn_beside_what_is_said(annotated, tmp_path, capsys):
    sheet = tmp_path / "new" / "sheet.png"
    assert f"written: {sheet}" in run(capsys, annotated, "--sheet", sheet)[1]
    with Image.open(sheet) as image:
        assert image.size[0] > 1280
    sheet.unlink()
    told(capsys, annotated, "--sheet", sheet)
    assert sheet.is_file()


def test_pictures_a_video_and_a_mixture(picture_folder, clip, tmp_path, capsys):
    assert {"format": "pictures", "pictures": 12, "annotated": 0, "landmarks": []}.items() <= told(
        capsys, picture_folder
    ).items()
    seen = told(capsys, clip)
    assert (seen["format"], seen["pictures"]) == ("video", 0)
    assert seen["videos"] == [
        {"file": "clip.mp4", "frames": 30, "fps": 25.0, "width": 64, "height": 48, "seconds": 1.2}
    ]
    assert "clip.mp4: 30 frames, 25 a second, 64×48, 1.2 s" in run(capsys, clip)[1]
    assert told(capsys, tmp_path)["format"] == "pictures and videos"
    assert run(capsys, tmp_path, "--sheet", tmp_path.with_name(f"{tmp_path.name} sheet.png"))[0] == 0


def test_annotated_sets_below_a_folder_are_named(annotated, capsys):
    assert told(capsys, annotated.parent)["notes"] == ["holds annotated sets, to be named one by one: set (partpose)"]


def test_files_that_are_no_one_set_are_told_one_by_one(tmp_path, capsys):
    """As labels of different animals in one folder; one that is broken is passed over."""
    for name, frames in (("a", [[(POINTS, -1, False)]]), ("b", [[(POINTS, -1, False)] * 2]), ("c", [[]])):
        write_labels(tmp_path / f"{name}.slp", frames, [{"filename": "clip.mp4"}])
    code, out, err = run(capsys, tmp_path)
    assert (code, err.splitlines()[1:]) == (0, [f"  {tmp_path / 'c.slp'}: holds no labelled instance"])
    assert ["pictures", "0", "frames", "on", "disk,", "2", "missing"] in [line.split() for line in out.splitlines()]
    seen = told(capsys, tmp_path)
    assert [seen[name] for name in FIELDS[:-1]] == ["sleap", 0, 2, ["tail", "ear_left", "nose", "ear_right"], 2, 12]
    assert [Path(one["path"]).name for one in seen["sets"]] == ["a.slp", "b.slp"]
    code, _, err = run(capsys, tmp_path, "--sheet", tmp_path.with_name(f"{tmp_path.name} sheet.png"))
    assert (code, "expected one of them: a.slp, b.slp" in err) == (2, True)


def test_other_formats_in_the_same_folder_are_named(annotated, capsys):
    (annotated / "CollectedData_me.csv").write_text(f"{TABLE}a.png,1,2\n")
    (note,) = told(capsys, annotated)["notes"]
    assert note == "holds annotations of other formats, to be named one by one: CollectedData_me.csv (deeplabcut)"


def test_predictions_of_partpose_are_told_as_such(poses, tmp_path, capsys):
    write_hdf5(poses, tmp_path / "clip.h5")
    write_dlc_csv(poses, tmp_path / "clip.csv")
    write_npz(poses, tmp_path / "clip.npz")
    for name in ("clip.h5", "clip.csv", "clip.npz"):
        seen = told(capsys, tmp_path / name)
        assert (seen["format"], seen["landmarks"], seen["frames"]) == ("predictions", ["nose"], 2)
        assert (seen["annotated"], seen["visible"]) == (0, 0)
    assert told(capsys, tmp_path / "clip.h5")["of"] == "clip.mp4"
    folder = told(capsys, tmp_path)
    assert (folder["format"], folder["frames"], folder["files"]) == ("predictions", 2, ["clip.h5"])


def test_predictions_beside_a_video_are_mentioned(poses, clip, capsys):
    write_hdf5(poses, clip.with_suffix(".h5"))
    assert told(capsys, clip.parent)["notes"] == ["holds predictions of partpose: clip.h5"]


def test_a_model_and_a_run_are_told_with_what_they_are(tmp_path, capsys):
    model = save_untrained(tmp_path / "model")
    seen = told(capsys, model)
    assert seen["format"] == "model"
    assert " parts, " in seen["model"]
    (model / "run.json").write_text(json.dumps({"input": "mice", "pictures": {"count": 9}}))
    assert (told(capsys, model)["format"], told(capsys, model)["input"]) == ("run", "mice, 9 pictures")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "does not exist"),
        ("note.txt", "is no picture, no video and no annotation file of a format that is known: partpose, "),
        ("empty", "found nothing in .*, expected a picture or video"),
        ("dlc.csv", r"dlc.csv holds predictions \(it has a likelihood, as DeepLabCut writes it\), not annotations"),
        ("broken", "landmarks.csv, line 2: expected 3 columns as in the header, got 2"),
        ("half.png", "half.png is damaged: image file is truncated"),
        ("half.mp4", "half.mp4 is not a video, or its beginning or index is damaged"),
        ("other.npz", "is not a complete .npz file of poses"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, capsys, name, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "landmarks.csv").write_text("file,kp0_x,kp0_y\na.png,1\n")
    (tmp_path / "note.txt").write_text("a note")
    (tmp_path / "half.mp4").write_bytes(bytes(range(256)))
    Image.fromarray(blob(64, 64, 9, 9)).save(tmp_path / "half.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "half.png").read_bytes()[:300])
    (tmp_path / "other.npz").write_text("no arrays")
    with (tmp_path / "dlc.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["scorer"] + 3 * ["net"], ["bodyparts"] + 3 * ["nose"], ["coords", "x", "y", "likelihood"]]
        )
        csv.writer(file).writerow([0, 1, 2, 0.5])
    code, out, err = run(capsys, tmp_path / name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert re.search(said, err)


def test_there_is_no_sheet_of_what_has_no_picture(poses, tmp_path, capsys):
    write_hdf5(poses, tmp_path / "clip.h5")
    code, _, err = run(capsys, tmp_path / "clip.h5", "--sheet", tmp_path / "sheet.png")
    assert (code, "has no picture to draw on a sheet" in err) == (2, True)
    assert not (tmp_path / "sheet.png").exists()
