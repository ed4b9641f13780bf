"""The command line as a user meets it: help, mistakes in one line, kills and signals."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from training import OPTIONS, save_annotated, save_pictures, save_untrained, start, wait_for

import partpose
from partpose.cli import app, main
from partpose.data.figures import draw_figures
from partpose.predict.formats import read_hdf5

VERBS = ["figures", "train", "predict", "evaluate", "show", "inspect", "models"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("models") / "untrained")


@pytest.fixture
def pictures(tmp_path) -> Path:
    return save_pictures(tmp_path / "my pictures")


def run(capfd, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command."""
    try:
        main([*map(str, arguments)])
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
    return code, *capfd.readouterr()


def mistake(capfd, *arguments) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    code, out, err = run(capfd, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("partpose: ")
    return err.removeprefix("partpose: ").rstrip()


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_names_what_there_is(capfd, verb):
    code, out, err = run(capfd, *([verb] if verb else []), "--help")
    assert (code, err) == (0, "")
    for word in VERBS if verb is None else [f"Usage: partpose {verb}"]:
        assert word in out


def test_help_of_train_explains_settings(capfd):
    out = " ".join(run(capfd, "train", "--help")[1].replace("│", " ").split())
    assert "K, how many parts to learn." in out
    assert "--train.minutes" in out


def test_version(capfd):
    assert run(capfd, "--version") == (0, f"{partpose.__version__}\n", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bogus", "1"], "Unknown option: --bogus"),
        (["--model.siz", "64"], "Did you mean --model.size?"),
        (["--model.size", "100"], "model.size must be a multiple of 16, got 100; try 96"),
        (["--model.size", "big"], "model.size: input should be a valid integer, .*, got 'big'"),
        (["--model.parts", "0"], "model.parts: input should be greater than or equal to 1, got '0'"),
        (
            ["--model.architecture", "bogus"],
            "model.architecture: input should be 'compact' or 'lorenz2019', got 'bogus'",
        ),
        (["--model.facing"], "the command line: model.facing needs a backbone"),
        (["--train.steps", "none", "--train.minutes", "none"], "neither train.steps nor train.minutes"),
        (["--preset", "smok"], "no preset 'smok': expected one of animals, faces, .*, or the path of a YAML file"),
        (["--preset", "preset.yaml"], "preset.yaml: unknown key 'model.siz'; did you mean 'model.size'?"),
        (["--preset", "broken.yaml"], "broken.yaml, line 2: not valid YAML"),
        (["--device", "cuda:99"], "no device 'cuda:99' on this machine: expected one of cpu"),
        (["--device", "abc"], "no device 'abc'"),
        (["--transform.mirror", "yes"], "^--transform.mirror takes no value, got 'yes': the option alone turns it on$"),
        (["--resume", "now"], "^--resume takes no value, got 'now'"),
        (["--train.steps", "4", "more"], "^did not expect 'more': see partpose train --help$"),
        (["--train.steps=4", "more"], "^did not expect 'more'"),
        (["--init", "nowhere"], "no model folder nowhere"),
        (["--output", "file"], "cannot write to the output folder file"),
        (["--output", "file/run"], "cannot write to the output folder file/run"),
        (["--output", "/proc/run"], "cannot write to the output folder /proc/run"),
    ],
)
def test_mistakes_in_a_training(capfd, tmp_path, monkeypatch, pictures, options, words):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("preset.yaml").write_text("model: {siz: 64}\n")
    Path("broken.yaml").write_text("model: [\n")
    preset = [] if "--preset" in options else ["--preset", "smoke"]
    output = [] if "--output" in options else ["--output", "run"]
    assert_matches(words, mistake(capfd, "train", pictures, *output, *preset, *options))
    assert not Path("run").exists()


def test_an_option_may_lean_on_what_the_preset_says(monkeypatch, tmp_path):
    """Facing needs a backbone, which the preset has and the command line does not name."""
    asked = []
    monkeypatch.setattr("partpose.run.train_run", lambda _, __, settings, *___: asked.append(settings.model) or 0)
    with pytest.raises(SystemExit):
        app(["train", "in", "--output", str(tmp_path / "run"), "--preset", "animals", "--model.facing"])
    assert (asked[0].facing, asked[0].backbone) == (True, "imagenet")


