"""From the pictures of a set that were cut out of larger frames back to those frames."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from partpose.data.crops import Crop
from partpose.data.walk import natural
from partpose.errors import PartposeError
from partpose.predict.poses import Poses


def to_full_frame(poses: Poses, crops: Mapping[str, Crop]) -> Poses:
    """The same poses in the pixels of the frames that the pictures were cut out of.

    crops: file → where it was cut out (`data.crops.read_crops`). The result has one row an object a frame, in natural order
    of frames and objects: `files` are the frames, `track` is the object's instance, `sizes` are the frames'. With a crop
    whose left upper corner is at c (pixel edges) and whose pixels are s times as large as the frame's,
    frame = (x + 1/2) s + c - 1/2 and Σ_frame = s² Σ.

    Raises PartposeError for a video, and for a picture that `crops` does not have.
    """
    if poses.files is None:
        raise PartposeError(f"{poses.source} is a video: only the pictures of a converted set go back to full frames")
    if lacking := set(poses.files) - set(crops):
        raise PartposeError(f"{poses.source}: its meta.csv does not say where {min(lacking)} was cut out")
    places = [crops[name] for name in poses.files]
    order = sorted(range(len(places)), key=lambda row: _place(places[row]))
    cut = [places[row] for row in order]
    corner = np.array([(one.left, one.top) for one in cut]).reshape(-1, 2)
    scale = np.array([one.side for one in cut]) / poses.sizes[order].max(axis=1, initial=1)
    frames = {name: i for i, name in enumerate(dict.fromkeys(one.frame for one in cut))}
    squares = poses.squares[order]

    def moved(points: NDArray) -> NDArray:
        return (points[order] + 0.5) * scale[:, None, None] + corner[:, None] - 0.5

    return replace(
        poses,
        mean=moved(poses.mean),
        raw=None if poses.raw is None else moved(poses.raw),
        covariance=poses.covariance[order] * (scale**2)[:, None, None, None],
        confidence=poses.confidence[order],
        uncertainty=poses.uncertainty[order] * scale[:, None],
        sizes=np.array([one.frame_size for one in cut]).reshape(-1, 2),
        squares=np.column_stack([squares[:, :2] * scale[:, None] + corner, squares[:, 2] * scale]),
        frame_index=np.array([frames[one.frame] for one in cut], int),
        time_stamp=poses.time_stamp[order],
        track=tuple(one.instance for one in cut),
        files=tuple(one.frame for one in cut),
        history=(*poses.history, "mapped back to the full frames"),
    )


def _place(crop: Crop) -> tuple:
    return natural(crop.frame), natural(crop.instance)
