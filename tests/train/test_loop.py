import json
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training import Listener, canvases, interrupt, small, train_in

from partpose.data.cameras import Cameras
from partpose.errors import PartposeError
from partpose.model import pretrained
from partpose.model.backbone import Backbone
from partpose.model.part_model import WEIGHTS, load_model, read_config
from partpose.model.pretrained import teach
from partpose.train import loop
from partpose.train.checkpoint import CHECKPOINT, Standing, read_standing
from partpose.train.health import Health
from partpose.train.learn_facing import Faced
from partpose.train.run_folder import LOG, RUN, RunExists

pytestmark = [pytest.mark.training, pytest.mark.xdist_group("training")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run of 12 steps."""
    folder = tmp_path_factory.mktemp("whole")
    assert train_in(folder).standing.finished
    return folder


def steps_of(folder):
    return [json.loads(line)["step"] for line in (folder / LOG).read_text().splitlines()]


def test_a_run_leaves_a_model_a_log_and_a_grid(tmp_path):
    listener = Listener()
    outcome = train_in(tmp_path, small(steps=5), listener)
    assert (outcome.standing.step, outcome.standing.finished, outcome.steps, outcome.signal) == (5, True, 5, None)
    assert steps_of(tmp_path) == listener.steps == [2, 4, 5]
    assert listener.grids == [5]
    facts = read_config(tmp_path)[1]
    assert (facts["pictures"], facts["pictures_seen"], facts["steps"], facts["finished"]) == (10, 40, 5, True)


def test_the_average_is_what_is_saved(whole):
    weights, checkpoint = load_file(whole / WEIGHTS), load_file(whole / CHECKPOINT)
    assert all(torch.equal(weights[name], checkpoint[f"average.{name}"]) for name in weights)
    assert not all(torch.equal(weights[name], checkpoint[f"model.{name}"]) for name in weights)


@pytest.mark.parametrize("steps", [[2], [4, 8], [10]])
def test_a_run_that_was_interrupted_ends_with_the_same_file(tmp_path, whole, steps):
    for step in steps:
        outcome = train_in(tmp_path, listener=interrupt(step), resume=True)
        assert (outcome.standing.step, outcome.standing.finished, outcome.signal) == (step, False, signal.SIGINT)
    assert train_in(tmp_path, resume=True).standing.finished
    assert (tmp_path / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert steps_of(tmp_path) == steps_of(whole)


def test_going_on_from_an_older_checkpoint_doubles_no_line_of_the_log(tmp_path, whole):
    class Killed(Exception):
        pass

    def kill(step):
        if step == 8:
            raise Killed

    with pytest.raises(Killed):
        train_in(tmp_path, listener=Listener(kill))
    assert read_standing(tmp_path).step == 6
    assert steps_of(tmp_path)[-1] == 8
    train_in(tmp_path, resume=True)
    assert (tmp_path / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert steps_of(tmp_path) == steps_of(whole)


def test_a_finished_run_is_left_as_it_is(whole):
    before = (whole / CHECKPOINT).read_bytes()
    outcome = train_in(whole, resume=True, read=None)
    assert (outcome.standing.step, outcome.standing.finished, outcome.steps) == (12, True, 0)
    assert (whole / CHECKPOINT).read_bytes() == before


def test_a_run_is_not_started_over(whole):
    with pytest.raises(RunExists, match="already holds a run"):
        train_in(whole)


def test_a_run_goes_on_with_its_own_settings_only(whole):
    with pytest.raises(PartposeError, match=r"other settings \(train.steps 12 → 13\): .* with --init .*whole"):
        train_in(whole, small(steps=13), resume=True)
    with pytest.raises(PartposeError, match=r"model.parts 5 → 6\): .* in another folder$"):
        train_in(whole, small().override({"model": {"parts": 6}}, "the test"), resume=True)


@pytest.mark.parametrize("before_the_first_checkpoint", [True, False])
def test_a_run_goes_on_with_its_own_pictures_only(tmp_path, before_the_first_checkpoint):
    train_in(tmp_path, listener=interrupt(2))
    if before_the_first_checkpoint:
        (tmp_path / CHECKPOINT).unlink()
    with pytest.raises(
        PartposeError, match="started with 10 pictures of pictures, and pictures holds 9: name the same"
    ):
        train_in(tmp_path, resume=True, read=lambda: canvases(9))
    assert train_in(tmp_path, resume=True).standing.finished


def test_a_signal_while_reading_ends_at_once(tmp_path):
    def read():
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("reading went on")

    handler = signal.getsignal(signal.SIGTERM)
    outcome = train_in(tmp_path, read=read)
    assert (outcome.standing, outcome.signal) == (Standing(0, 0.0, False), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert (tmp_path / RUN).is_file()
    assert train_in(tmp_path, small(), resume=True).standing.finished


@pytest.mark.parametrize(("steps", "minutes"), [(None, 0.01), (10**6, 0.01), (3, 60)])
def test_whichever_bound_comes_first_ends_the_run(tmp_path, steps, minutes):
    outcome = train_in(tmp_path, small(steps=steps, minutes=minutes))
    assert outcome.standing.finished
    assert outcome.standing.step == 3 if steps == 3 else outcome.standing.seconds >= 0.6


def test_a_loss_that_is_not_a_number_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    right = loop.total
    monkeypatch.setattr(loop, "total", lambda terms, settings: right(terms, settings) * next(factors))
    factors = iter([1.0] * 7 + [float("nan")] * 9)
    with pytest.raises(PartposeError, match=r"not a number at step 8; the checkpoint of step 6 is kept. Try a train.l"):
        train_in(tmp_path)
    assert read_standing(tmp_path).step == 6
    assert all(p.isfinite().all() for p in load_model(tmp_path)[0].parameters())


def test_weights_that_are_not_numbers_are_never_saved(tmp_path, monkeypatch):
    right = loop.total
    monkeypatch.setattr(loop, "total", lambda terms, settings: right(terms, settings) * next(factors))
    factors = iter([1.0] * 4 + [float("nan")] * 9)
    with pytest.raises(PartposeError, match="not a number at step 6"):
        train_in(tmp_path, small(log_every=100))
    assert read_standing(tmp_path).step == 3


def test_a_warm_start_takes_the_weights(tmp_path, whole):
    train_in(tmp_path, small(steps=1, learning_rate=1e-9), init=whole)
    new, old = load_file(tmp_path / WEIGHTS), load_file(whole / WEIGHTS)
    assert all(torch.allclose(new[name], old[name], atol=1e-5) for name in new if "running" not in name)


def test_a_warm_start_from_another_network_is_refused_and_leaves_nothing(tmp_path, whole):
    other = small().override({"model": {"parts": 6}}, "the test")
    with pytest.raises(PartposeError, match="parts 5 there, 6 here"):
        train_in(tmp_path / "run", other, init=whole, read=None)
    with pytest.raises(PartposeError, match="no trained model in"):
        train_in(tmp_path / "run", init=tmp_path, read=None)
    assert not (tmp_path / "run").exists()


def test_a_warm_start_may_change_what_shapes_no_weight(tmp_path, whole):
    changes = {"dropout": 0.1, "logit_scale": 2.0, "gaussian_scale": 0.8}
    other = small(steps=1).override({"model": changes}, "the test")
    assert train_in(tmp_path, other, init=whole).standing.finished


def test_a_backbone_is_the_published_one_before_and_after_and_goes_with_the_model(tmp_path, monkeypatch):
    settings = small(steps=4).override({"model": {"backbone": "imagenet"}}, "the test")
    backbone = Backbone()
    teach(backbone)
    train_in(tmp_path, settings, listener=interrupt(2))
    assert train_in(tmp_path, settings, resume=True).standing.finished
    monkeypatch.setattr(pretrained, "find_spec", lambda _: None)  # a user of the model needs no package
    found = load_model(tmp_path)[0].shape.backbone.state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in backbone.state_dict().items())
    with pytest.raises(PartposeError, match="needs the package"):
        train_in(tmp_path / "other", settings, read=None)


@pytest.mark.parametrize("steps", [[], [4]])
def test_facing_is_learned_when_a_run_ends_or_is_stopped(tmp_path, steps):
    settings = small(steps=6).override({"model": {"backbone": "imagenet", "facing": True}}, "the test")
    for step in steps:
        train_in(tmp_path, settings, listener=interrupt(step))
        assert load_model(tmp_path)[0].shape.facing.any()
    assert train_in(tmp_path, settings, resume=True).standing.finished
    model, _, facts = load_model(tmp_path)
    assert model.shape.facing.any()
    assert 0 <= facts["facing"]["turned"] <= 0.5
    assert 0 <= facts["facing"]["agreement"] <= 1


def test_one_picture_is_enough_for_a_run_with_facing(tmp_path):
    settings = small(steps=2).override({"model": {"backbone": "imagenet", "facing": True}}, "the test")
    listener = Listener()
    assert train_in(tmp_path, settings, listener, read=lambda: canvases(1)).standing.finished
    assert any("not sure" in text for text in listener.warnings)


def test_what_there_is_is_kept_before_facing_is_learned(tmp_path, monkeypatch):
    """It takes seconds, and who stopped the run may stop it again."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "learn_facing", killed)
    settings = small(steps=2).override({"model": {"backbone": "imagenet", "facing": True}}, "the test")
    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path, settings)
    assert read_standing(tmp_path).step == 2


