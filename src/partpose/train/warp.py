"""Geometric and colour transforms: two views cut from one canvas, and the exact map between them.

A transform t maps a view to its source: view(u) = source(t(u)). Pictures and part maps are *sampled* at t(u); landmarks and
other points move by the inverse of t, never by t.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from partpose.config import TransformSettings
from partpose.geometry import grid, inverse2

CONTROLS = 4  # control points of the spline along a side


def exact(device: torch.device) -> torch.autocast:
    """Keeps mixed precision out of coordinates: in bfloat16 the map between two views is off by up to 0.009."""
    return torch.autocast(device.type, enabled=False)


class Transform(NamedTuple):
    """t(u) = A u + b + Σ_c w_c φ(|u - c|), from a view to its canvas, one a picture."""

    matrix: Tensor  # (B, 2, 2)
    offset: Tensor  # (B, 2)
    shift: Tensor  # (B, CONTROLS², 2), where the control points go, relative to A u + b

    def __call__(self, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2"]:
        """Move view points to the canvas."""
        linear = points @ self.matrix.mT + self.offset[:, None]
        return linear + spline_basis(points) @ self.shift

    def at(self, size: int, reach: float = 1.0) -> Float[Tensor, "b size size 2"]:
        """Where every cell of a view of `size` lies on the canvas; `reach` stretches the grid about the view's middle."""
        with exact(self.offset.device):
            u, basis = _grid_basis(size, reach, self.offset.device)
            linear = u @ self.matrix.mT + self.offset[:, None]
            return (linear + basis @ self.shift).unflatten(1, (size, size))

    def to(self, device: torch.device) -> "Transform":
        """The same on another device."""
        return Transform(*(t.to(device, non_blocking=True) for t in self))

    def is_affine(self) -> bool:
        """Whether the spline moves nothing."""
        return not bool(self.shift.any())

    def inverse(self, points: Float[Tensor, "b n 2"], steps: int = 40) -> Float[Tensor, "b n 2"]:
        """Move canvas points to the view: where landmarks go. u ← u + A⁻¹ (p - t(u)); the spline is a small part of t."""
        with exact(self.offset.device):
            back = inverse2(self.matrix).mT
            u = (points - self.offset[:, None]) @ back
            for _ in range(steps):
                u = u + (points - self(u)) @ back
            return u


