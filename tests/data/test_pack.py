"""A pack is what would be decoded, opens without us, and is not used once it was changed."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from drawing import blob
from packs import FILES, LOOK, packed, same, settings
from PIL import Image
from training import save_annotated, save_pictures, small, train_in

from partpose.data import pack, pack_write
from partpose.data.canvas import read_canvases
from partpose.data.cut import Box, Cut
from partpose.data.pack import check_pack, open_pack
from partpose.data.pack_write import write_pack
from partpose.data.sources import TrainingInput, find_sources, training_files
from partpose.data.walk import walk
from partpose.errors import PartposeError


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
    names = ['a, "b".png', "line\nbreak.png", "return\rhere.png", "ünï 猫.png"]
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
