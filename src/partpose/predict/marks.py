"""Parts as marks on a picture: ellipses, dots, trails, lines, names and boxes, drawn by Anti-Grain Geometry."""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from aggdraw import Brush, Draw, Pen  # ty: ignore[import-not-found]: it is one binary file
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from partpose.predict.sheet import font
from partpose.predict.style import Style

SIGMAS = 1.5
LEAST_HEIGHT = 256
ALWAYS = ("skeleton", "dots")
"""What is drawn unasked, where there is any."""
FADES = 5
"""In so many steps a trail fades away."""

_COLOURS = (
    "fbe405 8946fb f53f2d 4bcafc 028a9b feac9e 93c511 6dfee5 908ffe f33bbf b8556e 44ad73 f983c3 678724 b7ea8e ad3fcc "
    "e1815b 6d8bc9 a06aec d3b86d 80a9e6 cf4797 76e1ec 4cbac5 f6c835 b76c58 7fd9b8 23d091 4f84fe 8bea68 f06f84 92ac18"
)
Paint = tuple[int, int, int]
Spot = tuple[float, float, float, float]  # left, top, right, bottom
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


class Marks(NamedTuple):
    """What is drawn of one object.

    mean: (K, 2) pixels; parts with NaN are left out.  cov: (K, 2, 2) square pixels; NaN for a dot alone.
    confidence: (K,) in [0, 1]; doubtful parts fade.  square: left, top and side, in pixel edges, of what the model saw.
    track: the object's name.  trail: (N, K, 2) where the parts came from, oldest first, ending with the means.
    """

    mean: NDArray
    cov: NDArray
    confidence: NDArray
    square: NDArray | None = None
    track: str = ""
    trail: NDArray | None = None

    def moved(self, left: float, top: float, factor: float) -> "Marks":
        """The same in a piece of the picture that begins at these edges and is enlarged by a factor."""

        def move(points: NDArray) -> NDArray:
            return (np.asarray(points, np.float64) + 0.5 - (left, top)) * factor - 0.5

        square = None if self.square is None else (np.asarray(self.square) - (left, top, 0)) * factor
        trail = None if self.trail is None else move(self.trail)
        return self._replace(mean=move(self.mean), cov=np.asarray(self.cov) * factor**2, square=square, trail=trail)


def palette(k: int) -> NDArray[np.uint8]:
    """(k, 3) colours, readable on dark and on light; the first few are the furthest apart, and from 33 on they repeat.

    Each is as far as can be (in OKLab, Ottosson 2020) from those before it, to normal and to colour-blind eyes alike, as
    Machado, Oliveira and Fernandes 2009 model these.
    """
    known = np.array([list(bytes.fromhex(code)) for code in _COLOURS.split()], np.uint8)
    return known[np.arange(k) % len(known)]


def enlarge(pixels: NDArray[np.uint8], scale: int | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) enlarged by a whole factor; without one, by the smallest that makes the picture at least 256 high."""
    scale = scale or max(1, -(-LEAST_HEIGHT // len(pixels)))
    if scale == 1:
        return pixels
    height, width = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC))


def draw_parts(
    pixels: NDArray[np.uint8],
    mean: NDArray,
    cov: NDArray,
    confidence: NDArray,
    names: Sequence[str] | None = None,
    scale: int | None = None,
) -> NDArray[np.uint8]:
    """A picture with the parts of one object: ellipses, dots and, where they are given, names; see `draw_marks`."""
    style = Style() if names is None else Style(draw="ellipses,names")
    return draw_marks(pixels, [Marks(mean, cov, confidence)], style, names or (), scale=scale)


def draw_marks(
    pixels: NDArray[np.uint8],
    marks: Sequence[Marks],
    style: Style,
    names: Sequence[str] = (),
    edges: Sequence[tuple[int, int]] = (),
    scale: int | None = None,
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with its objects' parts: a dot in each centre, and what the style says.

    Ellipses are of 1.5 standard deviations. names: of the K parts.  edges: pairs of parts, the skeleton's lines.
    scale: as in `enlarge`. Returns a new picture.
    """
    canvas = enlarge(pixels, scale)
    height, width = canvas.shape[:2]
    bodies = [_Body(one.moved(0, 0, height / len(pixels)), min(height, width)) for one in marks]
    board = Draw("RGB", (width, height))
    board.frombytes(canvas.tobytes())
    for word, layer in _LAYERS.items():
        if word in style.words or word in ALWAYS:
            for body in bodies:
                layer(body, board, edges)
    drawn = np.frombuffer(board.tobytes(), np.uint8).reshape(height, width, 3).copy()
    taken: list[Spot] = [_around(body.at[k], body.radius) for body in bodies for k in body.shown]
    for body in bodies:
        if body.marks.track:
            body.write_track(drawn, taken)
    for body in bodies:
        if "names" in style.words:
            body.write_names(drawn, names, taken)
    return drawn