def assert_matches(pattern: str, text: str) -> None:
    assert re.search(pattern.replace("?", r"\?"), text), text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ({}, "found nothing in"),
        ({"notes.txt": b"a note"}, "found 1 file in .*, but no picture or video"),
        (
            {"a.png": b"no picture"},
            "none of the 1 pictures and videos can be read, the first: .*a.png is not a picture",
        ),
    ],
)
def test_an_input_without_pictures_leaves_no_run_behind(capfd, tmp_path, content, words):
    folder = tmp_path / "input"
    if content is not None:
        folder.mkdir()
    for name, data in (content or {}).items():
        (folder / name).write_bytes(data)
    assert_matches(words, mistake(capfd, "train", folder, "--output", tmp_path / "run", "--preset", "smoke"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("pictures", "pictures holds the input: choose another --output"),
        (".", "holds the input"),
        ("other", "holds pictures but no run.json, it is not a run"),
    ],
)
def test_a_run_does_not_mix_with_the_user_s_files(capfd, tmp_path, output, words):
    pictures = save_pictures(tmp_path / "pictures", 2)
    save_pictures(tmp_path / "other" / "pictures", 1)
    before = set(tmp_path.rglob("*"))
    assert words in mistake(capfd, "train", pictures, "--output", tmp_path / output, "--preset", "smoke")
    assert set(tmp_path.rglob("*")) == before


