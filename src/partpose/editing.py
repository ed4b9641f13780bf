"""What `partpose name`, `swap` and `transfer` do: read, edit, write, and say what happened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from partpose.data.outputs import check_output
from partpose.data.sources import Source, find_sources
from partpose.data.walk import readable
from partpose.data.where import boxed_or_whole
from partpose.edit.choose import choose_parts
from partpose.edit.names import keypoint_names, read_names, write_names
from partpose.edit.pictures import few_views
from partpose.edit.swap import swap_picture
from partpose.edit.transfer import Motion, of_track, smooth_shapes, transfer
from partpose.errors import PartposeError, Skipped
from partpose.model.part_model import read_config
from partpose.model.shipped import resolve
from partpose.predict.draw import write_png
from partpose.predict.finish import Finish
from partpose.predict.landmark_map import LandmarkMap
from partpose.predict.predictor import Predictor, load
from partpose.terminal import count, counting, report_skipped, ticking

LOOKS = 16
"""Pictures whose looks are averaged at most."""


def name_parts(model: str, assignments: Sequence[str]) -> None:
    """Add names such as "3=torso" or "3-5=torso" to a model's, take away "3=", and print what all parts are called."""
    folder = resolve(model)
    parts, names = read_config(folder)[0].model.parts, read_names(folder)
    for assignment in assignments:
        which, equals, name = assignment.partition("=")
        if not equals:
            raise PartposeError(f"expected PART=NAME as in 3=torso, or 3= to take a name away, got {assignment!r}")
        names |= dict.fromkeys(choose_parts(which, parts, names), name)
    if assignments:
        names = write_names(folder, names)
    for part, keypoint in enumerate(keypoint_names(names, parts)):
        print(f"{part:>4}  {names.get(part, ''):<20}  {keypoint}".rstrip())


def swap_pictures(
    model: str,
    shape: Sequence[Path],
    appearance: Sequence[Path],
    output: Path,
    parts: str = "all",
    landmarks: Path | None = None,
    pictures: int = 8,
    boxes: str | None = None,
    device: str | None = None,
) -> None:
    """Write the shapes of some pictures in the looks of others as one picture."""
    check_output(output, ".png", [*shape, *appearance])
    predictor = load(model, device)
    chosen = _chosen(predictor, parts, landmarks)
    shapes, skipped = few_views(predictor, shape, pictures, boxes)
    looks, more = few_views(predictor, appearance, pictures, boxes)
    write_png(swap_picture(predictor, shapes, looks, chosen), output)
    of = "all parts" if len(chosen) == predictor.settings.model.parts else f"parts {', '.join(map(str, chosen))}"
    print(f"{count(len(shapes), 'shape')} in the looks of {count(len(looks), 'picture')} ({of}): {output}")
    report_skipped(skipped + more)


def transfer_motion(
    model: str,
    motion: Path,
    appearance: Sequence[Path],
    output: Path,
    smooth: Literal["median", "savgol", "kalman"] | None = None,
    window: int | None = None,
    boxes: str | None = None,
    track: str | None = None,
    side_by_side: bool = False,
    fps: float = 25.0,
    device: str | None = None,
) -> None:
    """Write a video of the motion of a clip, or of pictures in their order, in the looks of other pictures."""
    check_output(output, ".mp4", [motion, *appearance])
    how = Finish(smooth=smooth, window=window)
    predictor = load(model, device)
    looks, skipped = few_views(predictor, appearance, LOOKS)
    (source,), missed = boxed_or_whole([_one_source(motion, skipped)], boxes, predictor.settings)
    source, skipped = of_track(source, track), skipped + missed
    with ticking("finding parts") as tick:
        poses = predictor.predict_source(source, skipped=skipped, tick=tick)
    moves = Motion(source, poses if smooth is None else smooth_shapes(poses, how))
    with counting("drawing") as progress:
        more = transfer(predictor, moves, looks, output, side_by_side, fps, progress)
    print(f"{count(len(poses), 'frame')} in the looks of {count(len(looks), 'picture')}: {output}")
    report_skipped(list(dict.fromkeys([*poses.skipped, *more])))


def _chosen(predictor: Predictor, parts: str, landmarks: Path | None) -> list[int]:
    linear_map = None if landmarks is None else LandmarkMap.load(landmarks)
    if linear_map is not None:
        linear_map.check(predictor.settings.model.parts, predictor.digest)
    return choose_parts(parts, predictor.settings.model.parts, read_names(resolve(predictor.name)), linear_map)


def _one_source(path: Path, skipped: list[Skipped]) -> Source:
    sources, passed_over = find_sources([path])
    skipped += passed_over
    if len(sources) > 1:
        raise PartposeError(f"{readable(path)} holds {len(sources)} inputs: name one video, or one folder of pictures")
    return sources[0]
