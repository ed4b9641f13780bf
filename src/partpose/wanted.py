"""The options of `partpose predict`; light, for the command line shows them without loading anything else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from partpose.errors import PartposeError
from partpose.predict.finish import EXTRAS, among
from partpose.predict.style import Style

USUAL_STYLE = Style()
Flag = Annotated[bool, Parameter(negative=())]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What of the inputs is predicted, and what is written."""

    overlay: Flag = False
    """Also write pictures, or an H.264 video, with the parts drawn in."""
    style: Annotated[Style, Parameter(name="*")] = USUAL_STYLE
    """How the overlay looks."""
    landmarks: Path | None = None
    """A map kept by `evaluate --save-landmarks`: writes "left_wrist" instead of "part 7"."""
    split: str | None = None
    """Of an annotated set only the pictures of this split: train, test, …"""
    boxes: str | None = None
    """Where to look: a CSV with file or frame, x, y, w, h and perhaps id; or auto, the one moving object of a fixed camera
    (the default where the model was trained so); or none, for the whole pictures."""
    every: int = 1
    """Of a video every so many frames."""
    start: int = 0
    """Of a video from this frame on, counted from 0."""
    stop: int | None = None
    """Of a video up to this frame, which is not predicted any more."""
    skip_existing: Flag = False
    """Leave what was predicted before with this model and these options, and go on with what was interrupted; an overlay that
    is missing is drawn."""
    full_frame: Flag = False
    """Of a set that `partpose convert kia` cut out of frames: write the keypoints in the pixels of those frames."""
    average: Annotated[int, Parameter(validator=Number(gte=1))] = 1
    """Average keypoints over so many gently changed pictures, the unchanged one among them; takes as many times longer."""
    uncertainty: int = 0
    """Measure each keypoint's uncertainty, from so many gentle changes of the picture (8 do); takes as many times longer."""
    extras: Annotated[str, Parameter(name="--with")] = ""
    """Also keep in the HDF5 file, separated by commas: appearance (of every part), maps (the part maps; these are large)."""
    batch: Annotated[int, Parameter(validator=Number(gte=1))] = 32
    """Pictures at a time."""

    def __post_init__(self) -> None:
        if self.style != USUAL_STYLE and not self.overlay:
            raise PartposeError("--draw, --trail, --skeleton and --sheets are about the overlay: add --overlay")
        if self.uncertainty < 0 or self.uncertainty == 1:
            raise PartposeError(f"--uncertainty takes 2 changes or more, or 0 for none, got {self.uncertainty}")
        if self.full_frame and self.extras:
            raise PartposeError(
                "--full-frame brings rows into the order of the frames, --with keeps theirs: ask for one of them"
            )
        among(EXTRAS, self.extras, "--with")
