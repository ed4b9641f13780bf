"""Whether it is told right which way cattle face."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dots import save_set

from partpose.data.landmarks import read_landmarks
from partpose.errors import PartposeError
from partpose.evaluate.pictures import Pictures
from partpose.model.facing import FacingShape


@pytest.fixture
def farms(tmp_path):
    """Three pictures, each of a farm of its own."""
    save_set(tmp_path / "set", "aae")
    names = read_landmarks(tmp_path / "set").files
    lines = [f"{name},{farm}" for name, farm in zip(names, ("east", "west", "north"), strict=True)]
    (tmp_path / "set/meta.csv").write_text("\n".join(["file,group", *lines]) + "\n")
    return tmp_path / "set"


def test_a_divided_set_holds_the_pictures_of_its_groups_and_no_other(farms, tmp_path, module):
    there = module("facing").divided(farms, ("west",), "north", tmp_path / "there")
    before, found = read_landmarks(farms), read_landmarks(there)
    assert (found.files, found.split) == (before.files[1:], ("train", "test"))
    np.testing.assert_allclose(found.points, before.points[1:], atol=1e-3)
    assert (found.names, found.normaliser) == (before.names, before.normaliser)
    pictures = {path.relative_to(there).as_posix() for path in there.rglob("*.png")}
    assert pictures == set(found.files)


def test_a_group_that_is_not_there_is_named(farms, tmp_path, module):
    with pytest.raises(PartposeError, match="no group south"):
        module("facing").divided(farms, ("west",), "south", tmp_path / "there")


def walking(ways: list[int], split: list[str]) -> Pictures:
    """Animals of mouth and tail, a third of the picture from its middle on either side; 0 for one without a tail."""
    x = np.array([[48.0 + 32 * way, 48.0 - 32 * way if way else np.nan] for way in ways])
    points = np.stack([x, np.full_like(x, 48.0)], axis=-1)
    count = len(ways)
    square, size = np.tile([0.0, 0.0, 96.0], (count, 1)), np.full((count, 2), 96)
    return Pictures(np.zeros((count, 32, 32, 3), np.uint8), size, square, points, np.array(split), None)


def test_an_animal_faces_where_its_mouth_is(module):
    found = module("facing").ways(walking([1, -1, 0], ["train"] * 3), ("mouth", "tail"))
    np.testing.assert_array_equal(found, [1, -1, np.nan])


def test_who_knows_the_facing_guesses_the_mean_of_that_way(module):
    pictures = walking([1, 1, -1, -1, 1], ["train", "train", "train", "test", "test"])
    facing = module("facing")
    found = facing.mean_of_each_way(pictures, facing.ways(pictures, ("mouth", "tail")))
    np.testing.assert_allclose(found, pictures.points[3:], atol=1e-6)


@pytest.mark.parametrize("usual", [True, False])
def test_which_way_is_the_usual_one_counts_for_nothing(usual, module, monkeypatch):
    """Of five training and two test pictures one each is told wrong."""
    facing = module("facing")
    truth, told = [1, 1, -1, -1, 1, 1, -1], np.array([1, 1, -1, -1, -1, 1, 1.0])
    pictures = walking(truth, ["train"] * 5 + ["test"] * 2)
    monkeypatch.setattr(facing, "read_pictures", lambda *_: (pictures, []))
    monkeypatch.setattr(facing, "told_ways", lambda *_: told if usual else -told)
    off = np.array([[[1.0, 0.0]], [[9.0, 0.0]]])
    monkeypatch.setattr(facing, "find_landmarks", lambda *_: (None, pictures.points[5:] + off))
    landmarks = SimpleNamespace(names=("mouth", "tail"), normaliser=None, flip_pairs=())
    found = facing.judge(SimpleNamespace(look=None), landmarks)
    assert (found.right, found.right_elsewhere) == (0.8, 0.5)
    np.testing.assert_allclose([found.error_right, found.error_wrong], [100 / 96, 900 / 96])
    assert found.error_of_each_way == pytest.approx(0, abs=1e-6)


def test_what_the_model_tells_is_which_picture_it_takes(module):
    torch.manual_seed(0)
    shape = FacingShape(3, 2, 8, 3.0, 0.0).eval()
    shape.facing.normal_()
    predictor = SimpleNamespace(
        network=SimpleNamespace(shape=shape),
        settings=SimpleNamespace(model=SimpleNamespace(backbone="imagenet")),
        tensor=lambda canvases: torch.from_numpy(canvases).permute(0, 3, 1, 2).float() / 255,
    )
    pictures = walking([1] * 6, ["test"] * 6)
    canvases = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
    told = module("facing").told_ways(predictor, pictures._replace(canvases=canvases))
    mirrored = module("facing").told_ways(predictor, pictures._replace(canvases=canvases[:, :, ::-1].copy()))
    np.testing.assert_array_equal(told, -mirrored)
