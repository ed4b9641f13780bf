"""`partpose serve` as a command: what it says, and how it ends."""

import re
import signal
import socket

import httpx
import pytest
from drawing import blob
from PIL import Image
from training import start

from partpose.cli import main
from partpose.config import Settings
from partpose.errors import PartposeError
from partpose.serve.start import is_local, listen, warn_of_boxes


def mistake(capfd, *arguments: object) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    with pytest.raises(SystemExit) as ending:
        main(["serve", *map(str, arguments)])
    out, err = capfd.readouterr()
    assert (ending.value.code, out, err.count("\n")) == (2, "", 1)
    return err


def test_a_run_that_is_not_there_is_said_in_one_line(capfd, tmp_path):
    assert "no model folder" in mistake(capfd, tmp_path / "nowhere")
    assert "no trained model" in mistake(capfd, tmp_path)


def test_a_port_in_use_is_said_in_one_line(capfd, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = mistake(capfd, run, "--port", taken.getsockname()[1])
    assert "Address already in use; choose another --port" in said


def test_a_host_that_is_none_is_said_in_one_line(capfd, run):
    assert "--host no.such.invalid" in mistake(capfd, run, "--host", "no.such.invalid")
    assert "--port" in mistake(capfd, run, "--port", "70000")


def test_names_that_are_broken_are_said_in_one_line(capfd, run):
    (run / "names.json").write_text("[")
    try:
        assert "names.json is broken" in mistake(capfd, run)
    finally:
        (run / "names.json").unlink()


def test_without_the_extra_it_is_said_what_to_install(capfd, run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    assert "pip install 'partpose[page]'" in mistake(capfd, run)


def test_a_model_of_boxes_wants_pictures_that_are_cut(capfd):
    warn_of_boxes(Settings())
    assert capfd.readouterr().err == ""
    warn_of_boxes(Settings().override({"data": {"boxes": "auto"}}, "the test"))
    assert "cut them to the object first" in capfd.readouterr().err


def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    Image.fromarray(blob(64, 48, 20, 20)).save(tmp_path / "blob.png")
    process = start("serve", str(run), "--port", "0", "--device", "cpu")
    line = process.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
    content = (tmp_path / "blob.png").read_bytes()
    assert httpx.post(f"{address}/api/pictures", content=content, timeout=30).status_code == 201
    assert len(list(tmp_path.glob("partpose-page-*/*/original"))) == 1
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + signal.SIGTERM, "")
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["blob.png"]


def test_who_lets_others_in_is_warned(run, monkeypatch, capfd):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    main_ends(["serve", str(run), "--host", "0.0.0.0", "--port", "0"])
    assert "whoever can reach this machine" in capfd.readouterr().err
    main_ends(["serve", str(run), "--port", "0"])
    assert capfd.readouterr().err == ""


def main_ends(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(arguments)


@pytest.mark.parametrize(("host", "local"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("mice.example", False),
])  # fmt: skip
def test_which_hosts_are_this_machine_alone(host, local):
    assert is_local(host) is local


def test_a_port_is_free_again_after_use():
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(PartposeError, match=f"port {port}"):
        listen("127.0.0.1", port)
    listener.close()
    listen("127.0.0.1", port).close()
