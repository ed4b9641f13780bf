"""A transferred clip has the motion's frames and times, one look throughout, and shapes as smooth as was asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dots import dots, predictor
from PIL import Image
from videos import save_uneven, save_video

from partpose.data.cut import Box, Cut
from partpose.data.sources import find_sources
from partpose.data.video import probe, read_frames
from partpose.edit.pictures import few_views
from partpose.edit.transfer import Motion, of_track, smooth_shapes, steady_scene, transfer
from partpose.errors import PartposeError
from partpose.model.part_model import PartModel
from partpose.predict.finish import Finish
from partpose.predict.predictor import Predictor

DOTS = predictor()
FRAMES = [dots(64, 48, (14 + i, 20), (50 - i, 30)) for i in range(8)]


@pytest.fixture
def looks(tmp_path):
    Image.fromarray(dots(64, 64, (20, 20), (40, 50))).save(tmp_path / "looks.png")
    return few_views(DOTS, [tmp_path / "looks.png"], 4)[0]


def motion_of(path, model=DOTS) -> Motion:
    source = find_sources([path])[0][0]
    return Motion(source, model.predict_source(source))


def written(path) -> tuple[list[float], np.ndarray]:
    frames = list(read_frames(path))
    return [frame.time for frame in frames], np.stack([frame.pixels for frame in frames])


def test_every_frame_is_the_motions_shape_in_the_looks(tmp_path, looks):
    moves = motion_of(save_video(tmp_path / "clip.mp4", FRAMES))
    assert transfer(DOTS, moves, looks, tmp_path / "out.mp4") == []
    times, pixels = written(tmp_path / "out.mp4")
    assert pixels.shape == (8, 320, 320, 3)
    worn = DOTS.encode(looks[0].pixels)
    for frame, found in zip(read_frames(tmp_path / "clip.mp4"), pixels, strict=True):
        expected = DOTS.decode(DOTS.encode(frame.pixels).replace(worn))[0]
        assert np.abs(np.asarray(Image.fromarray(found).resize((80, 80))).astype(int) - expected).mean() < 3
    assert times == pytest.approx([i / 25 for i in range(8)], abs=1e-4)


def test_uneven_time_stamps_are_kept(tmp_path, looks):
    at = [0, 4, 10, 11, 30, 31, 32, 50]
    moves = motion_of(save_uneven(tmp_path / "clip.mp4", FRAMES, at))
    transfer(DOTS, moves, looks, tmp_path / "out.mp4")
    assert written(tmp_path / "out.mp4")[0] == pytest.approx([t / 100 for t in at], abs=1e-4)


def test_pictures_of_a_folder_follow_each_other(tmp_path, looks):
    (tmp_path / "frames").mkdir()
    for i, pixels in enumerate(FRAMES):
        Image.fromarray(pixels).save(tmp_path / "frames" / f"{i}.png")
    transfer(DOTS, motion_of(tmp_path / "frames"), looks, tmp_path / "out.mp4", fps=10)
    assert probe(tmp_path / "out.mp4").fps == 10
    assert len(written(tmp_path / "out.mp4")[0]) == 8


def test_the_motion_and_the_looks_are_shown_beside_it(tmp_path, looks):
    moves, told = motion_of(save_video(tmp_path / "clip.mp4", FRAMES)), []
    transfer(DOTS, moves, looks * 3, tmp_path / "out.mp4", side_by_side=True, progress=lambda *done: told.append(done))
    _, pixels = written(tmp_path / "out.mp4")
    assert pixels.shape[2] == 3 * 328 + 8
    assert told == [(i + 1, 8) for i in range(8)]
    moving = pixels[:, -328:-8, 8:328].reshape(8, 80, 4, 80, 4, 3).mean(axis=(2, 4))
    for frame, found in zip(FRAMES, moving, strict=True):
        assert np.abs(found - DOTS.canvas(frame)).mean() < 6
    looks_shown = pixels[:, -328:-8, 336:656].astype(int)
    assert np.abs(looks_shown - looks_shown[:1]).mean() < 2


def test_a_frame_that_cannot_be_read_again_is_black(tmp_path, looks):
    (tmp_path / "frames").mkdir()
    for i in range(3):
        Image.fromarray(FRAMES[i]).save(tmp_path / "frames" / f"{i}.png")
    moves = motion_of(tmp_path / "frames")
    (tmp_path / "frames" / "1.png").unlink()
    skipped = transfer(DOTS, moves, looks, tmp_path / "out.mp4", side_by_side=True)
    assert [one.reason for one in skipped] == ["does not exist"]
    _, pixels = written(tmp_path / "out.mp4")
    assert [bool(one.mean() < 20) for one in pixels[:, -328:-8, 8:328]] == [False, True, False]


@pytest.mark.parametrize("background", ["masked", "camera"])
def test_the_background_is_one_and_the_same(tmp_path, looks, background):
    """With the shapes held still nothing changes, though the motion's pictures do."""
    torch.manual_seed(0)
    settings = DOTS.settings.override({"model": {"background": background}}, "the test")
    model = Predictor(PartModel(settings.model).eval(), settings, {}, "a", "b")
    moves = motion_of(save_video(tmp_path / "clip.mp4", FRAMES), model)
    still = np.broadcast_to(moves.poses.mean[:1], moves.poses.mean.shape)
    extent = np.broadcast_to(moves.poses.covariance[:1], moves.poses.covariance.shape)
    held = Motion(moves.source, replace(moves.poses, mean=still, covariance=extent))
    transfer(model, held, looks, tmp_path / "out.mp4")
    _, pixels = written(tmp_path / "out.mp4")
    changed = np.abs(pixels.astype(int) - pixels[0])
    assert changed.max() <= 12, "what H.264 makes of sharp edges, and no more"
    assert changed.mean() < 0.2


