"""`Artist`: from the rows of `Poses` to what is drawn of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partpose.data.sources import Source
from partpose.errors import PartposeError
from partpose.predict.marks import Marks, draw_marks
from partpose.predict.poses import Poses
from partpose.predict.style import Style


class Artist:
    """Draws poses in a style. Raises `PartposeError` where there are none, or the style does not fit them."""

    def __init__(self, poses: Poses, style: Style) -> None:
        if not len(poses):
            raise PartposeError(f"there are no poses of {poses.source} to draw")
        self.poses, self.style, self.tracks = poses, style, poses.tracks()
        self.edges = style.edges(poses.names, poses.skeleton)
        self.trails = "trails" in style.words and poses.files is None
        self.step = max(1, int(np.gcd.reduce(np.diff(poses.frame_index))))

    def rows(self, index: int) -> range:
        """The rows of one frame or picture."""
        first, end = np.searchsorted(self.poses.frame_index, (index, index + 1))
        return range(int(first), int(end))

    def frames(self, source: Source) -> slice:
        """The frames of a video that were predicted: as the source says, else as the poses have them."""
        first, last = self.poses.frame_index[[0, -1]].tolist()
        return source.frames or slice(first, last + 1, self.step)

    def misfit(self, rows: Sequence[int], pixels: NDArray[np.uint8]) -> str:
        """In words, where a picture is not of the size of which its poses are; else nothing."""
        height, width = pixels.shape[:2]
        sizes = {(width, height), *map(tuple, self.poses.sizes[rows].tolist())} - {(width, height)}
        return " and ".join(f"has {width}×{height} pixels, but its poses are of {w}×{h}" for w, h in sizes)

    def marks(self, row: int) -> Marks:
        """What is drawn of one row; the name of its track where there are several."""
        p = self.poses
        track = p.track[row] if len(self.tracks) > 1 else ""
        trail = self._trail(row) if self.trails else None
        return Marks(p.mean[row], p.covariance[row], p.confidence[row], p.squares[row], track, trail)

    def draw(self, pixels: NDArray[np.uint8], marks: Sequence[Marks], scale: int | None = None) -> NDArray[np.uint8]:
        """A picture (H, W, 3) with some objects; `scale` as in `enlarge`."""
        return draw_marks(pixels, marks, self.style, self.poses.names, self.edges, scale)

    def _trail(self, row: int) -> NDArray[np.float64]:
        """(N + 1, K, 2) means in the last N frames and in this one; NaN where the object or the part was not seen."""
        p, length = self.poses, self.style.trail
        rows = self.tracks[p.track[row]]
        here = int(np.searchsorted(rows, row))
        rows = rows[max(0, here - length) : here + 1]
        age = (p.frame_index[row] - p.frame_index[rows]) // self.step
        # Where a video's size changes, what was seen before has no place in the frame
        kept = (age <= length) & (p.sizes[rows] == p.sizes[row]).all(axis=1)
        trail = np.full((length + 1, *p.mean.shape[1:]), np.nan)
        trail[length - age[kept]] = p.mean[rows[kept]]
        return trail
