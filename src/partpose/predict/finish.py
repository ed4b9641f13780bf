"""What becomes of keypoints once they are predicted; light, for the command line shows the options."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from partpose.errors import PartposeError

if TYPE_CHECKING:
    from partpose.predict.poses import Poses

FORMATS = ("h5", "csv", "coco", "npz")
EXTRAS = ("appearance", "maps")
HIGHEST = 10
"""Degree of savgol's polynomial: one of higher degree follows the noise, and its equations lose their digits."""


@dataclass(frozen=True, kw_only=True)
class Finish:
    """Filters over the keypoints, and the formats they are written in. Raises `PartposeError` for what does not fit."""

    smooth: Literal["median", "savgol", "kalman"] | None = None
    """Smooth each keypoint over time: median (of wild frames), savgol (a polynomial), kalman (noise as measured)."""
    window: int | None = None
    """Frames that median (default: 5) and savgol (default: 9) look at, an odd number."""
    degree: int = 2
    """Degree of savgol's polynomial, at most 10."""
    min_confidence: float = 0.0
    """Leave out keypoints of lower confidence, before smoothing."""
    max_gap: int = 0
    """Fill gaps of up to so many frames, linearly, after smoothing; savgol looks across no longer ones."""
    format: str = "h5,csv"
    """What is written, separated by commas: h5, csv (DeepLabCut), coco, npz."""

    def __post_init__(self) -> None:
        if self.window is not None and (self.window < 1 or self.window % 2 == 0):
            raise PartposeError(f"--window must be an odd number of frames, got {self.window}")
        if self.window is not None and self.smooth not in ("median", "savgol"):
            raise PartposeError("--window is for --smooth median and savgol: name one of them, or leave it out")
        highest = highest_degree(self.window or 9)
        if self.smooth == "savgol" and not 0 <= self.degree <= highest:
            raise PartposeError(
                f"--degree must be from 0 to {highest} (of a window of {self.window or 9}), got {self.degree}"
            )
        if not 0 <= self.min_confidence <= 1:
            raise PartposeError(f"--min-confidence must lie between 0 and 1, got {self.min_confidence}")
        if self.max_gap < 0:
            raise PartposeError(f"--max-gap must be a number of frames, 0 or more, got {self.max_gap}")
        among(FORMATS, self.format, "--format")

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats, each once."""
        return among(FORMATS, self.format, "--format")

    def __call__(self, poses: "Poses") -> "Poses":
        """Leave out what is not sure, smooth, fill gaps, in this order; the same poses where none of it is asked for."""
        from partpose.predict.filtering import interpolate_gaps, median_filter, savgol_filter
        from partpose.predict.kalman import kalman_smooth

        poses = self.sure(poses)
        if self.smooth == "median":
            poses = median_filter(poses, self.window or 5)
        elif self.smooth == "savgol":
            poses = savgol_filter(poses, self.window or 9, self.degree, self.max_gap)
        elif self.smooth == "kalman":
            poses = kalman_smooth(poses)
        return interpolate_gaps(poses, self.max_gap) if self.max_gap > 0 else poses

    def sure(self, poses: "Poses") -> "Poses":
        """Without what is not sure; the same poses where that is not asked for."""
        from partpose.predict.filtering import mask_low_confidence

        return mask_low_confidence(poses, self.min_confidence) if self.min_confidence > 0 else poses


def highest_degree(window: int) -> int:
    """Of a polynomial that savgol may fit to so many frames."""
    return min(window - 1, HIGHEST)


def among(known: tuple[str, ...], words: str, option: str) -> tuple[str, ...]:
    """ "h5,csv" as ("h5", "csv"), each once, and "" as none. Raises `PartposeError` for words that are not known."""
    found = tuple(dict.fromkeys(word.strip() for word in words.split(","))) if words else ()
    if wrong := [word for word in found if word not in known]:
        raise PartposeError(f"{option} expects some of {', '.join(known)}, separated by commas, got {wrong[0]!r}")
    return found
