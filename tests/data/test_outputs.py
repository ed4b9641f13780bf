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
        ("lab/a.png", ".png", "is one of the inputs: name another file"),
        ("lab/../b.png", ".png", "is one of the inputs"),
        ("lab/new.png", ".png", "lies in .*lab, and would be found there as its picture: name a place elsewhere"),
        ("lab/keypoints.json", ".json", "is one of the inputs"),
    ],
)
def test_what_would_harm_an_input_is_refused(tmp_path, output, suffix, words):
    (tmp_path / "lab").mkdir()
    for name in ("lab/a.png", "lab/keypoints.json", "b.png"):
        (tmp_path / name).touch()
    with pytest.raises(PartposeError, match=words):
        check_output(tmp_path / output, suffix, [tmp_path / "lab", tmp_path / "b.png"])


def test_folders_for_pictures_lie_elsewhere(tmp_path):
    for inside in (tmp_path, tmp_path / "sheets"):
        with pytest.raises(PartposeError, match="would be found there"):
            check_outside(inside, tmp_path)
