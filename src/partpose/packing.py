"""What `partpose pack` does: decode a training input once, or check what was decoded."""

from pathlib import Path
from typing import Any

from partpose.config import load_preset
from partpose.data.pack import About, check_pack
from partpose.data.pack_write import write_pack
from partpose.data.sources import training_files
from partpose.data.walk import PACK, is_pack
from partpose.data.where import boxed
from partpose.errors import PartposeError
from partpose.terminal import count, counting, report_skipped


def pack_input(input: Path, out: Path, preset: str | None, changes: dict[str, dict[str, Any]]) -> None:
    """Write a pack for a preset with these changes, and say what is in it."""
    settings = load_preset(preset or "figures").override(changes, "the command line")
    found = training_files(input)
    sources, missed = boxed(found.sources, settings.data.boxes)
    found = found._replace(sources=sources, skipped=[*found.skipped, *missed])
    with counting("packing") as progress:
        about = write_pack(found, str(input), out, settings, progress)
    held_out = f" ({about.held_out} of split=test held out)" if about.held_out else ""
    print(f"{_contents(about)} of {input} in {out}{held_out}; train with `--model.size {about.size}`")
    report_skipped(about.skipped)


def check(folder: Path) -> None:
    """Compare all of a pack with its checksums, and say that it is whole."""
    if not is_pack(folder):
        raise PartposeError(f"{folder} is no pack: expected a folder with {PACK} that `partpose pack` wrote")
    with counting("checking") as progress:
        about = check_pack(folder, progress)
    print(f"{folder} is whole: {_contents(about)}")


def _contents(about: About) -> str:
    size = about.count * about.side**2 * about.channels
    shape = f"{about.side}×{about.side} pixels, {count(about.channels, 'channel')}"
    return f"{count(about.count, 'picture')} ({shape}, {size / 1e6:.1f} MB)"
