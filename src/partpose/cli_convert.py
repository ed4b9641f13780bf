"""`partpose convert`: from a data set as it is downloaded to pictures that are quick to train on."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

convert = App(name="convert", help="Turn a data set as it is downloaded into pictures to train on.")


@convert.command
def human36m(
    official: Path,
    dst: Path,
    *,
    size: Annotated[int, Parameter(validator=Number(gte=16))] = 128,
    every: Annotated[int, Parameter(validator=Number(gte=1))] = 1,
    jobs: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
) -> None:
    """Cut the persons of Human3.6M out of its videos, with masks and joints: the simplified layout of Zhang et al. 2018.

    Videos that are done are not done again: the same command goes on after an interruption.

    Parameters
    ----------
    official
        The folder of the unpacked downloads: S1/Videos, S1/MyPoseFeatures, S1/MySegmentsMat, S5/Videos, …
    dst
        Folder to write S1/WithBackground, S1/BackgroudMask, S1/Landmarks, … to.
    size
        Side of a picture in pixels.
    every
        Every which frame to take; the videos have 50 a second.
    jobs
        Videos at a time, each in a process of its own; all cores by default.
    """
    from partpose.data.human36m_convert import convert_human36m
    from partpose.terminal import count, counting, report_skipped

    with counting("videos") as progress:
        pictures, skipped = convert_human36m(official, dst, size, every, jobs, progress)
    print(f"{count(pictures, 'new picture')} in {dst}")
    report_skipped(skipped)
