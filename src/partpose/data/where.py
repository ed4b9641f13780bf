"""Where in its inputs a model looks: as in its training, unless a call says otherwise."""

import sys
from collections.abc import Sequence

from partpose.config import Settings
from partpose.data.boxes import AUTO, boxes_for, check_boxes
from partpose.data.images import Unreadable
from partpose.data.sources import Source
from partpose.errors import PartposeError, Skipped

WHOLE = "none"


def boxes_like_training(asked: str | None, settings: Settings) -> str | None:
    """What a call looks with: what it asks for, else auto where the model was trained so.

    "none" is for what is looked at without boxes of the call: whole pictures, or in an evaluation the set's own boxes.
    """
    if asked is None:
        return AUTO if settings.data.boxes == AUTO else None
    return None if asked == WHOLE else asked


def remind_of_boxes(asked: str | None, settings: Settings, instead: str = "whole pictures") -> None:
    """Say that a model that has learned from boxes of a file is shown something else."""
    trained = settings.data.boxes
    if asked is None and trained not in (None, AUTO):
        print(
            f"warning: the model was trained in boxes ({trained}) and now looks at {instead}: give --boxes FILE.csv, "
            f"or --boxes {WHOLE} if that is what you want",
            file=sys.stderr,
            flush=True,
        )


def boxed(sources: Sequence[Source], boxes: str | None) -> tuple[list[Source], list[Skipped]]:
    """The sources with their boxes; one that has none is passed over. Raises PartposeError where none has."""
    if boxes is None:
        return list(sources), []
    skipped = check_boxes(boxes, sources)
    found = []
    for source in sources:
        try:
            one, missed = boxes_for(source, boxes)
        except Unreadable as error:
            skipped.append(error.skipped)
        else:
            found.append(one)
            skipped += missed
    if not found:
        raise PartposeError(f"no input has boxes, the first: {skipped[-1].path}: {skipped[-1].reason}")
    return found, skipped


def chosen_boxes(asked: str | None, settings: Settings, instead: str = "whole pictures") -> str | None:
    """`boxes_like_training`, with a reminder where that is not what a model was trained with."""
    remind_of_boxes(asked, settings, instead)
    return boxes_like_training(asked, settings)


def boxed_or_whole(
    sources: Sequence[Source], asked: str | None, settings: Settings
) -> tuple[list[Source], list[Skipped]]:
    """As `boxed`, for a few pictures to look at: where nobody has asked for boxes and none are found, whole pictures.

    Of a single picture no moving object can be told; whoever names one has often cropped it.
    """
    boxes = chosen_boxes(asked, settings)
    if asked is not None or boxes is None:
        return boxed(sources, boxes)
    found, said = [], []
    for source in sources:
        try:
            one, missed = boxes_for(source, boxes)
        except Unreadable as error:
            one, missed = source, []
            print(f"warning: {error}; it is looked at whole", file=sys.stderr, flush=True)
        found.append(one)
        said += missed
    return found, said
