"""Settings: limits, presets, overrides, and errors that name what is wrong."""

import pytest
import yaml
from pydantic import ValidationError

from partpose.config import ModelSettings, Settings, load_preset, merge, parse, presets, read_yaml
from partpose.errors import PartposeError


def refusal(call) -> str:
    """The one line that `call` is refused with."""
    with pytest.raises(PartposeError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_presets_are_the_ones_that_are_promised():
    assert {"smoke", "figures", "faces", "people", "animals", "lorenz2019"} <= set(presets())


@pytest.mark.parametrize("name", presets())
def test_every_preset_loads(name):
    settings = load_preset(name)
    assert settings.model.canvas % 16 == 0
    assert settings.train.steps or settings.train.minutes


def test_lorenz2019_has_the_weights_of_the_original():
    s = load_preset("lorenz2019")
    assert (s.loss.mean, s.loss.covariance, s.loss.squared, s.loss.reconstruction) == (5.0, 0.1, True, "weighted-l2")
    assert (s.model.parts, s.model.appearance, s.model.gaussian_scale) == (16, 64, 0.8)
    assert (s.loss.separation, s.loss.concentration) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"part": 3}}, ["unknown key 'model.part'", "did you mean 'model.parts'?"]),
        ({"trian": {}}, ["unknown key 'trian'", "did you mean 'train'"]),
        ({"train": {"learning_rat": 1}}, ["'train.learning_rat'", "'train.learning_rate'"]),
        ({"loss": {"xyzzy": 1}}, ["'loss.xyzzy'", "known here", "separation"]),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(changes, words):
    text = refusal(lambda: Settings().override(changes, "my.yaml"))
    assert text.startswith("my.yaml: ")
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"size": 100}}, ["model.size", "multiple of 16", "got 100", "try 96"]),
        ({"model": {"parts": 0}}, ["model.parts", "got 0"]),
        ({"model": {"channels": 5}}, ["model.channels", "got 5"]),
        ({"model": {"architecture": "vgg"}}, ["model.architecture", "compact", "lorenz2019", "got 'vgg'"]),
        ({"train": {"learning_rate": -1}}, ["train.learning_rate", "got -1"]),
        ({"transform": {"zoom": 1.5}}, ["transform.zoom", "got 1.5"]),
        ({"model": 5}, ["model", "got 5"]),
        ({"model": {"architecture": "lorenz2019", "backbone": "imagenet"}}, ["lorenz2019", "set model.backbone none"]),
        ({"model": {"architecture": "lorenz2019", "facing": True}}, ["lorenz2019", "set model.facing false"]),
        ({"model": {"facing": True}}, ["facing needs a backbone", "set model.backbone imagenet"]),
    ],
)
def test_a_value_out_of_limits_is_refused_with_key_and_value(changes, words):
    text = refusal(lambda: Settings().override(changes, "the command line"))
    assert all(word in text for word in words)


def test_presets_for_photographs_have_a_backbone():
    found = {name: load_preset(name).model.backbone for name in presets()}
    assert {name for name, backbone in found.items() if backbone == "imagenet"} == {"animals", "faces", "people"}


def test_a_run_without_an_end_is_refused():
    text = refusal(lambda: Settings().override({"train": {"steps": None, "minutes": None}}, "x"))
    assert "train.minutes" in text
    assert "steps" in text


def test_all_mistakes_are_told_at_once():
    text = refusal(lambda: parse({"model": {"parts": 0, "widht": 1}}, "x"))
    assert "model.parts" in text
    assert "'model.width'" in text


def test_override_changes_what_is_named_and_keeps_the_rest():
    changed = load_preset("faces").override({"model": {"parts": 3}, "train": {"steps": 7}}, "x")
    assert (changed.model.parts, changed.train.steps) == (3, 7)
    assert changed.model.background == load_preset("faces").model.background
    assert changed.train.batch == load_preset("faces").train.batch


def test_a_bound_named_alone_is_the_only_one():
    """A run of 7 steps must not end by the preset's minutes, nor look at the time: it is reproducible to the bit."""
    base = Settings()
    assert base.override({"train": {"steps": 7}}, "x").train.minutes is None
    assert base.override({"train": {"steps": 7}}, "x").override({"train": {"minutes": 2}}, "x").train.steps is None
    both = base.override({"train": {"steps": 7, "minutes": 2}}, "x").train
    assert (both.steps, both.minutes) == (7, 2)


def test_merge_leaves_its_arguments_alone():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge(base, {"a": {"b": 9}}) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().model.parts = 3


def test_settings_survive_their_own_dump():
    settings = load_preset("lorenz2019")
    assert parse(settings.model_dump(), "x") == settings
    assert parse(yaml.safe_load(yaml.safe_dump(settings.model_dump())), "x") == settings


@pytest.mark.parametrize(("size", "canvas"), [(32, 48), (64, 80), (96, 128), (128, 160), (256, 320)])
def test_the_canvas_is_a_quarter_larger_than_the_view(size, canvas):
    assert ModelSettings(size=size).canvas == canvas


def test_a_yaml_file_is_a_preset_and_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke").write_text("model: {parts: 7}\n")
    assert load_preset("smoke").model.parts == 7


def test_numbers_as_people_write_them(tmp_path):
    """YAML 1.1 reads 1e-3, without a dot, as a string."""
    (tmp_path / "a.yaml").write_text("train: {learning_rate: 1e-3}\n")
    assert load_preset(str(tmp_path / "a.yaml")).train.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model:\n  parts: 3\n size: 64\n", ["not valid YAML", "line 3"]),
        ("model: {parts: 3\n\n", ["not valid YAML", "line"]),
        ("model:\n\tparts: 3\n", ["not valid YAML", "line 2"]),
        ("- a\n- b\n", ["key: value", "got list"]),
        ("", ["key: value", "got nothing"]),
    ],
)
def test_a_broken_yaml_file_is_refused_with_file_and_line(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    said = refusal(lambda: read_yaml(path))
    assert str(path) in said
    assert all(word in said for word in words)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00\x81")
    assert "not valid YAML" in refusal(lambda: read_yaml(tmp_path / "a.yaml"))


def test_a_missing_file_and_an_unknown_preset_are_refused(tmp_path):
    assert "nowhere.yaml" in refusal(lambda: read_yaml(tmp_path / "nowhere.yaml"))
    text = refusal(lambda: load_preset("figurs"))
    assert "'figurs'" in text
    assert "figures" in text


def test_an_unknown_key_in_a_file_names_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("model: {prats: 3}\n")
    text = refusal(lambda: load_preset(str(path)))
    assert str(path) in text
    assert "'model.parts'" in text


def test_every_setting_says_what_it_means():
    """The text under a setting is its help on the command line."""
    for section in Settings.model_fields.values():
        for name, field in section.annotation.model_fields.items():
            assert field.description, name
