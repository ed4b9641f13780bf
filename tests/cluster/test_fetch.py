"""Files of a shard that a store has, has not, or does not give: an HTTP server that answers what its paths say."""

import errno
import fcntl
import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from partpose.cluster import fetch
from partpose.cluster.fetch import Unfetched, fetched
from partpose.cluster.plan import Shard
from partpose.errors import Skipped

pytest.importorskip("aiohttp")


class Store(ThreadingHTTPServer):
    """`/503/a.png` is answered with 503, `/200/a.png` with the path itself, `/flaky/a.png` with 503 at the first time.

    asked: how often each path was.  most: how many were answered at once.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: Counter[str] = Counter()
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.full = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    """What a path says."""

    def do_GET(self) -> None:
        store: Store = self.server
        with store.lock:
            store.asked[self.path] += 1
            store.now += 1
            store.most = max(store.most, store.now)
            if store.now >= fetch.AT_ONCE:
                store.full.set()
        if "/slow/" in self.path:
            store.full.wait(2)
        first = self.path.split("/")[1]
        status = int(first) if first.isdigit() else 503 if first == "flaky" and store.asked[self.path] == 1 else 200
        body = self.path.encode()
        with store.lock:
            store.now -= 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(autouse=True)
def in_haste(monkeypatch) -> None:
    """Nobody waits before asking again."""
    monkeypatch.setattr(fetch, "PAUSES", (0.0, 0.0))


@pytest.fixture
def store() -> Iterator[Store]:
    """A server on this machine."""
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch_all(*files: str) -> tuple[dict[str, bytes], list[Skipped]]:
    """What is in the files of a shard, by their names, and what is not there."""
    with fetched(Shard(0, "pictures", files)) as (source, missed):
        return {name: path.read_bytes() for path, name in zip(source.files, source.names, strict=True)}, missed


@pytest.mark.parametrize("status", [404, 410])
def test_what_a_server_has_not_is_passed_over(store, status):
    there, gone = f"{store.address}/200/a.png", f"{store.address}/{status}/b.png"
    assert fetch_all(there, gone) == ({there: b"/200/a.png"}, [Skipped(gone, "is not there")])
    assert store.asked[f"/{status}/b.png"] == 1, "what is gone is not asked for again"


@pytest.mark.parametrize(("status", "times"), [(503, 3), (500, 3), (429, 3), (401, 1), (403, 1)])
def test_a_server_that_gives_another_answer_leaves_the_shard(store, status, times):
    """fsspec raises FileNotFoundError for some of these as well."""
    with pytest.raises(Unfetched, match=rf"/{status}/b.png cannot be fetched: {status}"):
        fetch_all(f"{store.address}/200/a.png", f"{store.address}/{status}/b.png")
    assert store.asked[f"/{status}/b.png"] == times


def test_a_server_that_is_down_leaves_the_shard():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(Unfetched, match=r"a.png cannot be fetched: .*onnect"):
            fetch_all(f"http://127.0.0.1:{taken.getsockname()[1]}/a.png")


def test_a_wrapped_failure_is_known_by_its_cause():
    """As fsspec's `open` and `info` raise them."""

    class Status(Exception):
        status = 503

    for cause in (Status(), OSError("refused")):
        error = FileNotFoundError("http://x/a.png")
        error.__cause__ = cause
        assert not fetch._is_gone(error, "http://x/a.png", Path("copy"))


def test_a_server_that_stumbles_is_asked_again(store):
    file = f"{store.address}/flaky/a.png"
    assert fetch_all(file) == ({file: b"/flaky/a.png"}, [])
    assert store.asked["/flaky/a.png"] == 2


def test_a_server_that_falls_silent_is_given_up(store, monkeypatch):
    monkeypatch.setattr(fetch, "SILENCE", 0.1)
    monkeypatch.setattr(fetch, "PAUSES", ())
    with pytest.raises(Unfetched, match=r"a.png cannot be fetched: .*[Tt]imeout"):
        fetch_all(f"{store.address}/slow/a.png")


def test_several_files_are_fetched_at_once_and_not_too_many(store):
    files = [f"{store.address}/slow/{i}.png" for i in range(fetch.AT_ONCE + 4)]
    there, _ = fetch_all(*files)
    assert list(there) == files
    assert store.most == fetch.AT_ONCE


