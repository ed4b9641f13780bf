"""Tables that grow while they are found."""

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Named columns of as many rows, to which batches are added; held once, in arrays that grow by half when they are full.

    Many small arrays that are joined in the end would be held twice, and leave memory in pieces that nothing else fits into.
    """

    def __init__(self) -> None:
        self.rows, self._columns = 0, {}

    def __len__(self) -> int:
        return self.rows

    def add(self, batch: dict[str, NDArray]) -> None:
        """More rows of every column, (R, …) each; floating-point numbers are kept in double precision."""
        rows = self.rows + len(next(iter(batch.values())))
        for name, values in batch.items():
            self._columns[name] = column = _with_room(self._columns.get(name), self.rows, rows, values)
            column[self.rows : rows] = values
        self.rows = rows

    def arrays(self) -> dict[str, NDArray]:
        """The columns so far, without copying them; they cannot be written to, and stay as they are when more is added."""
        found = {name: column[: self.rows] for name, column in self._columns.items()}
        for array in found.values():
            array.flags.writeable = False
        return found


def _with_room(column: NDArray | None, filled: int, rows: int, values: NDArray) -> NDArray:
    if column is not None and rows <= len(column):
        return column
    kind = np.float64 if values.dtype.kind == "f" else values.dtype
    larger = np.empty((max(rows, filled + filled // 2), *values.shape[1:]), kind)
    if column is not None:
        larger[:filled] = column[:filled]
    return larger
