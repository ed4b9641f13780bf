"""Appearance and part maps in the file of the poses, row by row, without being held in memory."""

import tracemalloc

import h5py
import numpy as np
import pytest
import torch
from dots import dots, places, predictor
from test_formats import video

from partpose.errors import PartposeError
from partpose.predict.extras import Extras
from partpose.predict.finish import EXTRAS
from partpose.predict.formats import read_hdf5, write_hdf5
from partpose.predict.poses import same


def pictures(count=5):
    return np.stack([dots(64, 64, *where) for where in places(count, 64, 64)])


def kept(tmp_path, model, batch=2, kinds=EXTRAS, count=5):
    """The poses of some pictures in a file with extras."""
    with Extras(tmp_path / "extras.h5", kinds, model.network) as extras:
        model.watch = extras.add
        poses = model.predict(pictures(count), batch=batch)
        write_hdf5(poses, tmp_path / "poses.h5", extras.finished())
    assert not (tmp_path / "extras.h5").exists()
    return poses


def test_maps_and_appearance_are_those_of_the_model(tmp_path):
    model = predictor()
    poses = kept(tmp_path, model)
    with torch.inference_mode():
        images = model.tensor(np.stack([model.canvas(picture) for picture in pictures()]))
        expected = model.network.encode(images).appearance, model.network.part_maps(images)
    with h5py.File(tmp_path / "poses.h5") as file:
        for name, values in zip(EXTRAS, expected, strict=True):
            np.testing.assert_allclose(file[name][:], values.numpy(), rtol=2e-3, atol=1e-4)
            assert file[name].dtype == np.float16
        assert file["maps"].chunks == (1, 2, 40, 40)
    assert same(read_hdf5(tmp_path / "poses.h5"), poses)


def test_sleap_io_opens_a_file_with_extras(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    poses = kept(tmp_path, predictor())
    labels = sleap_io.load_file(str(tmp_path / "poses.h5"))
    np.testing.assert_array_equal([frame[0].numpy() for frame in labels], poses.mean)


def test_only_what_is_asked_for_is_kept(tmp_path):
    kept(tmp_path, predictor(), kinds=("appearance",))
    with h5py.File(tmp_path / "poses.h5") as file:
        assert "appearance" in file
        assert "maps" not in file


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(PartposeError, match="cannot be written"):
        Extras(tmp_path / "no" / "folder" / "extras.h5", EXTRAS, predictor().network)


def test_memory_does_not_grow_with_the_rows(tmp_path):
    model = predictor()
    maps = torch.rand(32, 2, 40, 40)
    with Extras(tmp_path / "extras.h5", ("maps",), model.network) as extras:
        extras.add(maps, maps)
        tracemalloc.start()
        for _ in range(40):
            extras.add(maps, maps)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * 2 * maps.numel()


def test_poses_without_extras_have_none(tmp_path):
    write_hdf5(video(), tmp_path / "a.h5")
    write_hdf5(video(), tmp_path / "b.h5", tmp_path / "a.h5")
    assert same(read_hdf5(tmp_path / "b.h5"), video())
