"""How an error is measured; a number without its protocol says nothing.

`image-size`: the L2 distance in per cent of the short side of the whole original picture.
`normalised`: in per cent of a length of the object in that picture, which the set's `normaliser` names.
`human36m`: as published for Human3.6M (Zhang et al. 2018; "error w.r.t. image size"): the map has no intercept, is fitted by
plain least squares and works on coordinates in [0, 1], the distance is in per cent of the picture's side. It is a matter of
coordinates, so any set may be measured by it whose `flip_pairs` say which landmarks are left and right of each other.
`pck@α`: the percentage of landmarks within α × that length (or α × the short side where the set names none); here more
is better.

Reported is the mean over all visible landmarks of all test pictures; missing ones count neither in fit nor in error.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.errors import PartposeError

HUMAN36M = "human36m"


class Protocol(NamedTuple):
    """name: as users write it.  normaliser: `keypoints.json`'s, None for the short side.  alpha: pck's, else None.

    intercept, ridge: whether its map may have them.  flip_pairs: for protocols that also forgive an exchange of left and right.
    """

    name: str
    normaliser: dict | None
    alpha: float | None = None
    intercept: bool = True
    ridge: bool = True
    flip_pairs: tuple[tuple[int, int], ...] = ()

    @property
    def unit(self) -> str:
        """What a number of this protocol is, in words."""
        if self.name == HUMAN36M:
            return "% of image size"
        length = "short side" if self.normaliser is None else self.normaliser.get("name", self.normaliser["type"])
        return f"% of {length}" if self.alpha is None else f"% of landmarks within {self.alpha:g} × {length}"


def choose_protocol(
    name: str | None, normaliser: dict | None, flip_pairs: tuple[tuple[int, int], ...] = ()
) -> Protocol:
    """The protocol of that name; without a name `normalised` where the set has a normaliser, else `image-size`.

    Raises `PartposeError` for other names, an α that is no positive number, `normalised` without normaliser, and
    `human36m` without flip pairs.
    """
    name = name or ("image-size" if normaliser is None else "normalised")
    if name == "image-size":
        return Protocol(name, None)
    if name == "normalised":
        if normaliser is None:
            raise PartposeError("this set names no normaliser in keypoints.json; use the protocol image-size")
        return Protocol(name, normaliser)
    if name == HUMAN36M:
        if not flip_pairs:
            raise PartposeError(
                "this set has no flip_pairs in keypoints.json, and the protocol human36m has to know left from right; "
                "use image-size with --no-intercept, the nearest to it"
            )
        return Protocol(name, None, intercept=False, ridge=False, flip_pairs=flip_pairs)
    if name.startswith("pck@"):
        return Protocol(name, normaliser, _alpha(name))
    raise PartposeError(
        "protocol must be image-size, normalised, human36m or pck@α (as in pck@0.1), or disentangle on drawn figures, "
        f"got {name!r}"
    )


def lengths(truth: NDArray, sizes: NDArray, normaliser: dict | None) -> NDArray:
    """(N,) pixels that 100 % stands for in each picture; NaN where the picture lacks it or it is zero.

    truth: (N, J, 2) pixels, NaN where missing.  sizes: (N, 2) width and height of the original pictures.
    Types: "distance" between the two landmarks `indices`, "bbox_of_keypoints" (the longer side of the visible
    landmarks' box), "image_side" (the picture's short side). Raises `PartposeError` for any other.
    """
    kind = "image_side" if normaliser is None else normaliser.get("type")
    if kind == "image_side":
        found = np.asarray(sizes, np.float64).min(axis=1)
    elif kind == "distance" and normaliser is not None:
        found = _distance(truth, normaliser.get("indices", ()))
    elif kind == "bbox_of_keypoints":
        found = _longer_side(truth)
    else:
        raise PartposeError(f"normaliser must be of type distance, bbox_of_keypoints or image_side, got {kind!r}")
    return np.where(found > 0, found, np.nan)


def errors(predicted: NDArray, truth: NDArray, sizes: NDArray, protocol: Protocol) -> NDArray:
    """(N, J) per cent for every picture and landmark, NaN where there is none.

    predicted, truth: (N, J, 2) pixels.  sizes: (N, 2) width and height, pixels.
    Pictures without the normaliser's length are NaN throughout: `left_out` counts them.
    """
    distance = np.linalg.norm(predicted - truth, axis=2)
    relative = distance / lengths(truth, sizes, protocol.normaliser)[:, None]
    if protocol.alpha is None:
        return 100 * relative
    return np.where(np.isnan(relative), np.nan, 100.0 * (relative <= protocol.alpha))


def flip_forgiven(predicted: NDArray, truth: NDArray, sizes: NDArray, protocol: Protocol) -> NDArray:
    """(N, J) `errors` where a person of whom left and right were exchanged as a whole is not blamed for it.

    Each picture gets the smaller of two mean errors: to its landmarks, and to its landmarks with the two of every flip
    pair exchanged, both of the same prediction. The map was fitted on landmarks as they are. Shapes and units as in `errors`.
    """
    exchanged = np.arange(truth.shape[1])
    for left, right in protocol.flip_pairs:
        exchanged[left], exchanged[right] = right, left
    as_is, flipped = (errors(predicted, points, sizes, protocol) for points in (truth, truth[:, exchanged]))
    better = _mean_of_seen(flipped) < _mean_of_seen(as_is)
    return np.where(better[:, None], flipped, as_is)


def left_out(truth: NDArray, sizes: NDArray, protocol: Protocol) -> int:
    """How many pictures with visible landmarks count for nothing, because they lack the normaliser's length."""
    labelled = np.count_nonzero(np.isfinite(truth).all(axis=2), axis=1) > 0
    return int((labelled & np.isnan(lengths(truth, sizes, protocol.normaliser))).sum())