def test_a_fixed_camera_sees_the_scene_without_what_moves():
    """A bright square of 16 pixels that moves on by 4 a frame, before grey: the scene is grey, and known nearly everywhere."""
    frames = np.full((12, 64, 64, 3), 128, np.uint8)
    for i in range(12):
        frames[i, 16:32, 4 * i : 4 * i + 16] = 255
    scene = steady_scene(frames)
    assert scene is not None
    assert scene.shape == (1, 64, 64, 4)
    assert (scene[..., :3] == 128).all()
    assert (scene[..., 3] == 255).all()
    # What is bright in most frames belongs to the scene; what is so in six of twelve is not known
    frames[:6, 48:] = 255
    scene = steady_scene(frames)
    assert (scene[0, 48:] == 0).all()


def test_a_camera_that_moves_has_no_scene():
    assert steady_scene(np.random.default_rng(0).integers(0, 2, (9, 64, 64, 3), np.uint8) * 255) is None


@pytest.mark.parametrize("how", ["median", "savgol", "kalman"])
def test_smooth_shapes_are_steadier_and_stay_covariances(tmp_path, how):
    poses = motion_of(save_video(tmp_path / "clip.mp4", FRAMES * 4)).poses
    still = np.broadcast_to(poses.covariance[:1], poses.covariance.shape).copy()
    rng = np.random.default_rng(0)
    restless = still * rng.uniform(0.7, 1.4, (*still.shape[:2], 1, 1))
    if how == "median":
        restless[10] = [[900, 800], [800, 900]]
    smooth = smooth_shapes(replace(poses, covariance=restless), Finish(smooth=how)).covariance
    assert np.abs(smooth - still).max() < 0.8 * np.abs(restless - still).max()
    assert np.abs(np.diff(smooth, axis=0)).sum() < 0.7 * np.abs(np.diff(restless, axis=0)).sum()
    np.testing.assert_allclose(smooth, smooth.swapaxes(2, 3))
    assert (np.linalg.eigvalsh(smooth) >= 0).all()


def test_smoothing_leaves_what_does_not_change(tmp_path):
    poses = motion_of(save_video(tmp_path / "clip.mp4", FRAMES[:1] * 12)).poses
    same = replace(poses, covariance=np.broadcast_to(poses.covariance[:1], poses.covariance.shape))
    smooth = smooth_shapes(same, Finish(smooth="savgol"))
    np.testing.assert_allclose(smooth.covariance, same.covariance, rtol=1e-4, atol=1e-4)
    assert smooth.history == ("savgol_filter(window=9, degree=2, max_gap=0)",)


def test_one_object_of_several_is_taken(tmp_path):
    source = find_sources([save_video(tmp_path / "clip.mp4", FRAMES)])[0][0]
    a, b = (Cut(Box(x, 0, 32, 32), track=name) for x, name in ((0, "a"), (30, "b")))
    both = source._replace(cuts={0: (a, b), 1: (b,), 2: (a,)})
    assert of_track(both, "a").cuts == {0: (a,), 2: (a,)}
    assert of_track(both._replace(cuts={1: (b,)}), None).cuts == {1: (b,)}
    assert of_track(source, None) is source
    with pytest.raises(PartposeError, match=r"shows 2 objects \('a', 'b'\): expected one of them as --track"):
        of_track(both, None)
    with pytest.raises(PartposeError, match="expected one of them as --track"):
        of_track(both, "c")
    with pytest.raises(PartposeError, match="none by name"):
        of_track(source, "a")
