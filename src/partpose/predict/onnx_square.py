"""`data.images.square` as an ONNX graph, for pictures of any size.

A keypoint can move by tenths of a pixel with the last bits of what the network sees, so every step rounds as Pillow does: the
long side first, then the short one with its edge colours repeated; along each, averages of whole blocks (`Image.reduce`), of
which at least twice as many are left as are wanted, then a bicubic kernel that is as wide as what it makes.

To be read from the end: onnxscript wants a function to be there before it is called. It knows no conditional expressions,
and its types are not those of a type checker. Pixels are uint8, lengths int64 of shape (1,), all else is float.
"""
# ruff: noqa: SIM108

from typing import Any

import onnx.inliner
import onnx.parser
from onnxscript import FLOAT, UINT8, opset18, script
from onnxscript.values import Opset

from partpose.predict.graph import IR, OPSET

GREY = {  # channels of a model → 65536ths of a picture's channels that each of them gets; the luminance is Pillow's
    1: "19595.0, 38470.0, 7471.0",
    2: "19595.0, 0.0, 38470.0, 0.0, 7471.0, 0.0, 0.0, 65536.0",
}
op: Any = opset18
local = Opset("partpose", 1)


@script(local)
def in_bytes(values):
    """Rounded and clipped."""
    return op.Cast(op.Clip(op.Floor(values + 0.5), 0.0, 255.0), to=UINT8.dtype)


@script(local)
def mixed(pictures, mixture):
    """Pictures with the channels that a (C, D) matrix of 65536ths makes of theirs."""
    return in_bytes(op.MatMul(op.Cast(pictures, to=FLOAT.dtype), mixture) / 65536.0)


@script(local)
def bicubic(count, size, start, scale):
    """(size, count) weights for `size` pixels of this scale, the first of which begins at `start`; a = -1/2 (Keys 1981)."""
    places = op.Cast(op.Range(0, op.Squeeze(count), 1), to=FLOAT.dtype) + 0.5
    centres = start + (op.Cast(op.Range(0, op.Squeeze(size), 1), to=FLOAT.dtype) + 0.5) * scale
    x = op.Abs(places - op.Unsqueeze(centres, op.Constant(value_ints=[1]))) / op.Max(scale, 1.0)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
    kernel = op.Where(x < 1.0, near, op.Where(x < 2.0, far, 0.0 * x))
    return kernel / op.ReduceSum(kernel, op.Constant(value_ints=[1]))


@script(local)
def share(count):
    """One divided by the count. Pillow rounds it down, which takes one from averages that are whole; not for 2, 4, 8, …"""
    one = 1.0 / op.Cast(count, to=FLOAT.dtype)
    return op.Where(16777216 / count * count == 16777216, one, 0.999999 * one)


@script(local)
def reduced(pixels, block):
    """(B, n, p, q) to averages along axis 1, of which the last may be of fewer pixels: (B, n / block, p · q)."""
    n = op.Shape(pixels, start=1, end=2)
    count = (n + block - 1) / block
    none = op.Constant(value_ints=[0])
    missing = op.Concat(none, none, none, none, none, count * block - n, none, none, axis=0)
    blocks = op.Reshape(op.Pad(pixels, missing), op.Concat(none, count, block, none - 1, axis=0))
    sums = op.ReduceSum(op.Cast(blocks, to=FLOAT.dtype), op.Constant(value_ints=[2]), keepdims=0)
    each = op.Unsqueeze(op.Min(block, n - op.Range(0, op.Squeeze(count), 1) * block), op.Constant(value_ints=[1]))
    return op.Floor((sums + op.Cast(each / 2, to=FLOAT.dtype)) * share(each))


@script(local)
def along(pixels, side, size):
    """(B, n, p, q) to (B, size, p, q), which show the middle `side` of the n pixels."""
    block = op.Max(side / (2 * size), 1)
    averages = reduced(pixels, block)
    start = op.Cast(op.Shape(pixels, start=1, end=2) - side, to=FLOAT.dtype) / op.Cast(2 * block, to=FLOAT.dtype)
    scale = op.Cast(side, to=FLOAT.dtype) / op.Cast(block * size, to=FLOAT.dtype)
    weights = bicubic(op.Shape(averages, start=1, end=2), size, start, scale)
    whole = op.Concat(op.Constant(value_ints=[0]), size, op.Shape(pixels, start=2), axis=0)
    return op.Reshape(in_bytes(op.MatMul(weights, averages)), whole)


@script(local)
def filled(pixels, side):
    """(B, n, p, q) with the colours of its ends along axis 1 repeated, up to a length of `side` or one more."""
    none = op.Constant(value_ints=[0])
    more = (side - op.Shape(pixels, start=1, end=2) + 1) / 2
    return op.Pad(pixels, op.Concat(none, more, none, none, none, more, none, none, axis=0), mode="edge")


@script(local)
def square(pictures, size):
    """(B, H, W, C) to (B, C, size, size)."""
    height = op.Shape(pictures, start=1, end=2)
    width = op.Shape(pictures, start=2, end=3)
    side = op.Max(height, width)
    wide = op.Squeeze(width >= height)
    # What is resized comes second
    if wide:
        long = op.Transpose(pictures, perm=[0, 2, 3, 1])
    else:
        long = op.Identity(pictures)
    strip = along(long, side, size)
    if wide:
        short = op.Transpose(strip, perm=[0, 3, 2, 1])
    else:
        short = op.Transpose(strip, perm=[0, 2, 3, 1])
    both = along(filled(short, side), side, size)
    if wide:
        squares = op.Transpose(both, perm=[0, 2, 1, 3])
    else:
        squares = op.Transpose(both, perm=[0, 2, 3, 1])
    return squares


def square_model(size: int, channels: int) -> onnx.ModelProto:
    """A graph from pictures, uint8 (B, H, W, 3), with a fourth channel where there are two or four, to their squares.

    Its outputs are `images`, float (B, channels, size, size) from 0 to 255, and `extent`, float width and height.
    """
    given, weights = 3 if channels % 2 else 4, GREY.get(channels)
    mixture = f"m = Constant<value = float[{given}, {channels}] {{{weights}}}>()  seen = partpose.mixed(pictures, m)"
    model = onnx.parser.parse_model(f"""
        <ir_version: {IR}, opset_import: ["": {OPSET}, "partpose": 1]>
        square (uint8[batch, height, width, {given}] pictures)
        => (float[batch, {channels}, {size}, {size}] images, float[2] extent) {{
            {mixture if weights else "seen = Identity(pictures)"}
            size = Constant<value_ints = [{size}]>()
            squares = partpose.square(seen, size)
            images = Cast<to = 1>(squares)
            height = Shape<start = 1, end = 2>(pictures)
            width = Shape<start = 2, end = 3>(pictures)
            both = Concat<axis = 0>(width, height)
            extent = Cast<to = 1>(both)
        }}""")
    for function in (in_bytes, mixed, bicubic, share, reduced, along, filled, square):
        model.functions.append(function.to_function_proto())
    return onnx.inliner.inline_local_functions(model)