class _Body:
    """One object in the picture's own pixels, as edges count them: the middle of the first pixel is (0.5, 0.5)."""

    def __init__(self, marks: Marks, side: int) -> None:
        self.marks, self.at = marks, np.asarray(marks.mean, np.float64) + 0.5
        sure = np.nan_to_num(np.asarray(marks.confidence, np.float64))
        self.shown = np.flatnonzero(np.isfinite(self.at).all(axis=1)).tolist()
        self.opacity = 0.15 + 0.85 * np.clip(sure / 0.5, 0, 1)
        self.colours: list[Paint] = [(int(r), int(g), int(b)) for r, g, b in palette(len(self.at))]
        seen = np.inf if marks.square is None else marks.square[2]
        self.stroke = max(1.2, min(side / 240, seen / 80))
        self.radius = 1.7 * self.stroke
        self.text = max(11, round(min(side / 44, seen / 12)))

    def draw_ellipses(self, board: Draw, _edges: Sequence) -> None:
        cov = np.asarray(self.marks.cov, np.float64)
        solid = [k for k in self.shown if np.isfinite(cov[k]).all()]
        solid.sort(key=lambda k: -cov[k, 0, 0] - cov[k, 1, 1])
        for k, outline in zip(solid, _outlines(self.at[solid], cov[solid], self.stroke), strict=True):
            alpha = self.opacity[k]
            board.polygon(outline, Pen(BLACK, self.stroke + 1.6, round(90 * alpha)))
            fill = Brush(self.colours[k], round(50 * alpha))
            board.polygon(outline, Pen(self.colours[k], self.stroke, round(245 * alpha)), fill)

    def draw_trails(self, board: Draw, _edges: Sequence) -> None:
        trail = np.zeros((0, 0, 2)) if self.marks.trail is None else np.asarray(self.marks.trail) + 0.5
        steps = len(trail) - 1
        pieces = np.linspace(0, steps, min(FADES, max(steps, 0)) + 1).round().astype(int).tolist()
        for since, until in pairwise(pieces):
            share = until / steps
            width = self.stroke * (0.5 + 0.5 * share)
            dark = Pen(BLACK, width + 1.2, round(70 * share))
            for k in range(trail.shape[1]):
                light = Pen(self.colours[k], width, round(230 * share))
                for line in _unbroken(trail[since : until + 1, k]):
                    board.line(line, dark)
                    board.line(line, light)

    def draw_skeleton(self, board: Draw, edges: Sequence[tuple[int, int]]) -> None:
        shown = set(self.shown)
        for a, b in edges:
            if a in shown and b in shown:
                line, alpha = [*self.at[a], *self.at[b]], min(self.opacity[a], self.opacity[b])
                board.line(line, Pen(BLACK, self.stroke + 1.6, round(110 * alpha)))
                board.line(line, Pen(WHITE, self.stroke, round(225 * alpha)))

    def draw_dots(self, board: Draw, _edges: Sequence) -> None:
        for k in self.shown:
            rings = (
                (self.radius + 0.8, BLACK, 128),
                (self.radius, WHITE, 255),
                (0.66 * self.radius, self.colours[k], 255),
            )
            for radius, colour, opacity in rings:
                board.ellipse(_around(self.at[k], radius), Brush(colour, round(opacity * self.opacity[k])))

    def draw_box(self, board: Draw, _edges: Sequence) -> None:
        if self.marks.square is not None:
            left, top, side = (float(value) for value in self.marks.square)
            if max(left, top) <= 0 and left + side >= board.size[0] and top + side >= board.size[1]:
                return  # the whole picture
            for colour, width, alpha in ((BLACK, self.stroke + 1.6, 90), (WHITE, self.stroke, 215)):
                board.rectangle((left, top, left + side, top + side), Pen(colour, width, alpha))

    def write_names(self, canvas: NDArray[np.uint8], names: Sequence[str], taken: list[Spot]) -> None:
        """Beside the dots, away from the middle of the object, where little else is; a nameless part's number alone."""
        middle = np.mean(self.at[self.shown, 0]) if self.shown else 0
        for k in self.shown:
            # In eight steps, so that the letters of a name are not drawn anew for every frame
            paleness = 0.55 * round(8 * self.opacity[k]) / 8
            red, green, blue = (round(255 - paleness * (255 - c)) for c in self.colours[k])
            name = _letters(re.sub("^part_0*(?=[0-9])", "", names[k]), self.text, (red, green, blue))
            spots = _beside(self.at[k], name, self.radius + 1, left=self.at[k][0] < middle)
            x, y = spots[np.argmin(_covered(spots, taken, canvas))][:2]
            taken.append(_paste(canvas, name, x, y))

    def write_track(self, canvas: NDArray[np.uint8], taken: list[Spot]) -> None:
        """Above the object's box, or in it where there is no room above."""
        name = _letters(self.marks.track, self.text, WHITE)
        left, top = (0.0, 0.0) if self.marks.square is None else self.marks.square[:2]
        taken.append(_paste(canvas, name, left, top - len(name) if top >= len(name) else top + self.stroke))


