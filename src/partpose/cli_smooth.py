"""`partpose smooth` and `partpose calibrate`: what was predicted before, filtered; how sure a model is, put right."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from partpose.predict.finish import Finish


def smooth(
    files: Annotated[list[Path], Parameter(negative=())],
    *,
    output: Path,
    finish: Annotated[Finish | None, Parameter(name="*")] = None,
) -> None:
    """Filter keypoints that were predicted before, or write them in other formats, without predicting again.

    It starts from the raw keypoints, which every file keeps: done twice, the second time counts.

    Parameters
    ----------
    files
        HDF5 or .npz files that `partpose predict` wrote.
    output
        Folder for the results; may be the one that the files are in.
    """
    from partpose.smoothing import smooth_files

    smooth_files(files, output, finish or Finish())


def calibrate(
    model: str,
    input: Path,
    *,
    pictures: Annotated[int, Parameter(validator=Number(gte=1))] = 256,
    boxes: str | None = None,
    device: str | None = None,
) -> None:
    """Put a model's uncertainties right, on pictures of its kind; no labels are needed. The scale is kept with the model.

    Parameters
    ----------
    model
        A run's folder, or that of a shipped model's copy.
    input
        Pictures or videos.
    pictures
        How many to use at most.
    boxes
        Where to look: a CSV, auto, or none; see `partpose predict`.
    device
        cpu or cuda:0. Default: the first GPU where there is one.
    """
    from partpose.calibration import calibrate_model

    calibrate_model(model, input, pictures, boxes, device)
