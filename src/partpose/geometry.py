"""The one place that knows about coordinates.

Inside, a picture is the square [-1, 1]², x to the right and y down; on a grid of n cells the *centre* of cell i lies at
(2i + 1)/n - 1 (torch's `align_corners=False`). Outside, in files, coordinates are pixels of the original picture and the
centre of its top-left pixel is (0, 0). A picture that is not square is padded around its middle, never squashed.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


class Parts(NamedTuple):
    """K parts in each of B pictures, in the inside frame.

    mean: (B, K, 2), the keypoints.  cov: (B, K, 2, 2), each part's extent, not its uncertainty.
    confidence: (B, K) in [0, 1], see `confidence`.
    """

    mean: Tensor
    cov: Tensor
    confidence: Tensor


class Square(NamedTuple):
    """The square, in pixel *edges* of an original picture, that the inside frame stands for."""

    left: float
    top: float
    side: float

    @classmethod
    def around(cls, width: int, height: int) -> "Square":
        """The smallest square with the picture in its middle."""
        side = max(width, height)
        return cls((width - side) / 2, (height - side) / 2, side)

    def to_pixels(self, points: NDArray) -> NDArray:
        """(..., 2) from the inside frame to pixels, pixel centres at whole numbers."""
        origin = np.array([self.left, self.top]) - 0.5
        return (np.asarray(points, np.float64) + 1) * (self.side / 2) + origin

    def from_pixels(self, points: NDArray) -> NDArray:
        """(..., 2) from pixels to the inside frame; the inverse of `to_pixels`."""
        origin = np.array([self.left, self.top]) - 0.5
        return (np.asarray(points, np.float64) - origin) * (2 / self.side) - 1

    def cov_to_pixels(self, cov: NDArray) -> NDArray:
        """(..., 2, 2) covariances from the inside frame to square pixels."""
        return np.asarray(cov, np.float64) * (self.side / 2) ** 2

    def cov_from_pixels(self, cov: NDArray) -> NDArray:
        """(..., 2, 2) covariances from square pixels to the inside frame; the inverse of `cov_to_pixels`."""
        return np.asarray(cov, np.float64) * (2 / self.side) ** 2


def squares_around(sizes: NDArray) -> NDArray[np.float64]:
    """(F, 3) left, top and side, in pixel edges, of the smallest squares around pictures of (F, 2) widths and heights."""
    sizes = np.asarray(sizes, np.float64)
    side = sizes.max(axis=1, keepdims=True)
    return np.concatenate([(sizes - side) / 2, side], axis=1)


def to_pixels(points: NDArray, squares: NDArray) -> NDArray[np.float64]:
    """(F, N, 2) points in the inside frames of (F, 3) squares (left, top, side), to pixels."""
    origin, half = squares[:, None, :2] - 0.5, squares[:, None, 2:] / 2
    return (np.asarray(points, np.float64) + 1) * half + origin


def to_inside(points: NDArray, squares: NDArray) -> NDArray[np.float64]:
    """(F, N, 2) points in pixels to the inside frames of (F, 3) squares (left, top, side)."""
    origin, half = squares[:, None, :2] - 0.5, squares[:, None, 2:] / 2
    return (np.asarray(points, np.float64) - origin) / half - 1


def extent_to_pixels(cov: NDArray, squares: NDArray) -> NDArray[np.float64]:
    """(F, K, 2, 2) covariances in the inside frames of (F, 3) squares, to square pixels."""
    return np.asarray(cov, np.float64) * (squares[:, 2] / 2)[:, None, None, None] ** 2


def centres(n: int, like: Tensor | None = None) -> Float[Tensor, "n"]:
    """The centres of n cells over [-1, 1]."""
    device, dtype = (None, None) if like is None else (like.device, like.dtype)
    return (2 * torch.arange(n, device=device, dtype=dtype or torch.float32) + 1) / n - 1


def grid(height: int, width: int, like: Tensor | None = None) -> Float[Tensor, "height width 2"]:
    """The (x, y) centre of every cell."""
    y, x = torch.meshgrid(centres(height, like), centres(width, like), indexing="ij")
    return torch.stack([x, y], dim=-1)


def moments(maps: Float[Tensor, "b k h w"]) -> tuple[Float[Tensor, "b k 2"], Float[Tensor, "b k 2 2"]]:
    """Mean and *central* covariance of part maps that sum to one.

    μ = Σ_u u σ(u),  Σ = Σ_u (u - μ)(u - μ)ᵀ σ(u)  (Lorenz et al. 2019, eq. 5). E[u²] - E[u]² would cancel on sharp maps.
    """
    x, y = centres(maps.shape[-1], maps), centres(maps.shape[-2], maps)
    along_x, along_y = maps.sum(-2), maps.sum(-1)
    mean_x, mean_y = (along_x * x).sum(-1), (along_y * y).sum(-1)  # no matmul: autocast would round it to bfloat16
    dx, dy = x - mean_x[..., None], y - mean_y[..., None]
    xx, yy = (along_x * dx * dx).sum(-1), (along_y * dy * dy).sum(-1)
    xy = ((maps * dx[..., None, :]).sum(-1) * dy).sum(-1)
    cov = torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2))
    return torch.stack([mean_x, mean_y], dim=-1), cov


def confidence(
    maps: Float[Tensor, "b k h w"], mean: Float[Tensor, "b k 2"], radius: float = 0.25
) -> Float[Tensor, "b k"]:
    """The share of each part map's mass within `radius` (an eighth of the picture's side) of its mean.

    1 for a map that has one compact peak, about 0.05 for one that is spread over the picture, about 0 for one that
    has two distant peaks with the mean between them.
    """
    x, y = centres(maps.shape[-1], maps), centres(maps.shape[-2], maps)
    dx2 = (x - mean[..., 0, None]).square()
    dy2 = (y - mean[..., 1, None]).square()
    near = (dx2[..., None, :] + dy2[..., :, None]) <= radius**2
    return (maps * near).sum((-2, -1)).clamp(0, 1)


def parts_of(maps: Float[Tensor, "b k h w"]) -> Parts:
    """Part maps to `Parts`."""
    mean, cov = moments(maps)
    return Parts(mean, cov, confidence(maps, mean))


def parts_to_pixels(parts: Parts, size: Float[Tensor, "2"]) -> Parts:
    """Parts in the inside frame of the square around pictures of one size (width, height), to pixels and square pixels."""
    side = size.max()
    origin = (size - side) / 2 - 0.5
    return Parts((parts.mean + 1) * (side / 2) + origin, parts.cov * (side / 2) ** 2, parts.confidence)


def det2(m: Float[Tensor, "*b 2 2"]) -> Float[Tensor, "*b"]:
    """Determinant of 2×2 matrices in closed form."""
    return m[..., 0, 0] * m[..., 1, 1] - m[..., 0, 1] * m[..., 1, 0]


def inverse2(m: Float[Tensor, "*b 2 2"]) -> Float[Tensor, "*b 2 2"]:
    """Inverse of 2×2 matrices in closed form (`torch.linalg` would neither export to ONNX nor be fast here)."""
    a, b, c, d = m[..., 0, 0], m[..., 0, 1], m[..., 1, 0], m[..., 1, 1]
    adjugate = torch.stack([d, -b, -c, a], dim=-1).unflatten(-1, (2, 2))
    return adjugate / det2(m)[..., None, None]


def root2(cov: Float[Tensor, "*b 2 2"], floor: float = 1e-5) -> Float[Tensor, "*b 2 2"]:
    """The symmetric square root of 2×2 covariances, in the units of the mean.

    √M = (M + √det M · I) / √(tr M + 2 √det M)  (Levinger 1980). `floor` is added to the variances: the root's gradient is
    infinite at zero, and a variance can round to below it.
    """
    eye = torch.eye(2, device=cov.device, dtype=cov.dtype)
    m = cov + floor * eye
    s = det2(m).clamp_min(floor * floor).sqrt()
    t = (m[..., 0, 0] + m[..., 1, 1] + 2 * s).clamp_min(floor).sqrt()
    return (m + s[..., None, None] * eye) / t[..., None, None]


def heavy_tailed(
    mean: Float[Tensor, "b k 2"], cov: Float[Tensor, "b k 2 2"], size: int, scale: float = 1.0
) -> Float[Tensor, "b k size size"]:
    """The generator's picture of a part: g(u) = 1 / (1 + s² (u - μ)ᵀ Σ⁻¹ (u - μ)), s = `scale` (Lorenz et al. 2019, eq. 7)."""
    inverse = inverse2(cov) * scale**2
    u = centres(size, mean)
    dx, dy = u - mean[..., 0, None], u - mean[..., 1, None]
    xx = inverse[..., 0, 0, None] * dx * dx
    yy = inverse[..., 1, 1, None] * dy * dy
    xy = (2 * inverse[..., 0, 1, None] * dy)[..., :, None] * dx[..., None, :]
    return 1 / (1 + xx[..., None, :] + yy[..., :, None] + xy)
