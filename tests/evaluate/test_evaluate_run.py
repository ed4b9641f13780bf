"""An evaluation's number is right where it can be known, and the test pictures never leak into the fit."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from dots import Blind, dots, places, predictor, save_set
from PIL import Image
from training import save_annotated, save_untrained, small

from partpose import run
from partpose.data.landmarks import read_landmarks, write_landmarks
from partpose.errors import PartposeError
from partpose.evaluate.pictures import read_pictures
from partpose.evaluate.regression import mean_pose
from partpose.evaluate.run import evaluate, untrained_like
from partpose.geometry import to_inside, to_pixels
from partpose.model.part_model import fresh_model
from partpose.predict.formats import read_hdf5
from partpose.predict.half import HalfPrecision
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.predictor import Predictor
from partpose.prediction import Wanted, predict_inputs

DOTS, BLIND = predictor(), predictor(Blind)
SPLITS = "aaae" * 15
DISTANCE = {"type": "distance", "indices": [0, 1], "name": "dot to dot"}
FIELDS = {
    "error": float, "error_low": float, "error_high": float, "mean_pose_error": float, "untrained_error": float,
    "per_landmark": dict, "parts": int, "alive": int, "doubled": int, "static": int, "pictures_seen": int,
    "minutes": float, "protocol": str, "intercept": bool, "size": int, "seed": int,
    "average": int,
}  # fmt: skip


def linear(where):
    """Three landmarks that are linear in the two dots."""
    return np.stack([where[:, 0], where[:, 1], 0.3 * where[:, 0] + 0.5 * where[:, 1] + 5], axis=1)


@pytest.fixture(scope="module")
def dot_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "dots"
    save_set(folder, SPLITS, linear, normaliser=DISTANCE)
    return folder


def test_landmarks_that_are_linear_in_the_parts_are_found(dot_set):
    result, fitted, skipped = evaluate(DOTS, dot_set, "image-size")
    assert result.error < 0.3
    assert 0 <= result.error_low <= result.error <= result.error_high
    assert result.mean_pose_error > 20 * result.error
    assert result.untrained_error > 3 * result.error
    assert fitted.names == ("landmark 0", "landmark 1", "landmark 2")
    assert (skipped, result.left_out, result.train_pictures, result.test_pictures) == ([], 0, 45, 15)
    assert (result.parts, result.alive, result.doubled) == (2, 2, 0)
    assert (result.pictures_seen, result.minutes, result.size, result.seed) == (7, 0.5, 64, 0)


def test_groups_of_training_pictures_have_a_say_and_are_counted(dot_set, tmp_path):
    there = tmp_path / "set"
    shutil.copytree(dot_set, there)
    names = read_landmarks(there).files
    lines = [f"{name},{'ab'[i % 2]}" for i, name in enumerate(names)]
    (there / "meta.csv").write_text("\n".join(["file,group", *lines]))
    assert evaluate(DOTS, dot_set, "image-size")[0].groups is None
    assert evaluate(DOTS, there, "image-size")[0].groups == 2


def test_parts_that_know_nothing_give_the_mean_pose(dot_set):
    result, _, _ = evaluate(BLIND, dot_set, "image-size")
    assert result.error == pytest.approx(result.mean_pose_error, rel=1e-6)


def test_the_mean_pose_is_that_of_the_training_pictures(dot_set):
    landmarks = read_landmarks(dot_set)
    train, test = landmarks.subset("train").points, landmarks.subset("test").points
    distance = np.linalg.norm(test - mean_pose(train), axis=-1)
    result = evaluate(DOTS, dot_set, "image-size")[0]
    assert result.mean_pose_error == pytest.approx(100 * distance.mean() / 64)


def test_pictures_of_other_sizes_are_measured_by_their_own_side(tmp_path):
    """One more with everything twice as large changes no relative error."""
    save_set(tmp_path / "a", SPLITS, linear)
    save_set(tmp_path / "b", SPLITS, lambda where: linear(where / 2) * 2, 128, 128)
    small, large = (evaluate(DOTS, tmp_path / name)[0] for name in "ab")
    assert small.mean_pose_error == pytest.approx(large.mean_pose_error, rel=1e-2)
    assert large.error < 0.3


def test_wide_pictures_are_measured_by_their_short_side(tmp_path):
    save_set(tmp_path, SPLITS, width=128, height=64)
    result, fitted, _ = evaluate(DOTS, tmp_path)
    landmarks = read_landmarks(tmp_path)
    train, test = landmarks.subset("train").points, landmarks.subset("test").points
    distance = np.linalg.norm(test - train.mean(0), axis=-1)
    assert result.mean_pose_error == pytest.approx(100 * distance.mean() / 64)
    assert (result.error < 0.6, result.protocol, result.unit) == (True, "image-size", "% of short side")
    assert fitted.protocol == "image-size"


def test_protocols_on_the_same_parts(dot_set):
    by_side = evaluate(DOTS, dot_set, "image-size")[0]
    by_distance = evaluate(DOTS, dot_set)[0]
    assert (by_distance.protocol, by_distance.unit) == ("normalised", "% of dot to dot")
    assert by_side.error < by_distance.error < 5 * by_side.error
    found = evaluate(DOTS, dot_set, "pck@0.1")[0]
    assert (found.error, found.higher_is_better) == (100.0, True)
    assert found.mean_pose_error < 60
    assert found.unit == "% of landmarks within 0.1 × dot to dot"
    with pytest.raises(PartposeError, match="protocol must be image-size, normalised, human36m or pck"):
        evaluate(DOTS, dot_set, "bogus")


def test_without_intercept_the_map_has_none(dot_set):
    result, fitted, _ = evaluate(DOTS, dot_set, "image-size", intercept=False)
    assert (result.intercept, fitted.intercept) == (False, None)
    assert result.error < 3
    assert evaluate(DOTS, dot_set, "image-size")[1].intercept is not None


def test_human36m_has_no_intercept_and_says_what_forgiving_a_flip_gains(tmp_path):
    """In test picture 3 left and right are exchanged, which nothing but forgiveness can mend."""

    def turned(where):
        where[3] = where[3, ::-1]
        return where

    save_set(tmp_path, SPLITS, turned, flip_pairs=((0, 1),))
    result, fitted, _ = evaluate(DOTS, tmp_path, "human36m")
    assert (result.intercept, fitted.intercept, result.unit) == (False, None, "% of image size")
    assert result.error_flip_forgiven is not None
    assert result.error_flip_forgiven < 1 < result.error
    plain = evaluate(DOTS, tmp_path, "image-size", intercept=False)[0]
    assert (result.ridge, plain.error_flip_forgiven) == (None, None)
    assert plain.error == pytest.approx(result.error, rel=1e-3)


def test_test_landmarks_never_change_the_map(dot_set, tmp_path):
    landmarks = read_landmarks(dot_set)
    test = np.array(landmarks.split) == "test"
    points = landmarks.points.copy()
    points[test] = np.random.default_rng(0).uniform(0, 64, points[test].shape)
    (tmp_path / "images").symlink_to(dot_set / "images")
    write_landmarks(tmp_path, replace(landmarks, root=tmp_path, points=points))
    (before, one, _), (after, other, _) = (evaluate(DOTS, folder, "image-size") for folder in (dot_set, tmp_path))
    np.testing.assert_array_equal(one.matrix, other.matrix)
    np.testing.assert_array_equal(one.intercept, other.intercept)
    assert after.error > 10 > before.error


def test_test_pictures_never_change_the_untrained_network(dot_set):
    landmarks = read_landmarks(dot_set)
    pictures, _ = read_pictures(DOTS.look, landmarks)
    changed = pictures.canvases.copy()
    changed[pictures.split == "test"] = 0
    one, other = (untrained_like(DOTS, p).network.state_dict() for p in (pictures, pictures._replace(canvases=changed)))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("train_pictures", [1, 2, 5, 40])
def test_the_untrained_network_s_maps_are_not_flat(tmp_path, train_pictures):
    landmarks = save_set(tmp_path, "a" * train_pictures + "e")
    pictures, _ = read_pictures(DOTS.look, landmarks)
    network = untrained_like(DOTS, pictures).network
    assert not network.training
    maps = network.part_maps(DOTS.tensor(pictures.canvases)).flatten(2)
    assert (maps.amax(-1) / maps.mean(-1)).median() > 5


@pytest.mark.parametrize("half", [False, True])
def test_the_untrained_network_has_been_taught_what_the_trained_one_was(dot_set, half):
    """Else the error that is due to the backbone alone would count as learned."""
    settings = small().override({"model": {"backbone": "imagenet"}}, "the test")
    network = fresh_model(settings.model).eval()
    expected = {name: tensor.clone() for name, tensor in network.shape.backbone.state_dict().items()}
    if half:
        network.shape = HalfPrecision(network.shape)
    model = Predictor(network, settings, {}, "taught", "digest")
    pictures, _ = read_pictures(model.look, read_landmarks(dot_set))
    found = untrained_like(model, pictures).network.shape.backbone.state_dict()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


def test_an_evaluation_leaves_random_numbers_alone(dot_set):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = evaluate(DOTS, dot_set)[0]
    assert torch.equal(torch.rand(3), expected)
    assert first == evaluate(DOTS, dot_set)[0]


def test_missing_and_broken_pictures_are_left_out_and_said(tmp_path):
    save_set(tmp_path, SPLITS, linear)
    (tmp_path / "images" / "0.png").unlink()
    (tmp_path / "images" / "3.png").write_text("no picture")
    result, _, skipped = evaluate(DOTS, tmp_path)
    assert [(line.path, line.reason) for line in skipped] == [
        (str(tmp_path / "images" / "0.png"), "does not exist"),
        (str(tmp_path / "images" / "3.png"), "is not a picture, or its beginning is damaged"),
    ]
    assert (result.train_pictures, result.test_pictures) == (44, 14)
    assert result.error < 0.5


def test_pictures_without_a_landmark_are_not_counted(tmp_path):
    save_set(tmp_path, SPLITS, linear)
    landmarks = read_landmarks(tmp_path)
    points = landmarks.points.copy()
    points[:4] = np.nan
    write_landmarks(tmp_path, replace(landmarks, points=points))
    result = evaluate(DOTS, tmp_path)[0]
    assert (result.train_pictures, result.test_pictures) == (42, 14)


def test_pictures_that_are_not_labelled_are_not_read(tmp_path):
    save_set(tmp_path, SPLITS + "uu", linear)
    (tmp_path / "images" / f"{len(SPLITS)}.png").unlink()
    assert evaluate(DOTS, tmp_path)[2] == []


def test_another_split_counts_neither_as_train_nor_as_test(dot_set, tmp_path):
    landmarks = read_landmarks(dot_set)
    split = ("val", "val", *landmarks.split[2:4], *["val"] * 4, *landmarks.split[8:])
    (tmp_path / "images").symlink_to(dot_set / "images")
    write_landmarks(tmp_path, replace(landmarks, root=tmp_path, split=split))
    result = evaluate(DOTS, tmp_path)[0]
    assert (result.train_pictures, result.test_pictures) == (40, 14)


def test_a_split_that_is_missing_or_cannot_be_read_is_said(tmp_path):
    save_set(tmp_path / "a", "aaau")
    with pytest.raises(PartposeError, match=r"no readable labelled .* split=test \(splits there: train, unlabelled\)"):
        evaluate(DOTS, tmp_path / "a")
    save_set(tmp_path / "b", "aaae")
    (tmp_path / "b" / "images" / "3.png").unlink()
    with pytest.raises(PartposeError, match=r"split=test .*3\.png: does not exist"):
        evaluate(DOTS, tmp_path / "b")
    for i in range(3):
        (tmp_path / "b" / "images" / f"{i}.png").unlink()
    with pytest.raises(PartposeError, match=r"none of the 4 pictures of .* can be read, the first: .*0\.png: does not"):
        evaluate(DOTS, tmp_path / "b")


def test_missing_landmarks_count_for_nothing(tmp_path):
    def some_missing(where):
        points = linear(where)
        points[::3, 2] = np.nan
        points[:, 1][np.array(list(SPLITS)) == "e"] = np.nan
        return points

    save_set(tmp_path, SPLITS, some_missing)
    result = evaluate(DOTS, tmp_path)[0]
    assert result.error < 0.5
    assert np.isnan(result.per_landmark["landmark 1"])
    run.write_json(result, tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text())["per_landmark"]["landmark 1"] is None


def test_everything_that_the_command_promises_is_in_the_file(dot_set, tmp_path, capsys):
    model = save_untrained(tmp_path / "model")
    run.evaluate_model(str(model), dot_set, json=tmp_path / "e.json", save_landmarks=tmp_path / "map.json")
    content = json.loads((tmp_path / "e.json").read_text())
    for name, kind in FIELDS.items():
        assert type(content[name]) is kind, name
    assert set(content["per_landmark"]) == {"landmark 0", "landmark 1", "landmark 2"}
    assert all(isinstance(value, float) for value in content["per_landmark"].values())
    out = capsys.readouterr().out
    for words in ("landmark 2", "mean pose", "untrained", f"written: {tmp_path / 'map.json'}"):
        assert words in out


@pytest.mark.parametrize("average", [1, 3])
def test_a_kept_map_gives_names_and_the_same_pixels(tmp_path, average):
    """`predict --landmarks` writes what `evaluate` has measured, keypoints averaged or not."""
    model, annotated = save_untrained(tmp_path / "model"), tmp_path / "set"
    landmarks = save_set(annotated, SPLITS, linear, width=90, height=64, skeleton=((0, 2), (2, 1)))
    kept = {"json": tmp_path / "e.json", "save_landmarks": tmp_path / "map"}
    run.evaluate_model(str(model), annotated, "image-size", average=average, **kept)
    wanted = Wanted(landmarks=tmp_path / "map", split="test", average=average)
    predict_inputs(str(model), [annotated], tmp_path / "out", wanted)
    poses = read_hdf5(tmp_path / "out" / "set.h5")
    assert (poses.names, poses.skeleton) == (landmarks.names, landmarks.skeleton)
    truth = landmarks.subset("test").points
    error = 100 * np.linalg.norm(poses.mean - truth, axis=-1).mean() / 64
    written = json.loads((tmp_path / "e.json").read_text())
    assert (written["average"], written["error"]) == (average, pytest.approx(error, rel=1e-4))
    header = (tmp_path / "out" / "set.csv").read_text().splitlines()[1]
    assert header.startswith("bodyparts,landmark 0,landmark 0,landmark 0,landmark 1")


def test_a_map_of_another_model_is_refused(dot_set, tmp_path):
    fitted = evaluate(DOTS, dot_set)[1]
    fitted.save(tmp_path / "map.json")
    poses = DOTS.predict(dot_set / "images")
    assert poses.landmarks(LandmarkMap.load(tmp_path / "map.json")).names == fitted.names
    other = predictor()
    other.digest = "another"
    with pytest.raises(PartposeError, match="fitted on another model"):
        other.predict(dot_set / "images").landmarks(fitted)


def test_the_map_in_pixels_is_the_map_inside(dot_set):
    fitted, poses = evaluate(DOTS, dot_set)[1], DOTS.predict(dot_set / "images")
    inside = fitted.apply(to_inside(poses.mean, poses.squares))
    np.testing.assert_allclose(poses.landmarks(fitted).mean, to_pixels(inside, poses.squares), atol=1e-9)


def test_objects_that_lie_in_no_box_are_counted(tmp_path, capsys):
    """A detector that misses the hard pictures would else make the error look better, and nobody would know."""
    model, annotated = save_untrained(tmp_path / "model"), save_annotated(tmp_path / "set", "aaaaeeee")
    rows = [f"images/{i}.png,2,2,36,36" for i in (0, 1, 2, 3, 4)]
    (tmp_path / "boxes.csv").write_text("\n".join(["file,x,y,w,h", *rows]) + "\n")
    run.evaluate_model(str(model), annotated, json=tmp_path / "e.json", boxes=str(tmp_path / "boxes.csv"))
    written = json.loads((tmp_path / "e.json").read_text())
    assert (written["test_pictures"], written["not_measured"]) == (1, 3)
    assert "3 more lie in no box" in " ".join(capsys.readouterr().out.split())


def test_it_reminds_of_the_boxes_of_the_training_unless_it_is_told(tmp_path, capsys):
    model, annotated = save_untrained(tmp_path / "model", "boxes.csv"), save_annotated(tmp_path / "set", "aaee")
    run.evaluate_model(str(model), annotated, boxes="none")
    assert capsys.readouterr().err == ""
    run.evaluate_model(str(model), annotated)
    assert "trained in boxes (boxes.csv) and now looks at the set's own boxes, if it has any" in capsys.readouterr().err


def test_a_folder_without_landmarks_is_refused(tmp_path):
    model = save_untrained(tmp_path / "model")
    with pytest.raises(PartposeError, match="holds no annotations of a format that is known"):
        run.evaluate_model(str(model), tmp_path)


@pytest.mark.parametrize("option", ["json", "save_landmarks"])
def test_what_cannot_be_written_is_said_before_the_work(dot_set, tmp_path, monkeypatch, option):
    model = save_untrained(tmp_path / "model")
    (tmp_path / "file").touch()
    monkeypatch.setattr(run, "evaluate", lambda *_: pytest.fail("the work has begun"))
    for path in (tmp_path, tmp_path / "file" / "e.json"):
        with pytest.raises(PartposeError, match="cannot be written"):
            run.evaluate_model(str(model), dot_set, **{option: path})


def test_an_evaluation_can_be_repeated(tmp_path):
    annotated = save_annotated(tmp_path / "set", "aaaaaaee")
    first, second = (asdict(evaluate(DOTS, annotated)[0]) for _ in range(2))
    assert first == second


def test_a_shared_picture_is_one_picture():
    """`dots` and `places` agree about where things are."""
    bright, dark = places(1, 64, 64)[0]
    poses = DOTS.predict(np.asarray(Image.fromarray(dots(64, 64, bright, dark))))
    np.testing.assert_allclose(poses.mean[0], [bright, dark], atol=0.3)
