"""A page whose sections are written by different commands: each stands between markers and leaves the others alone."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from partpose.data.atomic import atomic

PAGE = Path(__file__).resolve().parents[1] / "docs/results.md"
PAGED = " --page docs/results.md"
"""What makes a benchmark write its section that does not do so by itself."""
ORDER = (
    "accuracy",
    "supervised",
    "facing",
    "parts",
    "keypoints",
    "ablation",
    "seeds",
    "disentangling",
    "speed",
    "growth",
)
"""Of the sections that are there; any others follow, as they came."""
HEAD = """# Results

Every section of this page is written by the command in it; numbers without a command are not here. How errors are measured
is in [the method](method.md).
"""
_SECTION = re.compile(r"<!-- (\S+) -->\n(.*?)\n<!-- end of \1 -->\n", re.DOTALL)


def repeat(script: str, words: Sequence[str]) -> str:
    """The command line that writes a section anew, from the `words` that a benchmark was given, whichever page they name."""
    kept = [word for before, word in zip(["", *words], words, strict=False) if not _of_a_page(before, word)]
    return " ".join([f"python benchmarks/{script}", *map(shlex.quote, kept)]) + PAGED


def _of_a_page(before: str, word: str) -> bool:
    return word.split("=", maxsplit=1)[0] == "--page" or (before == "--page" and not word.startswith("-"))


def write_section(path: Path, name: str, text: str) -> None:
    """Put `text` (Markdown with a heading of its own) in the place of the section `name`, or add it; atomically.

    What is written into the page by hand outside of all sections, but for the lines before the first, is lost.
    """
    page = path.read_text(encoding="utf-8") if path.is_file() else HEAD
    sections = dict(_SECTION.findall(page)) | {name: text.strip()}
    order = sorted(sections, key=lambda one: ORDER.index(one) if one in ORDER else len(ORDER))
    parts = [page.split("<!-- ", 1)[0].rstrip() + "\n"]
    parts += [f"<!-- {one} -->\n{sections[one]}\n<!-- end of {one} -->\n" for one in order]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")