@pytest.mark.parametrize(("agreement", "said"), [(0.7, ["agrees in 70% of them"]), (0.95, [])])
def test_a_facing_that_is_not_sure_is_told(tmp_path, monkeypatch, agreement, said):
    monkeypatch.setattr(loop, "learn_facing", lambda *_: Faced(0.5, agreement))
    listener = Listener()
    settings = small(steps=1).override({"model": {"backbone": "imagenet", "facing": True}}, "the test")
    train_in(tmp_path, settings, listener)
    assert len(listener.warnings) == len(said)
    assert all(words in text for words, text in zip(said, listener.warnings, strict=True))


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_pictures_than_a_batch(tmp_path, count):
    assert train_in(tmp_path, small(steps=2), read=lambda: canvases(count)).standing.finished


@pytest.mark.parametrize("stop", [True, False])
def test_a_hopeless_run_stops_with_advice_and_keeps_its_model(tmp_path, monkeypatch, stop):
    parts = torch.ones(5, dtype=torch.bool)
    monkeypatch.setattr(loop, "measure", lambda *_: Health(parts, parts, ~parts, torch.zeros(5)))
    monkeypatch.setattr(loop.Watch, "LONG", 4)
    listener = Listener()
    if not stop:
        assert train_in(tmp_path, small(steps=16, stop_hopeless=False), listener).standing.finished
        return
    with pytest.raises(PartposeError, match=r"stopped at step 8, .* 5 doubled, 0 static\): .*--loss.separation"):
        train_in(tmp_path, small(steps=16), listener)
    assert read_standing(tmp_path).step == read_config(tmp_path)[1]["steps"] == 8
    assert listener.grids == [8]
    with pytest.raises(PartposeError, match="stopped at step"):
        train_in(tmp_path, small(steps=16), resume=True)
    assert read_standing(tmp_path).step < 12, "it goes on counting where it stopped"


