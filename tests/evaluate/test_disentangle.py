"""The protocol gives full marks to a model that takes figures apart perfectly, and none to one that mixes all up."""

import json
import math

import numpy as np
import pytest
import torch
from training import save_untrained, small

from partpose import run
from partpose.data.figures import Plan, draw_figures, draw_picture, person_in, redraw, split_of
from partpose.errors import PartposeError
from partpose.evaluate import disentangle
from partpose.evaluate.disentangle import draw_pairs, evaluate_disentangling, pictures_of, plan_of
from partpose.geometry import Parts, Square
from partpose.model.part_model import Encoding, PartModel
from partpose.predict.predictor import Predictor

PLAN = Plan(people=12, pictures=72, size=48, background="plain", seed=0)
JOINTS = 15


class Artist(PartModel):
    """Knows the set: shapes are the joints and the picture's number, looks are the colours and the lender's number."""

    def draw(self, shape: int, looks: int) -> np.ndarray:
        return redraw(PLAN, shape, looks).pixels

    def encode(self, images, maps=None) -> Encoding:  # noqa: ARG002
        numbers = [KNOWN[pixels.tobytes()] for pixels in as_bytes(images)]
        square = Square.around(PLAN.size, PLAN.size)
        joints = np.stack([square.from_pixels(draw_picture(PLAN, i)[1].joints) for i in numbers])
        people = [person_in(PLAN, i) for i in numbers]
        looks = torch.zeros(len(numbers), JOINTS, 2)
        looks[:, :, 0] = torch.tensor([(*p.skin, *p.hair_colour, *p.shirt, *p.bottom, *p.shoes) for p in people])
        looks[:, 0, 1] = torch.tensor(numbers)
        cov = 0.002 * torch.eye(2).expand(len(numbers), JOINTS, 2, 2)
        shapes = torch.tensor(numbers)[:, None].expand(-1, JOINTS) / 1000
        return Encoding(Parts(torch.from_numpy(joints).float(), cov, shapes), looks, None)

    def decode(self, encoding: Encoding, size: int, painted: bool = False) -> torch.Tensor:  # noqa: ARG002
        shapes = (encoding.parts.confidence[:, 0] * 1000).round().int().tolist()
        looks = encoding.appearance[:, 0, 1].round().int().tolist()
        drawn = [PREDICTOR.canvas(self.draw(*pair)) for pair in zip(shapes, looks, strict=True)]
        return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2) / 255


class Copyist(Artist):
    """Puts the colours into the shape, and paints what the shape was, whatever looks it is given."""

    def draw(self, shape: int, looks: int) -> np.ndarray:  # noqa: ARG002
        return draw_picture(PLAN, shape)[1].pixels

    def encode(self, images, maps=None) -> Encoding:
        encoding = super().encode(images, maps)
        colours = encoding.appearance[..., :1].expand(-1, -1, 2)
        return encoding._replace(parts=encoding.parts._replace(mean=colours), appearance=encoding.parts.mean)


def as_bytes(images: torch.Tensor) -> np.ndarray:
    return (images.permute(0, 2, 3, 1) * 255).round().byte().contiguous().numpy()


def predictor(kind: type[Artist]) -> Predictor:
    settings = small().override({"model": {"parts": JOINTS, "size": 48}}, "the test")
    return Predictor(kind(settings.model).eval(), settings, {"pictures_seen": 7, "minutes": 0.5}, "artist", "digest")


PREDICTOR = predictor(Artist)
KNOWN = {PREDICTOR.canvas(draw_picture(PLAN, i)[1].pixels).tobytes(): i for i in range(PLAN.pictures)}


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.setattr(disentangle, "PAIRS", 20)
    draw_figures(tmp_path / "figures", PLAN.people, PLAN.pictures, PLAN.size, jobs=1)
    return tmp_path / "figures"


def test_shapes_and_looks_that_are_apart_get_full_marks(figures):
    ticks = []
    found = evaluate_disentangling(PREDICTOR, figures, ticks.append)
    assert found.swap.psnr_object == found.swap.psnr == found.rebuilt.psnr_object == 100
    assert found.swap.ssim == pytest.approx(1)
    assert found.swap.colour_error == 0
    assert found.unchanged.psnr_object < 20
    assert found.unchanged.colour_error > 0.05
    assert found.shape.joints < 0.02
    assert found.appearance.joints > 0.9
    assert found.appearance.colours > 0.5
    assert found.appearance.rank1 == 1
    assert found.shape.colours < 0.2
    assert found.shape.rank1 < 0.8
    assert (found.people, found.chance, found.pairs, found.pictures_seen) == (3, pytest.approx(1 / 3), 20, 7)
    assert sum(ticks) == 20 + PLAN.pictures


