"""A few pictures of what a user names, as the model sees them, and their looks."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.data.images import Unreadable
from partpose.data.reading import Look, View, read_views, sampled_views
from partpose.data.sources import Source, find_sources, of_split, some_files
from partpose.data.spread import spread
from partpose.data.where import boxed_or_whole
from partpose.errors import PartposeError, Skipped
from partpose.model.part_model import Encoding
from partpose.predict.draw import enlarge
from partpose.predict.predictor import Predictor

SPARE = 3
"""So many times as many pictures of a folder are tried, for some may not be readable."""


def few_views(
    predictor: Predictor, inputs: Sequence[Path], most: int, boxes: str | None = None
) -> tuple[list[View], list[Skipped]]:
    """At most `most` pictures of these inputs, in their order, spread evenly; of a video frames; of a set its test split.

    boxes: where to look, see `boxed_or_whole`.
    Returns also what could not be read. Raises PartposeError where there is nothing else.
    """
    sources, skipped = find_sources(inputs)
    chosen = [test_split(sources[i]) for i in spread(len(sources), most)]
    sources, more = boxed_or_whole(chosen, boxes, predictor.settings)
    skipped += more
    each = -(-most // len(sources))
    views = [view for source in sources for view in views_of(source, each, predictor.look, skipped)]
    if not views:
        raise PartposeError(f"no picture can be read, the first: {skipped[0].path} {skipped[0].reason}")
    return [views[i] for i in spread(len(views), most)], skipped


def as_seen(view: View) -> NDArray[np.uint8]:
    """A picture as the network sees it, in colour, enlarged."""
    colours = view.pixels[..., :3] if view.pixels.shape[-1] >= 3 else view.pixels[..., :1].repeat(3, axis=-1)
    return enlarge(colours)


def encode(predictor: Predictor, views: Sequence[View]) -> Encoding:
    """Pictures taken apart, in one batch."""
    with torch.inference_mode():
        return predictor.network.encode(predictor.tensor(np.stack([view.pixels for view in views])))


def mean_looks(encoding: Encoding) -> Encoding:
    """One encoding with the mean appearance of B pictures; its shapes and its background are those of the first."""
    parts = encoding.parts._make(values[:1] for values in encoding.parts)
    background = None if encoding.background is None else encoding.background[:1]
    return Encoding(parts, encoding.appearance.mean(0, keepdim=True), background)


def views_of(source: Source, count: int, look: Look, skipped: list[Skipped]) -> list[View]:
    """At most `count` views of one source, spread evenly; what cannot be read joins `skipped`."""
    try:
        views = list(_tried(source, count, look, skipped))
    except Unreadable as error:
        skipped.append(error.skipped)
        return []
    return [views[i] for i in spread(len(views), count)]


def _tried(source: Source, count: int, look: Look, skipped: list[Skipped]) -> Iterator[View]:
    if source.kind == "video":
        return sampled_views(source, count, look, skipped)
    few = some_files(source, spread(len(source.files), SPARE * count))
    return islice(read_views(few, look, skipped), SPARE * count)


def test_split(source: Source) -> Source:
    """All of what is no annotated set, or has no test split."""
    with suppress(PartposeError):
        return of_split(source, "test")
    return source
