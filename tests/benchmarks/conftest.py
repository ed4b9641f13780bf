"""Benchmarks whose runs are kept one by one, and whose tables make docs/results.md."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """A benchmark's module by its name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def call(module, monkeypatch, tmp_path):
    """Run a benchmark on sets in tmp_path/data, everything else lying in tmp_path as well."""
    places = [f"--{name}={tmp_path / name}" for name in ("data", "results", "work")]

    def start(name: str, *options: str) -> None:
        page = f"--page={tmp_path / 'docs/results.md'}"
        monkeypatch.setattr("sys.argv", [f"{name}.py", *places, page, "--device=cpu", *options])
        module(name).main()

    return start
