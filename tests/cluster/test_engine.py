"""`partpose predict --engine ray` on a cluster of this machine, whose workers are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training import save_pictures, save_untrained

from partpose.cli import main
from partpose.cluster import engine
from partpose.cluster.engine import share
from partpose.cluster.plan import cut
from partpose.errors import PartposeError
from partpose.predict.formats import read_hdf5

pytest.importorskip("ray")
PREDICT = "from partpose.cli import main; main()"


def call(*words: str) -> None:
    """The command, which ends well."""
    with pytest.raises(SystemExit, match="0"):
        main([*words])


def workers(ancestor: int) -> list[int]:
    """The processes below another one that are busy with `Worker`."""
    parents, busy = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, words = (folder / "status").read_text(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(folder.name)] = int(status.partition("PPid:")[2].split()[0])
        if b"MapWorker(Map(Worker))" in words:
            busy.append(int(folder.name))
    return [pid for pid in busy if ancestor in _above(pid, parents)]


def _above(pid: int, parents: dict[int, int]) -> set[int]:
    above = set()
    while pid in parents and pid not in above:
        above.add(pid)
        pid = parents[pid]
    return above


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_a_killed_worker_loses_nothing_and_repeats_nothing(tmp_path, capsys):
    model, folder = save_untrained(tmp_path / "model"), save_pictures(tmp_path / "pictures", 16)
    (folder / "7.png").write_bytes(b"broken")
    command = ["predict", str(model), str(folder), "--output", str(tmp_path / "out"), "--engine", "ray"]
    options = ["--shard", "1", "--workers", "1", "--device", "cpu", "--uncertainty", "64"]
    shards, times = tmp_path / "out/shards", {}
    with subprocess.Popen(
        [sys.executable, "-c", PREDICT, *command, *options], stdout=subprocess.PIPE, text=True
    ) as run:
        deadline, killed = time.monotonic() + 240, False
        while run.poll() is None and time.monotonic() < deadline:
            done = sorted(shards.glob("[0-9]*.h5"))
            if not killed and len(done) >= 3 and (found := workers(run.pid)):
                times = {path: path.stat().st_mtime_ns for path in done}
                for pid in found:
                    os.kill(pid, signal.SIGKILL)
                killed = True
            time.sleep(0.02)
        assert run.wait(timeout=10) == 0
        assert killed
        assert "16 shards" in run.stdout.read()
    assert {path: path.stat().st_mtime_ns for path in times} == times, "what was done before is not done again"
    # The same call has nothing left to do, and needs no cluster for it
    call(*command, *options)
    assert "0 shards, 16 were there before" in capsys.readouterr().out
    call("merge", str(tmp_path / "out"), "--output", str(tmp_path / "merged"))
    poses = read_hdf5(tmp_path / "merged/pictures.h5")
    assert [Path(name).name for name in poses.files] == [f"{i}.png" for i in range(16) if i != 7]
    assert [Path(one.path).name for one in poses.skipped] == ["7.png"]
    call("merge", str(tmp_path / "out"), "--output", str(tmp_path / "npz"), "--format", "npz")
    assert [path.name for path in (tmp_path / "npz").glob("pictures*")] == ["pictures.npz"]


def test_a_shard_that_kills_its_workers_is_named_and_the_others_are_done(tmp_path, monkeypatch):
    """Workers without a model, which start at once."""
    tries = tmp_path / "tries"

    class Killed:
        def __init__(self, device):
            assert device == "cpu"

        def __call__(self, row):
            if row["number"] == 1:
                with tries.open("a") as file:
                    file.write("x")
                os.kill(os.getpid(), signal.SIGKILL)
            return {"number": row["number"], "failed": ""}

    monkeypatch.setattr(engine, "Worker", Killed)
    said = {
        one["number"]: one["failed"] for one in engine.run(cut([f"{i}.png" for i in range(6)], 1), 1, "cpu", {}, 0.5)
    }
    assert tries.read_text() == "x" * 4, "the docs say four"
    assert said.pop(1).startswith("shard 00000001 (1.png): 4 workers died over it, one after the other")
    assert said == dict.fromkeys((0, 2, 3, 4, 5), "")


def test_what_does_not_go_with_a_cluster_is_said_before_anything_else(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "none", "none", "--output", str(tmp_path), "--engine", "ray", "--overlay"])
    assert "--overlay is not for --engine ray" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "ray", "--format", "csv"], "formats and filters are not for --engine ray"),
        (["--shard", "5"], "--shard, --workers and --cores-per-worker are about --engine ray"),
        (["--cores-per-worker", "0.5"], "--shard, --workers and --cores-per-worker are about --engine ray"),
        (["--engine", "ray", "--cores-per-worker", "0"], "Must be > 0"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, capsys, options, words):
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "none", "none", "--output", str(tmp_path), *options])
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("there", "device", "cores", "each", "room"),
    [
        ([{"CPU": 8, "GPU": 2}], None, None, {"num_gpus": 1}, 2),
        ([{"CPU": 8, "GPU": 2}, {"CPU": 4, "GPU": 1}], "cuda", None, {"num_gpus": 1}, 3),
        ([{"CPU": 8, "GPU": 2}], "cpu", None, {"num_cpus": 1}, 8),
        ([{"CPU": 8}], None, 0.5, {"num_cpus": 0.5}, 16),
        ([{"CPU": 8}], None, 3, {"num_cpus": 3}, 2),
        ([{"CPU": 4}, {}, {"CPU": 2}, {"CPU": 5}], None, 3, {"num_cpus": 3}, 2),
        ([{}], None, None, {"num_cpus": 1}, 0),
    ],
)
def test_a_worker_gets_its_share_of_the_cluster(there, device, cores, each, room):
    assert share(there, device, cores) == (each, room)


@pytest.mark.parametrize(
    ("device", "cores", "there", "words"),
    [
        ("cuda", None, [{"CPU": 8}], "--device cuda: the cluster has no GPU"),
        (None, 8, [{"CPU": 4}] * 10, "--cores-per-worker 8: no machine of the cluster has more than 4"),
        (None, 2, [{"CPU": 8, "GPU": 1}], "--cores-per-worker is for workers without a GPU"),
    ],
)
def test_a_share_that_is_not_there_is_refused(device, cores, there, words):
    with pytest.raises(PartposeError, match=words):
        share(there, device, cores)


@pytest.mark.parametrize("options", [["--format", "docx"], ["--smooth", "median"]])
def test_merge_has_formats_and_no_filters(tmp_path, options):
    with pytest.raises(SystemExit, match="2"):
        main(["merge", "none", "--output", str(tmp_path / "out"), *options])
    assert not (tmp_path / "out").exists()


def test_a_model_of_boxes_and_pictures_with_boxes_are_refused(tmp_path, capsys):
    model = save_untrained(tmp_path / "model", "auto")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", str(model), str(tmp_path), "--output", str(tmp_path / "out"), "--engine", "ray"])
    assert "--engine ray looks at whole pictures: say --boxes none" in capsys.readouterr().err
