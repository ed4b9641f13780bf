"""The commands of the original release, word for word."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from training import environment, save_pictures, start, wait_for

from partpose.config import Settings
from partpose.contract import MODEL_KEY, device_of, main, read_config

UNSUPERVISED = Path(__file__).resolve().parents[1] / "unsupervised"
CONFIG = UNSUPERVISED / "config.yaml"
SMALL = {
    "model": {"size": 32, "parts": 5, "appearance": 8, "width": 16},
    "train": {"steps": 24, "minutes": None, "batch": 8, "log_every": 2},
}


def small_config(**changes) -> dict:
    """The shipped config, for a training of seconds."""
    values = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return {
        key: value | SMALL.get(key, {}) if isinstance(value, dict) else value for key, value in values.items()
    } | changes


@pytest.fixture
def place(tmp_path) -> Path:
    """A working folder with blanks in every path: `my pictures`, `my config.yaml`."""
    folder = tmp_path / "some where"
    save_pictures(folder / "my pictures")
    write_config(folder, small_config())
    return folder


def write_config(folder: Path, values: dict) -> None:
    (folder / "my config.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def arguments(mode: str, output: str = "my output", style: str = "=", gpu: str = "-1") -> list[str]:
    """All options of the contract, as `--flag=value` or `--flag value`."""
    options = {"input": "my pictures", "output": output, "config": "my config.yaml", "mode": mode, "gpu": gpu}
    given = [[f"--{name}={value}"] if style == "=" else [f"--{name}", value] for name, value in options.items()]
    return [word for words in given for word in words]


def mistake(capfd, monkeypatch, place: Path, *options: str) -> str:
    """The one line on stderr of main.py, which ends with exit code 2."""
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as ending:
        main([*options])
    out, err = capfd.readouterr()
    assert (ending.value.code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("main.py: ")
    return err


def test_the_config_names_every_setting_and_nothing_else():
    values = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    expected = {section: set(settings) for section, settings in Settings().model_dump().items()}
    assert set(values) == {*expected, MODEL_KEY}
    for section, names in expected.items():
        assert set(values[section]) == names
    settings, named = read_config(CONFIG)
    assert named is None
    assert settings.train.minutes


def test_every_line_of_the_config_is_explained():
    for line in CONFIG.read_text(encoding="utf-8").splitlines():
        if line.strip() and not re.fullmatch(r"(model|data|transform|loss|train):(\s+#.*)?", line):
            assert re.search(r"(^|\s)# .{10,}", line), line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modle": {}}, "unknown key 'modle'; did you mean 'model'?"),
        ({"model": small_config()["model"] | {"siz": 64}}, "unknown key 'model.siz'; did you mean 'model.size'?"),
        ({"model": small_config()["model"] | {"size": 100}}, "model.size must be a multiple of 16, got 100; try 96"),
        ({"model": small_config()["model"] | {"parts": "many"}}, "model.parts: input should be a valid integer"),
        (
            {"data": {}},
            "missing " + ", ".join(f"data.{key} (the default is {value})" for key, value in Settings().data),
        ),
        ({"data": None}, "data: input should be a valid dictionary"),
        ({MODEL_KEY: 3}, "trained_model should be the folder of a trained model or null, got 3"),
    ],
)
def test_mistakes_in_the_config(capfd, monkeypatch, place, changes, words):
    write_config(place, small_config(**changes))
    assert words in mistake(capfd, monkeypatch, place, *arguments("train"))
    assert not (place / "my output").exists()


@pytest.mark.parametrize("key", [MODEL_KEY, "model", "train"])
def test_a_missing_key_is_named(capfd, monkeypatch, place, key):
    write_config(place, {name: value for name, value in small_config().items() if name != key})
    assert f"missing {key}" in mistake(capfd, monkeypatch, place, *arguments("train"))


@pytest.mark.parametrize(("text", "words"), [("a: [1", "not valid YAML"), ("", "got nothing"), ("- a", "got list")])
def test_a_config_that_is_none(capfd, monkeypatch, place, text, words):
    (place / "my config.yaml").write_text(text)
    assert words in mistake(capfd, monkeypatch, place, *arguments("train"))


def test_mistakes_on_the_command_line(capfd, monkeypatch, place):
    for words, options in {
        "no trained model in my output: run --mode train": arguments("inference"),
        "no device 'cuda:99'": arguments("train", gpu="99"),
        "argument --gpu: invalid int value: 'abc'": arguments("train", gpu="abc"),
        "--gpu should be the id of a GPU, or -1 for the CPU, got -2": arguments("train", gpu="-2"),
        "invalid choice: 'both'": arguments("both"),
        "unrecognized arguments: --bogus": [*arguments("train"), "--bogus"],
        "the following arguments are required: --mode": arguments("train")[:3],
        "cannot read the settings file nowhere.yaml": [*arguments("train"), "--config", "nowhere.yaml"],
        "nowhere does not exist": [*arguments("train"), "--input", "nowhere"],
        "cannot write to the output folder": arguments("train", output="my config.yaml/out"),
    }.items():
        assert words in mistake(capfd, monkeypatch, place, *options)


def test_gpu_ids():
    assert [device_of(gpu) for gpu in (None, -1, 0, 3)] == [None, "cpu", "cuda:0", "cuda:3"]


def script(software: str, *options: str, cwd: Path) -> subprocess.Popen:
    return start(Path("bash"), UNSUPERVISED / "start_ai_function.sh", f"--software={software}", *options, cwd=cwd)


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_train_interrupt_restart_and_infer_through_the_script(place):
    software = str(UNSUPERVISED / "software")
    process = script(software, *arguments("train"), cwd=place)
    wait_for((place / "my output" / "log.jsonl").exists, process)
    process.terminate()
    err = process.communicate()[1]
    assert process.returncode == 143
    assert re.fullmatch(r"stopped by SIGTERM at step \d+, .*: go on with the same command and --restart\n", err)

    process = script(software, *arguments("train", style=" "), "--restart", cwd=place)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "finished: step 24, " in out

    process = script(software, *arguments("inference", style=" "), cwd=place)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    results = place / "my output" / "inference"
    endings = {".h5", ".csv", "_parts", "_sheet.png"}
    assert {path.name for path in results.glob("[!.]*")} == {f"my pictures{ending}" for ending in endings}
    assert len([*(results / "my pictures_parts").iterdir()]) == 10

    write_config(place, small_config(**{MODEL_KEY: "my output"}))
    main_in(place, *arguments("inference", output="elsewhere"))
    assert (place / "elsewhere" / "inference" / "my pictures.h5").is_file()


def main_in(place: Path, *options: str) -> None:
    """main.py in this process, from another folder."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ending:
        patch.chdir(place)
        main([*options])
    assert ending.value.code == 0


@pytest.mark.parametrize("software", [".", "./software"])
def test_both_ways_to_name_the_software(software):
    process = script(software, "--help", cwd=UNSUPERVISED)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "--restart" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--software is missing"),
        (["--software"], "--software needs the folder"),
        (["--software", "no where"], "no main.py in no where"),
    ],
)
def test_mistakes_with_the_software(tmp_path, options, words):
    command = ["bash", str(UNSUPERVISED / "start_ai_function.sh"), *options]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr
