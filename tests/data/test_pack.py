"""A pack is what would be decoded, opens without us, goes on where it was killed, and is not used once it was changed."""

import csv
import fcntl
import json
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from PIL import Image
from training import save_annotated, save_pictures, small, train_in

from partpose.config import Settings
from partpose.data import pack, pack_write
from partpose.data.canvas import read_canvases
from partpose.data.cut import Box, Cut
from partpose.data.pack import check_pack, open_pack
from partpose.data.pack_write import write_pack
from partpose.data.reading import Look
from partpose.data.sources import TrainingInput, find_sources, training_files
from partpose.data.walk import walk
from partpose.errors import PartposeError

LOOK = Look(48, 3, 0.25)
FILES = ["pack.json", "pictures.npy", "rows.csv"]


def settings(**data) -> Settings:
    """Squares of 48 pixels."""
    return small().override({"model": {"size": 32}, "data": data}, "the test")


def packed(root: Path, out: Path, progress=None, **data) -> Path:
    write_pack(training_files(root), str(root), out, settings(**data), progress)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """All files; of pack.json what does not tell the time."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    about = json.loads(found.pop("pack.json"))
    return found | {key: value for key, value in about.items() if key not in ("date", "digest")}


@pytest.fixture
def mixed(picture_folder, clip) -> Path:
    """Twelve pictures and a video of 30 frames."""
    clip.rename(picture_folder / "clip.mp4")
    return picture_folder


def same(folder: Path, found: TrainingInput, look: Look = LOOK, frames: int = 1000) -> None:
    canvases, expected = open_pack(folder).canvases, read_canvases(found.sources, look, frames)
    np.testing.assert_allclose(canvases.extent, expected.extent, atol=1e-6)
    np.testing.assert_array_equal(canvases.pixels, expected.pixels)
    assert canvases.names == expected.names
    assert canvases.clip.tolist() == expected.clip.tolist()
    assert canvases.skipped == [*found.skipped, *expected.skipped]


@pytest.mark.parametrize("held", [1 << 28, 0], ids=["side by side", "as they are decoded"])
def test_it_holds_what_would_be_decoded(mixed, tmp_path, monkeypatch, held):
    monkeypatch.setattr(pack_write, "MOST_HELD", held)
    monkeypatch.setattr(pack_write, "BLOCK", 8)
    same(packed(mixed, tmp_path / "pack", frames_per_video=20), training_files(mixed), frames=20)


def test_what_cannot_be_read_is_passed_over_and_listed(bad_folder, tmp_path):
    same(packed(bad_folder.path, tmp_path / "pack"), training_files(bad_folder.path))


def test_objects_are_cut_out_by_their_boxes(picture_folder, tmp_path):
    (source,), _ = find_sources([picture_folder])
    boxes = (Cut(Box(4, 4, 20, 30), track="a"), Cut(Box(20, 10, 30, 30), track="b"))
    found = TrainingInput([source._replace(cuts={0: boxes, 2: boxes[:1]})], [], 0)
    about = write_pack(found, "pictures", tmp_path / "pack", settings(margin=0.5))
    same(tmp_path / "pack", found, LOOK._replace(margin=0.5))
    assert (about.count, about.margin) == (3, 0.5)
    assert table(tmp_path / "pack")[1]["name"] == "frame1.png@b"
    with pytest.raises(PartposeError, match=r"data\.margin 0\.5.* has .*data\.margin 0\.25: add --data\.margin 0\.5"):
        open_pack(tmp_path / "pack", settings())


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_opens_without_us(mixed, tmp_path):
    folder = packed(mixed, tmp_path / "pack", frames_per_video=3)
    assert sorted(os.listdir(folder)) == FILES  # noqa: PTH208
    pixels, rows = np.load(folder / "pictures.npy", mmap_mode="r"), table(folder)
    assert pixels.shape == (15, 48, 48, 3)
    assert len(rows) == json.loads((folder / "pack.json").read_text())["count"] == 15
    first = {"name": "frame1.png", "clip": "-1", "split": "", "width": "64", "height": "56"}
    assert rows[0] == first | {"left": "0", "top": "-4", "side": "64"}
    assert [(row["name"], row["clip"]) for row in rows[12:]] == [
        *(("clip.mp4#0", "1"), ("clip.mp4#14", "1"), ("clip.mp4#29", "1"))
    ]


def test_names_are_kept_whatever_is_in_them(tmp_path):
    names = ['a, "b".png', "line\nbreak.png", "ünï 猫.png"]
    (tmp_path / "in").mkdir()
    for name in names:
        Image.fromarray(blob(40, 40, 20, 20)).save(tmp_path / "in" / name)
    assert sorted(open_pack(packed(tmp_path / "in", tmp_path / "pack")).canvases.names) == sorted(names)


def test_the_test_split_is_not_packed(tmp_path):
    folder = packed(save_annotated(tmp_path / "set", "aaeae"), tmp_path / "pack")
    opened = open_pack(folder)
    assert opened.canvases.names == ("images/0.png", "images/1.png", "images/3.png")
    assert opened.about.held_out == 2
    assert [row["split"] for row in table(folder)] == ["train"] * 3


def test_the_pixels_lie_on_disk_and_cannot_be_written_to(tmp_path):
    pixels = open_pack(packed(save_pictures(tmp_path / "in"), tmp_path / "pack")).canvases.pixels
    assert isinstance(pixels, np.memmap)
    assert not pixels.flags.writeable


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
    with pytest.raises(PartposeError, match="is there, and not from this input as it is now: name a new folder"):
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


def test_nothing_readable_leaves_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.png").touch()
    with pytest.raises(PartposeError, match=r"none of the 1 pictures and videos of .*, the first: .*1\.png is empty"):
        packed(tmp_path / "in", tmp_path / "pack")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


DAMAGES = {
    "a byte": (lambda p: flip(p / "pictures.npy", 40_000), "pictures 4 to 7 were changed"),
    "cut short": (lambda p: os.truncate(p / "pictures.npy", 60_000), "cut short"),
    "in the header": (lambda p: os.truncate(p / "pictures.npy", 60), "cut short"),
    "empty": (lambda p: os.truncate(p / "pictures.npy", 0), "cannot be read|cut short"),
    "longer": (lambda p: (p / "pictures.npy").open("ab").write(b"1"), "69249 bytes, expected 69248"),
    "other shape": (lambda p: np.save(p / "pictures.npy", np.zeros((9, 48, 48, 3), np.uint8)), r"\(9, 48, 48, 3\)"),
    "other type": (lambda p: np.save(p / "pictures.npy", np.zeros((10, 48, 48, 3))), "float64"),
    "no pictures": (lambda p: (p / "pictures.npy").unlink(), "cannot be read"),
    "a name": (lambda p: edit(p / "rows.csv", "3.png", "4.png"), r"its rows\.csv was changed"),
    "no table": (lambda p: (p / "rows.csv").unlink(), r"its rows\.csv cannot be read"),
    "a number": (lambda p: edit(p / "pack.json", '"held_out":0', '"held_out":1'), r"its pack\.json was changed"),
    "no JSON": (lambda p: (p / "pack.json").write_bytes(b"\xff{"), r"its pack\.json cannot be read"),
    "of the future": (lambda p: edit(p / "pack.json", '"version":1', '"version":2'), r"its pack\.json cannot be read"),
}


@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize("what", DAMAGES)
def test_a_changed_or_truncated_pack_is_refused_in_one_line(tmp_path, monkeypatch, what):
    monkeypatch.setattr(pack_write, "BLOCK", 4)
    folder = packed(save_pictures(tmp_path / "in"), tmp_path / "pack")
    damage, words = DAMAGES[what]
    damage(folder)
    for use in (open_pack, check_pack):
        with pytest.raises(
            PartposeError, match=rf"pack is not as it was packed, .*({words}).*: copy it again"
        ) as caught:
            use(folder)
        assert "\n" not in str(caught.value)


def test_of_a_large_pack_some_is_checked_at_opening_and_all_when_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_write, "BLOCK", 1)
    monkeypatch.setattr(pack, "CHECKED_AT_START", 2 * 48 * 48 * 3)
    folder = packed(save_pictures(tmp_path / "in"), tmp_path / "pack")
    seen, compare = [], pack.zlib.crc32
    monkeypatch.setattr(pack.zlib, "crc32", lambda data: seen.append(len(data)) or compare(data))
    open_pack(folder)
    assert seen == [48 * 48 * 3] * 2
    counted = []
    check_pack(folder, lambda *call: counted.append(call))
    assert counted == [(i, 10) for i in range(1, 11)]
    flip(folder / "pictures.npy", 60_000)
    with pytest.raises(PartposeError, match="pictures 8 to 8 were changed"):
        check_pack(folder)


def test_over_many_openings_every_block_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_write, "BLOCK", 2)
    about = write_pack(training_files(save_pictures(tmp_path / "in")), "in", tmp_path / "pack", settings())
    monkeypatch.setattr(pack, "CHECKED_AT_START", 1)
    assert {tuple(pack._some(about)) for _ in range(200)} == {(i,) for i in range(5)}


@pytest.mark.parametrize(
    ("change", "add"), [({"size": 64}, "--model.size 32"), ({"channels": 1}, "--model.channels 3")]
)
def test_settings_that_need_other_squares_are_refused_with_what_to_add(tmp_path, change, add):
    folder = packed(save_pictures(tmp_path / "in"), tmp_path / "pack")
    other = settings().override({"model": change}, "the test")
    with pytest.raises(PartposeError, match=rf"pack was packed for .*: add {add}, or pack .*in again for these"):
        open_pack(folder, other)


def test_a_pack_is_no_folder_of_pictures(tmp_path):
    folder = packed(save_pictures(tmp_path / "in"), tmp_path / "in" / "pack")
    assert len(walk(tmp_path / "in")[0]) == 10
    with pytest.raises(PartposeError, match="pack is a pack, to train from: name the pictures or videos"):
        find_sources([folder])
    sources, skipped = find_sources([folder, tmp_path / "in"])
    assert len(sources) == len(skipped) == 1


@pytest.mark.parametrize("count", [3, 4, 8, 9])
def test_the_last_block_may_be_full_or_not(tmp_path, monkeypatch, count):
    monkeypatch.setattr(pack_write, "BLOCK", 4)
    root = save_pictures(tmp_path / "in", count)
    same(packed(root, tmp_path / "pack"), training_files(root))
    assert check_pack(tmp_path / "pack").count == count


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_training_from_it_is_the_training_from_the_pictures(tmp_path):
    found = training_files(save_pictures(tmp_path / "in", 16))
    about = write_pack(found, "in", tmp_path / "pack", small())
    assert about.side == 48

    def from_pack():
        return open_pack(tmp_path / "pack", small()).canvases

    train_in(tmp_path / "a", small(steps=4), read=lambda: read_canvases(found.sources, LOOK))
    train_in(tmp_path / "b", small(steps=4), read=from_pack)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_names_of_any_kind_stay_beside_their_numbers(tmp_path):
    """Whoever reads names and numbers apart has to agree about what a line is."""
    names = ["a, b.png", 'the "x".png', "two\nlines.png", "# 1.png", "ümläut ☂.png", " .png", "plain.png#3@mouse"]
    for count in (0, 1, len(names)):
        with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
            lines = [[name, i - 1, "train", 640, 480, 0.5, -80, i] for i, name in enumerate(names[:count])]
            csv.writer(file, lineterminator="\n").writerows([pack.COLUMNS, *lines])
        found, numbers = pack._columns(tmp_path / "rows.csv")
        assert found == tuple(names[:count])
        assert numbers.tolist() == [[i - 1, 640, 480, 0.5, -80, i] for i in range(count)]
