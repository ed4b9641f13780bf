"""Results go neither over what they are made from, nor among it."""

import pytest

from partpose.data.outputs import check_output, check_outside
from partpose.errors import PartposeError


def test_what_is_no_input_may_be_written(tmp_path):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "a.png").touch()
    check_output(tmp_path / "grid.PNG", ".png", [tmp_path / "lab", tmp_path / "lab" / "a.png"])
    check_output(tmp_path / "lab" / "new.json", ".json", [tmp_path / "lab"])
    check_outside(tmp_path / "sheets", tmp_path / "lab")


@pytest.mark.parametrize(
    ("output", "suffix", "words"),
    [
        ("out.jpg", ".png", "must be a .png file"),
        ("lab/a.png", ".png", "would be found there as its picture"),
        ("lab/../b.png", ".png", "is one of the inputs"),
        ("lab/new.png", ".png", "lies in .*lab, and would be found there as its picture: name a place elsewhere"),
        ("keypoints.json", ".json", "is one of the inputs"),
    ],
)
def test_what_would_harm_an_input_is_refused(tmp_path, output, suffix, words):
    (tmp_path / "lab").mkdir()
    for name in ("lab/a.png", "keypoints.json", "b.png"):
        (tmp_path / name).touch()
    with pytest.raises(PartposeError, match=words):
        check_output(tmp_path / output, suffix, [tmp_path / name for name in ("lab", "b.png", "keypoints.json")])


def test_what_is_never_looked_for_may_lie_inside(tmp_path):
    (tmp_path / "lab" / "run").mkdir(parents=True)
    (tmp_path / "lab" / "run" / "checkpoint.safetensors").touch()
    check_outside(tmp_path / "lab" / "run" / "show", tmp_path / "lab")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "landmarks.csv").touch()
    check_output(tmp_path / "set" / "sheet.png", ".png", [tmp_path / "set"])


def test_folders_for_pictures_lie_elsewhere(tmp_path):
    for inside in (tmp_path, tmp_path / "sheets"):
        with pytest.raises(PartposeError, match="would be found there"):
            check_outside(inside, tmp_path)
