"""Networks that are translated take the same steps."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training import OPTIONS, save_pictures, small, start

from partpose.cli import main
from partpose.errors import PartposeError
from partpose.model.part_model import WEIGHTS, PartModel
from partpose.train import parallel

# As it is, but for the translation itself, which takes minutes, and an error where a network would become two graphs; and
# here are no checks of shapes, which it cannot read
QUICKLY = """
from torch import nn
whole = nn.Module.compile
def compile(module, **options):
    print(type(module).__name__, options["mode"])
    whole(module, backend="eager", fullgraph=True)
nn.Module.compile = compile
from partpose.cli import main
main()
"""


@pytest.mark.training
@pytest.mark.xdist_group("training")
@pytest.mark.parametrize(("backbone", "shape"), [("none", "Shape"), ("imagenet", "TaughtShape")])
def test_translated_networks_take_the_same_steps_and_keep_their_names(tmp_path, backbone, shape):
    options = [*OPTIONS, "--train.steps", "3", "--model.backbone", backbone]
    train = ["train", save_pictures(tmp_path / "pictures"), *options, "--output"]
    process = start(Path(sys.executable), "-c", QUICKLY, *train, tmp_path / "translated", "--train.compile")
    with pytest.raises(SystemExit, match="0"):
        main([*map(str, train), str(tmp_path / "plain")])
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert {f"{name} default" for name in (shape, "Appearance", "Generator")} <= set(out.splitlines())
    plain, other = (load_file(tmp_path / name / WEIGHTS) for name in ("plain", "translated"))
    assert plain.keys() == other.keys()
    for name, weight in plain.items():
        torch.testing.assert_close(other[name], weight, atol=1e-4, rtol=1e-3)


def test_a_machine_without_a_compiler_is_told(monkeypatch):
    monkeypatch.setattr(parallel.shutil, "which", lambda _: None)
    with pytest.raises(PartposeError, match=r"train\.compile needs a C\+\+ compiler"):
        parallel.translate(PartModel(small().model))