def mean_error(errors_per_picture: NDArray) -> float:
    """The mean over all landmarks that are not NaN in (N, J). Raises `PartposeError` where there is none."""
    _refuse_nothing(errors_per_picture)
    return float(np.nanmean(errors_per_picture))


def bootstrap(errors_per_picture: NDArray, seed: int, resamples: int = 1000) -> tuple[float, float]:
    """The 95 % interval (low, high) of `mean_error`: the test pictures of (N, J) errors resampled with replacement."""
    _refuse_nothing(errors_per_picture)
    seen = ~np.isnan(errors_per_picture)
    labelled = seen.any(axis=1)
    total, count = np.nansum(errors_per_picture, axis=1)[labelled], seen.sum(axis=1)[labelled]
    n = len(total)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    low, high = np.quantile((times @ total) / (times @ count), [0.025, 0.975])
    return float(low), float(high)


def per_landmark(errors_per_picture: NDArray) -> NDArray:
    """(J,) mean over the pictures of (N, J); NaN for a landmark that no test picture shows."""
    return _mean_of_seen(errors_per_picture.T)


def _mean_of_seen(values: NDArray) -> NDArray:
    """(A,) means over the numbers in each row of (A, B), NaN for a row that has none."""
    seen = ~np.isnan(values)
    total, count = np.where(seen, values, 0).sum(axis=1), seen.sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _alpha(name: str) -> float:
    try:
        alpha = float(name.removeprefix("pck@"))
    except ValueError:
        alpha = 0.0
    if not 0 < alpha < np.inf:
        raise PartposeError(f"pck@α needs a positive number, as in pck@0.1, got {name!r}")
    return alpha


def _distance(truth: NDArray, indices) -> NDArray:
    if len(indices) != 2 or not all(0 <= index < truth.shape[1] for index in indices):
        raise PartposeError(f"the normaliser's indices must be two of the {truth.shape[1]} landmarks, got {indices}")
    first, second = indices
    return np.linalg.norm(truth[:, first] - truth[:, second], axis=1)


def _longer_side(truth: NDArray) -> NDArray:
    seen = ~np.isnan(truth).any(axis=2, keepdims=True)
    side = np.where(seen, truth, -np.inf).max(axis=1) - np.where(seen, truth, np.inf).min(axis=1)
    return side.max(axis=1)


def _refuse_nothing(errors_per_picture: NDArray) -> None:
    if np.isnan(errors_per_picture).all():
        raise PartposeError(
            "no test picture has a landmark that can be measured; label some with split=test (and the normaliser's)"
        )
