"""What `partpose smooth` does: filters poses that were predicted before, and writes them in any format."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from partpose.data.atomic import make_folder
from partpose.data.walk import readable
from partpose.errors import PartposeError, Skipped
from partpose.predict.files import write_files
from partpose.predict.filtering import unfiltered
from partpose.predict.finish import Finish
from partpose.predict.formats import read_hdf5
from partpose.predict.npz import read_npz
from partpose.predict.poses import Poses
from partpose.terminal import report_skipped


def smooth_files(files: Sequence[Path], output: Path, how: Finish) -> None:
    """Filter the raw keypoints of each file, and write the results; a file that cannot be read is passed over.

    It is always the raw keypoints that are filtered: done twice, with other parameters, the second counts.
    Raises `PartposeError` where no file can be read, and where two have the same name.
    """
    twice = [name for name, n in Counter(file.stem for file in files).items() if n > 1]
    if twice:
        raise PartposeError(f"more than one file is named {twice[0]}: smooth them into different folders")
    make_folder(output)
    skipped: list[Skipped] = []
    for file in files:
        try:
            poses = read_poses(file)
        except PartposeError as error:
            skipped.append(Skipped(readable(file), str(error)))
            continue
        poses, extras = how(unfiltered(poses)), file if file.suffix == ".h5" else None
        written = write_files(poses, output / file.stem, how.formats, extras)
        print(f"{readable(file)}: {', '.join(map(readable, written))}", flush=True)
    if len(skipped) == len(files):
        raise PartposeError(skipped[0].reason)
    report_skipped(skipped)


def read_poses(path: Path) -> Poses:
    """Poses from a file that `partpose predict` wrote: .h5 or .npz. Raises `PartposeError` for any other."""
    if path.suffix not in (".h5", ".npz"):
        raise PartposeError(
            f"{path} is neither .h5 nor .npz: expected a file that `partpose predict` wrote in one of these"
        )
    return read_hdf5(path) if path.suffix == ".h5" else read_npz(path)