def spline_basis(points: Float[Tensor, "*b n 2"]) -> Float[Tensor, "*b n c"]:
    """Weights with which a thin-plate spline moves each point when its control points move (Bookstein 1989)."""
    controls, solved = _spline(points.dtype, points.device)
    ones = torch.ones_like(points[..., :1])
    return torch.cat([_kernel(points, controls), ones, points], -1) @ solved


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _spline(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """The control points, and what makes of kernel values, ones and places the weights of each of them."""
    controls = grid(CONTROLS, CONTROLS, torch.empty(0, dtype=dtype)).flatten(0, 1)
    c = len(controls)
    affine = torch.cat([torch.ones_like(controls[:, :1]), controls], 1)
    system = controls.new_zeros(c + 3, c + 3)
    system[:c, :c], system[:c, c:], system[c:, :c] = _kernel(controls, controls), affine, affine.T
    return controls.to(device), torch.linalg.inv(system.double()).to(device, dtype)[:, :c]


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _grid_basis(size: int, reach: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """The cell centres of a grid and their spline basis, which are the same in every step."""
    u = grid(size, size).flatten(0, 1) * reach
    return u.to(device), spline_basis(u).to(device)


def _kernel(points: Tensor, controls: Tensor) -> Tensor:
    r2 = (points[..., :, None, :] - controls).square().sum(-1)
    return r2 * (r2 + 1e-9).log()


def draw_transform(
    batch: int,
    settings: TransformSettings,
    strength: float,
    warped: bool,
    rng: torch.Generator,
    extent: Float[Tensor, "b 4"] | None = None,
    device: torch.device | None = None,
) -> Transform:
    """A random similarity, with a thin-plate spline on top if `warped`; `strength` in [0, 1] scales all but the zoom.

    extent: what of each canvas is picture, see `data.canvas.extents`; None: all of it.
    device: of the transform; chance is the CPU's all the same, so that it does not depend on the device.
    """
    s = settings

    def spread(*shape: int) -> Tensor:
        return (torch.rand(batch, *shape, generator=rng) * 2 - 1) * strength

    angle, zoom = spread() * s.rotation, s.zoom * (1 + spread() * s.zoom_jitter)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    matrix = torch.stack([cos, -sin, sin, cos], -1).unflatten(-1, (2, 2))
    if s.mirror and warped:
        matrix = (
            matrix * torch.stack([1 - 2.0 * (torch.rand(batch, generator=rng) < 0.5), torch.ones(batch)], -1)[:, None]
        )
    shift = spread(CONTROLS**2, 2) * (s.warp * float(warped))
    transform = Transform(matrix, spread(2) * s.offset, shift).to(device or torch.device("cpu"))
    return inside(transform, extent) if s.keep_inside else transform


def inside(transform: Transform, extent: Float[Tensor, "b 4"] | None = None) -> Transform:
    """Shrink and move each view until it shows nothing outside its picture: borders give the game away.

    Of a picture that is longer than 10 : 7 it may show some padding, for the object would have to be cut, or to be seen at
    another scale than in prediction.
    """
    one = transform.offset.new_ones(1, 2)
    extent = torch.cat([-one, one], 1) if extent is None else extent.to(one, non_blocking=True)
    low_edge, high_edge = _edges(extent)
    seen = transform.at(33, 33 / 32).flatten(1, 2)  # up to the corners of the view, not the centres of its outer cells
    low, high = seen.amin(1), seen.amax(1)
    shrink = ((high_edge - low_edge) / (high - low)).clamp(max=1).amin(-1)
    middle = (low + high) / 2
    half = (high - low) / 2 * shrink[:, None]
    middle_inside = middle.clamp(low_edge + half, high_edge - half)
    offset = (transform.offset - middle) * shrink[:, None] + middle_inside
    return Transform(transform.matrix * shrink[:, None, None], offset, transform.shift * shrink[:, None, None])


def _edges(extent: Float[Tensor, "b 4"], least: float = 0.7) -> tuple[Float[Tensor, "b 2"], Float[Tensor, "b 2"]]:
    """Left and top, right and bottom, at least 2 × `least` apart."""
    low, high = extent[:, :2], extent[:, 2:]
    half = ((high - low) / 2).clamp(min=least)
    middle = ((low + high) / 2).clamp(half - 1, 1 - half)
    return middle - half, middle + half


def between(source: Transform, view: Transform, size: int) -> Float[Tensor, "b size size 2"]:
    """t = source⁻¹ ∘ view on a grid of `size`: where each cell of `view` lies in `source`, which must be affine."""
    # On a GPU nobody asks: the step would wait for the answer
    if source.shift.device.type == "cpu" and not source.is_affine():
        raise ValueError("the source view must be affine, or its inverse would have no closed form")
    with exact(source.offset.device):
        moved = (view.at(size) - source.offset[:, None, None]).flatten(1, 2)
        return (moved @ inverse2(source.matrix).mT).unflatten(1, (size, size))


def sample(
    images: Float[Tensor, "b c h w"], where: Float[Tensor, "b m n 2"], padding: str = "border"
) -> Float[Tensor, "b c m n"]:
    """Bilinear values of `images` at points of the inside frame."""
    return F.grid_sample(images, where, padding_mode=padding, align_corners=False)


def warp_maps(
    maps: Float[Tensor, "b k h w"], where: Float[Tensor, "b m n 2"]
) -> tuple[Float[Tensor, "b k m n"], Float[Tensor, "b k"]]:
    """Part maps seen through t, renormalised, and the share of each part's mass that the view shows.

    The moments of the renormalised maps need no Jacobian; moving only the mean as a point would not be the moment of the
    moved map. The share is the mass under the view, each cell of the view counted with its own area in the source.
    """
    seen = sample(maps, where, "zeros")
    mass = seen.sum((-2, -1), keepdim=True)
    cell = (2 / maps.shape[-1]) * (2 / maps.shape[-2])
    share = (seen.detach() * areas(where)[:, None]).sum((-2, -1)) / cell
    return seen / (mass + 1e-8), share.clamp(0, 1)


def areas(where: Float[Tensor, "b m n 2"]) -> Float[Tensor, "b m n"]:
    """|det J| of every cell; the last row and column repeat their neighbours, padding by zeros would be 11 times too large."""
    right, down = where[:, :-1, 1:] - where[:, :-1, :-1], where[:, 1:, :-1] - where[:, :-1, :-1]
    area = (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).abs()
    return F.pad(area[:, None], (0, 1, 0, 1), mode="replicate")[:, 0]


# luma, then two colour differences (ITU-R BT.601 in its YIQ form): hue is an angle in the last two
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


class Recolour(NamedTuple):
    """A linear change of colours, one a picture: c ↦ matrix c + offset."""

    matrix: Tensor  # (B, C, C)
    offset: Tensor  # (B, C)

    def __call__(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        moved = torch.einsum("bij,bjhw->bihw", self.matrix, images) + self.offset[..., None, None]
        return moved.clamp(0, 1)

    def to(self, device: torch.device) -> "Recolour":
        """The same on another device."""
        return Recolour(*(t.to(device, non_blocking=True) for t in self))


def draw_recolour(
    batch: int, channels: int, settings: TransformSettings, strength: float, rng: torch.Generator
) -> Recolour:
    """Random contrast, brightness, saturation and hue; an alpha channel (the last of 2 or 4) is left alone."""
    s, colours = settings, channels - (channels + 1) % 2

    def spread() -> Tensor:
        return (torch.rand(batch, generator=rng) * 2 - 1) * strength

    contrast, brightness = 1 + spread() * s.contrast, spread() * s.brightness
    saturation, hue = 1 + spread() * s.saturation, spread() * s.hue * 2 * math.pi
    matrix = torch.eye(channels).repeat(batch, 1, 1)
    matrix[:, :colours, :colours] = contrast[:, None, None] * _hue_matrix(saturation, hue, colours)
    offset = torch.zeros(batch, channels)
    offset[:, :colours] = (brightness + 0.5 * (1 - contrast))[:, None]
    return Recolour(matrix, offset)


def _hue_matrix(saturation: Tensor, hue: Tensor, colours: int) -> Tensor:
    if colours != 3:
        return torch.eye(colours).expand(len(hue), -1, -1)
    turn = torch.zeros(len(hue), 3, 3)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = hue.cos() * saturation
    turn[:, 1, 2], turn[:, 2, 1] = -hue.sin() * saturation, hue.sin() * saturation
    return torch.linalg.inv(_YIQ) @ turn @ _YIQ