def test_a_store_that_refuses_leaves_the_shard(tmp_path, monkeypatch):
    """s3fs has the same word for a rule against one file and for a token that has run out."""
    from fsspec.implementations import local

    asked = []

    def get_file(self, path, *_, **__):  # noqa: ARG001
        asked.append(Path(path).name)
        raise PermissionError("ExpiredToken")

    (tmp_path / "a.png").write_text("a")
    monkeypatch.setattr(local.LocalFileSystem, "get_file", get_file)
    with pytest.raises(Unfetched, match=r"a.png cannot be fetched: ExpiredToken"):
        fetch_all(f"file://{tmp_path}/a.png")
    assert asked == ["a.png"], "it will not think better of it in a moment"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_a_path_that_this_machine_cannot_open_leaves_the_shard(tmp_path, monkeypatch, code):
    def fail(path):
        raise OSError(code, os.strerror(code), path)

    (tmp_path / "a.png").write_text("a")
    monkeypatch.setattr(fetch, "_open", fail)
    with pytest.raises(Unfetched, match=rf"a.png cannot be opened: {os.strerror(code)}"):
        fetch_all(f"{tmp_path}/a.png")


def test_a_path_that_is_itself_to_blame_is_left_to_its_decoder(tmp_path):
    """A pipe to which nobody writes must not be waited for."""
    (tmp_path / "a.png").write_text("a")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    names = ("a.png", "folder.png", "loop.png", "pipe.png", "none.png", "nul\0.png", f"{'x' * 300}.png")
    files = tuple(f"{tmp_path}/{name}" for name in names)
    with fetched(Shard(0, "pictures", files)) as (source, missed):
        assert (source.names, missed) == (files, [])


@pytest.mark.parametrize("prefix", ["", "file://"])
@pytest.mark.parametrize("made", [False, True])
def test_a_machine_without_the_disk_leaves_the_shard(tmp_path, prefix, made):
    disk = tmp_path / "disk"
    if made:
        disk.mkdir()  # where it would be mounted
    with pytest.raises(Unfetched, match=f"disk is not there on {socket.gethostname()}, or is empty"):
        fetch_all(f"{prefix}{disk}/a.png", f"{prefix}{disk}/b.png")


def test_a_file_on_another_disk_does_not_vouch_for_the_one_that_is_missing(tmp_path):
    (tmp_path / "a.png").write_text("a")
    with pytest.raises(Unfetched, match=f"{tmp_path}/disk is not there on"):
        fetch_all(f"{tmp_path}/a.png", f"{tmp_path}/disk/b.png")


def test_a_disk_that_goes_while_a_shard_is_done_leaves_it(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "a.png").write_text("a")
    with (
        pytest.raises(Unfetched, match=f"{disk} is not there on .*, or is empty"),
        fetched(Shard(0, "pictures", (f"{disk}/a.png",))) as (source, _),
    ):
        source.files[0].unlink()


def test_a_folder_that_is_looked_at_just_as_it_is_made_is_held_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.tempfile, "tempdir", str(tmp_path))
    real, letting_go = fcntl.flock, []

    def flock(held, how):
        """Somebody who clears up has the lock when it is asked for, and a moment later lets go of it."""
        (folder,) = tmp_path.glob(f"{fetch.COPIES}*")
        other = os.open(folder, os.O_RDONLY)
        real(other, fcntl.LOCK_EX)
        letting_go.append(threading.Timer(0.05, os.close, [other]))
        letting_go[0].start()
        real(held, how)

    monkeypatch.setattr(fetch.fcntl, "flock", flock)
    with fetch._folder() as mine:
        (mine / "0.png").write_text("a copy")
        letting_go[0].join()
        monkeypatch.setattr(fetch.fcntl, "flock", real)
        fetch._clear_stale(tmp_path)
        assert (mine / "0.png").is_file()


def test_copies_of_a_killed_worker_are_removed_and_those_of_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{fetch.COPIES}left"
    left.mkdir()
    (left / "0.png").write_text("a copy")
    (tmp_path / "partpose-other").mkdir()
    (tmp_path / "partpose-other/0.png").write_text("of somebody else")
    with fetch._folder() as mine:
        assert not left.exists()
        (mine / "0.png").write_text("a copy")
        with fetch._folder() as another:
            assert another != mine
        assert (mine / "0.png").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["partpose-other"]
