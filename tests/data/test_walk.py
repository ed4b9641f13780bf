import os
from pathlib import Path

import pytest

from partpose.data.walk import natural, readable, walk
from partpose.errors import Skipped


def names(root):
    return [path.relative_to(root).as_posix() for path in walk(root)[0]]


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_numbers_count_and_folders_stay_together(tmp_path):
    touch(tmp_path, "frame10.png", "frame2.png", "b-1/a.png", "b/a10.png", "b/a9.png", "Frame3.png")
    assert names(tmp_path) == ["b/a9.png", "b/a10.png", "b-1/a.png", "frame2.png", "Frame3.png", "frame10.png"]


def test_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png", "a/2.png", "b.png", "c/d/e.png")
    before, listed = names(tmp_path), os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed(path)[::-1])
    assert names(tmp_path) == before


def test_any_text_has_a_place_in_the_order():
    texts = ["", "1", "a1", "1a", "²", "٣", "a" * 250, "9" * 250, "01", "1.png", "é"]
    backwards = texts[::-1]
    expected = ["", "01", "1", "1.png", "1a"]
    assert sorted(texts, key=natural)[:5] == sorted(backwards, key=natural)[:5] == expected


def test_a_folder_is_entered_once_and_by_its_own_name(tmp_path):
    touch(tmp_path, "real/1.png")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "loop").symlink_to("..")
    assert names(tmp_path) == ["real/1.png"]


def test_many_links_take_no_square_of_the_time(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for i in range(60):
        touch(tmp_path / "out" / str(i), "a.png")
        (tmp_path / "in" / str(i)).symlink_to(tmp_path / "out" / str(i))
    asked = []
    monkeypatch.setattr("partpose.data.walk.natural", lambda name: asked.append(name) or natural(name))
    assert len(walk(tmp_path / "in")[0]) == 60
    assert len(asked) < 3 * 60


def test_links_to_the_outside_are_followed(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "elsewhere/2.png", "root/0.png")
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "file.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    assert names(tmp_path / "root") == ["0.png", "file.png", "folder/1.png", "folder/2.png"]


def test_hidden_things_and_masks_beside_images_are_passed_over(tmp_path):
    touch(tmp_path, ".hidden/1.png", "._2.png", "a/images/3.png", "a/masks/3.png", "masks/4.png")
    assert names(tmp_path) == ["a/images/3.png", "masks/4.png"]
    assert not walk(tmp_path)[1]


def test_the_folders_of_runs_are_passed_over(tmp_path):
    run = ("run.json", ".lock", "pictures/step_0000050.png", "1.png")
    touch(tmp_path, "0.png", *(f"new/{name}" for name in run), "old/checkpoint.safetensors", "old/pictures/2.png")
    (tmp_path / "link").symlink_to("old")
    assert names(tmp_path) == ["0.png"]
    assert not walk(tmp_path)[1]
    assert names(tmp_path / "old") == ["checkpoint.safetensors", "pictures/2.png"]


def test_a_run_in_the_input_itself_adds_nothing_to_it(tmp_path):
    touch(tmp_path, "0.png", "run.json", ".lock", "pictures/step_0000050.png", "pictures/mine.png", "step_0000001.png")
    assert names(tmp_path) == ["0.png", "pictures/mine.png", "run.json", "step_0000001.png"]


def test_somebody_else_s_run_json_hides_no_pictures(tmp_path):
    touch(tmp_path, "session/run.json", "session/pictures/step_0000050.png")
    assert names(tmp_path) == ["session/pictures/step_0000050.png", "session/run.json"]


def test_overlays_beside_their_poses_are_passed_over(tmp_path):
    touch(tmp_path, "out/a.h5", "out/a.csv", "out/a_parts/1.png", "b.2.h5", "b.2.csv", "b.2_parts.mp4", "b.2.mp4")
    assert names(tmp_path) == ["b.2.csv", "b.2.h5", "b.2.mp4", "out/a.csv", "out/a.h5"]
    assert names(tmp_path / "out" / "a_parts") == ["1.png"]


def test_contact_sheets_beside_their_poses_are_passed_over(tmp_path):
    touch(tmp_path, "a.h5", "a.csv", "a_sheet.png", "a_sheet_2.png", "b_sheet.png", "a_sheet.jpg")
    assert names(tmp_path) == ["a.csv", "a.h5", "a_sheet.jpg", "b_sheet.png"]


def test_parts_of_something_else_are_walked(tmp_path):
    touch(tmp_path, "car_parts/1.png", "car_parts.mp4", "dog.h5", "dog_parts/1.png")
    assert names(tmp_path) == ["car_parts/1.png", "car_parts.mp4", "dog.h5", "dog_parts/1.png"]


def test_a_hidden_root_is_walked(tmp_path):
    touch(tmp_path, ".data/1.png")
    assert names(tmp_path / ".data") == ["1.png"]


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path, monkeypatch):
    touch(tmp_path, "closed/1.png", "open/2.png")
    listed = os.listdir

    def deny(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", deny)
    found, skipped = walk(tmp_path)
    assert [path.name for path in found] == ["2.png"]
    assert skipped == [Skipped(f"{tmp_path}/closed", "cannot be listed: Permission denied")]


def test_a_folder_that_may_be_listed_but_not_entered_is_reported(tmp_path, monkeypatch):
    def deny(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    touch(tmp_path, "1.png")
    monkeypatch.setattr(Path, "stat", deny)
    monkeypatch.setattr(Path, "lstat", deny)
    assert walk(tmp_path) == ([], [Skipped(f"{tmp_path}/1.png", "cannot be reached: Permission denied")])


def test_names_that_are_not_utf8_can_be_printed(tmp_path):
    path = os.fsencode(tmp_path) + b"/latin\xe9.png"
    try:
        open(path, "w").close()  # noqa: PTH123, the name is bytes
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    text = readable(walk(tmp_path)[0][0])
    assert text.encode("utf-8").endswith(rb"latin\xe9.png")
