"""HDF5 files of other tools, whole and damaged."""

import h5py
import numpy as np
import pytest

from partpose.data.annotations.hdf5 import names_in, opened
from partpose.errors import PartposeError


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one/two"] = np.arange(1000)
        file.attrs["three"] = 3
    return tmp_path / "a.h5"


def test_the_names_at_the_top_are_told(path):
    assert names_in(path) == {"one", "three"}


def test_a_damaged_file_and_another_one_have_none(path):
    path.write_bytes(path.read_bytes()[:-100])
    assert names_in(path) is None
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(256)))
    assert names_in(path) is None
    assert names_in(path.parent) is None


@pytest.mark.parametrize("error", [RuntimeError("addr\noverflow"), KeyError("nodes"), OSError(5, "Input/output error")])
def test_whatever_goes_wrong_becomes_one_line(path, error):
    with pytest.raises(PartposeError, match=f"^{path} is no whole list of mice: [^\n]+$"), opened(path, "list of mice"):
        raise error


def test_words_of_our_own_are_kept(path):
    with pytest.raises(PartposeError, match=r"^holds no mouse$"), opened(path, "list of mice") as file:
        assert file.attrs["three"] == 3
        raise PartposeError("holds no mouse")
