"""A pack goes on where it was killed, and nothing writes over another."""

import fcntl
import os
import subprocess
import sys
from collections import namedtuple

import pytest
from packs import contents, packed, same

from partpose.data import pack_write
from partpose.data.sources import training_files
from partpose.errors import PartposeError


class Stop(Exception):
    """What ends a packing in the middle."""


def stop_at(count: int):
    def progress(done: int, _total: int) -> None:
        if done == count:
            raise Stop

    return progress


@pytest.mark.parametrize("at", [1, 4, 7, 12])
def test_an_interrupted_one_goes_on_and_decodes_nothing_again(mixed, tmp_path, monkeypatch, at):
    monkeypatch.setattr(pack_write, "BLOCK", 4)
    whole = packed(mixed, tmp_path / "whole")
    with pytest.raises(Stop):
        packed(mixed, tmp_path / "pack", stop_at(at))
    assert not (tmp_path / "pack").exists()
    decoded, views = [], pack_write.file_views
    monkeypatch.setattr(pack_write, "file_views", lambda *a: decoded.append(a[1]) or views(*a))
    packed(mixed, tmp_path / "pack")
    assert len(decoded) == 13 - at // 4 * 4
    assert contents(tmp_path / "pack") == contents(whole)


KILLED = """
import os, signal, sys
from pathlib import Path
from partpose.config import load_preset
from partpose.data import pack_write
from partpose.data.sources import training_files
pack_write.BLOCK = 3
settings = load_preset("smoke").override({"model": {"size": 32}}, "the test")
root, out, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
kill = lambda done, total: done == at and os.kill(os.getpid(), signal.SIGKILL)
pack_write.write_pack(training_files(root), str(root), out, settings, kill)
"""


def test_a_killed_one_goes_on(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_write, "BLOCK", 3)
    whole = packed(mixed, tmp_path / "whole")
    for at in (5, 11, 13):
        killed = subprocess.run([sys.executable, "-c", KILLED, mixed, tmp_path / "pack", str(at)], check=False)
        assert killed.returncode == -9
    packed(mixed, tmp_path / "pack")
    assert contents(tmp_path / "pack") == contents(whole)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_half_written_files_are_taken_back_to_what_is_known(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_write, "BLOCK", 4)
    whole = packed(mixed, tmp_path / "whole")
    with pytest.raises(Stop):
        packed(mixed, tmp_path / "pack", stop_at(9))
    for name, more in (
        ("pictures.npy", b"\7" * 10000),
        ("rows.csv", b"half a li"),
        ("journal.jsonl", b'["12", [12, 1'),
    ):
        with (tmp_path / ".pack.partial" / name).open("ab") as file:
            file.write(more)
    packed(mixed, tmp_path / "pack")
    assert contents(tmp_path / "pack") == contents(whole)


def test_what_was_written_half_and_lost_since_is_no_ground_to_go_on(mixed, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_write, "BLOCK", 4)
    with pytest.raises(Stop):
        packed(mixed, tmp_path / "pack", stop_at(9))
    os.truncate(tmp_path / ".pack.partial" / "pictures.npy", 1000)
    with pytest.raises(PartposeError, match=r"its pictures\.npy has 1000 bytes, expected"):
        packed(mixed, tmp_path / "pack")


def test_an_input_that_changed_in_between_is_said(mixed, tmp_path):
    with pytest.raises(Stop):
        packed(mixed, tmp_path / "pack", stop_at(9))
    (mixed / "frame1.png").unlink()
    with pytest.raises(PartposeError, match=r"\.pack\.partial was made with .*: name a new folder or remove it"):
        packed(mixed, tmp_path / "pack")


def test_a_pack_that_is_there_is_not_made_again_nor_written_over(mixed, tmp_path):
    before = (packed(mixed, tmp_path / "pack") / "pack.json").read_bytes()
    packed(mixed, tmp_path / "pack")
    assert (tmp_path / "pack/pack.json").read_bytes() == before
    with pytest.raises(
        PartposeError, match="is there, and no pack of this input as it is now with these settings: name"
    ):
        packed(mixed, tmp_path / "pack", frames_per_video=2)
    assert (tmp_path / "pack/pack.json").read_bytes() == before


def test_two_do_not_write_the_same(mixed, tmp_path):
    (tmp_path / ".pack.partial").mkdir()
    other = os.open(tmp_path / ".pack.partial", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(PartposeError, match="is being written by another process"):
        packed(mixed, tmp_path / "pack")
    os.close(other)
    packed(mixed, tmp_path / "pack")


def test_no_room_is_said_before_anything_is_decoded(mixed, tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(pack_write.shutil, "disk_usage", lambda _: usage(1000))
    monkeypatch.setattr(pack_write, "file_views", None)
    with pytest.raises(PartposeError, match=r"no room for the pack: it needs 0\.0 GB"):
        packed(mixed, tmp_path / "pack")


def test_a_disk_that_fills_up_is_said_and_what_is_done_is_kept(mixed, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pack_write, "BLOCK", 4)
    monkeypatch.setattr(pack_write.os, "fsync", full)
    with pytest.raises(PartposeError, match=r"No space left on device.* the same command goes on"):
        packed(mixed, tmp_path / "pack")
    monkeypatch.undo()
    same(packed(mixed, tmp_path / "pack"), training_files(mixed))
