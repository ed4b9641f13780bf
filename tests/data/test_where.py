"""Boxes are looked for as in the training, and what is not as in the training is said."""

from pathlib import Path

import numpy as np
import pytest
from dots import predictor
from PIL import Image
from scenery import folder, frame, path, scene

from partpose.config import Settings
from partpose.data.where import boxed, boxed_or_whole, boxes_like_training, chosen_boxes, remind_of_boxes
from partpose.edit.pictures import few_views
from partpose.errors import PartposeError


def trained(boxes: str | None) -> Settings:
    return Settings().override({"data": {"boxes": boxes}}, "the test")


@pytest.fixture
def arena(tmp_path):
    """Twelve pictures of a disc that moves before a fixed camera."""
    return folder(tmp_path / "arena", [frame(scene(), at, i) for i, at in enumerate(path(12))])


@pytest.fixture
def single(tmp_path):
    return folder(tmp_path / "single", [frame(scene(), (40, 40))])


@pytest.mark.parametrize(
    ("asked", "boxes", "looks"),
    [
        (None, None, None),
        (None, "auto", "auto"),
        (None, "boxes.csv", None),
        ("none", "auto", None),
        ("auto", None, "auto"),
        ("other.csv", "auto", "other.csv"),
    ],
)
def test_what_is_asked_for_goes_before_what_was_trained_with(asked, boxes, looks):
    assert boxes_like_training(asked, trained(boxes)) == looks


def test_whole_pictures_for_a_model_of_boxes_are_warned_of(capsys):
    for asked, boxes in ((None, None), (None, "auto"), ("none", "boxes.csv"), ("other.csv", "boxes.csv")):
        remind_of_boxes(asked, trained(boxes))
    assert capsys.readouterr().err == ""
    remind_of_boxes(None, trained("boxes.csv"))
    assert (
        "trained in boxes (boxes.csv) and now looks at whole pictures: give --boxes FILE.csv" in capsys.readouterr().err
    )
    assert chosen_boxes(None, trained("boxes.csv"), "the set's own boxes") is None
    assert "now looks at the set's own boxes: give" in capsys.readouterr().err


def test_what_nothing_moves_in_is_passed_over_and_alone_refused(arena, single):
    found, said = boxed([single, arena], "auto")
    assert [source.stem for source in found] == ["arena"]
    assert "only 1 frames or pictures" in said[0].reason
    with pytest.raises(PartposeError, match=r"no input has boxes, the first: .*single"):
        boxed([single], "auto")


def test_a_single_picture_is_looked_at_whole_where_nobody_asked_for_boxes(arena, single, capsys):
    found, said = boxed_or_whole([single, arena], None, trained("auto"))
    assert (found[0].cuts, len(found[1].cuts)) == (None, 12)
    assert said == []
    assert "single: no boxes can be found in it" in (line := capsys.readouterr().err)
    assert line.endswith("; it is looked at whole\n")
    with pytest.raises(PartposeError, match="no input has boxes"):
        boxed_or_whole([single], "auto", trained("auto"))


def test_what_is_shown_and_edited_is_what_is_predicted(arena, single):
    """The squares of a model that was trained with auto are those of its boxes from Python and in `show` and `swap` too."""
    model = predictor()
    model.settings = trained("auto")
    sides = model.predict(arena.path).squares[:, 2]
    assert sides.max() < 60
    assert {round(view.place.width) for view in few_views(model, [arena.path], 5)[0]} == {round(sides[0])}
    assert model.predict(arena.path, boxes="none").squares[:, 2].tolist() == [160.0] * 12
    pixels = np.asarray(Image.open(single.files[0]))
    assert model.predict(pixels).squares[0, 2] == 160
    with pytest.raises(PartposeError, match="only 1 frames or pictures, expected"):
        model.predict(Path(single.path))
    with pytest.raises(PartposeError, match="boxes are for files"):
        model.predict(pixels, boxes="auto")
