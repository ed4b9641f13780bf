"""A model as one ONNX file that runs without partpose, checked against the network before it is kept."""

import json
import logging
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from partpose.data.atomic import atomic
from partpose.data.images import as_channels
from partpose.errors import PartposeError
from partpose.geometry import squares_around, to_inside
from partpose.predict.graph import IR, OPSET, Graph
from partpose.predict.onnx_model import OUTPUTS, Session, extra
from partpose.predict.predictor import Predictor
from partpose.version import __version__

ALLOWED = {"single": (0.01, 0.1), "half": (0.25, 0.35)}
"""By how many pixels at the model's input a graph may differ from the network, by its precision: on pictures of the model's own
size, and on others, which it resizes."""


class Parity(NamedTuple):
    """The largest differences between an ONNX file and the network that it was made from.

    network: of keypoints and of parts' standard deviations, pixels at the model's input, on pictures of just that size.
    resized: the same on pictures as they are, which the graph has resized, and `data.images`.  confidence: on all of them.
    """

    network: float
    resized: float
    confidence: float


def export(
    predictor: Predictor, path: Path, pictures: Sequence[NDArray[np.uint8]], names: Sequence[str], half: bool = False
) -> Parity:
    """Write a model as an ONNX file, if that agrees with the network on these pictures.

    pictures: uint8 (H, W, 3) of any sizes.  names: of the K keypoints.  half: weights and convolutions in half precision.

    Raises:
        PartposeError: where they differ by more than is `ALLOWED`, and nothing is written; where the extra is missing.
    """
    precision = "half" if half else "single"
    onnx, _, _ = (extra(name) for name in ("onnx", "onnxscript", "onnxruntime"))
    with atomic(path) as temporary:
        model = _model(predictor, half)
        onnx.helper.set_model_props(model, notes(predictor, names, precision))
        onnx.checker.check_model(model, full_check=True)
        temporary.write_bytes(model.SerializeToString())
        parity = compare(predictor, temporary, pictures)
        refuse(parity, precision)
    return parity


def notes(predictor: Predictor, names: Sequence[str], precision: str) -> dict[str, str]:
    """What the file says about itself."""
    model = predictor.settings.model
    config = {"settings": predictor.settings.model_dump(), "training": predictor.facts}
    return {
        "names": json.dumps(list(names), ensure_ascii=False),
        "parts": str(model.parts),
        "side": str(model.canvas),
        "precision": precision,
        "version": __version__,
        "model_hash": predictor.digest,
        "config": json.dumps(config),
    }


def compare(predictor: Predictor, path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Parity:
    """By how much an ONNX file differs from a model with the same weights."""
    session, opaque = Session(path, "cpu"), 3 if predictor.settings.model.channels % 2 else 4
    found = []
    for pixels in pictures:
        canvas = predictor.canvas(pixels)
        whole = as_channels(pixels, opaque)
        found.append(
            (_by_network(predictor, canvas), *(_by_graph(session, p, predictor.side) for p in (canvas, whole)))
        )
    network = max(_apart(truth.points, graph.points) for truth, graph, _ in found)
    resized = max(_apart(truth.points, graph.points) for truth, _, graph in found)
    confidence = max(_apart(truth.confidence, graph.confidence) for truth, *both in found for graph in both)
    return Parity(network, resized, confidence)


def refuse(parity: Parity, precision: str) -> None:
    """Raises PartposeError where an exported model is not the network's equal."""
    own, resized = ALLOWED[precision]
    if parity.network <= own and parity.resized <= resized:
        return
    raise PartposeError(
        f"the exported model differs from the network by {parity.network:.4f} px at its input ({own} allowed), and by "
        f"{parity.resized:.4f} px where it has resized the picture ({resized} allowed): nothing was written"
        + ("; try it without --half, or check it on pictures of its kind, --pictures" if precision == "half" else "")
    )


class _Found(NamedTuple):
    """points: (K, 4), keypoints and standard deviations along x and y, pixels of the canvas.  confidence: (K,)."""

    points: NDArray
    confidence: NDArray

    @classmethod
    def of(cls, mean: NDArray, cov: NDArray, confidence: NDArray, side: int) -> "_Found":
        """From a batch of one in the inside frame."""
        deviations = np.sqrt(np.diagonal(cov[0], axis1=1, axis2=2))
        return cls(np.concatenate([mean[0], deviations], axis=1) * side / 2, confidence[0])


def _by_network(predictor: Predictor, canvas: NDArray[np.uint8]) -> _Found:
    return _Found.of(*(tensor.double().numpy() for tensor in predictor.parts(canvas[None])), predictor.side)


def _by_graph(session: Session, pixels: NDArray[np.uint8], side: int) -> _Found:
    mean, covariance, confidence = session.run(pixels[None], OUTPUTS[:3])
    square = squares_around(np.array([pixels.shape[1::-1]]))
    return _Found.of(to_inside(mean, square), covariance * (2 / square[0, 2]) ** 2, confidence, side)


def _apart(a: NDArray, b: NDArray) -> float:
    """The largest difference; infinite where there is a NaN."""
    return float(np.nan_to_num(np.abs(a - b), nan=np.inf).max())


def _model(predictor: Predictor, half: bool) -> Any:
    """The whole graph as an `onnx.ModelProto`."""
    from onnx import compose, helper

    from partpose.predict.onnx_square import square_model

    settings = predictor.settings.model
    square, network = square_model(settings.canvas, settings.channels), _traced(predictor, half)
    square = compose.add_prefix(square, "square_", rename_inputs=False, rename_outputs=False)
    network = compose.add_prefix(network, "network_", rename_inputs=False)
    model = compose.merge_models(square, network, [("images", "images"), ("extent", "extent")])
    for output, name in zip(model.graph.output, OUTPUTS, strict=True):
        model.graph.node.append(helper.make_node("Identity", [output.name], [name]))
        output.name = name
    del model.opset_import[1:]  # the same one again, and that of functions that are no more
    model.producer_name, model.producer_version = "partpose", __version__
    return model


def _traced(predictor: Predictor, half: bool) -> Any:
    """From squares on, without torch's notes on where the source of each operation lies."""
    settings = predictor.settings.model
    images = torch.zeros(2, settings.channels, settings.canvas, settings.canvas)
    with _quiet(), torch.no_grad():
        program: Any = torch.onnx.export(
            Graph(predictor.network, half).eval(),
            (images, torch.ones(2)),
            input_names=["images", "extent"],
            dynamic_shapes=({0: torch.export.Dim("batch")}, {}),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    graph = model.graph
    for one in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        one.ClearField("metadata_props")
        one.ClearField("doc_string")
    model.ir_version = IR
    return model


@contextmanager
def _quiet() -> Generator[None]:
    """The exporter's own notes are about torch, not about anything that a user could change."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
