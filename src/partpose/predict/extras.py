"""Appearance vectors and part maps, kept while predicting: they go to disk batch by batch, never all into memory."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from partpose.errors import PartposeError
from partpose.model.part_model import PartModel
from partpose.predict.finish import EXTRAS

DIMS = {"appearance": '["row", "part", "channel"]', "maps": '["row", "part", "y", "x"]'}
ROWS = {"appearance": 256, "maps": 1}  # of a chunk


class Extras:
    """A temporary HDF5 file that grows by a row for every row of the poses; `write_hdf5` takes its datasets over.

    Datasets, in half precision: appearance (F, K, D), what each part looks like; maps (F, K, h, w), the part maps over the
    square that the model saw, each summing to one. A context manager, which removes the file in the end.

    Raises `PartposeError` where it cannot be written.
    """

    def __init__(self, path: Path, kinds: tuple[str, ...], network: PartModel) -> None:
        self.path, self.kinds, self.network = path, kinds, network
        try:
            self.file = h5py.File(path, "w")
        except OSError as error:
            raise PartposeError(f"{path} cannot be written: {error}") from error

    def __enter__(self) -> "Extras":
        return self

    def __exit__(self, *_: object) -> None:
        self.finished().unlink(missing_ok=True)

    def finished(self) -> Path:
        """The file, to which nothing is added any more."""
        self.file.close()
        return self.path

    def add(self, images: torch.Tensor, maps: torch.Tensor) -> None:
        """The next rows, from a batch of pictures and their part maps; what `Predictor.watch` calls."""
        if "maps" in self.kinds:
            self._append("maps", maps)
        if "appearance" in self.kinds:
            self._append("appearance", self.network.appearance(images, maps))

    def _append(self, kind: str, values: torch.Tensor) -> None:
        rows: NDArray[np.float16] = values.half().cpu().numpy()
        if kind not in self.file:
            layout: dict[str, Any] = {"maxshape": (None, *rows.shape[1:]), "chunks": (ROWS[kind], *rows.shape[1:])}
            layout |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            self.file.create_dataset(kind, (0, *rows.shape[1:]), np.float16, **layout).attrs["dims"] = DIMS[kind]
        stored = self.file[kind]
        stored.resize(len(stored) + len(rows), axis=0)
        stored[-len(rows) :] = rows


def copy_extras(source: Path, file: h5py.File) -> None:
    """The datasets of an `Extras` file, or of a file of poses that has them, into another, without decompressing them."""
    with h5py.File(source, "r") as stored:
        for kind in EXTRAS:
            if kind in stored:
                stored.copy(kind, file)
