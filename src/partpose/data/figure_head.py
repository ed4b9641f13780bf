"""Painting a head: a ball with a face and hair on it, turned as the head is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_people import Person
from partpose.data.figure_render import Canvas, Light, light_up, ramp

EYE, BROW, LIPS = (0.13, 0.09, 0.1), (0.2, 0.13, 0.1), (0.72, 0.3, 0.28)
NARROW = np.float32(0.84)


@dataclass(frozen=True)
class Head:
    """centre: (3,), pixels. radius: half of its height, pixels. axes: (3, 3), its left, up and front as columns, in x
    right, y down, z to the viewer."""

    centre: NDArray
    radius: float
    axes: NDArray
    depth: float
    person: Person

    def paint(self, canvas: Canvas, light: Light) -> None:
        """Put the head over what is there."""
        reach = 2 * self.radius
        x0, y0 = float(self.centre[0]), float(self.centre[1])
        box = canvas.box(x0 - reach, y0 - reach, x0 + reach, y0 + reach)
        if box is None:
            return
        x, y = canvas.grid(box)
        x, y = (x - np.float32(x0)) / np.float32(self.radius), (y - np.float32(y0)) / np.float32(self.radius)
        self._paint_hair(canvas, box, x, y, light)
        ball = self._on_ball(x / NARROW, y)
        colour = self._colour(*ball[1:]) * _light_ball(x / NARROW, y, ball[0], light)
        inside = ramp((np.hypot(x / NARROW, y) - 1) * np.float32(self.radius * 0.9))
        canvas.lay(box, inside, colour, self._shade(x, y))

    def _paint_hair(self, canvas: Canvas, box: tuple[slice, slice], x: NDArray, y: NDArray, light: Light) -> None:
        """The hair that stands off the head, behind the face: a larger ball, shifted up and back, and a bun."""
        hair = self.person.hair
        colour = np.array(self.person.hair_colour, np.float32)[:, None, None]
        balls = [(1 + hair.volume, 0.1 + 0.3 * hair.volume, -0.14)]
        balls += [(0.42, 1.2, -0.2)] if hair.bun else []
        for size, up, front in balls:
            middle = self.axes @ np.array([0, up, front])
            u, v = (x - np.float32(middle[0])) / np.float32(size), (y - np.float32(middle[1])) / np.float32(size)
            distance = np.hypot(u / np.float32(0.9), v)
            lit = _light_ball(u, v, np.sqrt(np.maximum(1 - distance * distance, 0)), light)
            canvas.lay(box, ramp((distance - 1) * np.float32(self.radius * size)), colour * lit)

    def _shade(self, x: NDArray, y: NDArray) -> NDArray:
        """The shadow of the chin on the neck."""
        near = np.clip(1.55 - np.hypot(x, y - np.float32(0.25)), 0, 0.5)
        return 1 - near * np.float32(0.7)

    def _on_ball(self, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """For every pixel how much the ball faces the viewer, and its place on the ball in the head's axes."""
        front = np.sqrt(np.maximum(1 - x * x - y * y, 0))
        left, up, ahead = (x * np.float32(a[0]) + y * np.float32(a[1]) + front * np.float32(a[2]) for a in self.axes.T)
        return front, left, up, ahead

    def _colour(self, left: NDArray, up: NDArray, ahead: NDArray) -> NDArray:
        """Skin, then the face, then hair, before light; (3, h, w)."""
        colour = np.array(self.person.skin, np.float32)[:, None, None]
        for weight, paint in self._features(left, up, ahead):
            colour = colour + weight * (np.array(paint, np.float32)[:, None, None] - colour)
        return colour

    def _features(self, left: NDArray, up: NDArray, ahead: NDArray):
        """(weight (h, w), colour) of everything on the face, in the order of painting."""
        fine, person, hair = np.float32(self.radius), self.person, self.person.hair
        blush = tuple(0.75 * c + 0.25 * b for c, b in zip(person.skin, (0.86, 0.32, 0.3), strict=True))
        seen, across = ahead > 0, np.abs(left)
        spots = [(0.5, -0.28, 0.24, 0.2, blush), (0.34, 0.06, 0.1, 0.12, EYE), (0.0, -0.52, 0.24, 0.055, LIPS)]
        if self.radius > 9:
            spots[1:1] = [(0.35, 0.05, 0.17, 0.13, (0.97, 0.96, 0.94)), (0.36, 0.27, 0.2, 0.04, person.hair_colour)]
            spots += [(0.0, -0.2, 0.1, 0.05, tuple(0.82 * c for c in person.skin))]
        if hair.beard:
            yield ramp(np.maximum(up + 0.3, 0.1 - ahead) * fine) * 0.85, person.hair_colour
        for x, y, wide, high, paint in spots:
            far = np.hypot((across - np.float32(x)) / np.float32(wide), (up - np.float32(y)) / np.float32(high))
            yield ramp((far - 1) * fine * np.float32(min(wide, high))) * seen, paint
        # Hair grows above the forehead's line and behind the ears, down to the nape.
        crown, back = hair.line + 0.25 * across * (1 - across) - up, ahead - 0.12 - 0.3 * up
        yield ramp(np.maximum(np.minimum(crown, back), -0.55 - up) * fine), person.hair_colour


def _light_ball(x: NDArray, y: NDArray, front: NDArray, light: Light) -> NDArray:
    """How bright a ball is, (3, h, w)."""
    return light_up(y, x, front, np.array([1.0, 0.0, 0.0]), light)
