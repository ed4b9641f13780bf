"""What `partpose draw` does: poses that were predicted before, drawn into their input in another style."""

import sys
from pathlib import Path

from partpose.data.atomic import make_folder
from partpose.data.outputs import check_outside
from partpose.data.sources import Source, find_sources
from partpose.data.walk import are_poses, readable
from partpose.errors import PartposeError, Skipped
from partpose.predict.filtering import mask_low_confidence
from partpose.predict.formats import read_hdf5
from partpose.predict.overlay import draw_overlay
from partpose.predict.poses import Poses
from partpose.predict.style import Style
from partpose.terminal import count, counting, report_skipped


def redraw(file: Path, input: Path, output: Path, style: Style, min_confidence: float = 0.0) -> None:
    """Draw the poses of an HDF5 file into the video or the pictures that they are of, and say what was written.

    min_confidence: parts less sure than this are left out.
    """
    poses = read_hdf5(file)
    style.edges(poses.names, poses.skeleton)
    source = source_of(poses, file, input)
    bytes_then, bytes_now = poses.provenance.get("input_bytes"), source.path.stat().st_size
    if source.kind == "video" and bytes_then not in (None, bytes_now):
        print(
            f"{readable(source.path)} has {bytes_now} bytes, and the video that {file} is of had {bytes_then}: is it another?",
            file=sys.stderr,
        )
    if not (output.is_dir() and are_poses(file.stem, frozenset(path.name for path in output.iterdir()))):
        check_outside(output, input)  # beside its poses an overlay is known for what it is
    make_folder(output)
    skipped: list[Skipped] = []
    with counting(f"drawing {file.stem}") as progress:
        sure = mask_low_confidence(poses, min_confidence) if min_confidence else poses
        written = draw_overlay(sure, source, output / file.stem, style, progress, skipped)
    what = count(len(set(poses.frame_index.tolist())), "frame" if source.kind == "video" else "picture")
    print(f"{what} of {readable(source.path)}: {', '.join(map(str, written))}")
    report_skipped(skipped)


def source_of(poses: Poses, file: Path, input: Path) -> Source:
    """The source in an input that the poses of a file are of. Raises `PartposeError` where it is not there."""
    video, where = poses.files is None, readable(input)
    found = [source for source in find_sources([input])[0] if (source.kind == "video") == video]
    if not found:
        what = "a video, of which there is none" if video else "pictures, of which there are none"
        raise PartposeError(f"{file} is about {what} in {where}")
    if not video:
        if not set(poses.files or ()) & set(found[0].names):
            raise PartposeError(f"{where} has none of the pictures of {file}, such as {(poses.files or ('',))[0]}")
        return found[0]
    name = Path(poses.source).name
    named = [source for source in found if source.path.name == name]
    if len(found) > 1 and len(named) != 1:
        how_many = len(named) or "none"
        raise PartposeError(f"{where} holds {len(found)} videos, {how_many} of them named {name}: name the one to draw")
    return named[0] if named else found[0]
