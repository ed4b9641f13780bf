"""`make docs`: the site is built without a warning, loads nothing from anywhere, and has what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")
pytestmark = pytest.mark.xdist_group("site")  # it is built once
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
        cwd=ROOT,
        check=True,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
    )
    return folder


def page(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_the_front_page_is_the_readme(site):
    assert "Give it pictures or videos of one kind of object" in page(site, "index")
    assert 'href="guide.html"' in page(site, "index")
    assert 'src="partpose.webp"' in page(site, "index")


def test_every_command_and_the_public_names_are_there(site):
    for verb in ("train", "predict", "evaluate", "convert-kia"):
        assert f'id="partpose-{verb}"' in page(site, "cli")
    for name in ("Predictor.stream", "Encoding.replace", "load"):
        assert re.search(rf'id="partpose\.[\w.]*{re.escape(name)}"', page(site, "python"))


def test_formulas_are_drawn_by_the_browser(site):
    method = page(site, "method")
    assert method.count("<math") > 30
    assert not re.search(r"\$[^<\n]*\\", re.sub(r"<(pre|code|script).*?</\1>", "", method, flags=re.DOTALL))


def test_nothing_is_loaded_from_anywhere(site):
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]*\ssrc="(https?:[^"]*)"|<link[^>]*stylesheet[^>]*href="(https?:[^"]*)"', text
        )
        assert loaded == [], file.name
