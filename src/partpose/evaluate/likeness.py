"""How like two pictures are: PSNR, SSIM and the colours under each part, all of values in [0, 1]."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
LEAST_ERROR = 1e-10
"""Mean squared error that counts as none: 100 dB."""
LEAST_SHARE = 0.01
"""Of the object, that must lie under a part for its mean colour to mean something."""


class Likeness(NamedTuple):
    """Of N pairs of pictures, (N,) each, over the object's mask and over all of the picture. psnr: dB.  ssim: at most 1."""

    psnr_object: NDArray[np.float64]
    psnr: NDArray[np.float64]
    ssim_object: NDArray[np.float64]
    ssim: NDArray[np.float64]


def likeness(found: NDArray, truth: NDArray, masks: NDArray[np.bool_]) -> Likeness:
    """Compare (N, H, W, C) pictures with the truth; masks: (N, H, W), True on the object in the truth.

    PSNR is 10 log₁₀(1 / mean squared error), at most 100. SSIM is that of Wang et al. 2004 with their Gaussian window of
    11 pixels, the mean over the channels, and over the places where the window lies within the picture.
    """
    squared, similar = np.square(found - truth).mean(axis=-1), ssim_map(found, truth)
    inner = masks[:, WINDOW // 2 : -(WINDOW // 2), WINDOW // 2 : -(WINDOW // 2)]
    return Likeness(
        _decibel(_mean_where(squared, masks)),
        _decibel(squared.mean(axis=(1, 2))),
        _mean_where(similar, inner),
        similar.mean(axis=(1, 2)),
    )


def ssim_map(found: NDArray, truth: NDArray) -> NDArray[np.float64]:
    """(N, H - 10, W - 10) the structural similarity around each pixel (Wang et al. 2004, eq. 13), the mean over channels."""
    x, y = np.moveaxis(found, -1, 1).astype(np.float64), np.moveaxis(truth, -1, 1).astype(np.float64)
    mx, my = _blur(x), _blur(y)
    xx, yy, xy = _blur(x * x) - mx * mx, _blur(y * y) - my * my, _blur(x * y) - mx * my
    luminance = (2 * mx * my + K1**2) / (mx * mx + my * my + K1**2)
    return (luminance * (2 * xy + K2**2) / (xx + yy + K2**2)).mean(axis=1)


def colour_errors(found: NDArray, truth: NDArray, masks: NDArray[np.bool_], heats: NDArray) -> NDArray[np.float64]:
    """(N, K) how far the mean colour under each part is off, the mean over the channels, as a share of their range.

    found, truth: (N, H, W, C).  masks: (N, H, W).  heats: (N, K, H, W), each part's Gaussian. Under a part are the pixels of
    the object where its Gaussian is the highest of all; NaN for a part with less than 1 % of the object under it.
    """
    under = (heats.argmax(axis=1)[:, None] == np.arange(heats.shape[1])[:, None, None]) & masks[:, None]
    count = under.sum(axis=(2, 3))
    enough = count >= np.maximum(LEAST_SHARE * masks.sum(axis=(1, 2)), 1)[:, None]
    off = np.abs(np.einsum("nkhw,nhwc->nkc", under.astype(np.float64), found - truth)).mean(axis=-1)
    return np.divide(off, count, out=np.full_like(off, np.nan), where=enough)


def _blur(x: NDArray) -> NDArray:
    """(..., H, W) to (..., H - 10, W - 10)."""
    return _window(x.shape[-2]) @ x @ _window(x.shape[-1]).T


@cache
def _window(size: int) -> NDArray[np.float64]:
    """(size - 10, size) whose rows are the Gaussian window, each one place further."""
    weights = np.exp(-np.square(np.arange(WINDOW) - WINDOW // 2) / (2 * SIGMA**2))
    rows = np.zeros((size - WINDOW + 1, size))
    for i in range(len(rows)):
        rows[i, i : i + WINDOW] = weights / weights.sum()
    return rows


def _mean_where(values: NDArray, masks: NDArray[np.bool_]) -> NDArray:
    return (values * masks).sum(axis=(1, 2)) / np.maximum(masks.sum(axis=(1, 2)), 1)


def _decibel(error: NDArray) -> NDArray:
    return -10 * np.log10(np.maximum(error, LEAST_ERROR))
