"""Models by path and by name."""

import pytest

from partpose.errors import PartposeError
from partpose.model import shipped as module
from partpose.model.part_model import WEIGHTS, load_model
from partpose.model.shipped import CARD, resolve, shipped


@pytest.fixture
def with_weights(tmp_path, monkeypatch):
    """An installation that ships two models."""
    for name in ("faces", "mice"):
        (tmp_path / "package" / "weights" / name).mkdir(parents=True)
    (tmp_path / "package" / "weights" / "LICENSE").touch()
    monkeypatch.setattr(module.resources, "files", lambda _package: tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("with_weights")
def test_shipped_models_are_the_folders_among_the_weights():
    assert shipped() == ["faces", "mice"]


def test_an_installation_without_weights_ships_none(tmp_path, monkeypatch):
    monkeypatch.setattr(module.resources, "files", lambda _package: tmp_path)
    assert shipped() == []
    with pytest.raises(PartposeError, match="none in this installation"):
        resolve("faces")


def test_a_name_leads_to_the_shipped_folder(with_weights):
    assert resolve("mice") == with_weights / "package" / "weights" / "mice"


def test_a_path_that_exists_wins_over_a_name(with_weights):
    (with_weights / "mice").mkdir()
    assert resolve("mice").resolve() == with_weights / "mice"


def test_neither_path_nor_name_is_refused_with_the_names_that_there_are(with_weights):
    with pytest.raises(PartposeError, match=r"nowhere.*faces, mice"):
        resolve(with_weights / "nowhere")


def test_a_file_is_no_model(with_weights):
    (with_weights / "model.pt").touch()
    with pytest.raises(PartposeError, match="is a file"):
        resolve(with_weights / "model.pt")


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_small_loads_and_says_what_it_is(name):
    folder = resolve(name)
    assert (folder / WEIGHTS).stat().st_size <= 5_000_000
    _, settings, facts = load_model(folder)
    about, card = facts["about"], (folder / CARD).read_text(encoding="utf-8")
    for words in (
        f"K = {settings.model.parts}, {settings.model.size} px",
        f"{about['error']:.2f} {about['unit']}",
        about["licence"],
        "python benchmarks/accuracy.py",
        "limits",
    ):
        assert words in card
    assert about["licence"].startswith(("MIT", "CC BY 4.0", "Apache")), "nothing else may be passed on"
