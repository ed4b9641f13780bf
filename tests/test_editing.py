"""What `partpose name`, `swap` and `transfer` write and say, and how they refuse what cannot be."""

import numpy as np
import pytest
from PIL import Image
from training import save_annotated, save_pictures, save_untrained
from videos import save_video

from partpose.cli import main
from partpose.data.video import probe
from partpose.edit.names import read_names, write_names


@pytest.fixture
def model(tmp_path):
    return save_untrained(tmp_path / "model")


@pytest.fixture
def pictures(tmp_path):
    return save_pictures(tmp_path / "pictures", 4)


def go(*words) -> None:
    """Run a command that ends well."""
    with pytest.raises(SystemExit, match="0"):
        main([*map(str, words)])


def refusal(capsys, *words) -> str:
    """The one line with which the command ends."""
    with pytest.raises(SystemExit, match="2"):
        main([*map(str, words)])
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_parts_get_names_and_lose_them(model, capsys):
    go("name", model, "0=head", "2-3=torso")
    assert read_names(model) == {0: "head", 2: "torso", 3: "torso"}
    assert capsys.readouterr().out.splitlines() == [
        "   0  head                  head",
        "   1                        part_1",
        "   2  torso                 torso_2",
        "   3  torso                 torso_3",
        "   4                        part_4",
    ]
    go("name", model, "torso=", "4=tail")
    assert read_names(model) == {0: "head", 4: "tail"}


def test_names_are_listed_without_a_change(model, capsys):
    go("name", model)
    assert "part_4" in capsys.readouterr().out
    assert read_names(model) == {}


@pytest.mark.parametrize(
    ("assignment", "reason"),
    [
        ("torso", "PART=NAME"),
        ("9=torso", "no part 9"),
        ("x=torso", "no part is called 'x'"),
        ("1=part_2", "cannot be called"),
    ],
)
def test_wrong_names_change_nothing(model, capsys, assignment, reason):
    assert reason in refusal(capsys, "name", model, "0=head", assignment)
    assert read_names(model) == {}


def test_a_swap_is_written(model, pictures, tmp_path, capsys):
    write_names(model, {1: "left hand"})
    options = ["--shape", pictures / "0.png", pictures / "1.png", "--appearance", pictures, "--pictures", 3]
    go("swap", model, *options, "--output", tmp_path / "all.png")
    go("swap", model, *options, "--output", tmp_path / "hand.png", "--parts", "left_hand,4")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"2 shapes in the looks of 3 pictures (all parts): {tmp_path / 'all.png'}"
    assert "(parts 1, 4)" in said[1]
    grids = [np.asarray(Image.open(tmp_path / name)) for name in ("all.png", "hand.png")]
    assert grids[0].shape == grids[1].shape
    # The titles and the pictures at the edges are the same; only what was swapped differs
    step = (grids[0].shape[0] - 8) // 4
    assert (grids[0][:step] == grids[1][:step]).all()
    assert (grids[0] != grids[1]).any()


def test_a_region_is_known_from_a_landmark_map(model, tmp_path, pictures, capsys):
    dataset = save_annotated(tmp_path / "set", "aaaaee")
    go("evaluate", model, dataset, "--save-landmarks", tmp_path / "map.json")
    swap = ["swap", model, "--shape", pictures, "--appearance", pictures, "--output", tmp_path / "out.png", "--parts"]
    capsys.readouterr()
    go(*swap, "head", "--landmarks", tmp_path / "map.json")
    assert "(all parts)" in capsys.readouterr().out
    assert "regions" in refusal(capsys, *swap, "head")
    assert "nose" in refusal(capsys, *swap, "arms", "--landmarks", tmp_path / "map.json")


def test_a_map_of_another_model_is_refused(model, tmp_path, pictures, capsys):
    dataset = save_annotated(tmp_path / "set", "aaaaee")
    go("evaluate", model, dataset, "--save-landmarks", tmp_path / "map.json")
    text = (tmp_path / "map.json").read_text()
    digest = text.split('"model_hash": "')[1].split('"')[0]
    (tmp_path / "map.json").write_text(text.replace(digest, "0" * len(digest)))
    options = ["--landmarks", tmp_path / "map.json", "--output", tmp_path / "out.png"]
    capsys.readouterr()
    assert "another model" in refusal(capsys, "swap", model, "--shape", pictures, "--appearance", pictures, *options)


def test_motion_is_transferred(model, pictures, clip, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    options = ["--appearance", pictures, "--output", out, "--smooth", "median", "--window", 3, "--side-by-side"]
    go("transfer", model, "--motion", clip, *options)
    assert capsys.readouterr().out == f"30 frames in the looks of 4 pictures: {out}\n"
    assert (probe(out).fps, probe(out).frames_estimate) == (25, 30)


def test_motion_is_looked_for_in_boxes(model, pictures, clip, tmp_path, capsys):
    boxes = ["frame,x,y,w,h,id", *(f"{i},{i},2,30,30,{name}" for i in range(0, 30, 3) for name in "ab")]
    (tmp_path / "boxes.csv").write_text("\n".join(boxes) + "\n")
    options = ["--appearance", pictures, "--output", tmp_path / "out.mp4", "--boxes", tmp_path / "boxes.csv"]
    assert "--track" in refusal(capsys, "transfer", model, "--motion", clip, *options)
    go("transfer", model, "--motion", clip, *options, "--track", "a")
    assert capsys.readouterr().out.startswith("10 frames")


def test_what_is_passed_over_is_said_once(model, pictures, tmp_path, capsys):
    (pictures / "broken.png").write_text("no picture")
    options = ["--appearance", pictures / "0.png", "--output", tmp_path / "out.mp4", "--side-by-side"]
    go("transfer", model, "--motion", pictures, *options)
    said = capsys.readouterr()
    assert said.out.startswith("4 frames in the looks of 1 picture")
    assert said.err.count("broken.png") == 1


def test_what_cannot_be_is_one_line(model, pictures, clip, tmp_path, capsys):
    swap = ["swap", model, "--shape", pictures, "--appearance", pictures]
    assert "must be a .png file" in refusal(capsys, *swap, "--output", tmp_path / "out.jpg")
    assert "would be found there" in refusal(capsys, *swap, "--output", pictures / "0.png")
    transfer = ["transfer", model, "--appearance", pictures, "--output"]
    assert "is one of the inputs" in refusal(capsys, *transfer, clip, "--motion", clip)
    assert "must be a .mp4 file" in refusal(capsys, *transfer, tmp_path / "out.gif", "--motion", clip)
    (tmp_path / "clips").mkdir()
    for name in "ab":
        save_video(tmp_path / "clips" / f"{name}.mp4", [np.zeros((32, 32, 3), np.uint8)] * 2)
    assert "holds 2 inputs" in refusal(capsys, *transfer, tmp_path / "out.mp4", "--motion", tmp_path / "clips")
    assert "--window is for" in refusal(capsys, *transfer, tmp_path / "out.mp4", "--motion", clip, "--window", 5)
    assert "does not exist" in refusal(capsys, *transfer, tmp_path / "out.mp4", "--motion", tmp_path / "lost.mp4")
    assert not (tmp_path / "out.mp4").exists()
