"""One picture of one person: pose, camera and light put together."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from partpose.data.figure_dress import Placed, paint_person
from partpose.data.figure_people import Person
from partpose.data.figure_poses import Pose, Skeleton, build_skeleton
from partpose.data.figure_render import Canvas, Light, planes
from partpose.data.figure_scene import cast_shadow

# The share of the picture's height that a figure fills, of its width at most, and the border that stays free.
LOWEST, HIGHEST, WIDEST, BORDER = 0.635, 0.78, 0.82, 0.075


class Camera(NamedTuple):
    """fill: the share of the picture's height that the person takes up when standing upright.
    pitch: how far the camera looks down, degrees.  shift: (x, y), how far the figure is off the middle, in sides.
    """

    fill: float = 0.7
    pitch: float = 6.0
    shift: tuple[float, float] = (0.0, 0.0)


class Drawing(NamedTuple):
    """pixels: uint8 (size, size, 3).  mask: uint8 (size, size), 255 on the person, else 0.
    joints: float64 (15, 2), pixels, in the order of `figure_poses.JOINTS`; hidden ones are there as well."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    joints: NDArray[np.float64]


def render(
    person: Person,
    pose: Pose,
    size: int,
    scene: NDArray | None = None,
    light: Light | None = None,
    camera: Camera | None = None,
) -> Drawing:
    """Draw a person in a pose.

    scene: float (3, size, size) in [0, 1], or None for black. Nothing here is random: another person in the same pose
    stands where the first one stood, with the difference in build alone.
    """
    return paint(person, stand(person, pose, size, camera or Camera()), size, scene, light)


def stand(person: Person, pose: Pose, size: int, camera: Camera) -> Placed:
    """Where all of a person is in a picture of this pose."""
    return place(build_skeleton(person.build, pose, camera.pitch), person, camera, size)


def paint(
    person: Person, placed: Placed, size: int, scene: NDArray | None = None, light: Light | None = None
) -> Drawing:
    """Draw a person's skin, hair and clothes on a skeleton that has been placed, perhaps another person's."""
    light = light or make_light(-35, 40, 0.5)
    canvas = Canvas(size)
    paint_person(canvas, person, placed, light)
    pixels = canvas.colour
    if scene is not None:
        pixels = pixels + (1 - canvas.cover) * cast_shadow(scene, placed, light)
    mask = np.where(canvas.cover >= 0.5, np.uint8(255), np.uint8(0))
    return Drawing(to_bytes(pixels), mask, placed.joints[:, :2])


def place(skeleton: Skeleton, person: Person, camera: Camera, size: int) -> Placed:
    """Put a skeleton into the picture, whole and with a border around it, at nearly the camera's scale."""
    low, high = _extent(skeleton, person)
    wide, tall = high - low
    scale = np.clip(camera.fill, LOWEST / tall, min(HIGHEST / tall, WIDEST / wide))
    # A person who crouches is lower in the picture than one who stretches, but by half only: the margin stays even.
    sink = 0.6 * (camera.fill - scale * tall) / 2
    middle = 0.5 + np.array(camera.shift) + (0, sink)
    half = scale * np.array([wide, tall]) / 2
    middle = np.clip(middle, BORDER + half, 1 - BORDER - half)
    centre = (low + high) / 2 * (1, -1)
    return Placed(skeleton, size * (middle - scale * centre) - 0.5, size * float(scale))


def _extent(skeleton: Skeleton, person: Person) -> tuple[NDArray, NDArray]:
    """The smallest and largest (x, y) that the body covers, in units of its height."""
    points = np.concatenate([skeleton.joints, skeleton.hands, skeleton.toes])[:, :2]
    radii = np.full((len(points), 1), 0.026)
    radii[0] = person.build.head * (1.62 if person.hair.bun else 1.08 + 1.3 * person.hair.volume)
    return (points - radii).min(0), (points + radii).max(0)


def make_light(azimuth: float, elevation: float, strength: float, warmth: float = 0.0) -> Light:
    """A lamp. azimuth: degrees to the right of the viewer; elevation: degrees above; strength: 0 (only ambient) to 1;
    warmth: -1 (blue) to 1 (yellow)."""
    a, e = np.radians([azimuth, elevation])
    direction = (float(np.sin(a) * np.cos(e)), float(-np.sin(e)), float(np.cos(a) * np.cos(e)))
    tint = (1 + 0.06 * warmth, 1 + 0.006 * warmth, 1 - 0.06 * warmth)
    ambient = (0.74 - 0.42 * strength) * (2 - planes(tint))
    return Light(direction, ambient, (0.3 + 0.6 * strength) * planes(tint))


def draw_light(rng: Generator) -> Light:
    """A random lamp, above and before the person."""
    return make_light(rng.uniform(-75, 75), rng.uniform(15, 65), rng.uniform(0.35, 0.85), rng.uniform(-1, 1))


def draw_camera(rng: Generator) -> Camera:
    """A random place in the picture, near the middle."""
    x, y = rng.uniform(-1, 1, 2) * (0.12, 0.05)
    return Camera(rng.uniform(0.66, 0.76), rng.uniform(1, 12), (float(x), float(y)))


def to_bytes(planes: NDArray) -> NDArray[np.uint8]:
    """(3, h, w) in [0, 1] to uint8 (h, w, 3)."""
    return np.ascontiguousarray((np.clip(planes, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
