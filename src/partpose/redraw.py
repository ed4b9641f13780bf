"""What `partpose draw` does: poses that were predicted before, drawn into their input again in another style."""

from pathlib import Path

from partpose.data.atomic import make_folder
from partpose.data.sources import Source, find_sources
from partpose.data.walk import readable
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
    source = source_of(poses, file, *find_sources([input]))
    make_folder(output)
    skipped: list[Skipped] = []
    with counting(f"drawing {file.stem}") as progress:
        sure = mask_low_confidence(poses, min_confidence) if min_confidence else poses
        written = draw_overlay(sure, source, output / file.stem, style, progress, skipped)
    what = count(len(poses.tracks()), "object") if any(poses.track) else "parts"
    print(f"{what} of {readable(source.path)}: {', '.join(map(str, written))}")
    report_skipped(skipped)


def source_of(poses: Poses, file: Path, sources: list[Source], skipped: list[Skipped]) -> Source:
    """The one of these inputs that the poses are of. Raises `PartposeError` where it is not among them."""
    kind = "video" if poses.files is None else "pictures"
    found = [source for source in sources if source.kind == kind]
    if not found:
        reason = f"; {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise PartposeError(
            f"{file} is about {'a video' if kind == 'video' else 'pictures'}, of which none came{reason}"
        )
    if poses.files is not None and not set(poses.files) & set(found[0].names):
        raise PartposeError(f"{readable(found[0].path)} has none of the pictures of {file}, such as {poses.files[0]}")
    named = [source for source in found if source.path.name == Path(poses.source).name]
    if len(found) > 1 and len(named) != 1:
        raise PartposeError(f"{len(found)} videos came, {len(named)} of them with the name of {poses.source}: name one")
    return named[0] if len(found) > 1 else found[0]
