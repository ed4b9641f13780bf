"""`partpose draw` and `show`: what was predicted before in another style, and what a model sees."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from partpose.predict.style import Style


def draw(
    poses: Path,
    input: Path,
    *,
    output: Path,
    style: Annotated[Style | None, Parameter(name="*")] = None,
    min_confidence: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.0,
) -> None:
    """Draw keypoints that were predicted before into their video or pictures, without predicting again.

    Parameters
    ----------
    poses
        The HDF5 file that `partpose predict` wrote.
    input
        The video or the pictures that it is about.
    output
        Folder for the video, or for the pictures and their contact sheet.
    min_confidence
        Leave out keypoints of lower confidence.
    """
    from partpose.redraw import redraw

    redraw(poses, input, output, style or Style(), min_confidence)


def show(
    model: str,
    input: Path,
    *,
    output: Path,
    pictures: Annotated[int, Parameter(validator=Number(gte=1))] = 8,
    boxes: str | None = None,
    device: str | None = None,
) -> None:
    """Draw what a model sees: parts, part maps, reconstructions and an appearance swap, as four pictures.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    input
        Pictures, a video or a data set (of which the test split is shown).
    output
        Folder for the pictures.
    pictures
        How many pictures to show.
    boxes
        Where to look: a CSV, auto, or none; see `partpose predict`.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.run import show_model

    show_model(model, input, output, pictures, boxes, device)
