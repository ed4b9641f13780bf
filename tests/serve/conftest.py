"""A model whose parts lie apart, and its page, served as `partpose serve` does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
import torch
import uvicorn
from drawing import blob
from PIL import Image
from training import small

from partpose.data.video import VideoWriter
from partpose.model.part_model import PartModel, save_model
from partpose.predict.predictor import Predictor, load
from partpose.serve.app import create_app
from partpose.serve.limits import Limits
from partpose.serve.start import LOCAL, listen
from partpose.serve.studio import Studio


class Served(NamedTuple):
    """A page that is up. address: http://127.0.0.1:<port>."""

    address: str
    studio: Studio
    client: httpx.Client

    @property
    def predictor(self) -> Predictor:
        return self.studio.predictor

    def upload(self, path: Path) -> dict:
        answer = self.client.post("/api/pictures", params={"name": path.name}, content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()


@contextmanager
def serving(run: Path, folder: Path, limits: Limits) -> Iterator[Served]:
    """Serve the page of a model on a port of its own."""
    studio, listener = Studio(load(str(run), "cpu"), run, folder, limits), listen("127.0.0.1", 0)
    config = uvicorn.Config(create_app(studio, LOCAL), log_level="critical", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=30) as client:
            yield Served(address, studio, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A model folder; its network has learned nothing, but its part maps are sharp."""
    folder = tmp_path_factory.mktemp("runs") / "mice"
    folder.mkdir()
    torch.manual_seed(0)
    network = PartModel(small().model)
    with torch.no_grad():
        network.shape.logits.scale.mul_(300)
    save_model(folder, network, small(), {"pictures_seen": 0})
    return folder


@pytest.fixture(scope="module")
def served(run, tmp_path_factory) -> Iterator[Served]:
    """One page for all the tests of a module."""
    with serving(run, tmp_path_factory.mktemp("page"), Limits()) as page:
        yield page


@pytest.fixture
def serve_with(run, tmp_path) -> Iterator[Callable[..., Served]]:
    """A page with limits of its own: `serve_with(upload=1000)`."""
    pages = []

    def serve(**limits) -> Served:
        folder = tmp_path / f"page{len(pages)}"
        folder.mkdir()
        pages.append(serving(run, folder, Limits(**limits)))
        return pages[-1].__enter__()

    yield serve
    for page in pages:
        page.__exit__(None, None, None)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    """Two pictures of 96×72 pixels, a blob in each, of different colours."""
    folder = tmp_path_factory.mktemp("pictures")
    first, second = blob(96, 72, 30, 40), blob(96, 72, 60, 30, seed=1)[..., ::-1]
    for i, pixels in enumerate((first, second)):
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"blob {i}.png")
    return [folder / "blob 0.png", folder / "blob 1.png"]


@pytest.fixture(scope="module")
def short_video(tmp_path_factory) -> Path:
    """24 frames of 64×48 pixels, 25 a second."""
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    with VideoWriter(path, 64, 48, 25) as video:
        for i in range(24):
            video.write(blob(64, 48, 10 + i, 30 - i / 2))
    return path
