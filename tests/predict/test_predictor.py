"""A predictor answers in pixels of the original, whatever the file; what it cannot read it lists."""

import json
import weakref
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from dots import Dots, dots, in_full, predictor
from PIL import Image
from training import save_pictures, save_untrained, small
from videos import save_video, turn

import partpose
from partpose.data import video
from partpose.data.reading import FRAMES_AHEAD
from partpose.data.sources import find_sources
from partpose.data.video import Frame
from partpose.errors import PartposeError
from partpose.model.part_model import PartModel, save_model
from partpose.predict.predictor import NothingRead, choose_device, load

SHAPES = [(640, 480), (480, 640), (101, 57), (57, 101), (33, 33), (400, 60), (60, 400), (1001, 999)]
DOTS = predictor()


def scene(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and where its two dots are."""
    where = np.array([[0.31 * width, 0.37 * height], [0.66 * width, 0.58 * height]])
    return dots(width, height, *where, radius=min(min(width, height) / 9, max(width, height) / 16)), where


def assert_found(poses, pixels, where, row=0) -> None:
    """Within half a pixel of the original, with the extent that the same parts have at full resolution."""
    mean, covariance = in_full(pixels)
    assert tuple(poses.sizes[row]) == pixels.shape[1::-1]
    np.testing.assert_allclose(poses.mean[row], where, atol=0.5)
    np.testing.assert_allclose(poses.mean[row], mean, atol=0.5)
    cell = max(pixels.shape[:2]) / DOTS.side
    np.testing.assert_allclose(poses.covariance[row], covariance, rtol=0.1, atol=0.4 * cell**2)


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_dots_are_found_where_they_are_in_the_original(tmp_path, width, height):
    pixels, where = scene(width, height)
    assert_found(DOTS.predict(pixels), pixels, where)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert_found(DOTS.predict(tmp_path / "a.png"), pixels, where)


@pytest.mark.parametrize("size", [32, 48, 128])
def test_other_sizes_of_the_network(size):
    pixels, where = scene(300, 200)
    np.testing.assert_allclose(predictor(size=size).predict(pixels).mean[0], where, atol=0.5)


@pytest.mark.parametrize("width", [640, 90])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_answered_in_upright_pixels(tmp_path, orientation, width):
    upright, where = scene(width, width * 3 // 4)
    stored = Image.fromarray(upright)
    # What the orientation asks a reader to do, undone
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert_found(DOTS.predict(tmp_path / "a.jpg"), upright, where)


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_video_is_answered_in_upright_pixels(tmp_path, turns):
    lying, _ = scene(320, 240)
    path = save_video(tmp_path / "a.mp4", [lying] * 3)
    turn(path, turns)
    upright = np.rot90(lying, turns)
    poses = DOTS.predict(path)
    assert len(poses) == 3
    for row in range(3):
        assert_found(poses, upright, in_full(upright)[0], row)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_grey_and_transparent_models_take_every_input(tmp_path, channels, mode):
    pixels, where = scene(120, 90)
    model = predictor(channels=channels)
    image = Image.fromarray(pixels)
    for kind in ("L", "LA", "RGB", "RGBA"):
        image.convert(kind).save(tmp_path / f"{kind}.png")
    video = save_video(tmp_path / "a.mp4", [pixels])
    for input in (pixels, video, *(tmp_path / f"{kind}.png" for kind in ("L", "LA", "RGB", "RGBA"))):
        assert_found(model.predict(input), pixels, where)
    assert model.canvas(pixels).shape == (80, 80, len(mode))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_real_network_of_any_channels_predicts_encodes_and_decodes(tmp_path, channels):
    settings = small().override({"model": {"channels": channels}}, "the test")
    save_model(tmp_path, PartModel(settings.model), settings, {})
    model = load(tmp_path, "cpu")
    pixels, _ = scene(50, 70)
    assert np.isfinite(model.predict(pixels).mean).all()
    assert model.decode(model.encode(pixels)).shape == (1, 48, 48, channels)


def test_arrays_of_one_size_and_of_any_sizes():
    shapes = [(60, 80), (80, 60), (33, 47)]
    scenes = [scene(*shape) for shape in shapes]
    for given in ([pixels for pixels, _ in scenes], (pixels for pixels, _ in scenes)):
        poses = DOTS.predict(given, batch=2)
        assert poses.sizes.tolist() == [list(shape) for shape in shapes]
        for row, (pixels, where) in enumerate(scenes):
            assert_found(poses, pixels, where, row)
    stacked = DOTS.predict(np.stack([scenes[0][0]] * 5), batch=2)
    assert (len(stacked), stacked.files, stacked.fps) == (5, None, None)
    assert (stacked.mean == stacked.mean[0]).all()
    assert len(DOTS.predict(scenes[0][0])) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((8, 8), np.float32), r"shape \(H, W, 3\), got float32 \(8, 8\)"),
        (None, "expected a picture as a uint8 array .*, got NoneType"),
        (np.zeros((8, 8, 4), np.uint8), r"got uint8 \(8, 8, 4\)"),
        (np.zeros((2, 8, 8, 1), np.uint8), r"got uint8 \(8, 8, 1\)"),
        (np.zeros((8, 8, 3)), r"got float64 \(8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), r"got uint8 \(0, 8, 3\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no pictures were given"),
        ([], "no pictures were given"),
        (["a.png"], "expected one path, .* got a list of paths: name the folder they are in"),
    ],
)
def test_arrays_that_are_no_pictures(given, words):
    with pytest.raises(PartposeError, match=words):
        DOTS.predict(given)


def test_grey_arrays_and_pillow_s_pictures_will_do():
    pixels, _ = scene(80, 80)
    expected = DOTS.predict(pixels).mean
    for given in (Image.fromarray(pixels), [Image.fromarray(pixels)], Image.fromarray(pixels).convert("RGBA")):
        np.testing.assert_array_equal(DOTS.predict(given).mean, expected)
    clear = Image.fromarray(np.dstack([pixels, np.zeros((80, 80), np.uint8)]), "RGBA")
    np.testing.assert_array_equal(DOTS.predict(clear).mean, DOTS.predict(np.zeros_like(pixels)).mean)
    grey = pixels[..., 0]
    np.testing.assert_array_equal(DOTS.predict(grey).mean, DOTS.predict(np.stack([grey] * 3, -1)).mean)
    assert DOTS.encode(Image.fromarray(pixels)).appearance.shape[:2] == (1, 2)
    with pytest.raises(PartposeError, match=r"expected a picture as a uint8 array .*, got str"):
        DOTS.encode("a.png")


def test_a_batch_of_none_is_refused(picture_folder):
    with pytest.raises(PartposeError, match="batch must be at least 1, got 0"):
        DOTS.predict(picture_folder, batch=0)


def test_a_folder_gives_its_pictures_by_name(picture_folder):
    poses = DOTS.predict(str(picture_folder), batch=5)
    assert poses.files == tuple(f"{'more/' if i > 6 else ''}frame{i}.{'png' if i % 2 else 'jpg'}" for i in range(1, 13))
    assert (poses.source, poses.fps, poses.skipped) == (str(picture_folder), None, ())
    assert np.isnan(poses.time_stamp).all()


def test_a_video_gives_its_frames_by_index_and_time(clip):
    poses = DOTS.predict(clip, batch=7)
    assert poses.frame_index.tolist() == list(range(30))
    np.testing.assert_allclose(poses.time_stamp, np.arange(30) / 25, atol=1e-3)
    assert (poses.files, poses.fps) == (None, 25.0)


@pytest.mark.usefixtures("clip")
def test_several_inputs_in_one_path_are_refused_in_words(tmp_path):
    save_pictures(tmp_path, 2)
    with pytest.raises(
        PartposeError, match=r"holds 2 inputs \(videos, or pictures and videos\): predict one at a time"
    ):
        DOTS.predict(tmp_path)


def test_results_do_not_depend_on_the_batch(picture_folder):
    one, all_at_once = DOTS.predict(picture_folder, batch=1), DOTS.predict(picture_folder, batch=100)
    np.testing.assert_allclose(one.mean, all_at_once.mean, atol=1e-4)
    assert one.files == all_at_once.files


def test_unreadable_pictures_are_listed_by_their_path(bad_folder):
    poses = DOTS.predict(bad_folder.path)
    assert poses.files == bad_folder.good
    listed = {line.path: line.reason for line in poses.skipped}
    assert len(listed) == len(poses.skipped) == len(bad_folder.bad)
    for name, word in bad_folder.bad.items():
        assert word in listed[str(bad_folder.path / name)]


def test_nothing_but_unreadable_pictures_still_lists_each(tmp_path):
    for name in ("a.png", "b.png", "c.jpg"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / "d.png").symlink_to("nowhere")
    with pytest.raises(NothingRead, match=r"none of the pictures of .* can be read, the first: .*d\.png") as raised:
        DOTS.predict(tmp_path)
    listed = sorted(line.path for line in raised.value.skipped)
    assert listed == [str(tmp_path / name) for name in ("a.png", "b.png", "c.jpg", "d.png")]


def test_a_video_cut_short_gives_what_could_be_decoded(tmp_path):
    rng = np.random.default_rng(0)
    path = save_video(tmp_path / "a.mp4", [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)])
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    poses = DOTS.predict(path)
    assert 10 < len(poses) < 60
    (line,) = poses.skipped
    assert line.path == str(path)
    assert f"{len(poses)} frames could be decoded" in line.reason


@pytest.mark.parametrize(("content", "words"), [("", "is empty"), ("no video", "is not a video")])
def test_what_is_no_video_is_refused_in_words(tmp_path, content, words):
    (tmp_path / "a.mp4").write_text(content)
    with pytest.raises(PartposeError, match=words):
        DOTS.predict(tmp_path / "a.mp4")


def test_a_long_video_does_not_fill_the_memory(clip, monkeypatch):
    frames, most = [], 0

    def read(path, *_):  # noqa: ARG001
        nonlocal most
        for i in range(100):
            frame = Frame(i, i / 25, av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            frames.append(weakref.ref(frame))
            yield frame
            most = max(most, sum(one() is not None for one in frames))

    monkeypatch.setattr(video, "read_frames", read)
    (source,), _ = find_sources([clip])
    assert len(DOTS.predict_source(source, batch=8)) == 100
    assert most <= FRAMES_AHEAD + 1


def test_progress_is_told_as_it_goes(picture_folder):
    (source,), _ = find_sources([picture_folder])
    steps = []
    DOTS.predict_source(source, 5, tick=steps.append)
    assert steps == [5, 5, 2]


def test_a_result_says_where_it_comes_from(picture_folder):
    about = DOTS.predict(picture_folder).provenance
    assert set(about) == {"version", "model", "model_hash", "config_hash", "input", "date"}
    assert (about["model"], about["model_hash"], about["input"]) == ("dots", "digest", str(picture_folder))
    assert about["version"] == partpose.__version__


@pytest.mark.usefixtures("clip")
def test_five_lines_of_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_untrained(tmp_path / "runs" / "demo")
    model = partpose.load("runs/demo")
    poses = model.predict("clip.mp4")
    assert poses.mean.shape == (30, 5, 2)
    assert poses.covariance.shape == (30, 5, 2, 2)
    assert poses.confidence.shape == (30, 5)
    assert isinstance(poses, partpose.Poses)
    assert repr(model) == "Predictor('runs/demo': 5 parts, 48×48 px, cpu)"


def test_a_model_by_name_or_by_a_path_which_wins(tmp_path, monkeypatch):
    shipped = save_untrained(tmp_path / "package" / "weights" / "people")
    package = SimpleNamespace(files=lambda _: tmp_path / "package")
    monkeypatch.setattr("partpose.model.shipped.resources", package)
    monkeypatch.chdir(tmp_path)
    assert load("people", "cpu").facts["pictures_seen"] == 0
    own = save_untrained(tmp_path / "people")
    config = json.loads((own / "config.json").read_text())
    config["training"]["pictures_seen"] = 99
    (own / "config.json").write_text(json.dumps(config))
    assert load("people", "cpu").facts["pictures_seen"] == 99
    assert load("people", "cpu").digest == load(shipped, "cpu").digest
    with pytest.raises(PartposeError, match=r"no model folder cows, and no shipped model .* \(there are: people\)"):
        load("cows")


def test_a_network_is_loaded_in_evaluation_mode_and_keeps_no_gradients(tmp_path):
    model = load(save_untrained(tmp_path / "m"), "cpu")
    assert not model.network.training
    assert not model.parts(np.zeros((1, 48, 48, 3), np.uint8)).mean.requires_grad


def test_devices_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(PartposeError, match="no device 'cuda:99' on this machine: expected one of cpu"):
        choose_device("cuda:99")


def test_the_fake_network_is_exact_at_its_own_size():
    """So that what is measured above is the way there and back."""
    pixels, _ = scene(80, 80)
    mean, _ = in_full(pixels)
    np.testing.assert_allclose(DOTS.predict(pixels).mean[0], mean, atol=5e-3)
    assert isinstance(DOTS.network, Dots)


def test_uncertainty_is_in_pixels_of_the_original_and_follows_its_size():
    model = predictor()
    model.uncertainty = 4
    picture = dots(80, 80, (25, 38), (62, 50))
    small, large = model.predict(picture), model.predict(picture.repeat(4, axis=0).repeat(4, axis=1))
    assert (small.uncertainty > 0).all()
    assert (small.uncertainty < 1).all()
    np.testing.assert_allclose(large.uncertainty, 4 * small.uncertainty, rtol=0.2)
    assert small.history == ("uncertainty(changes=4, scale=1.000)",)
    model.facts["uncertainty_scale"] = 3.0
    np.testing.assert_allclose(model.predict(picture).uncertainty, 3 * small.uncertainty, rtol=1e-5)


def test_an_average_is_near_the_plain_prediction_and_the_rest_is_the_plain_one_s():
    model, picture = predictor(), dots(160, 120, (40, 60), (120, 70))
    plain = model.predict(picture)
    model.average = 5
    average = model.predict(picture)
    assert 0 < np.abs(average.mean - plain.mean).max() < 0.5
    np.testing.assert_array_equal(average.covariance, plain.covariance)
    assert average.history == ("average(pictures=5)",)
    assert np.isnan(average.uncertainty).all()
    assert plain.history == ()


def test_who_watches_sees_every_batch_once():
    model, seen = predictor(), []
    model.watch = lambda images, maps: seen.append((len(images), maps.shape[1:]))
    model.uncertainty = 3
    model.predict(np.stack([dots(64, 64, (20, 30), (50, 40))] * 5), batch=2)
    assert [count for count, _ in seen] == [2, 2, 1]
    assert seen[0][1] == (2, 40, 40)
