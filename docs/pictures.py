"""The pictures of the README, made from a model by one command.

    python docs/pictures.py RUN DATASET [--moving docs/partpose.webp] [--teaser unsupervised/docs/teaser.png]

RUN: a model that was trained on DATASET, which `partpose figures` has drawn. Only people of its test split are shown; they
are drawn again at a larger size, and seen by the model at its own.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import partpose
from partpose.data.atomic import atomic
from partpose.data.figure_picture import make_light, render
from partpose.data.figure_poses import FAMILIES, Arm, Leg, Pose, Trunk
from partpose.data.figures import Plan, draw_picture, person_of, split_of
from partpose.errors import PartposeError
from partpose.model.part_model import Encoding
from partpose.predict.draw import draw_parts, sheet, write_animation
from partpose.predict.predictor import Predictor
from partpose.predict.show import Shown

ROOT = Path(__file__).resolve().parents[1]
SIZE, SECONDS, RATE = 256, 6.0, 15
LIGHT, LENT = make_light(-35, 45, 0.6), FAMILIES["stretching"]
# Family, turn to the left in degrees; the last one leads back to the first.
MOTION = [("waving", 12), ("stretching", -10), ("balancing", 20), ("cheering", 0), ("lunging", -30), ("akimbo", -6)]
TITLES = ["a new person", "parts found", "other people's looks"]


def test_people(dataset: Path) -> tuple[Plan, list[int]]:
    """What the set was drawn with, and the numbers of its test people."""
    try:
        plan = Plan(**json.loads((dataset / "keypoints.json").read_text(encoding="utf-8"))["figures"])
    except (OSError, ValueError, TypeError, KeyError):
        raise PartposeError(f"{dataset} is no set that `partpose figures` has drawn") from None
    return plan, [person for person, split in enumerate(split_of(plan)) if split == "test"]


def ease(poses: list[Pose], progress: float) -> Pose:
    """The pose at `progress` in [0, 1) of a closed round through `poses`, resting a moment in each."""
    place = progress * len(poses)
    first, share = int(place), place % 1
    share = share**3 * (10 - 15 * share + 6 * share**2)
    a, b = (np.concatenate(poses[(first + i) % len(poses)]) for i in (0, 1))
    angles = (a + share * (b - a)).tolist()
    return Pose(Trunk(*angles[:6]), Arm(*angles[6:10]), Arm(*angles[10:14]), Leg(*angles[14:17]), Leg(*angles[17:]))


def motion(plan: Plan, person: int) -> list[NDArray[np.uint8]]:
    """A person who goes through `MOTION`, every frame (SIZE, SIZE, 3)."""
    poses = [FAMILIES[name]._replace(trunk=FAMILIES[name].trunk._replace(yaw=yaw)) for name, yaw in MOTION]
    count, body = round(SECONDS * RATE), person_of(plan.seed, person)
    drawn = (render(body, ease(poses, i / count), SIZE, light=LIGHT) for i in range(count))
    return [drawing.pixels for drawing in drawn]


def dressed(model: Predictor, frames: list[NDArray[np.uint8]], lenders: list[NDArray[np.uint8]]) -> list[NDArray]:
    """Every frame's shape in the looks of a lender, who changes where the motion rests, with the lender in a corner."""
    worn = [model.encode(lender).appearance for lender in lenders]
    rebuilt = []
    for i, frame in enumerate(frames):
        turn = (i * len(MOTION) // len(frames)) * len(lenders) // len(MOTION)
        shape = model.encode(frame)
        pixels = model.decode(Encoding(shape.parts, worn[turn], shape.background))[0]
        rebuilt.append(_with_inset(_resized(pixels, SIZE), _resized(lenders[turn], SIZE // 4)))
    return rebuilt


def moving_picture(model: Predictor, plan: Plan, people: list[int]) -> list[NDArray[np.uint8]]:
    """Input, parts and appearance swap side by side, a frame each."""
    frames = motion(plan, people[0])
    lenders = [render(person_of(plan.seed, p), LENT, SIZE, light=LIGHT).pixels for p in people[1:4] or people]
    poses = model.predict(frames)
    parts = [
        draw_parts(frame, poses.mean[i], poses.covariance[i], poses.confidence[i], scale=1)
        for i, frame in enumerate(frames)
    ]
    return [sheet([list(row)], TITLES) for row in zip(frames, parts, dressed(model, frames, lenders), strict=True)]


def teaser(model: Predictor, plan: Plan, people: list[int]) -> NDArray[np.uint8]:
    """Eight test people: input, parts, part maps, rebuilt, and all of them in the looks of two."""
    large, columns = plan._replace(size=SIZE), range(min(8, len(people)))
    pictures = [draw_picture(large, people[i] + plan.people * i)[1].pixels for i in columns]
    shown = Shown(model.network, model.tensor(np.stack([model.canvas(pixels) for pixels in pictures])))
    rows = [shown.inputs(), shown.parts(), shown.part_maps(), shown.reconstructions()]
    rows += [shown.swapped(0), shown.swapped(len(pictures) // 2)]
    halves = [[_resized(pixels, 160) for pixels in row] for row in rows]
    worn = ["looks of the 1st", f"looks of the {len(pictures) // 2 + 1}th"]
    return sheet(halves, row_titles=["input", "parts", "part maps", "rebuilt", *worn])


def _resized(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS))


def _with_inset(pixels: NDArray[np.uint8], inset: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inset in the upper left corner, with a thin frame."""
    framed = np.pad(inset, ((1, 1), (1, 1), (0, 0)), constant_values=110)
    result = pixels.copy()
    result[6 : 6 + len(framed), 6 : 6 + len(framed)] = framed
    return result


def write_small_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """With 256 colours: a third of the size."""
    few = Image.fromarray(pixels).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    with atomic(path) as temporary:
        few.save(temporary, format="PNG", optimize=True)


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description="the pictures of the README")
    parser.add_argument("run", help="a model's folder")
    parser.add_argument("dataset", type=Path, help="the drawn figures that it was trained on")
    parser.add_argument("--moving", type=Path, default=ROOT / "docs" / "partpose.webp")
    parser.add_argument("--teaser", type=Path, default=ROOT / "unsupervised" / "docs" / "teaser.png")
    options = parser.parse_args()
    model, (plan, people) = partpose.load(options.run), test_people(options.dataset)
    write_small_png(teaser(model, plan, people), options.teaser)
    write_animation(moving_picture(model, plan, people), options.moving, SECONDS)
    for path in (options.teaser, options.moving):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
