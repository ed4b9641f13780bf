"""`partpose export`: a model for other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def export(
    model: str,
    output: Path,
    *,
    half: Annotated[bool, Parameter(negative=())] = False,
    pictures: Path | None = None,
) -> None:
    """Write a model as one ONNX file that takes pictures of any size and needs nothing of partpose; `predict` takes it too.

    Whether it finds what the network finds is checked, and printed; a file that does not is not written.

    Parameters
    ----------
    model
        A run's folder, or a shipped model by name.
    output
        The file, a name that ends in .onnx.
    half
        Weights and convolutions in half precision: half as large, and faster on GPUs.
    pictures
        Pictures or videos to check it on, at best of what the model was trained for. Default: drawn people.
    """
    from partpose.exporting import export_model

    export_model(model, output, half, pictures)
