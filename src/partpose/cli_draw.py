"""`partpose draw`: what was predicted before, drawn in another style."""

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
