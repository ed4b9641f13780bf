"""What stands behind a figure: a room, or clutter."""

from collections.abc import Iterator
from math import cos, sin

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from partpose.data.figure_block import Block, paint_blocks
from partpose.data.figure_colours import BLACK, WHITE, Colour, between, palette, pick, picks
from partpose.data.figure_dress import Placed
from partpose.data.figure_render import Canvas, Light, mix, planes

WALL = palette("e8e1d3", "cfd8d2", "d9c7b8", "b9c7d6", "e6d3a7", "c9b8cf", "a9bfa8", "d8a48f")
WOOD = palette("b98b5e", "8d6748", "6f5846", "a9a19a", "c7a77b", "7d8590")
FABRIC = palette("59788e", "a65e4e", "6f8f72", "7a6a8c", "c08a3e", "4e5d6c", "b5838d", "87a0b2")
THINGS = palette(
    *("264653", "2a9d8f", "e9c46a", "f4a261", "e76f51", "8ab17d", "6d597a", "b56576", "e8e8e4", "355070"),
    *("bc4749", "a7c957", "386641", "577590", "90a955", "d4a373", "7f5539", "9a8c98"),
)
FRAME, METAL, GRASS, SKIES = (0.95, 0.94, 0.91), (0.28, 0.27, 0.29), (0.5, 0.65, 0.45), palette("9eccee", "f2c799")
CLUTTER = 14


def draw_room(rng: Generator, size: int) -> NDArray:
    """A room, float32 (3, size, size): wall, floor, window, a picture and furniture."""
    room, horizon = Canvas(size), float(rng.uniform(0.66, 0.74))
    paint_blocks(room, _wall(pick(rng, WALL), horizon))
    _paint_floor(room.colour, horizon, pick(rng, WOOD))
    paint_blocks(room, _furnish(rng, horizon))
    axis = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    return np.clip(room.colour * (1.03 - 0.09 * (axis[None, :] + axis[:, None])), 0, 1)


def _wall(colour: Colour, horizon: float) -> Iterator[Block]:
    yield Block((0.5, horizon / 2), (0.5, horizon / 2), colour, shade=0.06)
    yield Block((0.5, horizon - 0.012), (0.51, 0.012), between(colour, WHITE, 0.5), shade=0)


def _paint_floor(scene: NDArray, horizon: float, colour: Colour) -> None:
    """Boards that run towards the viewer, darker far away."""
    size = scene.shape[-1]
    first = int(horizon * size)
    y = (np.arange(first, size, dtype=np.float32)[:, None] + 0.5) / size
    near = np.maximum((y - horizon) / (1 - horizon), 0)
    x = (np.arange(size, dtype=np.float32)[None, :] + 0.5) / size - 0.5
    phase = x / (0.1 + 0.1 * near)
    gap = np.maximum(np.abs(phase - np.floor(phase) - 0.5) - 0.47, 0) / 0.03
    board = 0.92 + 0.08 * np.sin(np.floor(phase) * 2.4)
    scene[:, first:] = planes(colour) * (board * (0.78 + 0.25 * near) * (1 - 0.18 * gap))


def _furnish(rng: Generator, horizon: float) -> Iterator[Block]:
    """Things from the wall towards the viewer; the window is on one side, what stands on the floor on both."""
    left = bool(rng.random() < 0.5)
    yield from _window(rng, 0.25 if left else 0.75)
    yield from _picture(rng, 0.78 if left else 0.22)
    tall = _shelf if rng.random() < 0.5 else _lamp
    yield from tall(rng, 0.85 if left else 0.15, horizon)
    low, place = _sofa if rng.random() < 0.5 else _plant, float(rng.uniform(0.14, 0.24))
    yield from low(rng, place if left else 1 - place, horizon)


def _window(rng: Generator, x: float) -> Iterator[Block]:
    y, wide, high = float(rng.uniform(0.24, 0.3)), float(rng.uniform(0.1, 0.14)), float(rng.uniform(0.13, 0.17))
    yield Block((x, y), (wide + 0.02, high + 0.02), FRAME, shadow=0.03, shade=0.03)
    yield Block((x, y), (wide, high), pick(rng, SKIES), shade=-0.1)
    yield Block((x, y + 0.75 * high), (wide, 0.25 * high), GRASS, shade=0.05)
    yield Block((x, y), (0.007, high), FRAME, shade=0)
    yield Block((x, y), (wide, 0.007), FRAME, shade=0)
    if rng.random() < 0.6:
        cloth = pick(rng, FABRIC)
        fold, hang = between(cloth, BLACK, 0.12), (0.035, high + 0.07)
        for side in (-1, 1):
            yield Block((x + side * (wide + 0.025), y + 0.04), hang, cloth, 0.01, other=fold, shadow=0.02, shade=0.05)


def _picture(rng: Generator, x: float) -> Iterator[Block]:
    y, wide, high = (float(rng.uniform(*span)) for span in ((0.2, 0.28), (0.06, 0.1), (0.06, 0.1)))
    yield Block((x, y), (wide + 0.012, high + 0.012), pick(rng, WOOD), shadow=0.02)
    yield Block((x, y), (wide, high), pick(rng, WALL), shade=-0.05)
    yield Block((x, y + 0.4 * high), (wide, 0.6 * high), pick(rng, FABRIC))
    yield Block((x + 0.3 * wide, y - 0.4 * high), (0.25 * wide, 0.25 * wide), pick(rng, THINGS), 1.0)


