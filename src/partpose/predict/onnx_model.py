"""A network that lives in an ONNX file: it finds parts as the one that it was exported from does, and does nothing else."""

import json
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from partpose.config import Settings, parse
from partpose.errors import PartposeError
from partpose.model.part_model import PartModel
from partpose.predict.poses import part_names

PICTURES, MAPS = "pictures", "maps"
OUTPUTS = ("mean", "covariance", "confidence", MAPS)
_RGB = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3]}  # channels of a model → those a graph is given


def is_onnx(model: str | Path) -> bool:
    """Whether a model is named by a file, not by a folder or as a shipped one."""
    return Path(model).suffix == ".onnx" and not Path(model).is_dir()


def extra(name: str) -> Any:
    """A module that not every installation has. Raises PartposeError in its place."""
    try:
        return import_module(name)
    except ImportError:
        raise PartposeError(f"ONNX needs {name}, which the extra installs: pip install 'partpose[onnx]'") from None


class Session:
    """An ONNX file, ready to run. Raises PartposeError where it cannot be read, or for a device that it cannot run on."""

    def __init__(self, path: Path, device: str | None = None) -> None:
        runtime = extra("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        # Two processes that wait busily on the same cores slow each other down many times
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = _providers(runtime.get_available_providers(), device)
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime has classes of its own for this, which it does not publish
            reason = "it does not exist" if not path.exists() else " ".join(str(error).split())[:200]
            raise PartposeError(f"cannot read the ONNX model {path}: {reason}") from None

    def about(self) -> dict[str, str]:
        """What its writer has noted in the file."""
        return self.session.get_modelmeta().custom_metadata_map

    def run(self, pictures: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """The named outputs for uint8 (B, H, W, C) pictures of any channels."""
        return self.session.run(outputs, {PICTURES: pictures[..., _RGB[pictures.shape[-1]]]})


def _providers(available: Sequence[str], device: str | None) -> list[Any]:
    cpu, gpu = "CPUExecutionProvider", "CUDAExecutionProvider"
    if device == "cpu" or (device is None and gpu not in available):
        return [cpu]
    if gpu not in available or not (number := re.fullmatch(r"cuda(?::(\d+))?", device or "cuda")):
        known = "cpu or cuda:0" if gpu in available else "cpu; for GPUs install onnxruntime-gpu in place of onnxruntime"
        raise PartposeError(f"no device {device!r} for ONNX models here: expected {known}")
    return [(gpu, {"device_id": number[1] or "0"}), cpu]


class OnnxNetwork(PartModel):
    """The shape stream of a session. Raises PartposeError where appearances, or pictures, are asked for."""

    def __init__(self, session: Session, settings: Settings) -> None:
        nn.Module.__init__(self)
        self.settings = settings.model
        self.shape = _Shape(session)
        self.appearance = self.generator = _Absent()


class _Shape(nn.Module):
    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.place = nn.Parameter(torch.empty(0), requires_grad=False)  # says that pictures are expected on the CPU

    def forward(self, images: Float[Tensor, "b c side side"]) -> Float[Tensor, "b k m n"]:
        """As the graph takes them, in 8 bits: pictures that were read from files lose nothing by that."""
        pixels = (images.permute(0, 2, 3, 1) * 255).round().byte().numpy()
        return torch.from_numpy(self.session.run(pixels, [MAPS])[0])


class _Absent(nn.Module):
    def forward(self, *_: Any) -> Tensor:
        raise PartposeError(
            "an ONNX model finds parts and nothing else: for appearances, encode and decode, name the run that it was "
            "exported from"
        )


def onnx_names(path: Path) -> dict[int, str]:
    """Part → its name, where it had one when the file was exported. Raises PartposeError as `load_onnx`."""
    names = _noted(Session(path, "cpu"), path, "names")
    return {part: name for part, name in enumerate(names) if name != part_names(len(names))[part]}


def load_onnx(path: Path, device: str | None = None) -> tuple[OnnxNetwork, Settings, dict[str, Any], str, str]:
    """What a `Predictor` is made of: network, settings, facts of the training, name, and the digest of the run's weights.

    Raises:
        PartposeError: where the file is broken, or was not made by `partpose export`.
    """
    session = Session(path, device)
    config = _noted(session, path, "config")
    settings = parse(config["settings"], str(path))
    network = OnnxNetwork(session, settings).eval()
    return network, settings, config["training"], str(path), session.about()["model_hash"]


def _noted(session: Session, path: Path, key: str) -> Any:
    try:
        return json.loads(session.about()[key])
    except (KeyError, ValueError):
        raise PartposeError(f"{path} was not made by `partpose export`: expected an ONNX file that was") from None
