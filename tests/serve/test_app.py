"""What the API answers, and what it refuses."""

import csv
import io
import re
import socket
import threading
import time

import httpx
import numpy as np
import pytest
from drawing import blob, png_header
from PIL import Image

from partpose.cli import main
from partpose.data.video import VideoWriter
from partpose.geometry import Square
from partpose.predict.formats import read_hdf5


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def refused(answer: httpx.Response, status: int, words: str) -> None:
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert re.search(words, answer.json()["error"])
    assert "Traceback" not in answer.text


def png(width: int = 64, height: int = 48) -> bytes:
    file = io.BytesIO()
    Image.fromarray(blob(width, height, 20, 20)).save(file, "PNG")
    return file.getvalue()


def table(content: str) -> list[list[str]]:
    """The rows of a CSV but for the scorer, which tells the time."""
    return list(csv.reader(content.splitlines()))[1:]


@pytest.fixture(scope="module", autouse=True)
def same_bytes_of_same_frames():
    """x264's macroblock trees do not always make the same bytes of the same frames, not even with one thread."""
    enter = VideoWriter.__enter__

    def without_trees(writer: VideoWriter) -> VideoWriter:
        stream = enter(writer)._stream
        stream.options = stream.options | {"x264-params": "mbtree=0"}
        return writer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VideoWriter, "__enter__", without_trees)
        yield


@pytest.fixture(scope="module")
def predicted(run, pictures, short_video, tmp_path_factory):
    """What the command line makes of the same files, in the page's batches: those of another size are rounded otherwise."""
    folder = tmp_path_factory.mktemp("predicted")
    for path in (pictures[0], short_video):
        with pytest.raises(SystemExit, match="0"):
            main(["predict", str(run), str(path), "--output", str(folder), "--overlay", "--batch", "8"])
    return folder


def test_keypoints_are_those_of_the_command_line(served, pictures, predicted):
    found = served.upload(pictures[0])
    poses = read_hdf5(predicted / "blob 0.h5")
    assert (found["name"], found["kind"], len(found["frames"])) == ("blob 0.png", "picture", 1)
    frame = found["frames"][0]
    assert (frame["width"], frame["height"], frame["square"]) == (96, 72, [0, -12, 96])
    np.testing.assert_allclose([part["mean"] for part in frame["parts"]], poses.mean[0], atol=1e-4)
    np.testing.assert_allclose([part["covariance"] for part in frame["parts"]], poses.covariance[0], rtol=1e-4)
    np.testing.assert_allclose([part["confidence"] for part in frame["parts"]], poses.confidence[0], atol=1e-5)


def test_files_are_those_of_the_command_line(served, pictures, predicted, tmp_path):
    key = served.upload(pictures[0])["id"]
    answer = served.client.get(f"/api/pictures/{key}/keypoints.csv")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''blob%200.csv"
    assert table(answer.text) == table((predicted / "blob 0.csv").read_text())
    (tmp_path / "own.h5").write_bytes(served.client.get(f"/api/pictures/{key}/keypoints.h5").content)
    own, theirs = read_hdf5(tmp_path / "own.h5"), read_hdf5(predicted / "blob 0.h5")
    np.testing.assert_allclose(own.mean, theirs.mean, atol=1e-4)
    assert (own.files, own.names) == (("blob 0.png",), theirs.names)
    drawn = pixels(served.client.get(f"/api/pictures/{key}/overlay").content)
    assert np.array_equal(drawn, pixels((predicted / "blob 0_parts" / "blob 0.png").read_bytes()))


def test_a_video_is_looked_at_like_by_the_command_line(served, short_video, predicted):
    found = served.upload(short_video)
    poses = read_hdf5(predicted / "clip.h5")
    assert found["kind"] == "video"
    assert [frame["index"] for frame in found["frames"]] == poses.frame_index.tolist()
    np.testing.assert_allclose([frame["time"] for frame in found["frames"]], poses.time_stamp)
    means = [[part["mean"] for part in frame["parts"]] for frame in found["frames"]]
    np.testing.assert_allclose(means, poses.mean, atol=1e-3)
    overlay = served.client.get(f"/api/pictures/{found['id']}/overlay")
    assert overlay.headers["content-type"] == "video/mp4"
    assert overlay.content == (predicted / "clip_parts.mp4").read_bytes()