def _shelf(rng: Generator, x: float, horizon: float) -> Iterator[Block]:
    wood, top = pick(rng, WOOD), 0.42
    half = (horizon + 0.03 - top) / 2
    yield Block((x, top + half), (0.12, half), wood, 0.006, shadow=0.04)
    for row in range(2):
        y, inside = top + half * (0.5 + row), 0.43 * half
        yield Block((x, y), (0.108, inside), between(wood, BLACK, 0.45), shade=0)
        for place in np.arange(-0.09, 0.08, 0.028).tolist():
            high = float(rng.uniform(0.5, 0.8)) * inside
            yield Block((x + place, y + inside - high), (0.012, high), pick(rng, THINGS), 0.003)


def _lamp(rng: Generator, x: float, horizon: float) -> Iterator[Block]:
    yield Block((x, horizon + 0.05), (0.045, 0.01), METAL, 0.01, shadow=0.02)
    yield Block((x, horizon - 0.1), (0.006, 0.15), METAL, shade=0)
    cloth = between(pick(rng, FABRIC), WHITE, 0.35)
    yield Block((x, horizon - 0.3), (0.065, 0.055), cloth, 0.02, shadow=0.05, shade=-0.05)


def _sofa(rng: Generator, x: float, horizon: float) -> Iterator[Block]:
    cloth = pick(rng, FABRIC)
    yield Block((x, horizon - 0.05), (0.2, 0.1), between(cloth, BLACK, 0.15), 0.03, shadow=0.05)
    yield Block((x, horizon + 0.05), (0.2, 0.05), cloth, 0.025, shadow=0.04)
    for side in (-1, 1):
        middle = (x + side * 0.19, horizon + 0.02)
        yield Block(middle, (0.035, 0.08), between(cloth, BLACK, 0.07), 0.03, shadow=0.02)
    yield Block((x, horizon - 0.03), (0.055, 0.05), pick(rng, THINGS), 0.02, 0.2, shadow=0.02)


def _plant(rng: Generator, x: float, horizon: float) -> Iterator[Block]:
    for angle in (np.linspace(-1.1, 1.1, 7) + rng.normal(0, 0.1, 7)).tolist():
        long, green = float(rng.uniform(0.09, 0.14)), float(rng.uniform(0.42, 0.62))
        middle = (x + 0.9 * long * sin(angle), horizon - 0.1 - 0.9 * long * cos(angle))
        yield Block(middle, (0.026, long), (0.55 * green, green, 0.6 * green), 0.026, angle, shadow=0.02)
    yield Block((x, horizon - 0.02), (0.055, 0.07), pick(rng, FABRIC), 0.015, shadow=0.04)


def draw_clutter(rng: Generator, size: int) -> NDArray:
    """A heap of things, float32 (3, size, size), new with every call."""
    canvas = Canvas(size)
    canvas.colour[:] = _backdrop(rng, size)
    paint_blocks(canvas, _heap(rng))
    return np.clip(canvas.colour, 0, 1)


def _heap(rng: Generator) -> Iterator[Block]:
    """Boxes, pills and discs of all sizes, a quarter of them striped."""
    x, y, turn, kind, cloth, lamp = rng.random((6, CLUTTER)).tolist()
    halves = (rng.gamma(3.0, 0.028, (CLUTTER, 2)) + 0.02).tolist()
    colours, others = picks(rng, THINGS, CLUTTER), picks(rng, THINGS, CLUTTER)
    for i, (wide, high) in enumerate(halves):
        half, rounded = (wide, wide if kind[i] < 0.3 else high), 1.0 if kind[i] < 0.5 else 0.0
        other, bands = (others[i] if cloth[i] < 0.25 else None), 2.0 + int(20 * cloth[i])
        centre, shade = (1.1 * x[i] - 0.05, 1.1 * y[i] - 0.05), 0.04 + 0.12 * lamp[i]
        yield Block(centre, half, colours[i], rounded, np.pi * turn[i], other, bands, shadow=0.05, shade=shade)


def _backdrop(rng: Generator, size: int) -> NDArray:
    """Two colours that flow into each other along soft waves."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    kx, ky, bend, phase = rng.uniform(-4, 4, 4).tolist()
    wave = np.sin(kx * axis[None, :] + ky * axis[:, None] + bend * np.sin(3 * axis[None, :]) + phase)
    first, second = picks(rng, THINGS, 2)
    return mix(first, second, 0.5 + 0.5 * wave)


def cast_shadow(scene: NDArray, placed: Placed, light: Light) -> NDArray:
    """The scene with a soft shadow under each foot and under the body."""
    axis = np.arange(scene.shape[-1], dtype=np.float32)
    feet = [(placed.joint(f"{side}_ankle") + toe) / 2 for side, toe in zip(("left", "right"), placed.toes, strict=True)]
    floor = float(max(foot[1] for foot in feet)) + 0.02 * placed.scale
    body = float(placed.joint("pelvis")[0]) - 0.08 * light.direction[0] * placed.scale
    bright = np.ones_like(scene[0])
    for x, wide, depth in (*((float(foot[0]), 0.07, 0.4) for foot in feet), (body, 0.2, 0.3)):
        u, v = (axis - x) / (wide * placed.scale), (axis - floor) / ((0.012 + 0.14 * wide) * placed.scale)
        bright = np.minimum(bright, 1 - depth * np.exp(-u * u)[None, :] * np.exp(-v * v)[:, None])
    return scene * bright
