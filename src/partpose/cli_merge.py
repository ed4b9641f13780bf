"""`partpose merge`: the shards of a prediction on many machines, joined."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from partpose.predict.finish import FORMATS, among


def merge(
    shards: Path,
    *,
    output: Path,
    format: str = "h5,csv",
    landmarks: Path | None = None,
    rows: Annotated[int, Parameter(validator=Number(gte=1))] = 1_000_000,
    incomplete: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Join the shards that `partpose predict --engine ray` made: one result for all pictures, one for each video.

    They are joined as they were predicted; `partpose smooth` filters what is joined.

    Parameters
    ----------
    shards
        The folder of the shards.
    output
        Folder for the results.
    format
        What is written, separated by commas: h5, csv (DeepLabCut), coco, npz.
    landmarks
        A map kept by `evaluate --save-landmarks`: writes "left_wrist" instead of "part 7".
    rows
        Pictures in one file at most.
    incomplete
        Join the shards that are done, and say which are missing.
    """
    from partpose.clustering import merge_shards

    merge_shards(shards, output, among(FORMATS, format, "--format"), rows, landmarks, incomplete)
