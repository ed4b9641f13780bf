"""Pictures of what a model sees: parts, part maps, reconstructions, and appearances swapped."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from partpose.geometry import Square
from partpose.model.part_model import Encoding, PartModel
from partpose.predict.draw import draw_maps, draw_parts, enlarge, sheet

MOST_SWAPPED = 12
"""A swap grid has the square of its pictures in pictures."""


def to_pixels(images: Float[Tensor, "b c h w"]) -> NDArray[np.uint8]:
    """(B, C, H, W) in [0, 1] to uint8 (B, H, W, 3); grey is repeated, alpha left out."""
    colours = images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)
    return (colours.permute(0, 2, 3, 1) * 255).round().byte().cpu().numpy()


class Shown:
    """A batch of pictures, and all that is drawn of it."""

    def __init__(self, network: PartModel, images: Float[Tensor, "b c h w"]) -> None:
        with torch.no_grad():
            self.maps = network.part_maps(images)
            self.encoding = network.encode(images, self.maps)
            self.rebuilt = to_pixels(network.decode(self.encoding, images.shape[-1], painted=True))
        self.network, self.side, self.pixels = network, images.shape[-1], to_pixels(images)

    def inputs(self) -> list[NDArray[np.uint8]]:
        """The pictures themselves, enlarged."""
        return [enlarge(pixels) for pixels in self.pixels]

    def parts(self) -> list[NDArray[np.uint8]]:
        """Every picture with its parts drawn in."""
        place, parts = Square.around(self.side, self.side), self.encoding.parts
        mean, cov = place.to_pixels(parts.mean.cpu().numpy()), place.cov_to_pixels(parts.cov.cpu().numpy())
        confidence = parts.confidence.cpu().numpy()
        return [draw_parts(self.pixels[i], mean[i], cov[i], confidence[i]) for i in range(len(self.pixels))]

    def part_maps(self) -> list[NDArray[np.uint8]]:
        """Every picture under its part maps."""
        return [draw_maps(pixels, maps.cpu().numpy()) for pixels, maps in zip(self.pixels, self.maps, strict=True)]

    def reconstructions(self) -> list[NDArray[np.uint8]]:
        """Every picture, rebuilt from its parts."""
        return [enlarge(pixels) for pixels in self.rebuilt]

    def swapped(self, appearance: int) -> list[NDArray[np.uint8]]:
        """Every picture's shape with the appearance of one of them."""
        parts, vectors, background = self.encoding
        worn = vectors[appearance : appearance + 1].expand_as(vectors)
        with torch.no_grad():
            rebuilt = self.network.decode(Encoding(parts, worn, background), self.side)
        return [enlarge(pixels) for pixels in to_pixels(rebuilt)]


def overview(shown: Shown) -> NDArray[np.uint8]:
    """Input, parts, part maps, reconstruction and swap of a few pictures, as one sheet."""
    rows = [shown.inputs(), shown.parts(), shown.part_maps(), shown.reconstructions(), shown.swapped(0)]
    return sheet(rows, row_titles=["input", "parts", "part maps", "rebuilt", "looks of the first"])


def swap_grid(shown: Shown) -> NDArray[np.uint8]:
    """Shapes across, appearances down: each of the first pictures in the looks of every other."""
    inputs = shown.inputs()[:MOST_SWAPPED]
    rows: list[list[NDArray | None]] = [[None, *inputs]]
    rows += [[worn, *shown.swapped(i)[:MOST_SWAPPED]] for i, worn in enumerate(inputs)]
    return sheet(rows)


def sheets(shown: Shown) -> dict[str, NDArray[np.uint8]]:
    """The pictures that `partpose show` writes, by file name."""
    inputs = shown.inputs()
    return {
        "parts.png": sheet([inputs, shown.parts()], row_titles=["input", "parts"]),
        "part_maps.png": sheet([inputs, shown.part_maps()], row_titles=["input", "part maps"]),
        "reconstructions.png": sheet([inputs, shown.reconstructions()], row_titles=["input", "rebuilt"]),
        "swap.png": swap_grid(shown),
    }
