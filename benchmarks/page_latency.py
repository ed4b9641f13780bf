"""How long the page takes to follow a part that is dragged: from the change to the rebuilt picture.

    python benchmarks/page_latency.py [RUN] [--preset people] [--size 128] [--steps 100] [--browser PATH] [--json FILE]

Without RUN, a network of the preset that has learned nothing, which is as fast as one that has. Two medians: over HTTP, as
any client of the API sees it, and in a browser, from the request to the decoded picture, with its own
requests, decoding and drawing. The server is a process of its own, `partpose serve`.
"""

import argparse
import http.client
import io
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from partpose.command import command
from partpose.config import load_preset
from partpose.model.part_model import PartModel, save_model


def untrained(preset: str, size: int, folder: Path) -> Path:
    """A model folder as before the first step."""
    settings = load_preset(preset).override({"model": {"size": size}}, "benchmark")
    torch.manual_seed(0)
    save_model(folder, PartModel(settings.model), settings, {})
    return folder


def save_picture(path: Path) -> Path:
    """A picture of 512×512 pixels; of what makes no difference."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)).save(path)
    return path


@contextmanager
def serving(run: Path) -> Iterator[str]:
    """`partpose serve` at a free port; yields host:port."""
    command = [sys.executable, "-m", "partpose", "serve", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://([\d.]+:\d+)", line)
            if found is None:
                raise SystemExit(f"the server did not begin: {line}")
            yield found[1]
        finally:
            server.terminate()


def over_http(address: str, picture: Path, steps: int) -> list[float]:
    """Milliseconds of each step of a part that moves in a circle."""
    line = http.client.HTTPConnection(address)
    line.connect()
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do, for a body follows its headers

    def ask(path: str, body: bytes) -> bytes:
        line.request("POST", path, body, {"content-type": "application/json"})
        return line.getresponse().read()

    found = json.loads(ask("/api/pictures?name=noise.png", picture.read_bytes()))
    took = []
    for turn in np.linspace(0, 2 * np.pi, steps):
        mean = [256 + 100 * np.cos(turn), 256 + 100 * np.sin(turn)]
        began = time.perf_counter()
        content = ask(
            f"/api/pictures/{found['id']}/frames/0/rebuilt", json.dumps({"moved": {"0": {"mean": mean}}}).encode()
        )
        Image.open(io.BytesIO(content)).load()
        took.append(1000 * (time.perf_counter() - began))
    line.close()
    return took[3:]


def in_browser(address: str, picture: Path, steps: int, browser: str) -> list[float]:
    """The same by the page itself, a mouse dragging."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.goto(f"http://{address}/")
        page.locator("html[data-ready]").wait_for()
        page.set_input_files("#files", str(picture))
        stage = page.locator("#rebuilt")
        page.locator("#rebuilt[aria-busy=false]").wait_for()
        box = page.locator("#shape .part .dot").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 3, box["y"] + 3)
        page.mouse.down()
        took = []
        for turn in np.linspace(0.3, 2 * np.pi, steps):
            page.mouse.move(box["x"] + 80 * np.sin(turn), box["y"] + 80 * np.cos(turn) - 80)
            page.locator("#rebuilt[aria-busy=false]").wait_for()
            took.append(float(stage.get_attribute("data-milliseconds") or 0))
        page.mouse.up()
        return took[3:]


def summary(took: list[float]) -> dict[str, float]:
    """Median and 90th percentile."""
    return {"median_ms": statistics.median(took), "p90_ms": statistics.quantiles(took, n=10)[-1], "steps": len(took)}


def main() -> None:
    """Measure and print; write JSON where it was asked for."""
    parser = argparse.ArgumentParser(description="milliseconds a step of dragging a part on the page")
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--preset", default="people")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or untrained(options.preset, options.size, Path(folder))
        picture = save_picture(Path(folder) / "noise.png")
        with serving(run) as address:
            result: dict[str, Any] = {"http": summary(over_http(address, picture, options.steps))}
            if Path(options.browser).is_file():
                result["browser"] = summary(in_browser(address, picture, options.steps, options.browser))
    for name, row in result.items():
        print(
            f"{name}: {row['median_ms']:.0f} ms a step (median), 90 % within {row['p90_ms']:.0f} ms, {row['steps']} steps"
        )
    print(f"{torch.get_num_threads()} threads")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    with command("page_latency.py"):
        main()
