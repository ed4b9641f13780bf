"""Inputs that several test modules share: good, bad and annotated ones."""

import os

# Before numpy or torch load: busy waiting and more threads than cores make small tests many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # there is a process for every core

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from drawing import blob, png_header
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
os.fsync = lambda _: None  # what tests write need not outlive a power cut, and a busy disk makes each wait for seconds


class BadFolder(NamedTuple):
    """path: the folder.  good: names, in order, of what can be read.  bad: name → a word of the reason."""

    path: Path
    good: tuple[str, ...]
    bad: dict[str, str]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where groups are asked for they are made: two trainings at once would take turns with each other's cores."""
    if getattr(config.option, "loadgroup", False):
        alone = [item for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        if alone:
            raise pytest.UsageError(
                f"pytest-xdist makes no groups with pytest {pytest.__version__}: see pyproject.toml"
            )


@pytest.fixture
def picture_folder(tmp_path) -> Path:
    """Twelve pictures, frame1.png … frame12.jpg, 64×56, the upper half of them in a nested folder."""
    root = tmp_path / "pictures"
    (root / "more").mkdir(parents=True)
    for i in range(1, 13):
        name = f"frame{i}.png" if i % 2 else f"frame{i}.jpg"
        Image.fromarray(blob(64, 56, 12 + 3 * i, 40 - 2 * i, i)).save(root / ("more" if i > 6 else "") / name)
    return root


@pytest.fixture
def clip(tmp_path) -> Path:
    """A video of 30 frames, 64×48, 25 a second; in frame i the blob is at (10 + i, 30 - i / 2)."""
    from partpose.data.video import VideoWriter

    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 64, 48, 25) as video:
        for i in range(30):
            video.write(blob(64, 48, 10 + i, 30 - i / 2))
    return path


@pytest.fixture
def shared_data() -> Path:
    """The folder of annotated sets beside the repository, which not every checkout has."""
    path = REPOSITORY.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("no folder ../shared/data with annotated sets beside the repository")
    return path


@pytest.fixture
def bad_folder(tmp_path) -> BadFolder:
    """Everything that people have in folders of pictures."""
    root = tmp_path / "bad ünd 'quoted'"
    (root / "x.jpg").mkdir(parents=True)
    good = _save_odd_but_good(root)
    bad = _save_bad(root)
    _save_ignored(root)
    _link(root)
    return BadFolder(root, good, bad)


def _save_odd_but_good(root: Path) -> tuple[str, ...]:
    rgb = Image.fromarray(blob(40, 32, 20, 16))
    deep = Image.fromarray((np.asarray(rgb.convert("L")).astype(np.uint16)) * 257)
    clear = rgb.convert("RGBA")
    clear.putalpha(Image.new("L", rgb.size, 128))
    turned = Image.Exif()
    turned[0x0112] = 6
    rgb.save(root / "10 blanks in the name.JPG")
    deep.save(root / "16bit.png")
    clear.save(root / "alpha.png")
    rgb.save(root / "broken-exif.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12")
    rgb.convert("CMYK").save(root / "cmyk.jpg")
    Image.fromarray(np.asarray(rgb.convert("L")) / np.float32(255)).save(root / "float.tif")
    rgb.convert("L").save(root / "grey.png")
    rgb.save(root / "moving.gif", save_all=True, append_images=[Image.new("RGB", rgb.size)])
    rgb.convert("P").save(root / "palette.png", transparency=bytes([0] * 128 + [255] * 128))
    rgb.save(root / "quo\"te's, Ünï çødé 猫.png")
    rgb.save(root / "turned.jpg", exif=turned)
    rgb.save(root / "x.jpg" / "inside.webp")
    names = [
        "10 blanks in the name.JPG",
        "16bit.png",
        "alpha.png",
        "broken-exif.jpg",
        "cmyk.jpg",
        "float.tif",
        "grey.png",
    ]
    return (*names, "moving.gif", "palette.png", "quo\"te's, Ünï çødé 猫.png", "turned.jpg", "x.jpg/inside.webp")


def _save_bad(root: Path) -> dict[str, str]:
    Image.fromarray(blob(200, 160, 90, 80)).save(root / "cut.jpg")
    whole = (root / "cut.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "empty.png").touch()
    (root / "text.png").write_text("this is no picture\n")
    (root / "bomb.png").write_bytes(png_header(20000, 20000))
    (root / "large.png").write_bytes(png_header(11000, 11000))
    Image.new("RGB", (1, 1)).save(root / "one.png")
    reasons = {"cut.jpg": "truncated", "empty.png": "empty", "text.png": "not a picture", "one.png": "at least 16"}
    return reasons | {"bomb.png": "120 megapixels", "large.png": "120 megapixels"} | _save_unreachable(root)


def _save_unreachable(root: Path) -> dict[str, str]:
    (root / "dangling.png").symlink_to(root / "nowhere.png")
    (root / "self.jpg").symlink_to("self.jpg")
    os.mkfifo(root / "pipe.jpg")
    reasons = {"dangling.png": "link to nothing", "self.jpg": "leads to itself", "pipe.jpg": "pipe"}
    if os.geteuid() == 0:
        return reasons
    Image.new("RGB", (32, 32)).save(root / "locked.png")
    (root / "locked.png").chmod(0)
    return reasons | {"locked.png": "no permission"}


def _save_ignored(root: Path) -> None:
    (root / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (root / "._alpha.png").write_bytes(b"\0\5\x16\7")
    (root / "notes.txt").write_text("a note\n")


def _link(root: Path) -> None:
    """Loops that are no files: nothing is skipped by not walking them twice."""
    (root / "loop").symlink_to(root)
    (root / "x.jpg" / "up").symlink_to("..")


# ---- shapes in signatures -------------------------------------------------------------------------------------------
# Must run before partpose is imported: every call of these modules is then checked against its jaxtyping annotations.
from jaxtyping import install_import_hook  # noqa: E402

checked = [f"partpose.train.{name}" for name in ("warp", "losses", "perceptual", "step", "health", "batches")]
install_import_hook(
    [*checked, "partpose.geometry", "partpose.model", "partpose.predict.show", "partpose.predict.uncertainty"],
    "beartype.beartype",
)
