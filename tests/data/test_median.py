import numpy as np
import pytest
from PIL import Image
from scenery import folder, frame, path, scene
from videos import save_video

from partpose.data import median
from partpose.data.images import Unreadable
from partpose.data.median import is_fixed_camera, quantile, sample, stills
from partpose.data.sources import Source, find_sources
from partpose.errors import Skipped


def frames_of(count=24, shift=0, seed=0, **looks):
    """The disc on its way; shift: by how many pixels the camera jumps from frame to frame."""
    background, rng = scene(seed=seed), np.random.default_rng(seed)
    seen = []
    for i, middle in enumerate(path(count)):
        jump = tuple(rng.integers(-shift, shift + 1, 2))
        seen.append(np.roll(frame(background, middle, i, **looks), jump, (0, 1)))
    return seen


def is_fixed(frames):
    return is_fixed_camera(frames, quantile(frames))


def frames_in(source, side=None):
    return [still.pixels for still in sample(source, side)]


def video(path, frames):
    return find_sources([save_video(path, frames)])[0][0]


@pytest.mark.parametrize("share", [0.0, 0.15, 0.5, 0.85, 0.99])
@pytest.mark.parametrize("count", [1, 8, 9])
def test_quantiles_are_those_of_a_sorted_stack(count, share):
    frames = np.random.default_rng(0).integers(0, 256, (count, 70, 5, 3)).astype(np.uint8)
    place = min(count - 1, round(share * count) if share < 0.5 else int(share * count))
    np.testing.assert_array_equal(quantile(list(frames), share), np.sort(frames, axis=0)[place])


def test_the_median_shows_the_scene_without_what_moves(tmp_path):
    found = quantile(frames_in(folder(tmp_path / "in", frames_of())))
    assert found.shape == (120, 160, 3)
    assert np.abs(found - scene()).max() < 8


def test_the_median_of_a_video_reduced(tmp_path):
    found = quantile(frames_in(video(tmp_path / "v.mp4", frames_of()), side=80))
    assert found.shape == (60, 80, 3)
    expected = scene().reshape(60, 2, 80, 2, 3).mean((1, 3))
    assert np.median(np.abs(found - expected)) < 8


def test_stills_stand_for_whole_pictures_and_keep_their_size_and_place(tmp_path):
    source = folder(tmp_path / "in", frames_of(5))
    seen = list(stills(source, 40, 3))
    assert [(s.index, s.width, s.height, s.pixels.shape) for s in seen] == [
        (i, 160, 120, (30, 40, 3)) for i in (0, 2, 4)
    ]
    assert [s.pixels.shape for s in stills(source)] == [(120, 160, 3)] * 5


def test_stills_of_a_span_of_a_video(tmp_path):
    source = video(tmp_path / "v.mp4", frames_of(12))._replace(frames=slice(2, 11, 3))
    assert [s.index for s in stills(source, 40)] == [2, 5, 8]
    assert [s.index for s in stills(source, 40, 2)] == [2, 8]


def test_a_broken_picture_is_passed_over(tmp_path):
    source = folder(tmp_path / "in", frames_of(9))
    source.files[3].write_text("no picture")
    skipped: list[Skipped] = []
    assert [s.index for s in stills(source, 40, skipped=skipped)] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert [line.path for line in skipped] == [str(source.files[3])]


def test_memory_is_bounded_by_taking_fewer_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(median, "MEMORY", 10 * 120 * 160 * 3)
    kept = sample(folder(tmp_path / "in", frames_of(24)))
    assert [still.index for still in kept] == [0, 4, 8, 12, 16, 20]


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(Unreadable):
        sample(Source(tmp_path / "a.mp4", "video", (tmp_path / "a.mp4",), ("a.mp4",), "a"))


def test_pictures_of_two_sizes_are_not_of_one_camera(tmp_path):
    source = folder(tmp_path / "in", frames_of(12))
    Image.new("RGB", (160, 100)).save(source.files[5])
    with pytest.raises(Unreadable, match="160×120 and 160×100 pixels"):
        sample(source)


@pytest.mark.parametrize("looks", [{}, {"noise": 8}, {"gain": 0.8}, {"radius": 40}], ids="-".join)
def test_a_camera_that_stands(looks):
    assert is_fixed(frames_of(**looks))


def test_brightness_that_drifts_is_forgiven():
    background = scene()
    frames = [frame(background, at, i, gain=0.75 + 0.5 * i / 24) for i, at in enumerate(path(24))]
    assert is_fixed(frames)


@pytest.mark.parametrize("shift", [3, 8])
def test_a_camera_that_shakes(shift):
    assert not is_fixed(frames_of(shift=shift))


def test_a_camera_that_pans():
    wide = scene(width=320)
    assert not is_fixed([frame(wide[:, 4 * i : 4 * i + 160], (80, 60), i) for i in range(24)])


@pytest.mark.parametrize("cameras", [2, 3, 24])
def test_several_scenes(cameras):
    assert not is_fixed([frame(scene(seed=i % cameras), at, i) for i, at in enumerate(path(24))])


def test_noise_without_a_scene_is_fixed():
    assert is_fixed([frame(np.full((100, 100, 3), 128, np.float32), None, i, noise=8) for i in range(20)])


@pytest.mark.parametrize(("name", "fixed"), [("mouse_openfield", True), ("faces_lfw5", False), ("human_mocap3", False)])
def test_real_sets(shared_data, name, fixed):
    assert is_fixed(frames_in(find_sources([shared_data / name])[0][0], side=256)) is fixed
