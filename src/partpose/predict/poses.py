"""`Poses`: the keypoints of one video or of one folder of pictures."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.errors import PartposeError, Skipped
from partpose.geometry import squares_around

if TYPE_CHECKING:
    from partpose.predict.landmark_map import LandmarkMap

SHAPES = {
    "mean": ("F", "K", 2),
    "covariance": ("F", "K", 2, 2),
    "confidence": ("F", "K"),
    "uncertainty": ("F", "K"),
    "sizes": ("F", 2),
    "squares": ("F", 3),
    "frame_index": ("F",),
    "time_stamp": ("F",),
}
WHOLE_NUMBERS = ("sizes", "frame_index")


class Pose(NamedTuple):
    """The K keypoints of one frame, in its pixels.

    index: which frame, counted from 0, dropped ones included.  time: the source's own stamp in seconds, NaN for arrays.
    mean: (K, 2).  covariance: (K, 2, 2).  confidence: (K,).  uncertainty: (K,), NaN unless it is measured.
    """

    index: int
    time: float
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    confidence: NDArray[np.float32]
    uncertainty: NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Poses:
    """K keypoints in each of F rows, one row an object a frame, in the pixels of the original file; the centre of its
    top-left pixel is (0, 0).

    mean: (F, K, 2) x right and y down, pixels; NaN where a keypoint is unknown.
    covariance: (F, K, 2, 2) square pixels: a part's extent, not its uncertainty; NaN for landmarks, which have none.
    confidence: (F, K) in [0, 1], as `geometry.confidence` defines it.
    source: the name of the video or of the folder.
    sizes: (F, 2) whole width and height of each original frame, pixels.
    squares: (F, 3) left, top and side, in pixel edges, of what the model saw: without them the whole picture's square.
    frame_index: (F,) never falling; a video's decoded frames count from 0, skipped ones included.
    track: F names of objects; the rows of one frame differ in them. Without them "" throughout: one object a frame.
    time_stamp: (F,) seconds from the start of the video; NaN for pictures.
    uncertainty: (F, K) pixels, the standard deviation along x or y that `predict.uncertainty` measured at the unfiltered
        keypoints; NaN where it was not measured.
    raw: (F, K, 2) pixels, the keypoints before the first filter; None for poses that are not filtered.
    names: K different names; without them "part_0", "part_1", … (padded with zeros as needed).
    skeleton: pairs of keypoints, counted from 0, to be drawn as lines.
    files: F file names relative to the folder, or None for a video.
    fps: frames a second of the video, None for pictures.
    skipped: the files that were passed over, and why.
    history: what was done to these poses, oldest first.
    provenance: where they come from: "version", "model", "model_hash", "config_hash", "input", "date".

    The arrays are read-only. Raises `PartposeError` where shapes or values do not fit.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    confidence: NDArray[np.float64]
    source: str
    sizes: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    time_stamp: NDArray[np.float64]
    squares: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3)))
    track: tuple[str, ...] = ()
    uncertainty: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    raw: NDArray[np.float64] | None = None
    names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    files: tuple[str, ...] | None = None
    fps: float | None = None
    skipped: tuple[Skipped, ...] = ()
    history: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.squares):
            object.__setattr__(self, "squares", squares_around(np.reshape(self.sizes, (-1, 2))))
        if not len(self.uncertainty):
            object.__setattr__(self, "uncertainty", np.full(np.shape(self.mean)[:2], np.nan))
        object.__setattr__(self, "track", tuple(self.track) or ("",) * len(self.mean))
        for name in SHAPES:
            object.__setattr__(self, name, _read_only(name, getattr(self, name)))
        if self.raw is not None:
            object.__setattr__(self, "raw", _read_only("raw", self.raw))
        _check_shapes(self)
        names = tuple(self.names) or part_names(self.mean.shape[1])
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "skipped", tuple(Skipped(*one) for one in self.skipped))
        _check_lengths(self)
        _check_values(self)

    def __len__(self) -> int:
        return len(self.mean)

    def __repr__(self) -> str:
        shapes = np.unique(self.sizes, axis=0)
        size = "×".join(map(str, shapes[0])) + " px" if len(shapes) == 1 else f"{len(shapes)} picture sizes"
        frames = "frames" if self.files is None else "pictures"
        passed_over = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"Poses({self.source!r}: {len(self)} {frames} of {len(self.names)} keypoints, {size}{passed_over})"

    def tracks(self) -> dict[str, NDArray[np.int64]]:
        """The rows of each object, in the order in which the objects first appear."""
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(self.track):
            rows.setdefault(name, []).append(row)
        return {name: np.array(some) for name, some in rows.items()}

    def landmarks(self, linear_map: "LandmarkMap") -> "Poses":
        """The landmarks that a fitted linear map finds from these parts, as (F, J) poses with the landmarks' names.

        A landmark's confidence is the mean of its parts' confidences, weighted by how much each moves it; it has no
        covariance (NaN), for a part's extent says nothing about a point. Its uncertainty is that of its parts, as if
        these erred independently. Raises `PartposeError` where the map was fitted for another model or another number
        of parts.
        """
        linear_map.check(len(self.names), self.provenance.get("model_hash", ""))
        mean = linear_map.in_pixels(self.mean, self.squares)
        return replace(
            self,
            mean=mean,
            covariance=np.full((*mean.shape, 2), np.nan),
            confidence=linear_map.confidence(self.confidence),
            uncertainty=linear_map.uncertainty(self.uncertainty),
            raw=None if self.raw is None else linear_map.in_pixels(self.raw, self.squares),
            names=linear_map.names,
            skeleton=linear_map.skeleton,
            history=(*self.history, f"landmarks by a linear map, protocol {linear_map.protocol}"),
        )


