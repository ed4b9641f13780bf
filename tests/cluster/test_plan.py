"""The plan of a prediction on many machines: what is found, how it is cut, and that it stays the same."""

from pathlib import Path

import pytest
from training import save_pictures

from partpose.cluster.plan import cut, fingerprint, list_files, read_manifest, settle
from partpose.clustering import _address
from partpose.errors import PartposeError


def test_folders_manifests_and_addresses_name_files(tmp_path):
    folder = save_pictures(tmp_path / "pictures", 3)
    (tmp_path / "more.txt").write_text("# a comment\n\npictures/1.png\ns3://bucket/2.jpg\nnotes.doc\n")
    files, skipped = list_files([str(folder), str(tmp_path / "more.txt"), f"file://{folder}"])
    assert files == [
        *(str(folder / f"{i}.png") for i in range(3)),
        "s3://bucket/2.jpg",
        *(f"file://{folder}/{i}.png" for i in range(3)),
    ]
    assert [(Path(one.path).name, one.reason) for one in skipped] == [("notes.doc", "has an unknown ending")]


def test_relative_names_are_those_of_everywhere(tmp_path, monkeypatch):
    """Workers of a cluster stand in another folder."""
    save_pictures(tmp_path / "pictures", 1)
    (tmp_path / "more.txt").write_text("pictures/0.png\n")
    monkeypatch.chdir(tmp_path)
    assert list_files(["pictures", "more.txt"])[0] == [str(tmp_path / "pictures/0.png")]


def test_addresses_come_through_the_command_line():
    given = ("s3://bucket/a", "file:///data/a.png", "https://x/a.png?token=1", "plain/a.png", "C:/a.png")
    assert [_address(Path(one)) for one in given] == list(given)


def test_a_broken_plan_is_one_line(tmp_path):
    (tmp_path / "plan.json").write_text('{"shards": 3')
    with pytest.raises(PartposeError, match="holds no plan of shards that can be read"):
        settle(tmp_path, cut(["0.png"], 1), {})


def test_what_names_nothing_is_refused_in_words(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(PartposeError, match=r"nothing to predict in .*empty.txt"):
        list_files([str(tmp_path / "empty.txt")])
    with pytest.raises(PartposeError, match="cannot read the manifest"):
        read_manifest(tmp_path / "none.txt")
    with pytest.raises(PartposeError, match="cannot list nowhere://"):
        list_files(["nowhere://bucket"])


def test_shards_hold_every_file_once_and_videos_alone():
    files = [f"{i}.png" for i in range(5)]
    shards = cut([*files[:2], "a.mp4", *files[2:], "b.avi"], 2)
    assert [shard.files for shard in shards] == [
        ("0.png", "1.png"),
        ("2.png", "3.png"),
        ("4.png",),
        ("a.mp4",),
        ("b.avi",),
    ]
    assert [shard.kind for shard in shards] == ["pictures"] * 3 + ["video"] * 2
    assert [shard.number for shard in shards] == list(range(5))


def test_a_plan_is_gone_on_with_and_another_is_refused(tmp_path):
    shards = cut([f"{i}.png" for i in range(5)], 2)
    settle(tmp_path, shards, {"model": "a"})
    settle(tmp_path, shards, {"model": "a"})
    with pytest.raises(PartposeError, match="of another call, with other model: name another --output"):
        settle(tmp_path, shards, {"model": "b"})
    with pytest.raises(PartposeError, match="with other inputs: name another"):
        settle(tmp_path, cut([f"{i}.png" for i in range(4)], 2), {"model": "a"})
    assert fingerprint(cut(["0.png", "1.png"], 1)) != fingerprint(cut(["0.png", "1.png"], 2))
