"""`LandmarkMap`: from parts to annotated landmarks, linearly; `evaluate.regression` fits it, `predict` uses it.

It works in the unit frame, the inside frame moved to [0, 1]²: (u + 1) / 2, the whole picture padded to a square around
its middle. So it holds for pictures of any size, and without intercept it is the published "coordinates in [0, 1]".
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partpose.data.atomic import atomic
from partpose.errors import PartposeError
from partpose.geometry import to_inside, to_pixels

FORMAT = 1


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """J landmarks as linear functions of K parts: y[j, a] = Σ_kb matrix[j, a, k, b] x[k, b] + intercept[j, a].

    matrix: (J, 2, K, 2), in the unit frame; NaN for landmarks that no training picture shows.
    names: the J landmarks.  protocol: the protocol it was fitted for.
    intercept: (J, 2) in the unit frame, or None for a map that has none.
    ridge: the ridge's strength (see `evaluate.regression`), None for plain least squares.
    model_hash: of the model whose parts it was fitted on; "" where that is not known.
    skeleton: pairs of landmarks to be drawn as lines, as the annotated set has them.
    nearest: of each part the landmark that it lay nearest to on average over the training pictures; () where not known.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    protocol: str
    intercept: NDArray[np.float64] | None = None
    ridge: float | None = None
    model_hash: str = ""
    skeleton: tuple[tuple[int, int], ...] = ()
    nearest: tuple[int, ...] = ()

    def apply(self, mean: NDArray) -> NDArray:
        """(F, K, 2) parts in the inside frame to (F, J, 2) landmarks in the inside frame."""
        unit = np.einsum("jakb,fkb->fja", self.matrix, (np.asarray(mean, np.float64) + 1) / 2)
        return 2 * (unit if self.intercept is None else unit + self.intercept) - 1

    def in_pixels(self, mean: NDArray, squares: NDArray) -> NDArray:
        """(F, K, 2) parts to (F, J, 2) landmarks, both in pixels; (F, 3) squares are what the model saw of each picture."""
        return to_pixels(self.apply(to_inside(mean, squares)), squares)

    def confidence(self, parts: NDArray) -> NDArray:
        """(F, K) confidences of the parts to (F, J): their mean, weighted by the size of each part's 2×2 weights."""
        influence = np.sqrt(np.square(self.matrix).sum(axis=(1, 3)))
        total = influence.sum(axis=1, keepdims=True)
        share = np.divide(influence, total, out=np.full_like(influence, 1 / influence.shape[1]), where=total != 0)
        return np.clip(np.asarray(parts, np.float64) @ share.T, 0, 1)

    def uncertainty(self, parts: NDArray) -> NDArray:
        """(F, K) uncertainties of the parts, pixels, to (F, J), as if all parts and both axes erred independently.

        σ_j² = ½ Σ_akb matrix[j, a, k, b]² σ_k², the mean over x and y.
        """
        weight = np.square(self.matrix).sum(axis=(1, 3)) / 2
        return np.sqrt(np.square(np.asarray(parts, np.float64)) @ weight.T)

    def check(self, parts: int, model_hash: str = "") -> None:
        """Raise `PartposeError` unless the map was fitted on this many parts, and this model where both are known."""
        if self.matrix.shape[2] != parts:
            raise PartposeError(f"this landmark map is for {self.matrix.shape[2]} parts, but the poses have {parts}")
        if self.model_hash and model_hash and self.model_hash != model_hash:
            raise PartposeError(
                "this landmark map was fitted on another model; fit one for this model with `evaluate --save-landmarks`"
            )

    def save(self, path: Path | str) -> None:
        """Write the map as JSON; a number that is not known is null."""
        content = {
            "partpose_landmark_map": FORMAT,
            "names": list(self.names),
            "protocol": self.protocol,
            "ridge": self.ridge,
            "model_hash": self.model_hash,
            "skeleton": self.skeleton,
            "nearest": self.nearest,
            "matrix": _without_nan(self.matrix),
            "intercept": None if self.intercept is None else _without_nan(self.intercept),
        }
        with atomic(Path(path)) as temporary:
            temporary.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path | str) -> "LandmarkMap":
        """Read what `save` wrote. Raises `PartposeError` where there is no such file or it is something else."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls._from_json(content)
        except OSError as error:
            raise PartposeError(f"cannot read the landmark map {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise PartposeError(
                f"{path} is not a landmark map; `partpose evaluate --save-landmarks FILE` writes one"
            ) from error

    @classmethod
    def _from_json(cls, content: dict) -> "LandmarkMap":
        if content["partpose_landmark_map"] != FORMAT:
            raise ValueError("unknown format")
        names = tuple(content["names"])
        matrix = np.array(content["matrix"], np.float64)
        intercept = None if content["intercept"] is None else np.array(content["intercept"], np.float64)
        if matrix.ndim != 4 or (matrix.shape[0], matrix.shape[1], matrix.shape[3]) != (len(names), 2, 2):
            raise ValueError("matrix and names do not fit")
        if intercept is not None and intercept.shape != matrix.shape[:2]:
            raise ValueError("matrix and intercept do not fit")
        skeleton = tuple((int(a), int(b)) for a, b in content.get("skeleton", ()))
        if not all(0 <= j < len(names) for pair in skeleton for j in pair):
            raise ValueError("skeleton and names do not fit")
        nearest = tuple(int(j) for j in content.get("nearest", ()))
        if len(nearest) not in (0, matrix.shape[2]) or not all(0 <= j < len(names) for j in nearest):
            raise ValueError("nearest, matrix and names do not fit")
        protocol, ridge, model_hash = content["protocol"], content["ridge"], content["model_hash"]
        return cls(matrix, names, protocol, intercept, ridge, model_hash, skeleton, nearest)


def _without_nan(values: NDArray) -> list:
    known = values.astype(object)
    known[np.isnan(values)] = None
    return known.tolist()
