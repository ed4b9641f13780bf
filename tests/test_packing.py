"""The verb `pack`: what it takes, and what it says."""

from pathlib import Path

import pytest
from training import OPTIONS, interrupt, save_annotated, save_pictures, small, train_in

from partpose.cli import main
from partpose.run import read_training


def run(*words: str) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([*words])
    return left.value.code


def test_a_pack_is_made_and_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_annotated(tmp_path / "set", "aaae")
    assert run("pack", "set", "pack", "--preset", "smoke", "--size", "32") == 0
    shape = "48×48 pixels, 3 channels, 0.0 MB"
    assert f"3 pictures ({shape}) of set in pack (1 of split=test held out)" in capsys.readouterr().out
    assert run("pack", "--check", "pack") == 0
    assert capsys.readouterr().out == f"pack is whole: 3 pictures ({shape})\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("pack in", "OUT is missing"),
        ("pack --check in", "in is no pack: expected a folder with pack.json"),
        ("pack in out --size 33", "model.size must be a multiple of 16"),
        ("pack in out --preset smok", "no preset 'smok'"),
        ("pack out more", "out does not exist"),
        ("pack in/0.png/out more", "does not exist"),
        ("pack in in/0.png/out", "cannot write to the output folder"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "in", 2)
    assert run(*words.split()) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_changed_pack_is_not_trained_from(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_pictures(tmp_path / "in", 4)
    run("pack", "in", "pack", "--preset", "smoke")
    with (tmp_path / "pack/pictures.npy").open("r+b") as file:
        file.seek(5000)
        file.write(b"changed")
    assert run("train", "pack", "--output", "run", *OPTIONS) == 2
    error = capsys.readouterr().err
    assert "partpose: pack is not as it was packed, pictures 0 to 3 were changed" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_run_begun_with_the_pictures_goes_on_with_their_pack(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_annotated(tmp_path / "set", "aaaaaaaaee")
    run("pack", "set", "pack", "--preset", "smoke")
    options = (*OPTIONS, "--train.steps", "4")
    train_in(
        tmp_path / "run", small(steps=4), interrupt(at=2), read=lambda: read_training(Path("set"), small(), tmp_path)[0]
    )
    assert run("train", "pack", "--output", "run", "--resume") == 0
    assert run("train", "pack", "--output", "other", *options) == 0
    assert "8 pictures from pack (2 of split=test held out)" in capsys.readouterr().out
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "other")]
    assert models[0] == models[1]
