"""What `make docs` adds to the pages in this folder: the README as the front page, the help of every command, formulas.

Formulas become MathML, which browsers draw by themselves: the site loads nothing from anywhere.
"""

import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PYTHON = """# From Python

`import partpose` is quick: torch is loaded with the first model.

::: partpose.predict.predictor.load
::: partpose.predict.predictor.Predictor
::: partpose.predict.poses.Poses
::: partpose.predict.poses.Pose
::: partpose.model.part_model.Encoding
::: partpose.geometry.Parts
::: partpose.geometry.Square
::: partpose.predict.filtering
::: partpose.data.landmarks.Landmarks
::: partpose.predict.formats
::: partpose.config.Settings
"""
HELD = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
SCRIPT = re.compile(r"\[([^\]]+)\]\(([\w]+\.py)\)")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!docs/|\w+://|#)([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Pages that are made, not written."""
    from partpose.cli import app

    pages = {
        "index.md": front_page(),
        "changelog.md": without_links(_text("CHANGELOG.md")),
        "cli.md": app.generate_docs().replace("# partpose\n", "# Commands\n", 1),
        "python.md": PYTHON,
    }
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Formulas outside of code; scripts of this folder, which are no pages, are named and not linked."""
    pieces = HELD.split(SCRIPT.sub(r"\1 (`docs/\2`)", markdown))
    return "".join(piece if i % 2 else FORMULA.sub(_mathml, piece) for i, piece in enumerate(pieces))


def front_page() -> str:
    """The README, whose links into this folder are the site's; what lies elsewhere in the repository is named, not linked."""
    return without_links(_text("README.md")).replace("](docs/", "](")


def without_links(text: str) -> str:
    """Links to files of the repository as plain words."""
    return LINK.sub(r"\1", text)


def _mathml(found: re.Match[str]) -> str:
    if found[1]:
        return convert(found[1], display="block")
    return f"<span>{convert(found[2])}</span>"  # a line that begins with another tag would be a paragraph of its own


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
