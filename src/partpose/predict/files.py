"""The files of one input's poses, in the formats that are asked for."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from partpose.predict.coco import write_coco
from partpose.predict.filtering import unfiltered
from partpose.predict.formats import write_dlc_csv, write_hdf5
from partpose.predict.npz import write_npz
from partpose.predict.poses import Poses


class Format(NamedTuple):
    """holds_raw: whether it has the raw keypoints beside the filtered ones; where not, they get a file of their own.

    more: the ending of a second file that is written with it.
    """

    ending: str
    write: Callable[[Poses, Path], None]
    holds_raw: bool
    more: str = ""


WRITERS = {
    "h5": Format(".h5", write_hdf5, True),
    "csv": Format(".csv", write_dlc_csv, False),
    "coco": Format(".coco.json", write_coco, False, ".coco_images.json"),
    "npz": Format(".npz", write_npz, True),
}


def endings_of(formats: Sequence[str]) -> list[str]:
    """Of all that poses may be written to in these formats, the raw keypoints of filtered ones among it."""
    forms = [WRITERS[name] for name in formats]
    plain = [ending for form in forms for ending in (form.ending, form.more) if ending]
    raw = [f".raw{ending}" for form in forms if not form.holds_raw for ending in (form.ending, form.more) if ending]
    return plain + raw


def files_of(stem: Path, formats: Sequence[str]) -> list[Path]:
    """Where the poses of an input go: <stem>.h5, <stem>.csv, <stem>.coco.json, <stem>.npz."""
    return [stem.with_name(stem.name + WRITERS[name].ending) for name in formats]


def with_seconds(files: Iterable[Path]) -> set[Path]:
    """These files, and the second ones that were written with them."""
    files = set(files)
    pairs = [
        (file, form) for file in files for form in WRITERS.values() if form.more and file.name.endswith(form.ending)
    ]
    return files | {file.with_name(file.name.removesuffix(form.ending) + form.more) for file, form in pairs}


def write_files(poses: Poses, stem: Path, formats: Sequence[str], extras: Path | None = None) -> list[Path]:
    """Write poses in these formats, and return the files.

    Of filtered poses a CSV and a COCO file hold the filtered keypoints, and `<stem>.raw.csv` and `<stem>.raw.coco.json` the
    raw ones. extras: see `write_hdf5`.

    Raises `PartposeError` where a file cannot be written.
    """
    written = []
    for name, path in zip(formats, files_of(stem, formats), strict=True):
        form = WRITERS[name]
        write = partial(write_hdf5, extras=extras) if name == "h5" else form.write
        write(poses, path)
        written.append(path)
        if poses.raw is not None and not form.holds_raw:
            raw = stem.with_name(f"{stem.name}.raw{form.ending}")
            write(unfiltered(poses), raw)
            written.append(raw)
    return written