def test_of_a_long_video_frames_are_spread_evenly(serve_with, short_video):
    page = serve_with(shown=10)
    frames = page.upload(short_video)["frames"]
    assert [frame["index"] for frame in frames] == list(range(0, 24, 3))


def test_rebuilt_is_what_the_model_decodes(served, pictures):
    predictor, found = served.predictor, served.upload(pictures[0])
    address = f"/api/pictures/{found['id']}/frames/0/rebuilt"
    encoding = predictor.encode(pixels(pictures[0].read_bytes()))
    assert np.array_equal(pixels(served.client.post(address).content), predictor.decode(encoding)[0])
    moved = {"mean": [20, 30], "covariance": [[90, 20], [20, 40]]}
    after = encoding.move(3, moved["mean"], moved["covariance"], Square.around(96, 72))
    answer = served.client.post(address, json={"moved": {"3": moved}})
    assert np.array_equal(pixels(answer.content), predictor.decode(after)[0])
    assert not np.array_equal(predictor.decode(after), predictor.decode(encoding))


def test_a_part_of_a_photograph_may_be_as_large_as_it(served, pictures):
    found = served.client.post("/api/pictures", content=pictures[0].read_bytes()).json()
    changes = {"moved": {"3": {"covariance": [[1.6e7, 0], [0, 1.6e7]]}}}
    assert served.client.post(f"/api/pictures/{found['id']}/frames/0/rebuilt", json=changes).status_code == 200


def test_looks_are_taken_part_by_part(served, pictures):
    predictor = served.predictor
    first, second = (served.upload(path) for path in pictures)
    one, other = (predictor.encode(pixels(path.read_bytes())) for path in pictures)
    look = {"picture": second["id"], "frame": 0, "parts": [0, 2]}
    answer = served.client.post(f"/api/pictures/{first['id']}/frames/0/rebuilt", json={"looks": [look]})
    assert np.array_equal(pixels(answer.content), predictor.decode(one.replace(other, [0, 2]))[0])


def test_maps_are_relative_to_their_peaks(served, pictures):
    predictor, key = served.predictor, served.upload(pictures[0])["id"]
    stacked = pixels(served.client.get(f"/api/pictures/{key}/frames/0/maps").content)
    maps = predictor.network.part_maps(predictor.tensor(predictor.canvas(pixels(pictures[0].read_bytes()))[None]))
    expected = (maps[0] / maps[0].amax((1, 2), keepdim=True)).detach().numpy() * 255
    np.testing.assert_allclose(stacked.reshape(expected.shape), expected, atol=1)


