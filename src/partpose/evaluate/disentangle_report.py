"""How far shape and appearance are apart: a file, and a table for the eye."""

import json
from dataclasses import asdict, fields
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from partpose.data.atomic import atomic
from partpose.evaluate.disentangle import Compared, Disentangling, ReadOut

NUMBERS = {
    "psnr_object": ("PSNR on the person, dB", "{:.1f}"),
    "psnr": ("PSNR of the picture, dB", "{:.1f}"),
    "ssim_object": ("SSIM on the person", "{:.3f}"),
    "ssim": ("SSIM of the picture", "{:.3f}"),
    "colour_error": ("colour under each part, error", "{:.3f}"),
    "joints": ("joints, error / mean pose's", "{:.2f}"),
    "colours": ("colours of skin, hair, clothes, R²", "{:.2f}"),
    "rank1": ("same person first (rank-1)", "{:.2f}"),
    "mean_precision": ("same person early (mAP)", "{:.2f}"),
}
"""What each number is called, and how it is written."""
KNOWING_NOTHING = {"joints": 1.0, "colours": 0.0}


def write_json(result: Disentangling, path: Path | str) -> None:
    """Write all fields as JSON. Raises `PartposeError` where it cannot."""
    with atomic(Path(path)) as temporary:
        temporary.write_text(json.dumps(asdict(result), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def table(result: Disentangling) -> RenderableType:
    """For a terminal: swaps beside their baselines, then what can be read from shapes and from appearances."""
    pieces = (_title(result), _swaps(result), _read_outs(result), _footer(result))
    return Padding(Group(*(piece for one in pieces for piece in (one, ""))), (0, 1))


def _title(result: Disentangling) -> Text:
    title = Text.assemble((result.set, "bold"), f"   {result.pairs} shapes in the looks of other test people")
    return title.append(f"   ({result.protocol})", "dim")


def _swaps(result: Disentangling) -> Table:
    rows = _grid("", "swapped", "left alone", "rebuilt")
    for one in fields(Compared):
        name, form = NUMBERS[one.name]
        ours, *others = (getattr(some, one.name) for some in (result.swap, result.unchanged, result.rebuilt))
        rows.add_row(name, Text(form.format(ours), "bold green"), *map(form.format, others))
    return rows


def _read_outs(result: Disentangling) -> Table:
    rows = _grid("read from …", "shape", "appearance", "nothing")
    chance = KNOWING_NOTHING | {"rank1": result.chance}
    for one in fields(ReadOut):
        name, form = NUMBERS[one.name]
        nothing = form.format(chance[one.name]) if one.name in chance else ""
        rows.add_row(
            name, *(form.format(getattr(some, one.name)) for some in (result.shape, result.appearance)), nothing
        )
    return rows


def _footer(result: Disentangling) -> Text:
    text = Text.assemble(
        ("model  ", "bold"), f"{result.parts} parts, {result.size} px, {result.pictures_seen:,} pictures"
    )
    text.append(f" seen in {result.minutes:.1f} min, seed {result.seed}; {result.people} people in the test split")
    return text


def _grid(*titles: str) -> Table:
    rows = Table(box=None, pad_edge=True, header_style="dim")
    for number, title in enumerate(titles):
        rows.add_column(title, justify="right" if number else "left")
    return rows
