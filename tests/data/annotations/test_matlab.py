"""A MATLAB file of any version gives the arrays that MATLAB shows."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from partpose.data.annotations.matlab import read_mat
from partpose.errors import PartposeError

JOINTS = np.arange(24.0).reshape(4, 3, 2)
MASKS = np.empty((2, 1), object)
MASKS[:, 0] = [np.eye(3, dtype=np.uint8), np.ones((2, 4), np.uint8)]


def save_7_3(path, with_block: bool = True) -> None:
    """What `save -v7.3` writes: a text of 512 bytes, then HDF5, with axes reversed and cells as references."""
    with h5py.File(path, "w", userblock_size=512 if with_block else 0) as file:
        file["joints"] = JOINTS.T
        group = file.create_group("#refs#")
        cells = np.empty((1, 2), h5py.ref_dtype)
        for i, mask in enumerate(MASKS[:, 0]):
            group[str(i)] = mask.T
            cells[0, i] = group[str(i)].ref
        file.create_dataset("Masks", data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
        file.create_dataset("nothing", data=np.array([0, 3], np.uint64)).attrs["MATLAB_empty"] = np.uint8(1)
        file.create_group("struct")["field"] = 1.0
    if with_block:
        with path.open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


@pytest.mark.parametrize("version", ["5", "7", "7.3", "hdf5"])
def test_every_version_gives_the_same_arrays(tmp_path, version):
    path = tmp_path / "a.mat"
    if version in ("5", "7"):
        savemat(path, {"joints": JOINTS, "Masks": MASKS}, do_compression=version == "7")
    else:
        save_7_3(path, with_block=version == "7.3")
    found = read_mat(path)
    np.testing.assert_array_equal(found["joints"], JOINTS)
    assert found["Masks"].shape == (2, 1)
    assert all(
        np.array_equal(mask, expected) for mask, expected in zip(found["Masks"].ravel(), MASKS.ravel(), strict=True)
    )


def test_an_empty_array_keeps_its_shape_and_references_and_structs_are_no_arrays(tmp_path):
    save_7_3(tmp_path / "a.mat")
    found = read_mat(tmp_path / "a.mat")
    assert set(found) == {"joints", "Masks", "nothing"}
    assert found["nothing"].shape == (0, 3)


def test_only_the_named_arrays_are_read(tmp_path):
    save_7_3(tmp_path / "a.mat")
    savemat(tmp_path / "b.mat", {"joints": JOINTS, "Masks": MASKS})
    assert [set(read_mat(tmp_path / name, ["joints", "other"])) for name in ("a.mat", "b.mat")] == [{"joints"}] * 2


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_broken_file_is_one_line(tmp_path, version):
    path = tmp_path / "a.mat"
    savemat(path, {"joints": JOINTS}) if version == "5" else save_7_3(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PartposeError, match=r"a\.mat (is no whole MATLAB file|cannot be read): [^\n]+$"):
        read_mat(path)


def test_a_file_that_is_not_there_or_no_matlab_file_is_one_line(tmp_path):
    (tmp_path / "text.mat").write_text("joints\n")
    with pytest.raises(PartposeError, match=r"text\.mat is no whole MATLAB file"):
        read_mat(tmp_path / "text.mat")
    with pytest.raises(PartposeError, match="No such file"):
        read_mat(tmp_path / "none.mat")


def test_without_scipy_the_line_names_the_extra(tmp_path, monkeypatch):
    savemat(tmp_path / "a.mat", {"joints": JOINTS})
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(PartposeError, match=r"pip install 'partpose\[matlab\]'"):
        read_mat(tmp_path / "a.mat")