def test_a_preview_is_upright_and_small(serve_with):
    page = serve_with()
    turned = Image.Exif()
    turned[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(blob(1600, 1000, 20, 20)).save(file, "JPEG", exif=turned)
    found = page.client.post("/api/pictures?name=large.jpg", content=file.getvalue()).json()
    answer = page.client.get(f"/api/pictures/{found['id']}/frames/0/picture")
    assert (found["frames"][0]["width"], found["frames"][0]["height"]) == (1000, 1600)
    assert (answer.headers["content-type"], pixels(answer.content).shape) == ("image/jpeg", (1280, 800, 3))


def test_names_are_saved_in_the_run_and_used_in_files(serve_with, run, pictures):
    page = serve_with()
    try:
        answer = page.client.put("/api/names", json={"names": {"0": " nose ", "3": "tail", "4": ""}}).json()
        assert answer["given"] == {"0": "nose", "3": "tail"}
        assert answer["names"] == ["nose", "part_1", "part_2", "tail", "part_4"]
        assert page.client.get("/api/model").json() == answer
        key = page.upload(pictures[0])["id"]
        parts = table(page.client.get(f"/api/pictures/{key}/keypoints.csv").text)[0]
        assert parts[1::3] == answer["names"]
    finally:
        (run / "names.json").unlink()


@pytest.mark.parametrize(("names", "words"), [
    ({"9": "nose"}, "no part 9"), ({"0": "<b>"}, "cannot be called '<b>'"), ({"x": "nose"}, "names.x"),
])  # fmt: skip
def test_names_that_are_none_are_refused(served, names, words, run):
    refused(served.client.put("/api/names", json={"names": names}), 422, words)
    assert not (run / "names.json").exists()


@pytest.mark.parametrize(("content", "status", "words"), [
    (b"no picture", 415, "x.png is neither a picture nor a video"),
    (b"", 415, "x.png is empty"),
    (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", 415, "neither"),
    (b"ffconcat version 1.0\nfile original\n", 415, "neither"),
    (png()[:900], 415, "damaged"),
    (png_header(20000, 20000), 415, "megapixels"),
    (png_header(9000, 6000), 413, "9000×6000 pixels, more than the 50 million"),
    (png(8, 8), 415, "at least 16"),
])  # fmt: skip
def test_what_is_no_usable_picture_is_refused(served, content, status, words):
    before = list(served.studio.folder.iterdir())
    refused(served.client.post("/api/pictures?name=x.png", content=content), status, words)
    assert list(served.studio.folder.iterdir()) == before


def test_long_and_large_videos_are_refused(serve_with, short_video):
    content = short_video.read_bytes()
    refused(serve_with(frames=20).client.post("/api/pictures", content=content), 413, "24 frames, more than the 20")
    refused(serve_with(video_pixels=1000).client.post("/api/pictures", content=content), 413, "64×48 pixels")


def test_a_body_that_is_too_large_or_of_unknown_length_is_refused(serve_with):
    page = serve_with(upload=500, body=100)
    refused(page.client.post("/api/pictures", content=b"x" * 501), 413, "at most 500 bytes")
    refused(page.client.put("/api/names", content=b" " * 101), 413, "at most 100 bytes")
    refused(page.client.post("/api/pictures", content=iter([b"x"])), 411, "length")


def test_an_upload_that_stalls_is_given_up(serve_with):
    page = serve_with(patience=0.1)
    host, port = page.client.base_url.host, page.client.base_url.port
    with socket.create_connection((host, port)) as line:
        line.sendall(f"POST /api/pictures HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nx".encode())
        answer = b""
        while not answer.endswith(b"}"):
            answer += line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"nothing came for 0.1 seconds" in answer
    assert list(page.studio.folder.iterdir()) == []


def test_an_upload_that_trickles_is_given_up(serve_with):
    page = serve_with(patience=0.2, slowest=1_000_000)
    host, port = page.client.base_url.host, page.client.base_url.port
    with socket.create_connection((host, port)) as line:
        line.sendall(f"POST /api/pictures HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n\r\n".encode())
        for _ in range(4):
            line.sendall(b"x")
            time.sleep(0.1)
        answer = b""
        while not answer.endswith(b"}"):
            answer += line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"less than 1000000 bytes came a second" in answer


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\x\\passwd", "a/../passwd", "passwd"])
def test_a_client_s_file_name_is_only_a_name(served, name):
    found = served.client.post("/api/pictures", params={"name": name}, content=png()).json()
    assert found["name"] == "passwd"
    folder = max(served.studio.folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert {path.name for path in folder.iterdir()} == {"original", "preview_0.png"}


@pytest.mark.parametrize(("path", "status"), [
    ("/api/pictures/nobody/frames/0/picture", 404), ("/api/pictures/..%2f..%2fx/overlay", 404), ("/nowhere", 404),
    ("/static/../app.py", 404), ("/static/%2e%2e/app.py", 404), ("/api/names", 405), ("/api/pictures/x/frames/a/maps", 422),
])  # fmt: skip
def test_errors_are_json(served, path, status):
    refused(served.client.get(path), status, ".")


@pytest.mark.parametrize(("changes", "status", "words"), [
    ({"moved": {"7": {"mean": [1, 2]}}}, 422, "no part 7"),
    ({"moved": {"0": {"covariance": [[1, 2], [2, 1]]}}}, 422, "positive definite"),
    ({"moved": {"0": {"mean": [1e9, 2]}}}, 422, "moved.0.mean.0: Input should be less"),
    ({"moved": {"0": {"where": 1}}}, 422, "moved.0.where: Extra"),
    ({"looks": [{"picture": "nobody"}]}, 404, "add it again"),
])  # fmt: skip
def test_changes_that_make_no_sense_are_refused(served, pictures, changes, status, words):
    key = served.upload(pictures[0])["id"]
    refused(served.client.post(f"/api/pictures/{key}/frames/0/rebuilt", json=changes), status, words)
    refused(served.client.post(f"/api/pictures/{key}/frames/1/rebuilt"), 404, "expected 0 to 0")


def test_what_fails_unforeseen_shows_no_traceback(serve_with, pictures, monkeypatch):
    page = serve_with()
    key = page.upload(pictures[0])["id"]
    monkeypatch.setattr(page.studio, "maps", lambda *_: 1 / 0)
    refused(page.client.get(f"/api/pictures/{key}/frames/0/maps"), 500, "something went wrong")


def test_other_hosts_names_and_other_sites_are_refused(served):
    refused(served.client.get("/", headers={"host": "evil.example:8000"}), 403, "not called 'evil.example:8000'")
    refused(served.client.put("/api/names", json={}, headers={"origin": "http://evil.example"}), 403, "only this page")
    refused(served.client.put("/api/names", json={}, headers={"origin": "null"}), 403, "only this page")
    refused(served.client.put("/api/names", json={}, headers={"origin": "http://[x"}), 403, "only this page")
    assert served.client.get("/", headers={"host": "localhost"}).status_code == 200
    assert "access-control-allow-origin" not in served.client.get("/", headers={"origin": "http://x.example"}).headers


def test_browsers_are_told_to_load_nothing_from_elsewhere(served):
    for path in ("/", "/docs", "/api/model", "/static/app.js", "/nowhere"):
        headers = served.client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/docs", *(f"/static/{name}" for name in ("app.js", "stage.js", "style.css"))])
def test_no_page_names_another_host(served, path):
    words = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"//\s.*", "", served.client.get(path).text))
    assert [word for word in words if not re.search(r"www.w3.org|127\.0\.0\.1", word)] == []


def test_the_reference_has_every_operation_and_message(served):
    shown, described = served.client.get("/docs").text, served.client.get("/openapi.json").json()
    assert len(described["paths"]) == 9
    for path, methods in described["paths"].items():
        assert f"<code>{path}</code>" in shown
        assert all(operation["description"] for operation in methods.values())
    links = set(re.findall(r'href="#(\w+)"', shown))
    assert links <= set(re.findall(r'<h3 id="(\w+)"', shown))


def test_ten_people_at_once_are_all_served(serve_with, pictures):
    page = serve_with()
    answers = []

    def person() -> None:
        with httpx.Client(base_url=page.address, timeout=60) as client:
            found = client.post("/api/pictures", content=pictures[0].read_bytes()).json()
            answers.extend(client.post(f"/api/pictures/{found['id']}/frames/0/rebuilt").content for _ in range(3))

    people = [threading.Thread(target=person) for _ in range(10)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(answers) == 30
    assert len(set(answers)) == 1


def test_too_many_are_told_to_come_back(serve_with):
    answer = serve_with(waiting=0).client.get("/api/model")
    refused(answer, 503, "try again")
    assert answer.headers["retry-after"] == "1"
    refused(serve_with(uploads=0).client.post("/api/pictures", content=png()), 503, "on their way")


def test_a_picture_can_be_removed(serve_with, pictures):
    page = serve_with()
    key = page.upload(pictures[0])["id"]
    assert len(list(page.studio.folder.iterdir())) == 1
    assert page.client.delete(f"/api/pictures/{key}").status_code == 204
    assert list(page.studio.folder.iterdir()) == []
    refused(page.client.delete(f"/api/pictures/{key}"), 404, "not here any more")


def test_no_more_is_held_than_is_allowed(serve_with, pictures):
    page = serve_with(pictures=2)
    keys = [page.upload(pictures[0])["id"] for _ in range(4)]
    states = [page.client.get(f"/api/pictures/{key}/frames/0/picture").status_code for key in keys]
    assert states == [404, 404, 200, 200]
    assert len(list(page.studio.folder.iterdir())) == 2


def test_a_full_disk_is_said(serve_with, monkeypatch):
    page = serve_with()

    def write(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("partpose.serve.scene._write_preview", write)
    refused(page.client.post("/api/pictures", content=png()), 507, "No space left")
    assert list(page.studio.folder.iterdir()) == []
