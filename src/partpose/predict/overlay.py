"""An input with its parts drawn in, to look at."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from partpose.data.images import read_image
from partpose.data.sources import Source
from partpose.data.video import VideoWriter, probe, read_frames
from partpose.predict.draw import draw_parts, write_png
from partpose.predict.poses import Poses


def draw_overlay(
    poses: Poses, source: Source, stem: Path, progress: Callable[[int, int], None] = lambda *_: None
) -> Path:
    """The input with its parts drawn in: `<stem>_parts.mp4`, or a folder `<stem>_parts` of PNGs.

    A video keeps its size and its timing; a frame of another size than the first is fitted into that. A picture keeps
    its size too, but for one of less than 256 pixels' height, which is enlarged by a whole factor. `progress` is told how
    many frames are done, and of how many.

    Raises Unreadable where the input has gone, and PartposeError where the result cannot be written.
    """
    if source.kind == "pictures":
        return _draw_pictures(poses, source, stem.with_name(stem.name + "_parts"), progress)
    return _draw_video(poses, source, stem.with_name(stem.name + "_parts.mp4"), progress)


def _draw_video(poses: Poses, source: Source, path: Path, progress: Callable[[int, int], None]) -> Path:
    width, height = (int(side) for side in poses.sizes[0])
    with VideoWriter(path, width, height, probe(source.path).fps) as video:
        for i, frame in zip(range(len(poses)), read_frames(source.path), strict=False):
            drawn = draw_parts(frame.pixels, poses.mean[i], poses.covariance[i], poses.confidence[i], scale=1)
            video.write(_fit(drawn, width, height), frame.time)
            progress(i + 1, len(poses))
    return path


def _fit(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The whole picture, as large as it can be, in the middle of one of this size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height)))


def _draw_pictures(poses: Poses, source: Source, folder: Path, progress: Callable[[int, int], None]) -> Path:
    inside = _inside_names(source.names)
    for i, row in enumerate(poses.frame_index):
        pixels = read_image(source.files[row]).pixels
        drawn = draw_parts(pixels, poses.mean[i], poses.covariance[i], poses.confidence[i])
        write_png(drawn, folder / inside[row])
        progress(i + 1, len(poses))
    return folder


def _inside_names(names: Sequence[str]) -> list[PurePosixPath]:
    """`_inside_name` of each, with a number where another has it: a.jpg and a.jpg.png → a.jpg.png and a.jpg-2.png.

    Upper and lower case count as the same, as some file systems have it.
    """
    taken: set[str] = set()
    inside = []
    for name in names:
        path = first = _inside_name(name)
        number = 2
        while str(path).casefold() in taken:
            path, number = first.with_name(f"{first.stem}-{number}.png"), number + 1
        taken.add(str(path).casefold())
        inside.append(path)
    return inside


def _inside_name(name: str) -> PurePosixPath:
    """Where a picture's overlay goes in the folder of them: a table may list pictures that lie anywhere.

    "a/b.jpg" → "a/b.jpg.png", "../c.png" → "__/c.png", "/d/e.png" → "d/e.png"
    """
    path = PurePosixPath(name)
    inside = PurePosixPath(*("__" if part == ".." else part for part in path.parts if part != path.anchor))
    return inside if inside.suffix == ".png" else inside.with_name(inside.name + ".png")
