import copy

import pytest
import torch
from torch import nn

from partpose.errors import PartposeError
from partpose.train.checkpoint import CHECKPOINT, Standing, load_checkpoint, read_standing, save_checkpoint


def trained(steps: int = 3):
    """A convolution in the layout of the trainings, its average and its optimiser after some steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2, fused=True)
    step(model, optimizer, steps)
    return model, average, optimizer


def step(model, optimizer, steps: int) -> None:
    for i in range(steps):
        optimizer.zero_grad()
        model(torch.linspace(0, 1 + i, 2 * 3 * 5 * 5).view(2, 3, 5, 5)).square().mean().backward()
        optimizer.step()


def weights(model) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_optimiser_goes_on_as_if_nothing_had_happened(tmp_path):
    model, average, optimizer = trained()
    save_checkpoint(tmp_path, model, average, optimizer, Standing(3, 1.5, False))
    again = trained(0)
    load_checkpoint(tmp_path, *again)
    assert torch.equal(weights(again[0]), weights(model))
    step(model, optimizer, 2)
    step(again[0], again[2], 2)
    assert torch.equal(weights(again[0]), weights(model))


def test_its_memory_is_laid_out_as_the_weights(tmp_path):
    save_checkpoint(tmp_path, *trained(), Standing(3, 1.5, False))
    model, average, optimizer = trained(0)
    load_checkpoint(tmp_path, model, average, optimizer)
    assert optimizer.state[model[0].weight]["exp_avg"].stride() == model[0].weight.stride()


def test_the_same_state_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_checkpoint(tmp_path / name, *trained(), Standing(3, 1.5, True))
    assert (tmp_path / "a" / CHECKPOINT).read_bytes() == (tmp_path / "b" / CHECKPOINT).read_bytes()


def test_where_a_run_stood(tmp_path):
    assert read_standing(tmp_path) is None
    save_checkpoint(tmp_path, *trained(), Standing(3, 1.5, True))
    assert read_standing(tmp_path) == Standing(3, 1.5, True)


@pytest.mark.parametrize("keep", [0, 4, 100, -10])
def test_a_broken_checkpoint_is_named(tmp_path, keep):
    save_checkpoint(tmp_path, *trained(), Standing(3, 1.5, False))
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PartposeError, match=r"cannot read .*checkpoint.safetensors.*; move .* away to begin anew"):
        read_standing(tmp_path)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    save_checkpoint(tmp_path, *trained(), Standing(3, 1.5, False))
    other = nn.Conv2d(3, 4, 3)
    with pytest.raises(PartposeError, match="does not build"):
        load_checkpoint(tmp_path, other, copy.deepcopy(other), torch.optim.AdamW(other.parameters()))
