"""The page itself, in a browser: what is done on it, and that it shows what the command line and Python compute."""

import csv
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partpose.cli import main
from partpose.edit.names import read_names
from partpose.geometry import Square
from partpose.predict.formats import read_hdf5

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.xdist_group("browser")
SQUARE = Square.around(96, 72)


@pytest.fixture(scope="module")
def browser():
    """One headless Chromium for all tests of this file."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"no browser at {CHROMIUM}")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, served) -> Iterator:
    """`opened(width=…)` opens the page; in the end it must have loaded nothing from elsewhere, and made no error."""
    contexts, asked, errors = [], [], []

    def open_page(width: int = 1280, height: int = 800, path: str = "/", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(served.address + path)
        if path == "/":
            page.locator("html[data-ready]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((f"{served.address}/", "blob:"))] == []
    assert [line for line in errors if "status of 4" not in line] == []


def put(page, *paths: Path) -> None:
    """Pick files, and wait until they are there and rebuilt."""
    there = page.locator("#shape-thumbs .thumb").count()
    with settled(page):
        page.set_input_files("#files", [str(path) for path in paths])
        page.locator("#shape-thumbs .thumb").nth(there + len(paths) - 1).wait_for()


class settled:
    """The body does something that the generator follows; leaving it waits until that is shown."""

    def __init__(self, page) -> None:
        self.page, self.stage = page, page.locator("#rebuilt")

    def __enter__(self) -> None:
        self.before = self._steps()

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.page.locator(f"#rebuilt[data-steps]:not([data-steps='{self.before}'])").wait_for()
            self.page.locator("#rebuilt[aria-busy=false]").wait_for()

    def _steps(self) -> str:
        return self.stage.get_attribute("data-steps") or "0"


def ellipses(page, stage: str = "shape") -> np.ndarray:
    """(K, 5) of what is drawn: x and y in pixels, the two radii, and the angle in degrees."""
    read = """all => all.map(one => ["cx", "cy", "rx", "ry"].map(name => Number(one.getAttribute(name)))
        .concat(parseFloat(one.getAttribute("transform").slice("rotate(".length))))"""
    return np.array(page.locator(f"#{stage} .part .body").evaluate_all(read)) - [0.5, 0.5, 0, 0, 0]


def covariance(ellipse: np.ndarray) -> np.ndarray:
    """Of one of `ellipses`."""
    turn = np.radians(ellipse[4])
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return axes @ np.diag((ellipse[2:4] / 1.5) ** 2) @ axes.T


def saved(page, button: str) -> tuple[str, bytes]:
    """Name and content of what a button downloads."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def shown(page) -> np.ndarray:
    """What the generator made, as it is saved."""
    return np.asarray(Image.open(io.BytesIO(saved(page, "Save PNG")[1])))


def encoded(served, path: Path):
    return served.predictor.encode(np.asarray(Image.open(path)))


def drag(page, part: int, right: float, down: float) -> None:
    """Move a part by so many CSS pixels with the mouse."""
    dot = page.locator(f"#shape .part[data-part='{part}'] .dot").bounding_box()
    x, y = dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()


