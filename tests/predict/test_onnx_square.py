"""The graph's squares are those of data/images.py, whatever the size."""

import numpy as np
import pytest
from drawing import blob
from hypothesis import given, settings
from hypothesis import strategies as st

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from partpose.data.images import as_channels, square  # noqa: E402
from partpose.predict.onnx_square import square_model  # noqa: E402

SIZE = 32
RUNNERS = {}


def by_graph(pictures: np.ndarray, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """(B, size, size, C), and width and height."""
    if channels not in RUNNERS:
        RUNNERS[channels] = onnxruntime.InferenceSession(square_model(SIZE, channels).SerializeToString())
    images, extent = RUNNERS[channels].run(None, {"pictures": pictures})
    return images.transpose(0, 2, 3, 1), extent


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    """A picture in which every bit counts."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def assert_alike(ours: np.ndarray, graphs: np.ndarray) -> None:
    """The same, but for pixels that lie on the edge between two values: single precision rounds them as it comes."""
    off = np.abs(ours.astype(float) - graphs)
    assert off.max() <= 2
    assert (off > 0).mean() < 0.005


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 500), st.integers(16, 500))
def test_pictures_of_any_size(width, height):
    pixels = noise(width, height)
    graphs, extent = by_graph(pixels[None])
    assert_alike(square(pixels, SIZE), graphs[0])
    assert extent.tolist() == [width, height]


@pytest.mark.parametrize("factor", range(1, 14))
@pytest.mark.parametrize("turned", [False, True])
def test_averages_of_blocks_round_as_pillow_s(factor, turned):
    """At twice a whole factor the averages are all that differs; Pillow's are biased, another way for each factor."""
    pixels = noise(2 * SIZE * factor + factor // 2, 2 * SIZE * factor // 3 + 16)
    pixels = np.ascontiguousarray(pixels.transpose(1, 0, 2)) if turned else pixels
    assert_alike(square(pixels, SIZE), by_graph(pixels[None])[0][0])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_models_of_any_channels(channels):
    pixels, alpha = noise(90, 130), noise(90, 130, seed=1)[..., :1]
    opaque = as_channels(pixels, 1 if channels < 3 else 3)
    if channels % 2:
        assert_alike(square(opaque, SIZE), by_graph(pixels[None], channels)[0][0])
    else:
        given = np.concatenate([pixels, alpha], axis=-1)
        assert_alike(square(np.concatenate([opaque, alpha], axis=-1), SIZE), by_graph(given[None], channels)[0][0])


def test_a_picture_of_the_model_s_size_is_left_as_it_is():
    pixels = noise(SIZE, SIZE)
    np.testing.assert_array_equal(by_graph(pixels[None])[0][0], pixels)


def test_each_picture_of_a_batch_is_its_own():
    pictures = np.stack([blob(50, 40, 10 + 5 * i, 20, i) for i in range(5)])
    for one, alone in zip(by_graph(pictures)[0], pictures, strict=True):
        np.testing.assert_array_equal(one, by_graph(alone[None])[0][0])