def test_the_rows_of_the_next_step_are_asked_for_in_this_one(tmp_path, monkeypatch):
    soon, looked = [], []
    right = loop.Batches.at
    monkeypatch.setattr(loop.Batches, "soon", lambda _, rows: soon.append(rows.tolist()))
    monkeypatch.setattr(loop.Batches, "at", lambda self, rows: looked.append(rows.tolist()) or right(self, rows))
    clip = lambda: canvases()._replace(clip=np.zeros(10, np.int64))  # noqa: E731
    settings = small(steps=3, log_every=10).override({"data": {"pairs": "video"}}, "the test")
    train_in(tmp_path, settings, read=clip)
    steps = [rows for rows in looked if len(rows) == 8]
    pictures, partners = steps[1::2], steps[::2]
    assert soon[:4] == [pictures[1], partners[1], pictures[2], partners[2]]


def test_a_scene_stands_behind_the_pictures_of_its_camera_and_behind_no_other():
    scene = np.full((1, 4, 4, 3), 100, np.uint8)
    steady = np.ones((1, 4, 4), bool)
    steady[0, 0, 0] = False
    pixels, border = np.zeros((3, 4, 4, 3), np.uint8), np.zeros((1, 1), np.float32)
    cameras = Cameras(pixels, border, scene, steady)
    cameras.of = np.array([0, -1, 0]).take
    found = loop.Scenes(cameras, torch.device("cpu"))(np.array([1, 2]))
    assert found.shape == (2, 4, 4, 4)
    assert (found[0] == 0).all(), "a picture of no camera"
    torch.testing.assert_close(found[1, :3], torch.full((3, 4, 4), 100 / 255))
    assert found[1, 3].tolist() == torch.from_numpy(steady[0]).float().tolist()
    none = Cameras(pixels, border[:0], scene[:0], steady[:0])
    assert loop.Scenes(none, torch.device("cpu"))(np.array([0])) is None
