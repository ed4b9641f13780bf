"""The report holds every number, in the file and in the table."""

import json
from dataclasses import fields

import pytest
from rich.console import Console

from partpose.errors import PartposeError
from partpose.evaluate.report import Evaluation, table, write_json


def evaluation(**changes):
    values = {
        "error": 2.013, "error_low": 1.96, "error_high": 2.08, "mean_pose_error": 9.71, "untrained_error": 8.8,
        "per_landmark": {"head": 1.2, "left_wrist": 4.3, "[b]odd[/b]": None}, "parts": 12, "alive": 11, "doubled": 0,
        "static": 1, "pictures_seen": 91234, "minutes": 4.93, "protocol": "image-size", "intercept": True, "size": 64,
        "seed": 0, "unit": "% of short side", "set": "figures", "train_pictures": 3600, "test_pictures": 400,
    }  # fmt: skip
    return Evaluation(**{**values, **changes})


def text_of(**changes):
    console = Console(width=120, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(table(evaluation(**changes)))
    return capture.get()


def test_json_has_every_field(tmp_path):
    write_json(evaluation(), tmp_path / "evaluation.json")
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert set(content) == {field.name for field in fields(Evaluation)}
    assert content["error"] == 2.013
    assert content["per_landmark"] == {"head": 1.2, "left_wrist": 4.3, "[b]odd[/b]": None}
    assert content["intercept"] is True


def test_json_has_null_for_what_is_not_a_number(tmp_path):
    write_json(evaluation(mean_pose_error=float("nan"), per_landmark={"a": float("nan")}), tmp_path / "e.json")
    content = json.loads((tmp_path / "e.json").read_text(), parse_constant=pytest.fail)
    assert content["mean_pose_error"] is None
    assert content["per_landmark"] == {"a": None}


def test_json_that_cannot_be_written(tmp_path):
    with pytest.raises(PartposeError, match="cannot be written"):
        write_json(evaluation(), tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        "95 % interval over pictures", "figures", "% of short side", "2.01", "1.96 – 2.08", "0.21 ×", "8.80", "9.71",
        "left_wrist", "4.30",
        "[b]odd[/b]",
        "not in any test picture", "11 alive", "1 static", "least squares with intercept", "3600", "91,234", "4.9 min",
    ],
)  # fmt: skip
def test_the_table_says(words):
    assert words in text_of()


def test_the_table_says_what_is_unusual():
    text = text_of(ridge=1e-4, intercept=False, left_out=3, untrained_error=None)
    text = " ".join(text.split())
    assert "ridge (strength 1.0e-04) without intercept" in text
    assert "ridge (strength 1.0e-04, chosen for new ones of 3 groups) with" in text_of(ridge=1e-4, groups=3)
    assert "3 more lack the normaliser" in text
    assert "untrained" not in text
    assert "forgiven" not in text


def test_the_error_with_a_flip_forgiven_stands_beside_the_error():
    lines = text_of(protocol="human36m", error_flip_forgiven=1.875).splitlines()
    assert [line for line in lines if "left/right flip forgiven" in line and "1.88" in line and "0.19 ×" in line]


def test_pck_counts_what_was_found():
    assert evaluation(protocol="pck@0.1").higher_is_better
    assert "landmarks found" in text_of(protocol="pck@0.1")


@pytest.mark.parametrize("nothing", [0.0, float("nan")])
def test_a_mean_pose_without_error_or_number(nothing):
    assert text_of(mean_pose_error=nothing, per_landmark={})
