"""What `partpose export` does: one ONNX file, and how near it is to the network that it was made from."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from partpose.data.atomic import check_writable
from partpose.data.figures import draw_figures
from partpose.data.images import Unreadable, read_image
from partpose.data.sources import Source, find_sources
from partpose.data.video import sample_frames
from partpose.edit.names import keypoint_names, read_names
from partpose.errors import PartposeError, Skipped
from partpose.model.shipped import resolve
from partpose.predict.export import ALLOWED, Parity, export
from partpose.predict.predictor import load
from partpose.terminal import report_skipped

SHAPES = (
    (64, 64),
    (160, 120),
    (120, 160),
    (640, 480),
    (1280, 720),
    (333, 517),
)  # width, height of what is drawn to check
MOST = 16  # of the user's pictures


def export_model(model: str, output: Path, half: bool = False, pictures: Path | None = None) -> Parity:
    """Export a run or a shipped model, checked on drawn pictures or on some of the user's.

    Raises PartposeError where the name does not end in .onnx, or cannot be written, and as `predict.export.export`.
    """
    if output.suffix != ".onnx":
        raise PartposeError(f"expected a file name that ends in .onnx, got {output}")
    run = resolve(model)
    check_writable(output)
    predictor = load(model, "cpu")
    names = keypoint_names(read_names(run), predictor.settings.model.parts)
    skipped: list[Skipped] = []
    shown = drawn() if pictures is None else list(islice(_read(pictures, skipped), MOST))
    if not shown:
        raise PartposeError(f"{pictures} holds no picture that can be read, to check the export on")
    parity = export(predictor, output, shown, names, half)
    _report(output, len(shown), parity, "half" if half else "single")
    report_skipped(skipped)
    return parity


def drawn() -> list[NDArray[np.uint8]]:
    """A person in clutter in each of the `SHAPES`, uint8 (H, W, 3), always the same."""
    with TemporaryDirectory() as folder:
        draw_figures(Path(folder), len(SHAPES), len(SHAPES), 256, "clutter", jobs=1)
        files = sorted((Path(folder) / "images").iterdir())
        return [np.asarray(Image.open(file).convert("RGB").resize(s)) for file, s in zip(files, SHAPES, strict=True)]


def _read(path: Path, skipped: list[Skipped]) -> Iterator[NDArray[np.uint8]]:
    sources, missed = find_sources([path])
    skipped += missed
    for source in sources:
        yield from _pictures(source, skipped)


def _pictures(source: Source, skipped: list[Skipped]) -> Iterator[NDArray[np.uint8]]:
    if source.kind == "video":
        yield from (frame.pixels for frame in sample_frames(source.path, MOST, skipped))
        return
    for file in source.files[:: -(-len(source.files) // MOST)]:
        try:
            yield read_image(file).pixels
        except Unreadable as error:
            skipped.append(error.skipped)


def _report(output: Path, count: int, parity: Parity, precision: str) -> None:
    own, resized = ALLOWED[precision]
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, {precision} precision, checked on {count} pictures:")
    print(f"  differs from the network by {parity.network:.5f} px at its input ({own} allowed),")
    print(
        f"  where it has resized the picture by {parity.resized:.5f} px ({resized} allowed); confidence {parity.confidence:.5f}"
    )
