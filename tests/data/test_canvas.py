import numpy as np
import pytest
from drawing import blob
from PIL import Image

from partpose.data import canvas
from partpose.data.canvas import extents, read_canvases
from partpose.data.cut import Box, Cut
from partpose.data.images import read_image
from partpose.data.reading import Look
from partpose.data.sources import find_sources
from partpose.errors import PartposeError


def sources_of(*inputs):
    return find_sources(inputs)[0]


def test_rows_are_the_squares_of_the_pictures(picture_folder):
    sources = sources_of(picture_folder)
    result = read_canvases(sources, Look(32))
    assert result.pixels.shape == (12, 32, 32, 3)
    assert result.names == sources[0].names
    assert (result.clip == -1).all()
    for row, path in zip(result.pixels, sources[0].files, strict=True):
        assert np.array_equal(row, read_image(path, side=32).square(32))


def test_videos_give_frames_spread_over_them(picture_folder, clip):
    result = read_canvases(sources_of(picture_folder, clip), Look(32), frames_per_video=4)
    assert result.pixels.shape == (16, 32, 32, 3)
    assert result.names[12:] == ("clip.mp4#0", "clip.mp4#10", "clip.mp4#19", "clip.mp4#29")
    assert result.clip.tolist() == [-1] * 12 + [1] * 4


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels(picture_folder, clip, channels):
    result = read_canvases(sources_of(picture_folder, clip), Look(16, channels), frames_per_video=2)
    assert result.pixels.shape == (14, 16, 16, channels)


def test_unreadable_files_leave_no_gap(bad_folder, clip, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    sources = sources_of(bad_folder.path, broken, clip)
    result = read_canvases(sources, Look(16), frames_per_video=3)
    assert result.names == (*bad_folder.good, "clip.mp4#0", "clip.mp4#14", "clip.mp4#29")
    assert result.clip.tolist() == [-1] * len(bad_folder.good) + [2] * 3
    assert len(result.skipped) == len(sources[0].files) - len(bad_folder.good) + 1
    whole = read_image(bad_folder.path / bad_folder.good[-1], side=16).square(16)
    assert np.array_equal(result.pixels[len(bad_folder.good) - 1], whole)


def test_a_video_cut_short_gives_the_frames_it_has(clip):
    data = clip.read_bytes()
    clip.write_bytes(data[: int(0.7 * len(data))])
    result = read_canvases(sources_of(clip), Look(16))
    assert 0 < len(result.names) < 30
    assert len(result.pixels) == len(result.clip) == len(result.names)


def test_the_result_does_not_depend_on_threads_or_place(picture_folder, clip, tmp_path, monkeypatch):
    sources = sources_of(picture_folder, clip)
    one = read_canvases(sources, Look(24), frames_per_video=7)
    monkeypatch.setattr(canvas.os, "cpu_count", lambda: 1)
    other = read_canvases(sources, Look(24), frames_per_video=7, memory_limit=1000, cache=tmp_path / "cache")
    assert isinstance(other.pixels, np.memmap)
    assert np.array_equal(one.pixels, other.pixels)
    assert one.names == other.names
    assert not list((tmp_path / "cache").iterdir())


def test_progress_counts_to_the_end(picture_folder, clip):
    calls = []
    read_canvases(
        sources_of(picture_folder, clip), Look(16), frames_per_video=5, progress=lambda *call: calls.append(call)
    )
    assert calls[-1] == (17, 17)
    assert calls == sorted(calls)


def test_an_interrupt_passes_through(picture_folder):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_canvases(sources_of(picture_folder), Look(16), progress=interrupt)


def test_a_folder_of_nothing_readable_is_said_with_the_first_reason(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).touch()
    with pytest.raises(
        PartposeError, match=r"none of the 2 pictures and videos can be read, the first: .*1\.png is empty"
    ):
        read_canvases(sources_of(tmp_path), Look(16))


def test_an_array_that_does_not_fit_is_refused_in_words(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    Image.fromarray(blob(20, 20, 10, 10)).save(tmp_path / "a.png")
    monkeypatch.setattr(canvas.os, "posix_fallocate", full)
    with pytest.raises(PartposeError, match=r"no room for 0\.0 GB for 1 pictures of 16 pixels"):
        read_canvases(sources_of(tmp_path), Look(16), memory_limit=1, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_picture_with_several_objects_gives_a_row_each(picture_folder):
    (source,) = sources_of(picture_folder)
    boxes = {0: (Cut(Box(2, 2, 12, 10), None, "a"), Cut(Box(20, 8, 9, 9), None, "b")), 3: (Cut(Box(4, 4, 8, 8)),)}
    result = read_canvases([source._replace(cuts=boxes)], Look(16))
    assert result.names == (f"{source.names[0]}@a", f"{source.names[0]}@b", source.names[3])
    assert np.array_equal(result.pixels[2], read_image(source.files[3]).square(16, Box(4, 4, 8, 8).square(0.25)))


def test_a_video_gives_the_frames_that_have_boxes_in_its_span(clip):
    (source,) = sources_of(clip)
    cuts = {i: (Cut(Box(0, 0, 20, 20)),) for i in range(0, 30, 2)}
    result = read_canvases([source._replace(cuts=cuts, frames=slice(5, 20))], Look(16), frames_per_video=3)
    assert result.names == ("clip.mp4#6", "clip.mp4#12", "clip.mp4#18")


def test_extents_are_what_of_a_square_is_picture():
    """A picture of 200×100 in its middle, a box that reaches over its left upper corner, and one inside."""
    squares = np.array([[0.0, -50.0, 200.0], [-20.0, -10.0, 80.0], [40.0, 20.0, 50.0]])
    found = extents(np.tile([[200, 100]], (3, 1)), squares)
    np.testing.assert_allclose(found, [[-1, -0.5, 1, 0.5], [-0.5, -0.75, 1, 1], [-1, -1, 1, 1]])
