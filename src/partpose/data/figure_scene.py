"""What stands behind a figure: a room, or clutter."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from partpose.data.figure_dress import Placed
from partpose.data.figure_people import Colour
from partpose.data.figure_render import Light, ramp

WALL = ("e8e1d3", "cfd8d2", "d9c7b8", "b9c7d6", "e6d3a7", "c9b8cf", "a9bfa8", "d8a48f")
WOOD = ("b98b5e", "8d6748", "6f5846", "a9a19a", "c7a77b", "7d8590")
FABRIC = ("59788e", "a65e4e", "6f8f72", "7a6a8c", "c08a3e", "4e5d6c", "b5838d", "87a0b2")
CLUTTER = (
    *("264653", "2a9d8f", "e9c46a", "f4a261", "e76f51", "8ab17d", "6d597a", "b56576", "e8e8e4", "355070"),
    *("bc4749", "a7c957", "386641", "577590", "90a955", "d4a373", "7f5539", "9a8c98"),
)


class Block:
    """Rounded boxes painted on a scene (3, size, size); lengths are in sides of the scene, y down."""

    def __init__(self, scene: NDArray) -> None:
        self.scene = scene
        self.size = scene.shape[-1]
        self._axis = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size

    def paint(
        self,
        centre: tuple[float, float],
        half: tuple[float, float],
        colour: Colour,
        rounded: float = 0.0,
        angle: float = 0.0,
        other: Colour | None = None,
        bands: float = 0.0,
        shadow: float = 0.0,
        shade: float = 0.12,
    ) -> None:
        """Paint one. half: half of its width and height; rounded: of its corners; angle: radians; other, bands: a second
        colour in that many bands across; shadow: how soft and far its shadow falls; shade: how much darker it is below."""
        reach = float(np.hypot(*half)) if angle else max(half)
        box = self._box(centre, (reach, reach) if angle else half, shadow)
        x, y = self._axis[None, box[1]] - np.float32(centre[0]), self._axis[box[0], None] - np.float32(centre[1])
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u, v = (c * x + s * y, c * y - s * x) if angle else (x, y)
        distance = _rounded_box(u, v, half, rounded)
        region = self.scene[:, *box]
        if shadow:
            # The lamp of a scene is above and to the left of it.
            fallen = _rounded_box(
                u - (c + s) * np.float32(0.4 * shadow), v - (c - s) * np.float32(0.4 * shadow), half, rounded
            )
            region *= 1 - 0.4 * np.clip(0.5 - fallen / np.float32(shadow), 0, 1) ** 2
        paint = _tint(colour, other, bands, u, half[0], self.size) * (1 - np.float32(shade / (2 * reach)) * (x + y))
        alpha = ramp(distance * np.float32(self.size))
        region += alpha * (paint - region)

    def _box(self, centre: tuple[float, float], half: tuple[float, float], more: float) -> tuple[slice, slice]:
        """The rows and columns that a box and its shadow touch."""
        rows, columns = (
            slice(max(int((c - h - more) * self.size) - 1, 0), max(int((c + h + 1.5 * more) * self.size) + 2, 0))
            for c, h in ((centre[1], half[1]), (centre[0], half[0]))
        )
        return rows, columns


def _rounded_box(u: NDArray, v: NDArray, half: tuple[float, float], rounded: float) -> NDArray:
    """Signed distance to a box with rounded corners (Quilez, "2D distance functions")."""
    r = np.float32(min(rounded, *half))
    a, b = np.abs(u) - (np.float32(half[0]) - r), np.abs(v) - (np.float32(half[1]) - r)
    return np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - r


def _tint(colour: Colour, other: Colour | None, bands: float, u: NDArray, half: float, size: int) -> NDArray:
    """A colour, or two in bands across a box, (3, h, w)."""
    base = np.array(colour, np.float32)[:, None, None]
    if other is None:
        return base
    phase = u * np.float32(bands / (2 * half))
    weight = ramp((np.abs(phase - np.floor(phase) - 0.5) - 0.25) * np.float32(size * 2 * half / bands))
    return base + weight * (np.array(other, np.float32)[:, None, None] - base)


def cast_shadow(scene: NDArray, placed: Placed, light: Light) -> NDArray:
    """The scene with a soft shadow under each foot and under the body."""
    size = scene.shape[-1]
    axis = np.arange(size, dtype=np.float32)
    heels, lift = (placed.joint("left_ankle") + placed.toes[0]) / 2, (placed.joint("right_ankle") + placed.toes[1]) / 2
    floor = max(heels[1], lift[1]) + 0.02 * placed.scale
    body = placed.joint("pelvis")[0] - 0.08 * light.direction[0] * placed.scale
    dark = np.zeros((size, size), np.float32)
    for x, wide, depth in ((heels[0], 0.07, 0.4), (lift[0], 0.07, 0.4), (body, 0.2, 0.3)):
        u = (axis - np.float32(x)) / np.float32(wide * placed.scale)
        v = (axis - np.float32(floor)) / np.float32((0.012 + 0.14 * wide) * placed.scale)
        dark = np.maximum(dark, np.float32(depth) * np.exp(-u * u)[None, :] * np.exp(-v * v)[:, None])
    return scene * (1 - dark)


def draw_room(rng: Generator, size: int) -> NDArray:
    """A room, float (3, size, size): wall, floor, window, a picture and furniture."""
    scene = np.zeros((3, size, size), np.float32)
    room, horizon = Block(scene), float(rng.uniform(0.66, 0.74))
    wall, floor = pick(rng, WALL), pick(rng, WOOD)
    room.paint((0.5, horizon / 2), (0.5, horizon / 2), wall, shade=0.12)
    _floor(room, horizon, floor)
    room.paint((0.5, horizon - 0.012), (0.51, 0.012), dim(wall, 0.5, 0.5), shade=0)
    left = bool(rng.random() < 0.5)
    _window(rng, room, 0.25 if left else 0.75)
    _picture(rng, room, 0.78 if left else 0.22)
    if rng.random() < 0.5:
        _shelf(rng, room, 0.82 if left else 0.18, horizon)
    else:
        _lamp(rng, room, 0.88 if left else 0.12, horizon)
    (_sofa if rng.random() < 0.5 else _plant)(
        rng, room, float(rng.uniform(0.14, 0.24) if left else rng.uniform(0.76, 0.86)), horizon
    )
    return np.clip(scene * _vignette(size), 0, 1)


def _floor(room: Block, horizon: float, colour: Colour) -> None:
    """Boards that run towards the viewer, darker far away."""
    rows = slice(int(horizon * room.size), room.size)
    y = (np.arange(rows.start, room.size, dtype=np.float32) + 0.5)[:, None] / room.size
    near = np.maximum((y - np.float32(horizon)) / np.float32(1 - horizon), 0)
    x = (np.arange(room.size, dtype=np.float32) + 0.5)[None, :] / room.size - 0.5
    phase = x / (0.1 + 0.1 * near)
    # Lines stay one pixel wide at the least, and as faint as they would be thin.
    gap = np.maximum(np.abs(phase - np.floor(phase) - 0.5) - 0.47, 0) / 0.03
    board = 0.92 + 0.08 * np.sin(np.floor(phase) * np.float32(2.4))
    tone = board * (0.78 + 0.25 * near) * (1 - 0.18 * gap)
    room.scene[:, rows] = np.array(colour, np.float32)[:, None, None] * tone


def _window(rng: Generator, room: Block, x: float) -> None:
    y, half = float(rng.uniform(0.24, 0.3)), (float(rng.uniform(0.1, 0.14)), float(rng.uniform(0.13, 0.17)))
    room.paint((x, y), (half[0] + 0.02, half[1] + 0.02), (0.95, 0.94, 0.91), shadow=0.03, shade=0.05)
    sky = (0.62, 0.8, 0.93) if rng.random() < 0.7 else (0.95, 0.78, 0.6)
    room.paint((x, y), half, sky, shade=-0.2)
    room.paint((x, y + 0.75 * half[1]), (half[0], 0.25 * half[1]), (0.5, 0.65, 0.45), shade=0.1)
    room.paint((x, y), (0.007, half[1]), (0.95, 0.94, 0.91), shade=0)
    room.paint((x, y), (half[0], 0.007), (0.95, 0.94, 0.91), shade=0)
    if rng.random() < 0.6:
        cloth = pick(rng, FABRIC)
        for side in (-1, 1):
            room.paint(
                (x + side * (half[0] + 0.025), y + 0.04),
                (0.035, half[1] + 0.07),
                cloth,
                0.01,
                other=tuple(0.88 * c for c in cloth),
                bands=3,
                shadow=0.02,
            )


def _picture(rng: Generator, room: Block, x: float) -> None:
    y, half = float(rng.uniform(0.2, 0.28)), (float(rng.uniform(0.06, 0.1)), float(rng.uniform(0.06, 0.1)))
    room.paint((x, y), (half[0] + 0.012, half[1] + 0.012), pick(rng, WOOD), shadow=0.02)
    room.paint((x, y), half, pick(rng, WALL), shade=-0.1)
    room.paint((x, y + 0.4 * half[1]), (half[0], 0.6 * half[1]), pick(rng, FABRIC), shade=0.2)
    room.paint((x + 0.3 * half[0], y - 0.4 * half[1]), (0.25 * half[0],) * 2, pick(rng, CLUTTER), 1.0)


def _shelf(rng: Generator, room: Block, x: float, horizon: float) -> None:
    wood, top = pick(rng, WOOD), 0.42
    middle, half = (horizon + 0.03 + top) / 2, (horizon + 0.03 - top) / 2
    room.paint((x, middle), (0.12, half), wood, 0.006, shadow=0.04)
    for row in range(2):
        y = top + half * (0.5 + row)
        room.paint((x, y), (0.108, 0.43 * half), dim(wood, 0.55), shade=0)
        for place in np.arange(-0.09, 0.08, 0.028):
            high = float(rng.uniform(0.5, 0.8)) * 0.43 * half
            room.paint((x + place, y + 0.43 * half - high), (0.012, high), pick(rng, CLUTTER), 0.003)


def _lamp(rng: Generator, room: Block, x: float, horizon: float) -> None:
    room.paint((x, horizon + 0.05), (0.045, 0.01), (0.25, 0.24, 0.26), 0.01, shadow=0.02)
    room.paint((x, horizon - 0.1), (0.006, 0.15), (0.3, 0.29, 0.3))
    shade = pick(rng, FABRIC)
    room.paint((x, horizon - 0.3), (0.065, 0.055), dim(shade, 0.65, 0.35), 0.02, shadow=0.05, shade=-0.1)


def _sofa(rng: Generator, room: Block, x: float, horizon: float) -> None:
    cloth = pick(rng, FABRIC)
    room.paint((x, horizon - 0.05), (0.2, 0.1), dim(cloth, 0.85), 0.03, shadow=0.05)
    room.paint((x, horizon + 0.05), (0.2, 0.05), cloth, 0.025, shadow=0.04)
    for side in (-1, 1):
        room.paint((x + side * 0.19, horizon + 0.02), (0.035, 0.08), dim(cloth, 0.93), 0.03, shadow=0.02)
    room.paint((x, horizon - 0.03), (0.055, 0.05), pick(rng, CLUTTER), 0.02, 0.2, shadow=0.02)


def _plant(rng: Generator, room: Block, x: float, horizon: float) -> None:
    for angle in np.linspace(-1.1, 1.1, 7) + rng.normal(0, 0.1, 7):
        long, green = float(rng.uniform(0.09, 0.14)), float(rng.uniform(0.42, 0.62))
        middle = (x + 0.9 * long * float(np.sin(angle)), horizon - 0.1 - 0.9 * long * float(np.cos(angle)))
        room.paint(middle, (0.026, long), (0.55 * green, green, 0.6 * green), 0.026, float(angle), shadow=0.02)
    room.paint((x, horizon - 0.02), (0.055, 0.07), pick(rng, FABRIC), 0.015, shadow=0.04)


def draw_clutter(rng: Generator, size: int) -> NDArray:
    """A heap of things, float (3, size, size), new with every call."""
    scene = _backdrop(rng, size)
    heap, count = Block(scene), 18
    places, halves = rng.uniform(-0.05, 1.05, (count, 2)), rng.gamma(3.0, 0.026, (count, 2)) + 0.02
    turns, kinds = rng.uniform(0, np.pi, count), rng.random((count, 3))
    for place, half, turn, (shape, cloth, lamp) in zip(
        places.tolist(), halves.tolist(), turns.tolist(), kinds, strict=True
    ):
        colour = pick(rng, CLUTTER)
        if shape < 0.3:
            half[1] = half[0]
        rounded = 1.0 if shape < 0.5 else 0.01
        other = {"other": pick(rng, CLUTTER), "bands": float(2 + int(cloth * 20))} if cloth < 0.25 else {}
        heap.paint(tuple(place), tuple(half), colour, rounded, turn, shadow=0.05, shade=0.1 + 0.3 * lamp, **other)
    return np.clip(scene, 0, 1)


def _backdrop(rng: Generator, size: int) -> NDArray:
    """Two colours that flow into each other along soft waves."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    kx, ky, bend, phase = rng.uniform(-4, 4, 4).astype(np.float32)
    wave = np.sin(kx * axis[None, :] + ky * axis[:, None] + bend * np.sin(3 * axis[None, :]) + phase)
    first, second = (np.array(pick(rng, CLUTTER), np.float32)[:, None, None] for _ in range(2))
    return first + (0.5 + 0.5 * wave) * (second - first)


def _vignette(size: int) -> NDArray:
    """Corners a little darker than the middle."""
    axis = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    return 1.03 - 0.09 * (axis[None, :] + axis[:, None])


def dim(colour: Colour, factor: float, more: float = 0.0) -> Colour:
    """A darker colour, or with `more` a paler one."""
    red, green, blue = (factor * c + more for c in colour)
    return red, green, blue


def pick(rng: Generator, palette: tuple[str, ...]) -> Colour:
    """A colour near one of the palette's."""
    code = palette[int(rng.integers(len(palette)))]
    red, green, blue = (
        np.clip(np.array(list(bytes.fromhex(code))) / 255 + rng.normal(0, 0.025, 3), 0.03, 0.98)
    ).tolist()
    return red, green, blue
