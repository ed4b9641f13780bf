"""The shape of the package: imports point one way, files and functions stay small, `import partpose` stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
FILES = sorted((SRC / "partpose").rglob("*.py"))
BASE = {"config", "errors", "version"}
ALLOWED = {  # layer → what it may import besides itself: a layer, or one module of it
    "errors": set(),
    "version": set(),
    "config": {"errors"},
    "geometry": {"errors"},
    "data": BASE,
    "model": BASE | {"geometry", "data.atomic"},
    "train": BASE | {"geometry", "model", "data"},
    "predict": BASE | {"geometry", "model", "data"},
    "evaluate": BASE | {"geometry", "model", "data", "predict", "train.health"},
    "edit": BASE | {"geometry", "model", "data", "predict"},
    "cluster": BASE | {"data", "predict", "edit.names"},
}
HEAVY = {"torch", "av", "h5py", "safetensors"}


def name(path: Path) -> str:
    """partpose/train/step.py → train.step."""
    return ".".join(path.relative_to(SRC / "partpose").with_suffix("").parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would escape this test"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner(path: Path) -> Iterator[str]:
    """The modules of partpose that a file imports, without `partpose.`."""
    for module in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if module.startswith("partpose."):
            yield module.removeprefix("partpose.")


def of(path: Path) -> str:
    """The layer that a file belongs to."""
    return name(path).split(".")[0]


def within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(allowed + ".")


@pytest.mark.parametrize("path", [p for p in FILES if of(p) in ALLOWED], ids=name)
def test_imports_point_one_way(path):
    """geometry ← model ← train; data knows no model; predict ← model, data; evaluate ← predict, data; edit ← predict."""
    allowed = ALLOWED[of(path)] | {of(path)}
    assert [m for m in inner(path) if not any(within(m, a) for a in allowed)] == []


@pytest.mark.parametrize("path", [p for p in FILES if of(p) == "data"], ids=name)
def test_data_knows_no_torch(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [m for m in imports(tree) if m.split(".")[0] == "torch"] == []


def test_nothing_imports_the_command_line_but_main():
    importers = {name(p) for p in FILES if any(within(m, "cli") for m in inner(p))}
    assert importers <= {"__main__"}


def test_every_folder_of_the_package_has_its_rule():
    folders = {of(p) for p in FILES if p.parent != SRC / "partpose"}
    assert folders - {"serve"} <= set(ALLOWED)


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that are loaded in a fresh Python after a statement."""
    program = f"{statement}; import sys; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["partpose", "partpose.cli", "partpose.config, partpose.errors"])
def test_importing_loads_nothing_heavy(module):
    assert loaded_after(f"import {module}") & HEAVY == set()


def test_an_unknown_public_name_is_an_attribute_error():
    import partpose

    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        partpose.lod  # noqa: B018


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 350
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if f.end_lineno - f.lineno >= 60] == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_module_is_named_for_nothing(path):
    assert path.stem not in {"utils", "util", "helpers", "common", "misc"}


def test_shapes_in_signatures_are_checked_in_these_tests():
    """The import hook in conftest.py must be installed before partpose is imported."""
    import torch
    from jaxtyping import TypeCheckError

    from partpose.geometry import moments
    from partpose.train.warp import sample

    with pytest.raises(TypeCheckError):
        moments(torch.zeros(2, 3, 4))
    with pytest.raises(TypeCheckError):
        sample(torch.zeros(2, 3, 4, 4), torch.zeros(1, 4, 4, 2))
