import os

import pytest

from partpose.data.atomic import atomic
from partpose.errors import PartposeError


def test_the_file_appears_whole_with_its_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "result.json"
    with atomic(path) as temporary:
        temporary.write_text("{}")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".json"
    assert path.read_text() == "{}"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path, error):
    path = tmp_path / "result.csv"
    path.write_text("old")
    with pytest.raises(error), atomic(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_written_through(tmp_path):
    target, link = tmp_path / "run7.json", tmp_path / "latest.json"
    link.symlink_to(target)
    with atomic(link) as temporary:
        temporary.write_text("7")
    assert link.is_symlink()
    assert target.read_text() == "7"


@pytest.mark.parametrize("name", ["folder", "file/inside.csv", "device", "x" * 300])
def test_what_cannot_be_written_is_said_in_one_line(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "device").symlink_to(os.devnull)
    with pytest.raises(PartposeError, match="cannot be written") as caught, atomic(tmp_path / name) as temporary:
        temporary.write_text("text")
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "file", "folder"]


def test_a_full_disk_is_said_in_words(tmp_path):
    with (
        pytest.raises(PartposeError, match=r"result.h5 cannot be written: No space left"),
        atomic(tmp_path / "result.h5"),
    ):
        raise OSError(28, "No space left on device")


def test_an_error_about_another_file_keeps_its_own_words(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "out.json"):
        (tmp_path / "input.json").read_text()