def part_names(parts: int) -> tuple[str, ...]:
    """ "part_0" … as many as there are, padded with zeros so that they sort."""
    digits = len(str(max(parts - 1, 0)))
    return tuple(f"part_{k:0{digits}d}" for k in range(parts))


def _read_only(name: str, values) -> NDArray:
    array = np.asarray(values, np.int64 if name in WHOLE_NUMBERS else np.float64)
    # What nobody can write to is shared, not copied: a long video has hundreds of megabytes
    if array.flags.writeable and isinstance(values, np.ndarray) and np.may_share_memory(array, values):
        array = array.copy()
    array.flags.writeable = False
    return array


def _check_shapes(poses: Poses) -> None:
    if poses.mean.ndim != 3:
        raise PartposeError(f"mean must have the shape (F, K, 2), got {poses.mean.shape}")
    letters = {"F": poses.mean.shape[0], "K": poses.mean.shape[1]}
    for name, shape in SHAPES.items():
        expected = tuple(letters.get(n, n) for n in shape)
        if getattr(poses, name).shape != expected:
            raise PartposeError(f"{name} must have the shape {expected}, got {getattr(poses, name).shape}")
    if poses.raw is not None and poses.raw.shape != poses.mean.shape:
        raise PartposeError(f"raw must have the shape {poses.mean.shape}, got {poses.raw.shape}")


def _check_lengths(poses: Poses) -> None:
    frames, parts = poses.mean.shape[:2]
    if len(poses.names) != parts:
        raise PartposeError(f"names must be {parts}, one a keypoint, got {len(poses.names)}")
    for name in ("files", "track"):
        given = getattr(poses, name)
        if given is not None and len(given) != frames:
            raise PartposeError(f"{name} must be {frames}, one a row, got {len(given)}")
    if not all(0 <= k < parts for pair in poses.skeleton for k in pair):
        raise PartposeError(f"skeleton must join keypoints from 0 to {parts - 1}, got {poses.skeleton}")
    twice = [name for name, n in Counter(poses.names).items() if n > 1]
    if twice:
        raise PartposeError(f"names must differ, got {twice[0]!r} more than once")


def _check_values(poses: Poses) -> None:
    if not ((poses.confidence >= 0) & (poses.confidence <= 1) | np.isnan(poses.confidence)).all():
        low, high = np.nanmin(poses.confidence), np.nanmax(poses.confidence)
        raise PartposeError(f"confidence must lie in [0, 1], got {low:.3g} to {high:.3g}")
    if np.isinf(poses.mean).any() or np.isinf(poses.covariance).any():
        raise PartposeError("mean and covariance must be finite (or NaN where unknown), got infinity")
    if np.isinf(poses.uncertainty).any() or (poses.uncertainty < 0).any():
        raise PartposeError(
            "uncertainty must be a finite number of pixels, 0 or more (or NaN where it was not measured)"
        )
    if (poses.sizes < 1).any():
        raise PartposeError(f"sizes must be at least 1 pixel, got {poses.sizes.min()}")
    if (poses.frame_index < 0).any() or (np.diff(poses.frame_index) < 0).any():
        raise PartposeError("frame_index must rise from 0 or more")
    if len(set(zip(poses.frame_index.tolist(), poses.track, strict=True))) < len(poses):
        raise PartposeError("frame_index must differ from row to row, or the track of the rows of one frame")


def same(one: Poses, other: Poses) -> bool:
    """Whether two poses hold the same values, bit for bit (NaN equals NaN)."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(Poses))
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
        for a, b in pairs
    )


def join(first: Poses, then: Poses) -> Poses:
    """The rows of both, of one input; those of the earlier ones only up to where the later ones begin."""
    keep = int(np.searchsorted(first.frame_index, then.frame_index[0])) if len(then) else len(first)
    arrays = {name: np.concatenate([getattr(first, name)[:keep], getattr(then, name)]) for name in SHAPES}
    files = None if then.files is None else (*(first.files or ())[:keep], *then.files)
    skipped = tuple(dict.fromkeys((*first.skipped, *then.skipped)))
    return replace(then, **arrays, track=(*first.track[:keep], *then.track), files=files, skipped=skipped)
