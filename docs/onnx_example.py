"""Keypoints by an exported model, without partpose or torch: python docs/onnx_example.py model.onnx picture.jpg …"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
names = json.loads(model.get_modelmeta().custom_metadata_map["names"])
for file in sys.argv[2:]:
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
    mean, confidence = model.run(["mean", "confidence"], {"pictures": pixels[None]})
    for name, (x, y), sure in zip(names, mean[0], confidence[0], strict=True):
        print(f"{file}: {name} at {x:.2f}, {y:.2f}, confidence {sure:.2f}")
