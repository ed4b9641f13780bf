"""The plan of a prediction on many machines: what is found, how it is cut, and that it stays the same."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from training import save_pictures

from partpose.cluster.plan import clear_partial, cut, ending_of, fingerprint, list_files, read_manifest, settle
from partpose.errors import PartposeError


class Quiet(SimpleHTTPRequestHandler):
    """A web server that says nothing."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(tmp_path) -> Iterator[str]:
    """The address at which a web server gives what is in `tmp_path`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


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
    with pytest.raises(PartposeError, match="cannot list file://"):
        list_files([f"file://{tmp_path}/none"])


def test_a_store_that_is_down_is_no_empty_folder():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/folder/"
        with pytest.raises(PartposeError, match=f"cannot list {address}"):
            list_files([address])


def test_a_folder_of_a_web_server_is_listed(tmp_path, web):
    save_pictures(tmp_path / "more", 2)
    wanted = [f"{web}/more/{i}.png" for i in range(2)]
    assert list_files([f"{web}/more/"])[0] == wanted
    assert list_files([f"{web}/more"])[0] == wanted
    assert list_files([f"{web}/more/1.png?next=http://x//y"])[0] == [f"{web}/more/1.png?next=http://x//y"]


def test_a_folder_below_that_cannot_be_listed_is_no_empty_one(tmp_path, monkeypatch):
    """`find` of fsspec would leave it out; one that has gone in the meantime is left out."""
    from fsspec.implementations.local import LocalFileSystem

    real = LocalFileSystem.ls
    save_pictures(tmp_path / "a/b/c", 2)
    save_pictures(tmp_path / "a", 1)
    wanted = [f"file://{tmp_path}/a/{name}.png" for name in ("0", "b/c/0", "b/c/1")]
    assert list_files([f"file://{tmp_path}/a"])[0] == wanted
    for error, words in ((PermissionError("no"), "cannot list file://.*: no"), (FileNotFoundError("gone"), "")):

        def ls(self, path, *rest, error=error, **options):
            if path.endswith("/c"):
                raise error
            return real(self, path, *rest, **options)

        monkeypatch.setattr(LocalFileSystem, "ls", ls)
        with pytest.raises(PartposeError, match=words) if words else nullcontext():
            assert list_files([f"file://{tmp_path}/a"])[0] == wanted[:1]


def test_a_store_that_lists_all_names_at_once_is_not_walked(monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    def find(self, path):  # noqa: ARG001
        return ["/bucket/a.png", "/bucket/b/c.png"]

    def ls(self, path, *_, **__):  # noqa: ARG001
        pytest.fail("a billion names are asked for a folder at a time")

    monkeypatch.setattr(MemoryFileSystem, "find", find)
    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    assert list_files(["memory://bucket"])[0] == ["memory:///bucket/a.png", "memory:///bucket/b/c.png"]


@pytest.mark.parametrize(
    ("file", "ending"),
    [
        ("s3://b/mouse#1.jpg", ".jpg"),
        ("s3://b/mouse?.v2.png", ".png"),
        ("/data/mouse#1.jpg", ".jpg"),
        ("https://h/a.png?next=b.doc#top", ".png"),
    ],
)
def test_only_a_web_address_has_a_query(file, ending):
    assert ending_of(file) == ending
    assert [shard.kind for shard in cut([file], 1)] == ["pictures"]


def test_what_is_half_written_and_old_is_removed(tmp_path):
    (tmp_path / "shards").mkdir()
    old, young, done = (tmp_path / "shards" / name for name in (".partial-1.h5", ".partial-2.h5", "00000000.h5"))
    for path in (old, young, done):
        path.touch()
    for path in (old, done):
        os.utime(path, (0, 0))
    clear_partial(tmp_path)
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == [young.name, done.name]


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