def test_an_upload_shows_what_the_command_line_finds(opened, served, run, pictures, tmp_path):
    page = opened()
    put(page, pictures[0])
    with pytest.raises(SystemExit, match="0"):
        main(["predict", str(run), str(pictures[0]), "--output", str(tmp_path), "--overlay"])
    poses = read_hdf5(tmp_path / "blob 0.h5")
    drawn = ellipses(page)
    np.testing.assert_allclose(drawn[:, :2], poses.mean[0], atol=1e-3)
    np.testing.assert_allclose([covariance(one) for one in drawn], poses.covariance[0], rtol=1e-3, atol=1e-3)
    assert page.locator("#parts .percent").all_inner_texts() == [f"{c:.0f} %" for c in 100 * poses.confidence[0]]
    predictor = served.predictor
    assert np.array_equal(shown(page), predictor.decode(encoded(served, pictures[0]))[0])
    name, content = saved(page, "CSV")
    assert name == "blob 0.csv"
    rows = [list(csv.reader(io.StringIO(text)))[1:] for text in (content.decode(), (tmp_path / name).read_text())]
    assert rows[0] == rows[1]
    page.get_by_label("Names").uncheck()
    name, content = saved(page, "Overlay PNG")
    assert name == "blob 0_parts.png"
    theirs = Image.open(tmp_path / "blob 0_parts" / "blob 0.png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), np.asarray(theirs))


def test_a_dragged_part_is_followed_by_the_generator(opened, served, pictures):
    page = opened()
    put(page, pictures[0])
    before, plain = ellipses(page), shown(page)
    with settled(page):
        drag(page, 2, -60, 40)
    after = ellipses(page)
    scale = page.locator("#shape svg").bounding_box()["width"] / 96
    np.testing.assert_allclose(after[2, :2] - before[2, :2], np.array([-60, 40]) / scale, atol=0.02)
    assert np.array_equal(np.delete(after, 2, 0), np.delete(before, 2, 0))
    expected = encoded(served, pictures[0]).move(2, after[2, :2], covariance(after[2]), SQUARE)
    np.testing.assert_allclose(shown(page), served.predictor.decode(expected)[0], atol=1)
    assert not np.array_equal(shown(page), plain)
    with settled(page):
        page.get_by_role("button", name="Reset part").click()
    assert np.array_equal(ellipses(page), before)
    assert np.array_equal(shown(page), plain)


def test_handles_pull_and_turn_an_ellipse(opened, pictures):
    page = opened()
    put(page, pictures[0])
    page.get_by_role("button", name="Select part_0").click()
    before = ellipses(page)[0]
    handle = page.locator("#shape .handle[data-axis='0']").bounding_box()
    dot = page.locator("#shape .part[data-part='0'] .dot").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    arm = np.array([x - dot["x"] - dot["width"] / 2, y - dot["y"] - dot["height"] / 2])
    to = 1.6 * np.array([-arm[1], arm[0]])  # a quarter turn, and longer
    page.mouse.move(x, y)
    page.mouse.down()
    with settled(page):
        page.mouse.move(x - arm[0] + to[0], y - arm[1] + to[1], steps=6)
    page.mouse.up()
    after = ellipses(page)[0]
    np.testing.assert_allclose(after[[0, 1, 3]], before[[0, 1, 3]], atol=1e-6)
    assert after[2] / before[2] == pytest.approx(1.6, abs=0.02)
    assert (after[4] - before[4]) % 360 == pytest.approx(90, abs=1)


def test_a_part_can_be_changed_by_keys(opened, pictures):
    page = opened()
    put(page, pictures[0])
    before = ellipses(page)
    page.get_by_role("button", name="Select part_2").press("Enter")
    assert page.locator("#shape .part[data-part='2']").evaluate("e => e === document.activeElement")
    for key in ("ArrowRight", "Shift+ArrowUp", "+", "w", "r"):
        page.keyboard.press(key)
    moved = ellipses(page)[2] - before[2]
    np.testing.assert_allclose(moved[:2], [0.96, -4.8], atol=1e-6)
    np.testing.assert_allclose(ellipses(page)[2][2:4] / before[2][2:4], [1.1, 1.21], atol=1e-6)
    assert moved[4] == pytest.approx(7.5)
    assert "part_2, confidence" in page.locator("#said").inner_text()
    page.keyboard.press("Backspace")
    assert np.array_equal(ellipses(page), before)
    page.keyboard.press("n")
    assert page.locator("#shape .part[data-part='3']").evaluate("e => e === document.activeElement")


def test_looks_are_swapped_part_by_part(opened, served, pictures):
    page = opened()
    put(page, *pictures)
    one, other = (encoded(served, path) for path in pictures)
    decode = served.predictor.decode
    assert np.array_equal(shown(page), decode(one.replace(other))[0])
    with settled(page):
        page.get_by_role("button", name="None", exact=True).click()
    assert np.array_equal(shown(page), decode(one)[0])
    with settled(page):
        page.locator("#look .part[data-part='2'] .dot").click(force=True)
    with settled(page):
        page.get_by_label("Part 3 wears the look").check()
    assert page.locator("#worn-count").inner_text() == "2 of 5 parts"
    assert np.array_equal(shown(page), decode(one.replace(other, [2, 3]))[0])
    with settled(page):
        page.get_by_label("its own").check()
    assert np.array_equal(shown(page), decode(one)[0])


def test_what_is_saved_is_of_the_picture_that_is_shown(opened, served, pictures):
    page = opened()
    put(page, *pictures)
    page.get_by_role("button", name="None", exact=True).click()
    page.route("**/rebuilt", lambda route: (time.sleep(0.3), route.continue_()))
    page.locator("#shape-thumbs .thumb").nth(1).click()
    name, content = saved(page, "Save PNG")
    assert name == f"{pictures[1].stem}_rebuilt.png"
    expected = served.predictor.decode(encoded(served, pictures[1]))[0]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), expected)


def test_a_picture_that_is_removed_is_not_uploaded_again(opened, served, pictures):
    page = opened()
    held = len(list(served.studio.folder.iterdir()))
    put(page, pictures[0])
    answered = []
    page.on("response", lambda answer: answered.append(f"{answer.request.method} {answer.status}"))
    # The network is at work for somebody else, and the user does not wait
    page.route("**/rebuilt", lambda route: (time.sleep(0.3), route.continue_()))
    page.locator("#shape .part[data-part='1']").press("ArrowRight")
    page.get_by_role("button", name="Remove picture").click()
    page.locator("#welcome").wait_for()
    page.wait_for_timeout(800)
    assert "POST 201" not in answered
    assert len(list(served.studio.folder.iterdir())) == held
    assert page.locator("#toasts").inner_text() == ""


