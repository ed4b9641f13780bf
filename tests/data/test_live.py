"""Frames come one by one, from anywhere; of a source that is too fast only the newest are given."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
from drawing import blob
from videos import breaking_off

from partpose.data import live
from partpose.data.cut import Box
from partpose.data.images import Picture, Unreadable
from partpose.data.live import live_views
from partpose.data.reading import Look, read_views
from partpose.data.sources import find_sources
from partpose.errors import PartposeError

LOOK = Look(32)


def same_views(some, others) -> None:
    for one, other in zip(some, others, strict=True):
        assert one[:7] == other[:7]
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_a_file_gives_what_is_read_of_it_otherwise(clip):
    (source,), _ = find_sources([clip])
    same_views(live_views(clip, LOOK), read_views(source, LOOK, []))
    same_views(live_views(str(clip), LOOK), read_views(source, LOOK, []))


def test_nothing_is_read_before_it_is_asked_for():
    asked = []

    def camera():
        for i in range(5):
            asked.append(i)
            yield blob(64, 48, 20 + i, 20)

    views = live_views(camera(), LOOK)
    for i in range(5):
        assert next(views).index == i
        assert asked == list(range(i + 1))


def test_a_camera_that_breaks_off_is_no_end(clip, monkeypatch):
    @contextmanager
    def opened(camera):
        with breaking_off(clip, 12, "Connection reset by peer") as container:
            yield container, camera

    monkeypatch.setattr(live, "_opened", opened)
    views = live_views("http://example.org/camera", LOOK)
    assert [next(views).index for _ in range(12)] == list(range(12))
    with pytest.raises(Unreadable, match=r"camera: broke off: Connection reset by peer"):
        next(views)
    assert len(list(live_views(str(clip), LOOK))) == 12, "a file that is cut short is used as far as it goes"


def test_of_a_camera_that_is_too_fast_the_newest_frame_is_seen():
    first_seen, eight_came, go_on = threading.Event(), threading.Event(), threading.Event()

    def camera():
        yield np.full((48, 64, 3), 0, np.uint8)
        first_seen.wait(5)
        yield from (np.full((48, 64, 3), i, np.uint8) for i in range(1, 9))
        eight_came.set()
        go_on.wait(5)
        yield np.full((48, 64, 3), 9, np.uint8)

    views = live_views(camera(), LOOK, latest=True)
    assert next(views).index == 0
    first_seen.set()
    assert eight_came.wait(5)
    newest = next(views)
    assert (newest.index, newest.pixels[0, 0, 0]) == (8, 8)
    go_on.set()
    assert [view.index for view in views] == [9]


@pytest.mark.parametrize("latest", [False, True])
def test_what_ends_a_camera_is_raised_in_its_turn(latest):
    def camera():
        yield blob(64, 48, 20, 20)
        raise ConnectionError("unplugged")

    views = live_views(camera(), LOOK, latest=latest)
    next(views)
    with pytest.raises(ConnectionError, match="unplugged"):
        next(views)


def test_whoever_stops_early_stops_the_camera():
    closed = threading.Event()

    def camera():
        try:
            while True:
                yield blob(64, 48, 20, 20)
        finally:
            closed.set()

    views = live_views(camera(), LOOK, latest=True)
    next(views)
    views.close()
    assert closed.is_set()


def test_a_box_is_what_is_seen_of_every_frame(clip):
    pixels = blob(64, 48, 20, 20)
    box = Box(10, 8, 16, 16)
    (view,) = live_views([pixels], Look(16, margin=0), box)
    np.testing.assert_array_equal(view.pixels, pixels[8:24, 10:26])
    assert view.place == box
    assert {view.place for view in live_views(clip, Look(16, margin=0), box)} == {box}


@pytest.mark.parametrize("camera", ["clip", "arrays"])
def test_a_box_outside_the_frame_is_refused(clip, camera):
    given = clip if camera == "clip" else [blob(64, 48, 20, 20)]
    with pytest.raises(PartposeError, match="lies outside the picture of 64×48 pixels"):
        next(live_views(given, LOOK, Box(100, 0, 10, 10)))


def test_large_arrays_are_squares_like_any_picture():
    pixels = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    (view,) = live_views([pixels], LOOK)
    np.testing.assert_array_equal(view.pixels, Picture(pixels, 300, 200).square(32))


@pytest.mark.parametrize("given", [np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), "a.png"])
def test_what_is_no_picture_is_refused(given):
    with pytest.raises(PartposeError, match=r"uint8 (pictures of shape|array) \(H, W, 3\), got"):
        next(live_views([given], LOOK))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_an_address_gives_the_frames_that_are_there(clip, server):
    same_views(live_views(f"{server}/{clip.name}", LOOK), live_views(clip, LOOK))


def test_an_address_that_does_not_answer_so_is_refused(server):
    with pytest.raises(Unreadable, match=r"http://.*/nothing.mp4: cannot be opened: "):
        next(live_views(f"{server}/nothing.mp4", LOOK))


def test_a_list_that_is_sent_opens_no_files_here(tmp_path, clip, server):
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{clip}\n#EXT-X-ENDLIST\n")
    with pytest.raises(Unreadable):
        next(live_views(f"{server}/list.m3u8", LOOK))


@pytest.mark.parametrize(
    ("platform", "camera", "name", "form"),
    [
        ("linux", 1, "/dev/video1", "v4l2"),
        ("linux", "/dev/video0", "/dev/video0", "v4l2"),
        ("darwin", 0, "0", "avfoundation"),
        ("win32", "video=USB Camera", "video=USB Camera", "dshow"),
    ],
)
def test_cameras_by_number_and_name(monkeypatch, platform, camera, name, form):
    def refuse(given, **options):
        assert (given, options["format"]) == (name, form)
        raise av.error.PermissionError(13, "Permission denied")

    monkeypatch.setattr(live.sys, "platform", platform)
    monkeypatch.setattr(live.av, "open", refuse)
    with pytest.raises(Unreadable, match=f"{name}: cannot be opened: Permission denied"):
        next(live_views(camera, LOOK))


def test_cameras_have_no_numbers_on_windows(monkeypatch):
    monkeypatch.setattr(live.sys, "platform", "win32")
    with pytest.raises(PartposeError, match="expected 'video=NAME', got 0"):
        next(live_views(0, LOOK))


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(Unreadable, match="does not exist"):
        next(live_views(tmp_path / "a.mp4", LOOK))