_LAYERS: dict[str, Callable[[_Body, Draw, Sequence], None]] = {
    "boxes": _Body.draw_box,
    "trails": _Body.draw_trails,
    "ellipses": _Body.draw_ellipses,
    "skeleton": _Body.draw_skeleton,
    "dots": _Body.draw_dots,
}
"""By what the user calls them, from the lowest to the highest."""


def _outlines(centres: NDArray, cov: NDArray, stroke: float) -> list[list[float]]:
    """x0, y0, x1, y1, … around each ellipse of `SIGMAS`, of (N, 2) centres and (N, 2, 2) covariances."""
    # Half a stroke's variance more, so that a part on one spot can be seen
    variances, axes = np.linalg.eigh(SIGMAS**2 * cov + 0.5 * stroke**2 * np.eye(2))
    radii = np.sqrt(np.maximum(variances, 0))
    # So many that no corner is seen: their chords lie within a tenth of a pixel of the largest ellipse
    circle = _circle(int(np.clip(8 * np.sqrt(radii.max(initial=0)), 24, 240)))
    around = centres[:, None] + (circle * radii[:, None]) @ axes.transpose(0, 2, 1)
    return around.reshape(len(cov), 2 * len(circle)).tolist()


@cache
def _circle(corners: int) -> NDArray[np.float64]:
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


def _around(centre: NDArray, radius: float) -> tuple[float, float, float, float]:
    return centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius


def _unbroken(points: NDArray) -> list[list[float]]:
    """The lines x0, y0, x1, y1, … between points that follow each other and are known."""
    known = np.isfinite(points[:, 0])
    if known.all():
        return [points.ravel().tolist()]
    runs = np.split(points, np.flatnonzero(~known))
    return [run[-n:].ravel().tolist() for run in runs if (n := np.count_nonzero(np.isfinite(run[:, 0]))) > 1]


@lru_cache(1024)
def _letters(text: str, size: int, colour: Paint) -> NDArray[np.uint8]:
    """(H, W, 4) a text with a dark border around its letters, on nothing."""
    left, top, right, bottom = font(size).getbbox(text, stroke_width=1)
    image = Image.new("RGBA", (round(right - left) + 2, round(bottom - top) + 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for width, paint in ((2, (0, 0, 0, 110)), (1, (0, 0, 0, 255))):
        draw.text((1 - left, 1 - top), text, paint, font(size), stroke_width=width, stroke_fill=paint)
    draw.text((1 - left, 1 - top), text, colour, font(size))
    return np.asarray(image)


def _beside(at: NDArray, letters: NDArray, gap: float, left: bool) -> NDArray[np.float64]:
    """(8, 4) where a text may stand about a dot, best first: on the given side, on the other, above, below, in corners."""
    half = np.array(letters.shape[1::-1]) / 2
    away = (half + gap) * (-1 if left else 1, -1)
    middles = at + away * [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    return np.hstack([middles - half, middles + half])


def _covered(spots: NDArray, taken: Sequence[Spot], canvas: NDArray) -> NDArray[np.float64]:
    """How much of each spot is taken or, ten times as bad, outside of the picture; the first ones are forgiven a little.

    In a video the names then stay where they are, until it is worth the while to move.
    """
    others = np.array([*taken, (0, 0, *canvas.shape[1::-1])], np.float64)[None]
    low, high = np.maximum(spots[:, None, :2], others[..., :2]), np.minimum(spots[:, None, 2:], others[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    whole = (spots[0, 2:] - spots[0, :2]).prod()
    return (shared[:, :-1].sum(axis=1) + 10 * (whole - shared[:, -1])) / whole + 0.02 * np.arange(len(spots))


def _paste(canvas: NDArray[np.uint8], letters: NDArray[np.uint8], x: float, y: float) -> Spot:
    """Where it was meant, or as near as is still inside the picture."""
    (height, width), (high, wide) = canvas.shape[:2], letters.shape[:2]
    left, top = max(0, min(round(x), width - wide)), max(0, min(round(y), height - high))
    under = canvas[top : top + high, left : left + wide]
    over = letters[: len(under), : under.shape[1]].astype(np.uint16)
    alpha = over[..., 3:]
    under[...] = (under * (255 - alpha) + over[..., :3] * alpha + 127) // 255
    return left, top, left + wide, top + high
