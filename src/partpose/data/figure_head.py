"""Painting a head: a ball with a face and hair on it, turned as the head is."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partpose.data.figure_colours import Colour, between
from partpose.data.figure_people import Person
from partpose.data.figure_render import Box, Fragments, Layer, Light, planes, ramp, shine

WHITE, EYE, LIPS, BLUSH = (0.97, 0.96, 0.94), (0.13, 0.09, 0.1), (0.74, 0.29, 0.29), (0.88, 0.3, 0.3)
# The radius in pixels from which on eyes have a white, and there are brows and a nose.
DETAILED = 9.0
# A head is narrower than it is high.
NARROW = 0.86


class Head(NamedTuple):
    """centre: (3,), pixels. radius: half of its height, pixels. axes: (3, 3), its left, up and front as columns, in x
    right, y down, z to the viewer. depth: larger is nearer to the viewer."""

    centre: NDArray
    radius: float
    axes: NDArray
    depth: float
    person: Person

    def layers(self, size: int, light: Light) -> Iterator[Layer]:
        """What stands off behind the face, then the head itself."""
        reach = 1.8 * self.radius + 1
        fragments = Fragments(size, self.centre[None, :2] - reach, self.centre[None, :2] + reach)
        x, y = (fragments.cut(flat)[0] for flat in (fragments.x, fragments.y))
        x, y = ((v - middle) * (1 / self.radius) for v, middle in zip((x, y), self.centre.tolist(), strict=False))
        for ball in self._hair():
            yield self._ball(fragments.boxes[0], x, y, ball, light)
        x = x * (1 / NARROW)
        square = x * x + y * y
        front, alpha = np.sqrt(np.maximum(1 - square, 0)), ramp((np.sqrt(square) - 1) * (0.92 * self.radius))
        paint = shine(alpha, front, _lambert(x, y, front, light), light)
        paint *= self._colour(*self._on_ball(x, y, front))
        yield Layer(fragments.boxes[0], alpha, paint, self._shade(x, y))

    def _hair(self) -> Iterator[tuple[float, float, float]]:
        """The balls of hair behind the face: size, how far up, how far in front, in head radii."""
        hair = self.person.hair
        yield 1 + hair.volume, 0.1 + 0.3 * hair.volume, -0.14
        if hair.bun:
            yield 0.42, 1.2, -0.2

    def _ball(self, box: Box, x: NDArray, y: NDArray, ball: tuple[float, float, float], light: Light) -> Layer:
        size, up, ahead = ball
        mx, my, _ = (self.axes @ (0, up, ahead)).tolist()
        u, v = (x - mx) * (1 / (0.92 * size)), (y - my) * (1 / size)
        square = u * u + v * v
        front, alpha = np.sqrt(np.maximum(1 - square, 0)), ramp((np.sqrt(square) - 1) * (self.radius * size))
        return Layer(
            box, alpha, planes(self.person.hair_colour) * shine(alpha, front, _lambert(u, v, front, light), light)
        )

    def _shade(self, x: NDArray, y: NDArray) -> NDArray:
        """The shadow of the chin on the neck."""
        y = y - 0.25
        return 1 - 0.7 * np.minimum(np.maximum(1.55 - np.sqrt(x * x + y * y), 0), 0.5)

    def _on_ball(self, x: NDArray, y: NDArray, front: NDArray) -> Iterator[NDArray]:
        """For every pixel where on the ball it is: left, up and ahead in the head's own axes."""
        for a, b, c in self.axes.T.tolist():
            yield x * a + y * b + front * c

    def _colour(self, left: NDArray, up: NDArray, ahead: NDArray) -> NDArray:
        """Skin, then the face, then hair, before light; (3, h, w)."""
        colour = np.broadcast_to(planes(self.person.skin), (3, *up.shape)).copy()
        for weight, paint in self._features(left, up, ahead):
            colour += weight * (planes(paint) - colour)
        return colour

    def _features(self, left: NDArray, up: NDArray, ahead: NDArray) -> Iterator[tuple[NDArray, Colour]]:
        """(weight (h, w), colour) of everything on the face, in the order of painting."""
        person, hair, across = self.person, self.person.hair, np.abs(left)
        if hair.beard:
            yield 0.85 * ramp(np.maximum(up + 0.3, 0.1 - ahead) * self.radius), person.hair_colour
        if ahead.max() > 0.2:
            for x, y, wide, high, paint in self._spots():
                a, b = (across - x) * (1 / wide), (up - y) * (1 / high)
                yield ramp((np.sqrt(a * a + b * b) - 1) * (self.radius * min(wide, high))) * (ahead > 0), paint
        # Hair grows above the forehead's line and behind the ears, down to the nape.
        crown, back = hair.line + 0.25 * across * (1 - across) - up, ahead - 0.12 - 0.3 * up
        yield ramp(np.maximum(np.minimum(crown, back), -0.55 - up) * self.radius), person.hair_colour

    def _spots(self) -> Iterator[tuple[float, float, float, float, Colour]]:
        """What is on both halves of a face: how far from its middle and how far up, half-width, half-height, colour."""
        skin = self.person.skin
        if self.radius < DETAILED:
            yield 0.34, 0.06, 0.1, 0.13, EYE
            yield 0.0, -0.5, 0.22, 0.06, LIPS
            return
        yield 0.52, -0.28, 0.2, 0.17, between(skin, BLUSH, 0.15)
        yield 0.34, 0.05, 0.15, 0.12, WHITE
        yield 0.335, 0.045, 0.085, 0.11, EYE
        yield 0.31, 0.085, 0.03, 0.03, WHITE
        yield 0.36, 0.26, 0.17, 0.035, between(skin, self.person.hair_colour, 0.75)
        yield 0.0, -0.17, 0.09, 0.06, between(skin, BLUSH, 0.35)
        yield 0.0, -0.46, 0.25, 0.11, LIPS
        # The upper half of the mouth is covered again, which leaves a smile.
        yield 0.0, -0.4, 0.27, 0.1, skin


def _lambert(x: NDArray, y: NDArray, front: NDArray, light: Light) -> NDArray:
    """How much a ball faces the lamp."""
    right, down, near = light.direction
    return x * right + y * down + front * near
