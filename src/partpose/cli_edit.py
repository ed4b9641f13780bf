"""`partpose name`, `swap` and `transfer`: what taking shape and appearance apart is good for."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

Several = Annotated[list[Path], Parameter(consume_multiple=True, negative=())]


def name(model: str, *assignments: str) -> None:
    """Give parts names, which are kept in the run: for `swap --parts`, the page, and as names of predicted keypoints.

    Prints what all parts are called; without assignments only that.

    Parameters
    ----------
    model
        A run's folder.
    assignments
        3=torso, 3-5=torso, or 3= to take the name away. Several parts may share a name.
    """
    from partpose.editing import name_parts

    name_parts(model, assignments)


def swap(
    model: str,
    *,
    shape: Several,
    appearance: Several,
    output: Path,
    parts: str = "all",
    landmarks: Path | None = None,
    pictures: Annotated[int, Parameter(validator=Number(gte=1))] = 8,
    boxes: str | None = None,
    device: str | None = None,
) -> None:
    """Draw the shapes of some pictures in the looks of others: shapes across, looks down.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    shape
        Pictures, videos and folders of them, whose parts stay where they are.
    appearance
        The same, whose looks they take.
    output
        The picture to write (.png).
    parts
        Which parts change their looks: all, or numbers, ranges, names and regions: 3,7-9,torso.
    landmarks
        A map kept by `evaluate --save-landmarks`: tells which parts are head, torso, arms, left_knee, …
    pictures
        At most so many shapes, and so many looks, spread evenly over what is named.
    boxes
        Where to look in all of them: a CSV, auto, or none; see `partpose predict`. Where a model that was trained with auto
        finds nothing that moves, as in a single picture, it looks at all of it, and says so.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.editing import swap_pictures

    swap_pictures(model, shape, appearance, output, parts, landmarks, pictures, boxes, device)


def transfer(
    model: str,
    *,
    motion: Path,
    appearance: Several,
    output: Path,
    smooth: Literal["median", "savgol", "kalman"] | None = None,
    window: int | None = None,
    boxes: str | None = None,
    track: str | None = None,
    side_by_side: Annotated[bool, Parameter(negative=())] = False,
    fps: Annotated[float, Parameter(validator=Number(gt=0))] = 25.0,
    device: str | None = None,
) -> None:
    """Draw the motion of a clip in the looks of a picture, as a video.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    motion
        A video, or a folder of pictures in their order.
    appearance
        Whose looks it takes: a picture, or the mean of several.
    output
        The video to write (.mp4).
    smooth
        Smooth the parts' places and extents over time: median, savgol, kalman (see `partpose predict`).
    window
        Frames that median (default: 5) and savgol (default: 9) look at, an odd number.
    boxes
        Where the object is in the motion: a CSV, auto, or none; see `partpose predict`.
    track
        Which object, where there are several.
    side_by_side
        Show the motion and the looks beside it.
    fps
        Frames a second of a folder of pictures; a video keeps its own timing.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.editing import transfer_motion

    transfer_motion(model, motion, appearance, output, smooth, window, boxes, track, side_by_side, fps, device)
