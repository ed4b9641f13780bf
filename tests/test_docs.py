"""What the documents say is so: commands parse, paths exist, Python runs, and the page of settings is up to date."""

import re
import runpy
import shlex
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from PIL import Image
from torch.distributed.run import get_args_parser
from training import save_untrained

import partpose
from partpose import contract
from partpose.cli import app
from partpose.data.figures import draw_figures
from partpose.evaluate.report import Evaluation
from partpose.predict.formats import write_hdf5
from partpose.train.health import Health
from partpose.train.step import Terms

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "unsupervised/README.md",
]
PUBLIC = (
    "https://arxiv.org/",
    "http://127.0.0.1:8000/",
    "s3://",
    "gs://",
)  # the page, on everybody's own machine; stores
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def script(file: str) -> SimpleNamespace:
    """The names of a Python file in docs/."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / file)))


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def inline(page: Path) -> list[str]:
    """What stands between backticks in the running text."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text(encoding="utf-8")))


def commands(page: Path) -> Iterator[list[str]]:
    """Every command of the shell blocks, as words; a placeholder is one word, of a choice the first is taken."""
    for block in blocks(page, "sh"):
        for line in block.splitlines():
            plain = re.sub(r"\[(\w+)/\w+\]", r"\1", line).replace("<gpu_id>", "0")
            for command in re.sub(r"<(\w+)>", r"\1", plain).split("&&"):
                if words := shlex.split(command, comments=True):
                    yield words


def by_contract(words: list[str]) -> None:
    contract.parser().parse_args(words)


def by_script(words: list[str]) -> None:
    """python path/to/script.py --option …: the file is there, and knows the options."""
    if words[0] == "main.py":
        return by_contract(words[1:])
    text = (ROOT / words[0]).read_text(encoding="utf-8")
    beside = [
        (ROOT / words[0]).with_name(f"{module}.py") for module in re.findall(r"^import (\w+)", text, re.MULTILINE)
    ]
    text += "".join(path.read_text(encoding="utf-8") for path in beside if path.is_file())
    assert [word for word in words[1:] if word.startswith("--") and f'"{word}"' not in text] == []


def by_shell_script(words: list[str]) -> None:
    assert (ROOT / "unsupervised" / words[0]).is_file()
    software = [word.removeprefix("--software=") for word in words if word.startswith("--software=")]
    assert (ROOT / "unsupervised" / software[0] / "main.py").is_file()
    by_contract([word for word in words[1:] if not word.startswith("--software=")])


def by_app(words: list[str]) -> None:
    app.parse_args(words, exit_on_error=False, print_error=False)


def by_torchrun(words: list[str]) -> None:
    options, arguments = words[: words.index("-m")], words[words.index("-m") + 1 :]
    get_args_parser().parse_args([*options, "-m", "script"])
    CHECKS[arguments[0]](arguments[1:])


def by_make(words: list[str]) -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(words) <= set(targets)


def by_pip(words: list[str]) -> None:
    assert words[:2] in (["install", "-r"], ["install", "-e"])
    if words[1] == "-r":
        assert (ROOT / words[2]).is_file()
    else:
        assert f"\n{words[2].strip('.[]')} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def by_folder(words: list[str]) -> None:
    assert (ROOT / words[0]).is_dir()


def nothing(words: list[str]) -> None:
    """A command of the system, of no concern here."""