def test_mistakes_in_a_prediction(capfd, tmp_path, model, pictures):
    (tmp_path / "map.json").write_text("{")
    (tmp_path / "list.txt").write_text("a.png")
    (tmp_path / "broken").mkdir()
    for name in ("model.safetensors", "config.json"):
        (tmp_path / "broken" / name).write_bytes((model / name).read_bytes()[:-100])
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "config.json").write_bytes((model / "config.json").read_bytes())
    (cut / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:-100])
    out = ["--output", tmp_path / "out"]
    for words, arguments in {
        "no model folder nowhere": ["nowhere", pictures, *out],
        "no trained model in": [pictures, pictures, *out],
        "config.json is broken": [tmp_path / "broken", pictures, *out],
        "cannot read the weights .*; train again": [cut, pictures, *out],
        "none does not exist": [model, tmp_path / "none", *out],
        "s3://bucket/x is an address, which `partpose predict --engine ray` reads": [model, "s3://bucket/x", *out],
        "a list of files is for `partpose predict --engine ray`": [model, tmp_path / "list.txt", *out],
        "map.json is not a landmark map": [model, pictures, *out, "--landmarks", tmp_path / "map.json"],
        "Must be >= 1": [model, pictures, *out, "--batch", "0"],
        "no split 'test': it is no annotated set": [model, pictures, *out, "--split", "test"],
        "cannot write to the output folder": [model, pictures, "--output", tmp_path / "map.json" / "out"],
        "--output requires an argument": [model, pictures, "--output"],
    }.items():
        assert_matches(words, mistake(capfd, "predict", *arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "x"], "^--output is missing: see partpose train --help$"),
        (["show", "m", "x"], "^--output is missing: see partpose show --help$"),
        (["predict", "m"], "^INPUTS is missing: see partpose predict --help$"),
        (["train", "", "--output", "run"], "^argument 1 of train is empty, .*shell variable"),
        (["train", "x", "--output", ""], "^the value of --output is empty"),
        (["train", "x", "--output="], "^the value of --output is empty"),
        (["figures", ""], "^argument 1 of figures is empty"),
        (["predict", "m", "x", "", "--output", "o"], "^argument 3 of predict is empty"),
        (["evaluate", "m", ""], "^argument 2 of evaluate is empty"),
        (["show", "m", "", "--output", "o"], "^argument 2 of show is empty"),
    ],
)
def test_paths_that_are_missing_or_empty(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_matches(words, mistake(capfd, *arguments))
    assert not [*tmp_path.iterdir()]


def test_mistakes_in_an_evaluation(capfd, tmp_path, model, pictures):
    assert_matches("holds no annotations of a format that is known", mistake(capfd, "evaluate", model, pictures))
    only_train = save_annotated(tmp_path / "only train", "aaa")
    assert_matches("no readable labelled picture with split=test", mistake(capfd, "evaluate", model, only_train))


def test_predicting_a_split(capfd, tmp_path, model):
    annotated = save_annotated(tmp_path / "set", "aaae")
    code, out, _ = run(capfd, "predict", model, annotated, "--output", tmp_path / "out", "--split", "test")
    assert code == 0
    assert out.startswith(f"1 picture of {annotated}: ")
    assert_matches(
        "no picture of split 'val'; splits there: test, train",
        mistake(capfd, "predict", model, annotated, "--output", tmp_path / "out", "--split", "val"),
    )


def test_predicting_one_picture_in_a_large_batch(capfd, tmp_path, model, pictures):
    code, out, _ = run(capfd, "predict", model, pictures / "3.png", "--output", tmp_path / "out", "--batch", "1000")
    assert (code, out.count("\n")) == (0, 1)
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["3.csv", "3.h5"]


def test_predictions_have_a_folder_where_none_is_named(capfd, tmp_path, model, pictures, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capfd, "predict", model, pictures / "3.png")
    assert (code, "predictions/3.h5" in out) == (0, True)
    assert sorted(path.name for path in Path("predictions").glob("[!.]*")) == ["3.csv", "3.h5"]


def test_sheets_lie_outside_of_what_they_show(capfd, model, pictures):
    assert "would be found there" in mistake(capfd, "show", model, pictures, "--output", pictures / "sheets")
    assert "would be found there" in mistake(capfd, "inspect", pictures, "--sheet", pictures / "sheet.png")
    assert not (pictures / "sheets").exists()


def test_show_writes_four_sheets(capfd, tmp_path, model, pictures):
    assert run(capfd, "show", model, pictures, "--output", tmp_path / "sheets", "--pictures", "2")[0] == 0
    assert len([*(tmp_path / "sheets").glob("*.png")]) == 4


def test_an_interrupt_is_one_line(capfd, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("partpose.run.list_models", interrupt)
    assert run(capfd, "models") == (130, "", "partpose: interrupted\n")


def test_a_reader_that_goes_away_is_no_traceback():
    command = f"{sys.executable} -m partpose train --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1, 141)  # by who notices it: nobody, rich, partpose
    assert done.stderr == ""


@pytest.fixture
def training_command(pictures, tmp_path):
    return lambda name, steps, *more: [
        *("train", pictures, "--output", tmp_path / name, "--train.steps", steps, *OPTIONS, *more)
    ]


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_a_run_that_was_killed_at_any_moment_ends_with_the_same_file(tmp_path, training_command):
    whole, killed = start(*training_command("whole", 24)), tmp_path / "killed"
    before_the_first, after_some = killed / "run.json", killed / "checkpoint.safetensors"
    random = np.random.default_rng()
    for file, seconds in ((before_the_first, 0.5), (after_some, 0.3), (after_some, 0.8)):
        process = start(*training_command("killed", 24, "--resume"))
        wait_for(file.exists, process)
        time.sleep(seconds * random.random())
        process.kill()
        process.communicate()
    process = start(*training_command("killed", 24, "--resume"))
    assert (process.communicate()[1], process.returncode) == ("", 0)
    assert (whole.communicate()[1], whole.returncode) == ("", 0)
    name = "model.safetensors"
    assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not [*killed.rglob(".partial-*")]


@pytest.mark.training
@pytest.mark.xdist_group("training")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_and_a_line_that_says_how_to_go_on(tmp_path, training_command, number):
    process = start(*training_command("run", 100_000))
    wait_for((tmp_path / "run" / "log.jsonl").exists, process)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert_matches(f"^stopped by {number.name} at step [0-9]+, .*: go on with the same command and --resume\n$", err)
    assert "10 pictures from" in out
    assert (tmp_path / "run" / "checkpoint.safetensors").is_file()
    assert partpose.load(tmp_path / "run").settings.model.size == 32


def test_models_that_ship_are_listed_with_their_error_and_licence(capfd):
    code, out, err = run(capfd, "models")
    assert (code, err) == (0, "")
    assert re.search(
        r"^figures: drawn people over black\n +24 parts, 64 px; error \d\.\d\d % of short side", out, re.MULTILINE
    )
    assert "licence: MIT" in out


def test_a_shipped_model_predicts_right_after_installation(tmp_path, capfd):
    """And finds people: its parts lie on them, or near, and few elsewhere."""
    draw_figures(tmp_path / "people", people=4, pictures=8, jobs=1)
    code, out, _ = run(capfd, "predict", "figures", tmp_path / "people/images", "--output", tmp_path / "out")
    assert code == 0
    assert "images.h5" in out
    poses = read_hdf5(tmp_path / "out/images.h5")
    assert poses.mean.shape == (8, 24, 2)
    near = []
    for name, mean in zip(poses.files, poses.mean, strict=True):
        mask = np.asarray(
            Image.open(tmp_path / "people/masks" / f"{Path(name).stem}.png").filter(ImageFilter.MaxFilter(7))
        )
        x, y = mean.round().astype(int).clip(0, 63).T
        near.append((mask[y, x] > 0).mean())
    assert np.mean(near) > 0.9
