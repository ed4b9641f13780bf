"""Paths in annotation files lead to the pictures, wherever both have been moved to."""

import pytest

from partpose.data.annotations.locate import locate


@pytest.fixture
def root(tmp_path):
    for name in ("images/a.png", "images/b.jpg", "one/img1.png", "two/img1.png", "clip.mp4", "w/x/y/z/deep.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("images/a.png", "images/a.png"),
        ("./images//a.png", "images/a.png"),
        ("images\\a.png", "images/a.png"),
        (r"C:\Users\me\set\images\a.png", "images/a.png"),
        ("/home/me/b.jpg", "images/b.jpg"),
        ("videos/clip.mp4", "clip.mp4"),
        ("b.jpg", "images/b.jpg"),
        ("/data/two/img1.png", "two/img1.png"),
    ],
)
def test_a_picture_is_found_by_its_path_or_its_name(root, listed, expected):
    assert locate([listed], root) == (expected,)


def test_what_is_not_there_keeps_its_path(root):
    assert locate(["/home/me/c.png", r"D:\c d.png", "../e.png"], root) == ("home/me/c.png", "c d.png", "../e.png")


def test_a_name_that_two_files_have_is_not_guessed(root):
    assert locate(["img1.png"], root) == ("img1.png",)


def test_a_frame_of_another_video_is_no_substitute(root):
    """img1.png of three videos is listed, of which only two are there."""
    listed = ["x/one/img1.png", "x/two/img1.png", "x/three/img1.png"]
    assert locate(listed, root) == ("one/img1.png", "two/img1.png", "x/three/img1.png")
    (root / "two" / "img1.png").unlink()
    assert locate(listed, root) == ("one/img1.png", "x/two/img1.png", "x/three/img1.png")


def test_folders_far_below_are_not_searched(root):
    assert locate(["deep.png"], root) == ("deep.png",)


def test_an_absolute_path_that_is_right_is_kept(root):
    assert locate([str(root / "one" / "img1.png")], root / "w") == ("../one/img1.png",)
