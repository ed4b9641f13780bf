"""`partpose draw`: what was predicted before is found again in its input, and drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dots import dots, places, predictor
from PIL import Image
from videos import save_video

from partpose.cli import main
from partpose.data.sources import find_sources
from partpose.data.video import read_frames
from partpose.predict.formats import write_hdf5
from partpose.predict.poses import Poses

DOTS = predictor()


def predicted(input: Path, file: Path, **changes) -> Poses:
    """The poses of the first source in an input, in a file."""
    source = find_sources([input])[0][0]
    poses = replace(DOTS.predict_source(source), **changes)
    write_hdf5(poses, file)
    return poses


def draw(*words) -> None:
    """The command, which ends well."""
    with pytest.raises(SystemExit) as ending:
        main(["draw", *map(str, words)])
    assert ending.value.code == 0


def mistake(capfd, *words) -> str:
    """The one line that a command ends with."""
    with pytest.raises(SystemExit) as ending:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    assert (ending.value.code, out, err.count("\n")) == (2, "", 1)
    return err


def movie(path: Path, count: int = 6, width: int = 160, height: int = 120) -> Path:
    return save_video(path, [dots(width, height, *two) for two in places(count, width, height)])


def coloured(pixels: np.ndarray) -> int:
    return int((np.ptp(pixels.astype(int), axis=-1) > 60).sum())


def test_a_video_in_several_styles(tmp_path, capsys):
    clip = movie(tmp_path / "clip.mp4")
    predicted(clip, tmp_path / "my poses.h5")
    counts = {}
    for style in ("ellipses", "names", "trails", "ellipses,names,trails,skeleton,boxes"):
        lines = ["--skeleton", "0:part_1"] if "skeleton" in style else []
        draw(tmp_path / "my poses.h5", clip, "--output", tmp_path / style, "--draw", style, *lines)
        drawn = tmp_path / style / "my poses_parts.mp4"
        assert capsys.readouterr().out == f"6 frames of {clip}: {drawn}\n"
        frames = [frame.pixels for frame in read_frames(drawn)]
        assert [pixels.shape for pixels in frames] == [(120, 160, 3)] * 6
        counts[style] = coloured(frames[-1])
    assert counts["names"] < counts["ellipses"]
    assert counts["ellipses"] <= max(counts.values()) == counts["ellipses,names,trails,skeleton,boxes"]


def test_doubtful_parts_can_be_left_out(tmp_path):
    clip = movie(tmp_path / "clip.mp4")
    predicted(clip, tmp_path / "a.h5", confidence=np.tile([0.3, 0.9], (6, 1)))
    counts = []
    for least in (0, 0.5, 1):
        draw(tmp_path / "a.h5", clip, "--output", tmp_path, "--min-confidence", least)
        frame = next(read_frames(tmp_path / "a_parts.mp4")).pixels
        counts.append([coloured(half) > 20 for half in np.array_split(frame, 2, axis=1)])
    assert counts == [[True, True], [False, True], [False, False]]


def test_pictures_are_found_again_by_name(tmp_path, picture_folder, capsys):
    """Also where there are others among them now, and some have gone."""
    predicted(picture_folder, tmp_path / "a.h5")
    Image.new("RGB", (64, 56)).save(picture_folder / "before all others.png")
    (picture_folder / "frame2.jpg").unlink()
    draw(tmp_path / "a.h5", picture_folder, "--output", tmp_path / "out", "--sheets", 0)
    drawn = sorted(path.name for path in (tmp_path / "out" / "a_parts").rglob("*.png"))
    assert len(drawn) == 11
    assert "before all others.png" not in drawn
    out, err = capsys.readouterr()
    assert out == f"12 pictures of {picture_folder}: {tmp_path / 'out' / 'a_parts'}\n"
    assert "frame2.jpg: does not exist" in err
    assert not list((tmp_path / "out").glob("*_sheet.png"))


def test_of_several_videos_the_one_of_that_name_is_drawn(tmp_path, capfd):
    for name in ("a.mp4", "b.mp4"):
        movie(tmp_path / "in" / name)
    predicted(tmp_path / "in" / "b.mp4", tmp_path / "poses.h5")
    draw(tmp_path / "poses.h5", tmp_path / "in", "--output", tmp_path / "out")
    assert f"6 frames of {tmp_path / 'in' / 'b.mp4'}: " in capfd.readouterr().out
    (tmp_path / "in" / "b.mp4").rename(tmp_path / "in" / "c.mp4")
    err = mistake(capfd, "draw", tmp_path / "poses.h5", tmp_path / "in", "--output", tmp_path / "out")
    assert "holds 2 videos, none of them named b.mp4: name the one" in err


def test_mistakes(tmp_path, capfd, picture_folder):
    clip, small = movie(tmp_path / "clip.mp4"), movie(tmp_path / "small.mp4", width=64, height=48)
    predicted(clip, tmp_path / "clip.h5")
    predicted(picture_folder, tmp_path / "pictures.h5")
    (tmp_path / "other").mkdir()
    Image.new("RGB", (64, 56)).save(tmp_path / "other" / "a.png")
    out = ["--output", tmp_path / "out"]
    for words, options in {
        "is about a video, of which there is none in ": ["clip.h5", picture_folder],
        "is about pictures, of which there are none in ": ["pictures.h5", clip],
        "has none of the pictures of ": ["pictures.h5", tmp_path / "other"],
        "has 64×48 pixels, but its poses are of 160×120": ["clip.h5", small],
        "no such file": ["nothing.h5", clip],
        "is not a complete HDF5 file of poses": ["clip.mp4", clip],
        "--draw expects some of ellipses, trails, skeleton, names, boxes": ["clip.h5", clip, "--draw", "all"],
        "no skeleton is known": ["clip.h5", clip, "--draw", "skeleton"],
        "--trail must be a number of frames, 1 or more, got 0": ["clip.h5", clip, "--trail", "0"],
        "min-confidence": ["clip.h5", clip, "--min-confidence", "2"],
    }.items():
        file, *rest = options
        assert words in mistake(capfd, "draw", tmp_path / file, *rest, *out)
    assert not list((tmp_path / "out").glob("*"))


def test_the_look_of_an_overlay_that_is_not_made_is_refused(tmp_path, capfd):
    err = mistake(capfd, "predict", "model", tmp_path, "--output", tmp_path, "--draw", "names")
    assert "--draw, --trail, --skeleton and --sheets are about the overlay: add --overlay" in err
