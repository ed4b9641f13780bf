"""Which pictures a step sees, and what else is random in it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partpose.data.canvas import Canvases
from partpose.errors import PartposeError
from partpose.train import batches as module
from partpose.train.batches import Batches, Clips, clips_of, resident, step_generator

CPU = torch.device("cpu")


def pictures(count: int) -> np.ndarray:
    """Picture i is of colour i everywhere."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 4, 3)).copy()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(-5, 2**40))
def test_every_epoch_sees_every_picture_once(count, batch, seed):
    """Also with fewer pictures than a batch holds, and where a batch lies over the end of an epoch."""
    batches = Batches(pictures(count), batch, seed, CPU)
    rows = np.concatenate([batches.rows(step) for step in range(-(-3 * count // batch))])
    for epoch in range(3):
        assert sorted(rows[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_epochs_are_shuffled_each_in_its_own_way():
    batches = Batches(pictures(50), 50, 0, CPU)
    first, second = batches.rows(0).tolist(), batches.rows(1).tolist()
    assert first != second
    assert first != sorted(first)


def test_a_run_that_goes_on_sees_what_the_uninterrupted_one_sees():
    whole, resumed = Batches(pictures(11), 4, 3, CPU), Batches(pictures(11), 4, 3, CPU)
    for step in (17, 3, 40):
        expected = [whole.rows(s) for s in range(step + 1)][-1]
        assert np.array_equal(resumed.rows(step), expected)


def test_another_seed_is_another_order():
    assert not np.array_equal(Batches(pictures(50), 50, 0, CPU).rows(0), Batches(pictures(50), 50, 1, CPU).rows(0))


def test_a_batch_is_the_pictures_of_its_rows_in_0_1_with_channels_first():
    batches = Batches(pictures(9), 4, 0, CPU)
    found = batches(1)
    assert found.shape == (4, 3, 4, 4)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found[:, 0, 0, 0], batches.rows(1) / 255, rtol=1e-6)


def test_pictures_on_disk_are_read_as_they_are_in_memory(tmp_path):
    kept = np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=(9, 4, 4, 3))
    kept[:] = pictures(9)
    kept.flush()
    read = np.memmap(tmp_path / "pixels", np.uint8, "r", shape=(9, 4, 4, 3))
    assert torch.equal(Batches(read, 4, 0, CPU)(2), Batches(pictures(9), 4, 0, CPU)(2))


def test_randomness_is_that_of_the_step_and_the_seed():
    def draw(seed: int, step: int) -> list[float]:
        return torch.rand(4, generator=step_generator(seed, step)).tolist()

    assert draw(0, 5) == draw(0, 5)
    assert len({tuple(draw(seed, step)) for seed in (0, 1, -1, 2**31) for step in (0, 1, 10**7)}) == 12


def test_pictures_on_disk_are_copied_to_the_device_a_few_at_a_time(tmp_path):
    np.save(tmp_path / "pixels.npy", pictures(9))
    kept = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    assert torch.equal(resident(kept, CPU, rows=4), torch.from_numpy(pictures(9)))


@pytest.mark.parametrize("clip", [np.repeat([-1, 0, 1], 20), np.tile([-1, 0, 1], 20)], ids=["in turn", "side by side"])
def test_a_partner_is_another_frame_of_the_same_clip_nearby(clip):
    batches, clips, alone = Batches(pictures(60), 4, 0, CPU), Clips(clip), clip < 0
    rows = np.repeat(np.arange(60), 30)
    partners = batches.partners(rows, clips, 0)
    assert (partners[alone[rows]] == rows[alone[rows]]).all(), "a single picture is its own"
    assert (clip[partners] == clip[rows]).all()
    place = np.array([(clip[:row] == clip[row]).sum() for row in range(60)])
    assert np.abs(place[partners] - place[rows]).max() <= 16
    assert (partners[~alone[rows]] != rows[~alone[rows]]).mean() > 0.5, "also where two objects take turns"
    np.testing.assert_array_equal(partners, batches.partners(rows, clips, 0))
    assert (partners != batches.partners(rows, clips, 1)).any()


def test_what_comes_next_is_asked_for_unless_it_lies_on_the_device(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "ask", lambda _, rows: asked.append(rows.tolist()))
    batches = Batches(pictures(8), 4, 0, CPU)
    batches.soon(np.array([3, 1]))
    batches.resident = torch.zeros(8, 1, 1, 3)
    batches.soon(np.array([5]))
    assert asked == [[3, 1]]


def test_pairs_are_frames_of_one_object_of_one_clip():
    names = ("a.png", "c.mp4#0@fly", "c.mp4#0@mite", "c.mp4#5@fly", "d.mp4#0", "d.mp4#9")
    clip = clips_of(Canvases(np.zeros((6, 1, 1, 3), np.uint8), names, np.array([-1, 1, 1, 1, 2, 2]), [])).clip
    assert clip[0] == -1
    assert clip[1] == clip[3] != clip[2]
    assert clip[4] == clip[5] != clip[1]
    with pytest.raises(PartposeError, match="needs videos"):
        clips_of(Canvases(np.zeros((1, 1, 1, 3), np.uint8), ("a.png",), np.array([-1]), []))


@pytest.mark.parametrize(("count", "expected"), [(3, [[0, 2, 4]]), (99, [[0, 1, 2], [3, 4]])])
def test_some_are_from_all_over_and_a_batch_at_a_time(count, expected):
    found = [some[:, 0, 0, 0] * 255 for some in Batches(pictures(5), 4, 0, CPU).some(count)]
    assert [some.round().int().tolist() for some in found] == expected