CHECKS: dict[str, Callable[[list[str]], None]] = {
    **{
        "partpose": by_app,
        "make": by_make,
        "python": by_script,
        "bash": by_shell_script,
        "pip": by_pip,
        "cd": by_folder,
        "torchrun": by_torchrun,
    },
    **dict.fromkeys(("source", "head", "curl", "export"), nothing),
}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_parses(page):
    for words in commands(page):
        CHECKS[words[0]](words[1:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_in_the_text_is_one(page):
    """Whole ones parse; of `partpose evaluate` alone there is at least such a verb."""
    for words in (text.split() for text in inline(page)):
        if words[0] == "partpose" and len(words) > 3:
            by_app(words[1:])
        elif words[0] == "partpose" and len(words) > 1:
            assert words[1] in app
        elif words[0] in ("make", "python") and len(words) > 1:
            CHECKS[words[0]](words[1:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_in_the_text_is_known(page):
    known = {"--help", "--software", *contract.parser()._option_string_actions}
    verbs = ("figures", "train", "pack", "predict", "evaluate", "show", "swap", "transfer", "export", "serve", "merge")
    for verb in (*(app[verb] for verb in verbs), app["convert"]["human36m"], app["convert"]["kia"]):
        known |= {option for argument in verb.assemble_argument_collection() for option in argument.names}
    named = {word.split("=")[0].rstrip(",") for text in inline(page) for word in text.split() if word.startswith("--")}
    of_benchmarks = {"--again", "--choices", "--clips", "--data", "--farms", "--minutes", "--seeds", "--sets"}
    assert named - known - of_benchmarks - {"--json", "--flag"} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8").replace("\n", " ")):
        path, _, anchor = link.partition("#")
        if not link.startswith("https://"):
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub makes anchors of them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_of_the_repository_that_is_named_is_there(page):
    places = (ROOT, page.parent, ROOT / "src/partpose")
    for text in inline(page):
        if re.fullmatch(r"[\w./]+\.(py|yaml|sh|txt|md)", text) and text != "my.yaml":
            assert any((place / text).is_file() for place in (*places, ROOT / "unsupervised")), text


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_machine_is_named(page):
    text = page.read_text(encoding="utf-8")
    assert [url for url in re.findall(r"\w+://[^\s)]+", text) if not url.startswith(PUBLIC)] == []
    folders = r"(?<![\w.>/\]])/(?:home|root|tmp|work|Users|mnt|opt)\b|[A-Z]:\\"
    assert re.findall(folders + r"|localhost|(?!127\.0\.0\.1)\b\d+\.\d+\.\d+\.\d+", text) == []


def test_the_front_door_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_page_of_settings_is_what_the_settings_are():
    settings = script("settings.py")
    assert settings.PAGE.read_text(encoding="utf-8") == settings.render(), "run python docs/settings.py"


def test_the_guide_names_every_dataset_of_the_file_and_every_field_of_an_evaluation(tmp_path):
    arrays = {"mean": np.zeros((1, 2, 2)), "covariance": np.zeros((1, 2, 2, 2)), "confidence": np.zeros((1, 2))}
    frame = {"sizes": np.ones((1, 2)), "frame_index": np.zeros(1), "time_stamp": np.zeros(1)}
    write_hdf5(partpose.Poses(**arrays, **frame, source="pictures", files=("a.png",), fps=25.0), tmp_path / "poses.h5")
    with h5py.File(tmp_path / "poses.h5") as file:
        written = {*file, "partpose_format", "source", "fps"}
    named = set(inline(ROOT / "docs/guide.md"))
    assert written - named == set()
    assert {field.name for field in fields(Evaluation)} - named == set()


def test_the_guide_explains_every_word_of_part_health():
    guide = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    assert [word for word in Health._fields[:3] if f"| {word} |" not in guide] == []


def test_the_method_names_every_term_of_the_loss():
    method = (ROOT / "docs/method.md").read_text(encoding="utf-8")
    assert [term for term in Terms._fields if term not in method] == []


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
def test_the_python_runs(page, tmp_path, monkeypatch, clip, capsys):
    monkeypatch.chdir(tmp_path)
    save_untrained(tmp_path / "runs/demo")
    draw_figures(tmp_path / "runs/figures", people=8, pictures=8, size=32, jobs=1)
    assert clip == tmp_path / "clip.mp4"
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), {})
    assert capsys.readouterr().out


def test_the_pictures_of_the_readme_can_be_drawn(tmp_path, monkeypatch, capsys):
    draw_figures(tmp_path / "figures", people=8, pictures=8, size=32, jobs=1)
    pictures = script("pictures.py")
    model = save_untrained(tmp_path / "model")
    moving, teaser = tmp_path / "a.webp", tmp_path / "b.png"
    arguments = ["pictures.py", model, tmp_path / "figures", "--moving", moving, "--teaser", teaser]
    monkeypatch.setattr("sys.argv", [*map(str, arguments)])
    monkeypatch.setitem(pictures.main.__globals__, "RATE", 1)
    pictures.main()
    assert capsys.readouterr().out.count("kB") == 2
    with Image.open(moving) as image:
        assert image.n_frames == 6
    with Image.open(teaser) as image:
        assert image.width > 300


def test_the_readme_has_all_of_its_figures():
    assert "TODO" not in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.training
@pytest.mark.xdist_group("training")
def test_the_pictures_of_parts_can_be_made(tmp_path, monkeypatch, capsys):
    """Each with the numbers of its model under it on the page."""
    module = script("parts_pictures.py")
    page = (ROOT / "docs/parts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"parts_is_(\w+)\.webp", page)) == set(module.CASES)
    (tmp_path / "parts.md").write_text("![a](parts_is_few.webp)\n*old*\n\n![b](parts_is_dead.webp)\n*old*\n")
    monkeypatch.setitem(module.make.__globals__, "draw_figures", few_figures)
    arguments = [
        "parts_pictures.py",
        "--only",
        "few",
        "--steps",
        "1",
        "--work",
        tmp_path / "work",
        "--output",
        tmp_path,
    ]
    monkeypatch.setattr("sys.argv", [*map(str, arguments)])
    module.main()
    assert "of 4 alive" in capsys.readouterr().out
    assert re.fullmatch(
        r"!\[a\]\(parts_is_few.webp\)\n\*\d of 4 alive, .* px\*\n\n!\[b\]\(parts_is_dead.webp\)\n\*old\*\n",
        (tmp_path / "parts.md").read_text(),
    )
    with Image.open(tmp_path / "parts_is_few.webp") as image:
        assert image.width > 1000


def few_figures(folder: Path, **plan) -> None:
    draw_figures(folder, **plan | {"people": 8, "pictures": 80, "jobs": 1})


@pytest.mark.parametrize("exhibit", ["swap", "by_part", "by_hand", "clutter"])
def test_the_gallery_can_be_made(tmp_path, monkeypatch, exhibit):
    module = script("gallery.py")
    monkeypatch.setitem(module.main.__globals__, "draw_figures", few_figures)
    monkeypatch.setitem(
        module.main.__globals__, "partpose", SimpleNamespace(load=lambda *_: partpose.load("figures", "cpu"))
    )
    arguments = ["gallery.py", "--only", f"{exhibit},cattle", "--work", tmp_path / "work", "--output", tmp_path]
    monkeypatch.setattr("sys.argv", [*map(str, arguments)])
    module.main()
    page = (tmp_path / "gallery.md").read_text(encoding="utf-8")
    assert f"(gallery_{exhibit}.webp)" in page
    assert "cattle" not in page, "it needs pictures that were not there"
    with Image.open(tmp_path / f"gallery_{exhibit}.webp") as image:
        assert image.width > 480
