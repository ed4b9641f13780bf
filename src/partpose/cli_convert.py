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


@convert.command
def kia(
    src: Path,
    dst: Path,
    *,
    size: Annotated[int, Parameter(validator=Number(gte=16))] = 128,
    margin: Annotated[float, Parameter(validator=Number(gte=0))] = 0.25,
    masks: bool = True,
    min_pixels: Annotated[int, Parameter(validator=Number(gte=0))] = 400,
    max_occlusion: Annotated[float, Parameter(validator=Number(gte=0, lte=1))] = 0.5,
    max_distance: Annotated[float, Parameter(validator=Number(gte=0))] = 50.0,
    min_height: Annotated[int, Parameter(validator=Number(gte=0))] = 40,
    jobs: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
) -> None:
    """Cut the pedestrians of KIA or VALERIE22 out of its frames: images/, landmarks.csv, keypoints.json and meta.csv.

    Frames that are done are not done again: the same command goes on after an interruption.

    Parameters
    ----------
    src
        The folder of all tranches, a tranche, or one sequence.
    dst
        Folder to write to.
    size
        Side of a picture in pixels.
    margin
        Share of a box's longer side that is added around it.
    masks
        Turn all that is not the pedestrian black, where there is an instance picture.
    min_pixels
        Least number of pixels of a pedestrian that can be seen.
    max_occlusion
        Largest share of a pedestrian that something hides, 0 to 1.
    max_distance
        Largest distance from the camera, metres.
    min_height
        Least height of a pedestrian's box, pixels.
    jobs
        Frames at a time; all cores by default, but at most 8.
    """
    from partpose.data.kia_convert import Crops, convert_kia
    from partpose.data.kia_frames import PedestrianFilter
    from partpose.terminal import count, counting, report_skipped

    crops = Crops(size, margin, masks, PedestrianFilter(min_pixels, max_occlusion, max_distance, min_height))
    with counting("frames") as progress:
        pictures, sequences, skipped = convert_kia(src, dst, crops, jobs, progress)
    of_split = ", ".join(f"{number} {split}" for split, number in pictures.items())
    print(f"{count(sum(pictures.values()), 'picture')} ({of_split}) from {count(sequences, 'sequence')} in {dst}")
    report_skipped(skipped)
