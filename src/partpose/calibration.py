"""What `partpose calibrate` does: how much a model's uncertainties have to be stretched, kept with the model."""

import json
from pathlib import Path

import numpy as np
import torch

from partpose.data.atomic import atomic, check_writable
from partpose.data.canvas import read_canvases
from partpose.data.sources import find_sources, some_files
from partpose.data.spread import spread
from partpose.data.where import boxed, chosen_boxes
from partpose.model.part_model import CONFIG
from partpose.model.shipped import to_change
from partpose.predict.predictor import load
from partpose.predict.uncertainty import SCALE, calibrate
from partpose.terminal import count, report_skipped

BATCH = 32


def calibrate_model(
    model: str, input: Path, pictures: int = 256, boxes: str | None = None, device: str | None = None
) -> float:
    """Calibrate a model's uncertainties on pictures of its kind, at most so many, spread over the input.

    The scale goes into the `config.json` of the model's folder, from where every later `--uncertainty` takes it.
    Raises `PartposeError` where there is no model, nothing can be read, or the model's folder cannot be written.
    """
    config = to_change(model) / CONFIG
    predictor = load(model, device)
    check_writable(config)
    sources, skipped = find_sources([input])
    sources, more = boxed(sources, chosen_boxes(boxes, predictor.settings))
    share = -(-pictures // len(sources))
    few = [some_files(source, spread(len(source.files), share)) for source in sources]
    canvases = read_canvases(few, predictor.look, share)
    chosen = canvases.pixels[spread(len(canvases.pixels), pictures)]
    batches = np.array_split(chosen, -(-len(chosen) // BATCH))
    with torch.inference_mode():
        scale = calibrate(predictor.network, map(predictor.tensor, batches))
    content = json.loads(config.read_text(encoding="utf-8"))
    content["training"][SCALE] = scale
    with atomic(config) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"uncertainties of {model} are multiplied by {scale:.3f} from now on, from {count(len(chosen), 'picture')}")
    report_skipped([*skipped, *more, *canvases.skipped])
    return scale
