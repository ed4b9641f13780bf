"""MATLAB files: 5 and 7 through scipy, 7.3, which is HDF5, through h5py; both as MATLAB itself shows an array."""

from collections.abc import Collection
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partpose.data.walk import readable
from partpose.errors import PartposeError


def read_mat(path: str | PathLike, names: Collection[str] | None = None) -> dict[str, NDArray]:
    """The arrays of a MATLAB file by name, all or those of `names` that are there, with MATLAB's order of axes.

    A cell array is an array of objects of the same shape. A struct is left out of a 7.3 file, and is an array of scipy's
    records from an older one. Everything is read at once: to step through a large 7.3 file, open it with h5py.
    Raises PartposeError where the file is missing or broken, and where scipy, the extra `matlab`, is needed and missing.
    """
    import h5py

    try:
        with open(path, "rb"):  # noqa: PTH123, h5py and scipy each say in their own way that there is no file
            pass
        return _read_7_3(path, names) if h5py.is_hdf5(path) else _read_5(path, names)
    except PartposeError:
        raise
    except OSError as error:
        raise PartposeError(f"{readable(path)} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # scipy raises whatever a broken byte leads to: ValueError, TypeError, zlib.error, …
        raise PartposeError(f"{readable(path)} is no whole MATLAB file: {error}") from error


def _read_5(path: str | PathLike, names: Collection[str] | None) -> dict[str, NDArray]:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise PartposeError(f"{readable(path)}: MATLAB files need the extra: pip install 'partpose[matlab]'") from None
    found = loadmat(path, variable_names=names)
    return {name: value for name, value in found.items() if not name.startswith("__")}


def _read_7_3(path: str | PathLike, names: Collection[str] | None) -> dict[str, NDArray]:
    import h5py

    with h5py.File(path, "r") as file:
        arrays = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return {name: _array(item, file) for name, item in arrays.items() if names is None or name in names}


def _array(item: Any, file: Any) -> NDArray:
    """A data set with its axes reversed, as MATLAB stores the first one fastest; references are followed."""
    import h5py

    values = np.asarray(item[()]).T
    if item.attrs.get("MATLAB_empty", 0):
        return np.empty(values.ravel().astype(int), object if values.dtype == object else values.dtype)
    if h5py.check_ref_dtype(item.dtype) is None:
        return values
    cells = np.empty(values.shape, object)
    for place, reference in np.ndenumerate(values):
        target = file[reference]
        cells[place] = _array(target, file) if isinstance(target, h5py.Dataset) else None
    return cells
