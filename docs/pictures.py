"""The pictures of the README, made from a model by one command.

    python docs/pictures.py RUN DATASET [--moving docs/partpose.webp] [--teaser unsupervised/docs/teaser.png]

RUN: a model that was trained on DATASET, which `partpose figures` has drawn. Only people of its test split are shown; they
are drawn again at a larger size, and seen by the model at its own.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import partpose
from partpose.command import command
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
LIGHT = make_light(-35, 45, 0.6)
# Family, turn to the left in degrees; the last one leads back to the first.
MOTION = [("waving", 12), ("stretching", -10), ("balancing", 20), ("cheering", 0), ("lunging", -30), ("akimbo", -6)]
SHOWN = 1  # the pose that a lender is shown in
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


def rests() -> list[Pose]:
    """The poses of `MOTION`."""
    return [FAMILIES[name]._replace(trunk=FAMILIES[name].trunk._replace(yaw=yaw)) for name, yaw in MOTION]


def drawn(plan: Plan, person: int, poses: list[Pose]) -> list[NDArray[np.uint8]]:
    """A person in these poses, each (SIZE, SIZE, 3)."""
    body = person_of(plan.seed, person)
    return [render(body, pose, SIZE, light=LIGHT).pixels for pose in poses]


def looks(model: Predictor, pictures: list[NDArray[np.uint8]]) -> Tensor:
    """(1, K, D), the mean appearance of a person over a few pictures."""
    return torch.cat([model.encode(pixels).appearance for pixels in pictures]).mean(0, keepdim=True)


def dressed(model: Predictor, frame: NDArray[np.uint8], worn: Tensor, lender: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A frame's shape in somebody's looks, with a picture of the lender in a corner."""
    shape = model.encode(frame)
    pixels = model.decode(Encoding(shape.parts, worn, shape.background))[0]
    return _with_inset(_resized(pixels, SIZE), _resized(lender, SIZE // 4))


def moving_picture(model: Predictor, plan: Plan, people: list[int]) -> list[NDArray[np.uint8]]:
    """Input, parts and appearance swap side by side, a frame each; the lender changes where the motion rests."""
    count = round(SECONDS * RATE)
    frames = drawn(plan, people[0], [ease(rests(), i / count) for i in range(count)])
    lenders = [drawn(plan, person, rests()) for person in people[1:4] or people]
    worn, poses = [looks(model, pictures) for pictures in lenders], model.predict(frames)
    sheets = []
    for i, frame in enumerate(frames):
        turn = i * len(lenders) // count
        parts = draw_parts(frame, poses.mean[i], poses.covariance[i], poses.confidence[i], scale=1)
        sheets.append(sheet([[frame, parts, dressed(model, frame, worn[turn], lenders[turn][SHOWN])]], TITLES))
    return sheets


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
    with command("pictures.py"):
        main()