def test_a_model_that_mixes_all_up_gets_none(figures):
    found = evaluate_disentangling(predictor(Copyist), figures)
    assert found.swap == found.unchanged
    assert found.rebuilt.psnr == 100
    assert found.appearance.joints < 0.02
    assert found.shape.colours > 0.5
    assert found.shape.rank1 == 1
    assert found.appearance.rank1 < 0.8


def test_what_is_rebuilt_is_made_as_swaps_are(figures, monkeypatch):
    """Else no swap could be held against it: one would have the background from the picture, the other painted."""
    made, right = set(), Artist.decode
    monkeypatch.setattr(
        Artist, "decode", lambda *given, **how: made.add(repr(how or given[3:])) or right(*given, **how)
    )
    evaluate_disentangling(predictor(Artist), figures)
    assert len(made) == 1


def test_pairs_are_of_different_test_people_and_every_shape_comes_before_one_comes_again():
    pictures = pictures_of(PLAN, "test", 1000)
    assert {split_of(PLAN)[i % PLAN.people] for i in pictures} == {"test"}
    pairs = draw_pairs(PLAN, pictures, 40)
    assert pairs == draw_pairs(PLAN, pictures, 50)[:40]
    assert all(shape % PLAN.people != looks % PLAN.people for shape, looks in pairs)
    assert {shape for shape, _ in pairs[: len(pictures)]} == set(pictures)
    assert len({looks for _, looks in pairs}) > 15


def test_of_large_sets_some_pictures_are_taken():
    pictures = pictures_of(Plan(), "train", 300)
    assert (len(pictures), pictures[0], len(set(pictures))) == (300, 0, 300)


def test_of_many_people_some_are_taken_with_two_pictures_each():
    """With one picture of each nobody could be found again."""
    plan = Plan(people=4001, pictures=8002)
    people = [i % plan.people for i in pictures_of(plan, "test", 1000)]
    assert len(people) == 1000
    assert set(map(people.count, set(people))) == {2}


def test_other_sets_are_refused_in_one_line(tmp_path):
    with pytest.raises(PartposeError, match="was not drawn by `partpose figures`"):
        plan_of(tmp_path)
    draw_figures(tmp_path / "few", people=4, pictures=8, size=32, jobs=1)
    with pytest.raises(PartposeError, match="needs two people in the test split"):
        plan_of(tmp_path / "few")


def test_the_command_prints_a_table_and_writes_all_of_it(figures, tmp_path, capsys):
    model = str(save_untrained(tmp_path / "model"))
    run.evaluate_model(model, figures, "disentangle", json=tmp_path / "d.json", device="cpu")
    said = capsys.readouterr().out
    for words in ("20 shapes in the looks of", "PSNR on the person", "colour under each part", "rank-1", "5 parts"):
        assert words in said
    content = json.loads((tmp_path / "d.json").read_text())
    assert (content["protocol"], content["people"], content["set"]) == ("disentangle", 3, "figures")
    assert set(content["swap"]) == {"psnr_object", "psnr", "ssim_object", "ssim", "colour_error"}
    assert len(content["colour_error_per_part"]) == 5
    assert all(math.isfinite(value) for value in content["appearance"].values())
    for option, value in {"save-landmarks": tmp_path / "map.json", "average": 2}.items():
        with pytest.raises(PartposeError, match=f"leave --{option} out"):
            run.evaluate_model(model, figures, "disentangle", **{option.replace("-", "_"): value}, device="cpu")


@pytest.mark.parametrize("changes", [{"channels": 1}, {"channels": 4}, {"background": "masked"}])
def test_models_of_any_channels_and_background_are_measured(figures, changes):
    settings = small().override({"model": changes}, "the test")
    torch.manual_seed(0)
    found = evaluate_disentangling(Predictor(PartModel(settings.model).eval(), settings, {}, "a", "b"), figures)
    assert found.swap.psnr < found.unchanged.psnr + 20
