"""Two processes of torchrun on one CPU take the steps that one process would take."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from training import OPTIONS, Listener, canvases, environment, interrupt, save_pictures, start, train_in, wait_for
from two_processes import GENTLE, normalise

from partpose.errors import PartposeError
from partpose.model.part_model import WEIGHTS, read_config
from partpose.train.batches import Batches
from partpose.train.checkpoint import read_standing
from partpose.train.distributed import Team, own_device
from partpose.train.run_folder import LOG
from partpose.train.step import draw_step

pytestmark = [pytest.mark.training, pytest.mark.xdist_group("training")]
REPOSITORY = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder of tests/two_processes.py, in which the run `one` was begun by one process, and what torchrun said."""
    folder = tmp_path_factory.mktemp("together")
    train_in(folder / "one", GENTLE, interrupt(5))
    command = [*TORCHRUN, REPOSITORY / "tests" / "two_processes.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120, check=False)
    return folder, done


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same run by one process."""
    folder = tmp_path_factory.mktemp("alone")
    train_in(folder, GENTLE)
    return folder


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_the_first_loss_is_that_of_one_process_and_the_last_nearly(together, alone):
    two, one = log_of(together[0] / "whole"), log_of(alone)
    assert [line["step"] for line in two] == [line["step"] for line in one]
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-4)
    assert two[-1]["loss"] == pytest.approx(one[-1]["loss"], rel=0.05)
    assert two[-1]["loss"] < 0.9 * two[0]["loss"]


def test_batch_norm_is_over_the_pictures_of_both(together):
    expected = normalise(nn.BatchNorm2d, slice(None))
    shares = [np.load(together[0] / f"norm{rank}.npz") for rank in range(2)]
    for name in ("y", "x"):
        np.testing.assert_allclose(np.concatenate([share[name] for share in shares]), expected[name], atol=2e-5)
    np.testing.assert_allclose(shares[0]["weight"] + shares[1]["weight"], expected["weight"], rtol=1e-4, atol=1e-4)
    for name in ("mean", "variance"):
        np.testing.assert_allclose(shares[0][name], expected[name], rtol=1e-5)
        assert np.array_equal(shares[0][name], shares[1][name])


def test_the_pictures_of_a_batch_are_dealt_out_without_repeats(together):
    first, second = (np.load(together[0] / f"whole{rank}.npz")["rows"] for rank in range(2))
    batches = Batches(np.zeros((10, 1, 1, 3), np.uint8), GENTLE.train.batch, GENTLE.train.seed, torch.device("cpu"))
    assert len(first) == GENTLE.train.steps
    for step, rows in enumerate(np.concatenate([first, second], 1)):
        assert np.array_equal(rows, batches.rows(step))


def test_only_the_first_process_speaks_and_writes(together):
    folder, _ = together
    first, second = (np.load(folder / f"whole{rank}.npz") for rank in range(2))
    assert first["lines"].tolist() == [line["step"] for line in log_of(folder / "whole")] == list(range(1, 13))
    assert first["grids"].tolist() == [12]
    assert second["lines"].size == second["grids"].size == 0
    left = {path.name for path in (folder / "whole").iterdir()}
    assert left == {"checkpoint.safetensors", "config.json", "log.jsonl", "model.safetensors", "run.json", ".lock"}


def test_a_signal_to_the_second_process_stops_both_with_a_checkpoint_from_which_one_goes_on(together, alone):
    folder = together[0] / "two"
    assert read_standing(folder)[::2] == (5, False)
    assert train_in(folder, GENTLE, resume=True).standing.finished
    assert_alike(folder, alone)


def test_two_processes_go_on_from_the_checkpoint_of_one(together, alone):
    assert read_standing(together[0] / "one").finished
    assert_alike(together[0] / "one", alone)


def assert_alike(folder: Path, other: Path) -> None:
    assert [line["step"] for line in log_of(folder)] == [line["step"] for line in log_of(other)]
    assert log_of(folder)[-1]["loss"] == pytest.approx(log_of(other)[-1]["loss"], rel=0.05)
    ours, theirs = load_file(folder / WEIGHTS), load_file(other / WEIGHTS)
    assert all(torch.allclose(ours[name].float(), theirs[name].float(), atol=0.05) for name in theirs)


def test_an_error_of_the_second_process_ends_both_with_one_line(together):
    folder, done = together
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if "partpose: " in line] == [
        "partpose: the second process cannot read"
    ]
    assert "[rank" not in done.stderr  # a traceback of one of the processes
    assert not (folder / "bad").exists()


def test_the_command_line_under_torchrun_stops_at_a_signal(tmp_path):
    pictures, run = save_pictures(tmp_path / "pictures"), tmp_path / "run"
    options = [*OPTIONS, "--train.minutes", "5"]
    process = start(Path(TORCHRUN[0]), *TORCHRUN[1:], "-m", "partpose", "train", pictures, "--output", run, *options)
    wait_for((run / LOG).is_file, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert out.splitlines()[0] == f"10 pictures from {pictures}, training on 2 × cpu"
    step = read_standing(run).step
    assert [line for line in err.splitlines() if line.startswith(f"stopped by SIGTERM at step {step}, ")]
    assert step >= 2


def test_a_process_that_is_killed_ends_the_others_and_the_last_checkpoint_goes_on(tmp_path):
    pictures, run = save_pictures(tmp_path / "pictures"), tmp_path / "run"
    train = ["train", pictures, "--output", run, *OPTIONS, "--train.steps", "100000"]
    process = start(Path(TORCHRUN[0]), *TORCHRUN[1:], "-m", "partpose", *train)
    wait_for(lambda: run.is_dir() and read_standing(run) is not None, process)
    os.kill(children(process.pid)[-1], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "[rank" not in err  # a traceback of the other one
    step, settings = read_standing(run).step, read_config(run)[0]
    read = lambda: canvases()._replace(names=tuple(f"{i}.png" for i in range(10)))  # noqa: E731
    train_in(run, settings, Listener(lambda _: signal.raise_signal(signal.SIGINT)), read=read, resume=True)
    assert read_standing(run).step > step > 0


def children(pid: int) -> list[int]:
    """Processes that another one has started, the last one last."""
    said = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in said.splitlines()]
    return sorted(child for child, parent in rows if parent == pid)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_draws_of_all_shares_are_the_draw_of_the_batch(size):
    draw = draw_step(8, GENTLE, 1.0, torch.Generator().manual_seed(0))
    shares = [draw.of(Team(rank, size).share(8)) for rank in range(size)]
    assert torch.equal(torch.cat([s.warped.at(9) for s in shares]), draw.warped.at(9))
    views = torch.rand(2, 8, 3, 4, 4)
    seen = [s.recolour(views[:, Team(rank, size).share(8)].flatten(0, 1)) for rank, s in enumerate(shares)]
    seen = torch.cat([s.unflatten(0, (2, -1)) for s in seen], 1)
    assert torch.equal(seen.flatten(0, 1), draw.recolour(views.flatten(0, 1)))


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(PartposeError, match=r"batch 8 cannot be shared evenly by 3 .* of 3, such as 9, or start"):
        Team(0, 3).check(GENTLE)


@pytest.mark.parametrize(
    ("asked", "gpus", "found"),
    [(None, 4, "cuda:1"), ("cuda", 2, "cuda:1"), ("cpu", 2, "cpu"), (None, 0, None)],
)
def test_every_process_takes_the_next_gpu(monkeypatch, asked, gpus, found):
    set_torchrun(monkeypatch, gpus)
    assert own_device(asked) == found


@pytest.mark.parametrize(
    ("asked", "gpus", "words"),
    [("cuda:0", 2, "a GPU of its own, not all cuda:0"), (None, 1, "2 processes for 1 GPUs"), ("cuda", 0, "for 0 GPUs")],
)
def test_processes_without_a_gpu_of_their_own_are_refused(monkeypatch, asked, gpus, words):
    set_torchrun(monkeypatch, gpus)
    with pytest.raises(PartposeError, match=words):
        own_device(asked)


def set_torchrun(monkeypatch, gpus: int) -> None:
    for name, value in {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
