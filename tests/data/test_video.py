from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
from drawing import blob
from videos import breaking_off, turn

from partpose.data import video
from partpose.data.images import Unreadable
from partpose.data.video import VideoWriter, count_packets, probe, read_frames, sample_frames
from partpose.errors import PartposeError


def numbered(count, height=48, width=64):
    """Frames whose brightness is six times their number."""
    return [np.full((height, width, 3), 6 * i, np.uint8) for i in range(count)]


def number_of(frame):
    return round(float(frame.pixels.mean()) / 6)


def write(path, frames, fps=25):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps) as writer:
        for pixels in frames:
            writer.write(pixels)
    return path


def write_with(path, codec, frames, times=None, **options):
    """A video from any encoder, at times in 1/100 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        if times:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 100)
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_frames_come_in_order_with_their_index_and_time(tmp_path):
    frames = list(read_frames(write(tmp_path / "a.mp4", numbered(40), fps=30)))
    assert [frame.index for frame in frames] == list(range(40))
    assert [number_of(frame) for frame in frames] == list(range(40))
    assert np.allclose([frame.time for frame in frames], np.arange(40) / 30, atol=1e-3)


def test_b_frames_are_put_into_presentation_order(tmp_path):
    path = write_with(tmp_path / "a.mp4", "libx264", numbered(30), bf="3", b_adapt="0", g="12")
    with av.open(str(path)) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert stamps != sorted(stamps), "the file has no B-frames, so the test shows nothing"
    assert [number_of(frame) for frame in read_frames(path)] == list(range(30))


def test_a_variable_frame_rate_keeps_its_time_stamps(tmp_path):
    times = [0, 4, 8, 50, 51, 52, 300, 304]
    path = write_with(tmp_path / "a.mkv", "libx264", numbered(8), times)
    assert np.allclose([frame.time for frame in read_frames(path)], np.array(times) / 100, atol=2e-3)


@pytest.mark.parametrize(
    ("start", "stop", "every", "expected"),
    [(0, None, 1, list(range(20))), (3, 12, 4, [3, 7, 11]), (18, 99, 1, [18, 19]), (30, None, 1, []), (5, 5, 1, [])],
)
def test_a_part_of_a_video(tmp_path, start, stop, every, expected):
    path = write(tmp_path / "a.mp4", numbered(20))
    frames = list(read_frames(path, start, stop, every))
    assert [frame.index for frame in frames] == expected == [number_of(frame) for frame in frames]


@pytest.mark.parametrize(("start", "every"), [(-1, 1), (0, 0)])
def test_a_part_that_makes_no_sense_is_refused(clip, start, every):
    with pytest.raises(PartposeError, match="expected start >= 0"):
        read_frames(clip, start, None, every)


@pytest.mark.parametrize(("count", "expected"), [(3, [0, 10, 19]), (1, [0]), (500, list(range(20)))])
def test_a_sample_is_spread_over_the_video(tmp_path, count, expected):
    path = write(tmp_path / "a.mp4", numbered(20))
    assert [frame.index for frame in sample_frames(path, count)] == expected


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("avi", "mpeg4"),
        ("mov", "libx264"),
        ("mkv", "libx264"),
        ("webm", "libvpx"),
        ("mpg", "mpeg1video"),
        ("wmv", "wmv2"),
        ("MTS", "libx264"),
        ("m4v", "libx264"),
    ],
)
def test_containers(tmp_path, suffix, codec):
    path = write_with(tmp_path / f"a.{suffix}", codec, numbered(12))
    assert [number_of(frame) for frame in read_frames(path)] == list(range(12))
    assert count_packets(path) == 12
    assert probe(path)[:3] == (64, 48, 25.0)


def test_avi_says_nothing_of_when_reordered_frames_are_shown(tmp_path):
    path = write_with(tmp_path / "a.avi", "libx264", numbered(24), bf="3")
    found = list(read_frames(path))
    assert [number_of(frame) for frame in found] == list(range(24))
    np.testing.assert_allclose([frame.time for frame in found], np.arange(24) / 25)


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_a_container_that_ends_early_without_an_error_is_said(tmp_path, suffix):
    rng, skipped = np.random.default_rng(0), []
    codec = "libvpx" if suffix == "webm" else "libx264"
    frames = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)]
    path = write_with(tmp_path / f"a.{suffix}", codec, frames, [*range(0, 200, 4), *range(200, 700, 10)])
    assert len(list(read_frames(path, skipped=skipped))) == 100
    assert skipped == [], "frames that come at any time are no damage"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 10 < len(list(read_frames(path, skipped=skipped))) < 90
    assert len(skipped) == 1


@pytest.mark.parametrize("turns", range(4))
def test_rotation_metadata_is_applied(tmp_path, turns):
    path = write(tmp_path / "a.mp4", [blob(64, 48, 15, 10)] * 3)
    lying = next(read_frames(path)).pixels
    turn(path, turns)
    assert np.array_equal(next(read_frames(path)).pixels, np.rot90(lying, turns))
    assert probe(path)[:2] == ((64, 48) if turns % 2 == 0 else (48, 64))


def means(pixels, factor):
    """Of blocks of factor × factor pixels."""
    height, width = (side // factor for side in pixels.shape[:2])
    return pixels.reshape(height, factor, width, factor, 3).mean((1, 3))


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_frame_is_the_mean_of_its_pixels(tmp_path, factor, turns):
    path = write(tmp_path / "a.mp4", [blob(320, 240, 100, 90)])
    turn(path, turns)
    frame = next(read_frames(path))
    exact, reduced = means(frame.pixels.astype(float), factor), frame.reduced(factor)
    assert reduced.shape == (-(-frame.height // factor), -(-frame.width // factor), 3)
    # The usual way to RGB repeats colours over two pixels each way, which costs it a level
    assert np.abs(reduced - exact).mean() < 1
    assert np.quantile(np.abs(reduced - exact), 0.99) <= 3
    assert frame.reduced(1) is frame.pixels


def test_a_reduced_frame_of_odd_sides_stands_for_all_of_it(tmp_path):
    frame = next(read_frames(write_with(tmp_path / "a.avi", "mpeg4", numbered(3, 47, 61))))
    assert frame.reduced(4).shape == (12, 16, 3)


@pytest.mark.parametrize(("width", "height"), [(65, 48), (64, 49), (33, 17)])
def test_odd_sizes_are_padded_by_an_edge_pixel(tmp_path, width, height):
    pixels = blob(width, height, width - 1, height - 1)
    frame = next(read_frames(write(tmp_path / "a.mp4", [pixels])))
    assert frame.pixels.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame.pixels[:height, :width].astype(int) - pixels).mean() < 6
    assert np.abs(frame.pixels[:height, -1].astype(int) - pixels[:, -1]).mean() < 12


def test_an_odd_sized_file_is_read_at_its_size(tmp_path):
    path = write_with(tmp_path / "a.avi", "mpeg4", numbered(3, 47, 61))
    assert next(read_frames(path)).pixels.shape == (47, 61, 3)


def test_a_file_cut_short_gives_what_it_has(tmp_path):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "a.mp4", [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)])
    data, skipped = path.read_bytes(), []
    path.write_bytes(data[: int(0.6 * len(data))])
    frames = list(read_frames(path, skipped=skipped))
    assert 10 < len(frames) < 60
    assert [line.path for line in skipped] == [str(path)]
    assert f"{len(frames)} frames could be decoded" in skipped[0].reason


def test_damage_in_the_middle_does_not_end_the_video(tmp_path):
    rng = np.random.default_rng(0)
    path, skipped = tmp_path / "a.mp4", []
    data = bytearray(write(path, [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)]).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    frames = list(read_frames(path, skipped=skipped))
    assert frames[-1].time == pytest.approx(59 / 25)
    assert len(skipped) == 1


def test_frames_still_in_the_decoder_survive_a_read_error(clip, monkeypatch):
    @contextmanager
    def open_failing(path):
        with breaking_off(path, 20, "Input/output error") as container:
            yield container, container.streams.video[0]

    whole = list(read_frames(clip))
    monkeypatch.setattr(video, "open_video", open_failing)
    skipped = []
    found = list(read_frames(clip, skipped=skipped))
    times = [frame.time for frame in found]
    assert (len(found), sorted(times)) == (20, times)
    assert set(times) <= {frame.time for frame in whole}
    assert "Input/output error" in skipped[0].reason


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"this is text, not a video", "is not a video"), (None, "does not exist")],
)
def test_what_is_no_video_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: next(read_frames(path)), lambda: probe(path), lambda: count_packets(path)):
        with pytest.raises(Unreadable, match=words):
            read()


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ""])
def test_a_list_of_other_files_is_no_video(clip, ending):
    path = clip.with_name(f"list{ending}")
    path.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    with pytest.raises(Unreadable, match="is not a video"):
        next(read_frames(path))


def test_sound_without_pictures_is_refused_in_words(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(Unreadable, match="no video stream"):
        next(read_frames(path))


def test_a_tiny_video_is_refused_in_words(tmp_path):
    path = write_with(tmp_path / "a.avi", "mpeg4", numbered(2, 8, 8))
    with pytest.raises(Unreadable, match="8×8 pixels"):
        next(read_frames(path))


def test_probe_says_what_the_header_says(clip):
    assert probe(clip) == (64, 48, 25.0, 30)
    write(clip, numbered(12, 64, 96), 30)
    assert probe(clip) == (96, 64, 30.0, 12)


def test_browsers_can_play_what_is_written(clip):
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "playing would have to wait for the whole file"
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize(("fps", "expected"), [(29.97, 29.97), (250, 250), (0, 25), (float("nan"), 25), (1e-9, 25)])
def test_frame_rates(tmp_path, fps, expected):
    assert probe(write(tmp_path / "a.mp4", numbered(5), fps)).fps == pytest.approx(expected, rel=1e-3)


def written_at(path, times, fps=25):
    """The times that frames get which were written at these."""
    with VideoWriter(path, 64, 48, fps) as writer:
        for pixels, time in zip(numbered(len(times)), times, strict=True):
            writer.write(pixels, time)
    frames = list(read_frames(path))
    assert [number_of(frame) for frame in frames] == list(range(len(times)))
    return [frame.time for frame in frames]


@pytest.mark.parametrize("start", [0.0, 1.4, -0.5])
def test_frames_keep_the_distances_of_their_times(tmp_path, start):
    times = np.array([0, 0.04, 0.08, 0.5, 0.51, 0.52, 3, 3.04])
    assert np.allclose(written_at(tmp_path / "a.mp4", times + start), times, atol=1e-4)


def test_a_time_that_is_none_is_replaced_by_the_frame_rate(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        for i, pixels in enumerate(numbered(4)):
            writer.write(pixels, float("nan") if i > 1 else i / 25)
    np.testing.assert_allclose([frame.time for frame in read_frames(tmp_path / "a.mp4")], np.arange(4) / 25)


def test_times_that_do_not_rise_are_replaced_by_the_frame_rate(tmp_path):
    times = [5.0, 5.04, 5.04, 0.0, 0.04, 0.04 + 1e-9]
    assert np.allclose(written_at(tmp_path / "a.mp4", times), np.arange(6) / 25, atol=1e-4)


@pytest.mark.parametrize("fps", [24000 / 1001, 60000 / 1001, 30, 240, 1000])
def test_even_times_give_the_frame_rate_back(tmp_path, fps):
    written_at(tmp_path / "a.mp4", [i / fps for i in range(40)], fps)
    assert probe(tmp_path / "a.mp4").fps == pytest.approx(fps, rel=1e-3)


def test_a_failure_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        writer.write(numbered(1)[0])
        raise ZeroDivisionError
    with pytest.raises(PartposeError, match="no frame"), VideoWriter(tmp_path / "a.mp4", 64, 48, 25):
        pass
    with pytest.raises(ValueError, match=r"uint8 \(48, 64, 3\)"), VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as writer:
        writer.write(numbered(1)[0][1:])
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path):
    with pytest.raises(PartposeError, match="is a folder"), VideoWriter(tmp_path, 64, 48, 25) as writer:
        writer.write(numbered(1)[0])