def test_parts_are_renamed_and_the_names_saved_in_the_run(opened, pictures, run):
    page = opened()
    put(page, pictures[0])
    try:
        page.get_by_label("Name of part 2").fill("left hand")
        assert page.locator("#shape .names text").nth(2).text_content() == "left hand"
        page.get_by_role("button", name="Save names").click()
        page.get_by_text("Saved in the run").wait_for()
        assert read_names(run) == {2: "left hand"}
        assert b"left hand" in saved(page, "CSV")[1]
        page.get_by_label("Name of part 1").fill("<img src=x onerror=alert(1)>")
        page.get_by_role("button", name="Save names").click()
        page.locator("#toasts .trouble").get_by_text("cannot be called").wait_for()
        assert page.locator("#work img[src=x], #toasts img").count() == 0
        page.reload()
        page.locator("html[data-ready]").wait_for()
        assert page.get_by_label("Name of part 2").input_value() == "left hand"
        assert page.get_by_label("Name of part 1").input_value() == ""
    finally:
        (run / "names.json").unlink()


def test_a_video_has_a_slider(opened, short_video):
    page = opened()
    put(page, short_video)
    first = ellipses(page)
    slider = page.locator("#shape-frames input")
    with settled(page):
        slider.fill("23")
    assert page.locator("#shape-frames output").inner_text() == "23 · 0.92 s"
    assert not np.array_equal(ellipses(page), first)
    name, content = saved(page, "Overlay MP4")
    assert (name, content[4:8]) == ("clip_parts.mp4", b"ftyp")


def test_part_maps_and_the_reconstruction_can_be_looked_at(opened, pictures):
    page = opened()
    put(page, pictures[0])
    glow = page.locator("#shape .glow")
    page.locator("#parts li").nth(2).hover()
    page.locator("#shape .glow.on").wait_for(state="attached")
    page.mouse.move(2, 2)
    page.locator("#shape .glow:not(.on)").wait_for(state="attached")
    page.get_by_label("Part maps").check()
    page.locator("#shape .glow.on").wait_for(state="attached")
    assert glow.evaluate("c => c.getContext('2d').getImageData(0, 0, 1, 1).data[3]") > 100  # dimmed
    page.get_by_role("radio", name="Rebuilt").check()
    page.locator("#shape .glow:not(.on)").wait_for(state="attached")
    drawn = [page.locator(f"#{stage} .picture").evaluate("c => c.toDataURL()") for stage in ("shape", "rebuilt")]
    assert drawn[0] == drawn[1]


def test_what_cannot_be_read_is_said_and_what_expired_is_added_again(opened, served, pictures, tmp_path):
    page = opened()
    (tmp_path / "notes.txt").write_text("no picture")
    page.set_input_files("#files", str(tmp_path / "notes.txt"))
    page.locator("#toasts").get_by_text("notes.txt is neither a picture nor a video").wait_for()
    put(page, pictures[0])
    before = shown(page)
    for folder in served.studio.folder.iterdir():
        assert folder.is_dir()
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(f"{answer.request.method} {answer.status}"))
    for key in list(served.studio.shelf._scenes):
        served.client.delete(f"/api/pictures/{key}")
    with settled(page):
        drag(page, 2, -30, 0)
    with settled(page):
        page.get_by_role("button", name="Reset all").click()
    assert {"POST 404", "POST 201", "POST 200"} <= set(asked)
    assert np.array_equal(shown(page), before)


def test_pictures_can_be_dropped_and_removed(opened, pictures):
    page = opened()
    drop = """bytes => { const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "<b>dropped</b>.png", { type: "image/png" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true })) }"""
    page.evaluate(drop, list(pictures[0].read_bytes()))
    page.locator("#shape-thumbs .thumb").wait_for()
    assert page.locator("#picture-name").inner_text() == "b_.png"
    page.get_by_role("button", name="Remove picture").click()
    page.locator("#welcome").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_and_a_finger_moves_parts(opened, pictures, scheme):
    page = opened(390, 844, has_touch=True, is_mobile=True, color_scheme=scheme)
    put(page, *pictures)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    before = ellipses(page)[2]
    dot = page.locator("#shape .part[data-part='2'] .dot").bounding_box()
    x, y = dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2
    finger = page.context.new_cdp_session(page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    with settled(page):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x - 40, "y": y + 20}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    scale = page.locator("#shape svg").bounding_box()["width"] / 96
    np.testing.assert_allclose(ellipses(page)[2, :2] - before[:2], np.array([-40, 20]) / scale, atol=0.02)


def test_light_or_dark_is_kept(opened):
    page = opened(color_scheme="light")
    page.get_by_role("button", name="Switch to dark colours").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", ground))) < 60


def test_the_reference_needs_no_network(opened):
    page = opened(path="/docs")
    assert page.get_by_role("heading", name="The API of the page").is_visible()
    assert page.locator("h2 code").first.inner_text() == "/api/model"
