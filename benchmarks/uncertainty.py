"""Are uncertainties as large as the errors they stand for? On drawn people, of whom the truth is known.

    python benchmarks/uncertainty.py MODEL [--people 150] [--device cuda:0] [--json FILE]

MODEL has learned people over black (`partpose train FIGURES --preset figures`). Each person is drawn twice in one pose, the
second time by a camera that is up to 5 % nearer or farther and up to 3 % of the side aside: the joints tell exactly where
every point went, so they tell where every keypoint should be found in the second picture. Its error, divided by the
uncertainty measured at the first, should have a root mean square of 1. The scale is calibrated on other people.

Then people move smoothly from pose to pose before a camera with noise: the error of keypoints, as predicted and smoothed.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

# isort: off
import partpose  # noqa: F401  (sets OMP_WAIT_POLICY before torch is imported)
import numpy as np
import torch

# isort: on
from numpy.random import Generator
from numpy.typing import NDArray

from partpose.command import command
from partpose.data.figure_people import Person, draw_person
from partpose.data.figure_picture import Camera, draw_light, render
from partpose.data.figure_poses import Arm, Leg, Pose, Trunk, draw_pose
from partpose.predict.filtering import median_filter, savgol_filter
from partpose.predict.kalman import kalman_smooth, noise_level
from partpose.predict.poses import Poses
from partpose.predict.predictor import Predictor, load
from partpose.predict.uncertainty import WILD, calibrate, measure

SIZE = 256  # drawn larger than the model sees, as a camera would
CHANGES = (2, 4, 8, 16)
FRAMES, CLIPS = 60, 6
NOISE = (0.0, 0.02, 0.06, 0.12)  # of each value of each pixel, and of the brightness of each frame; white is 1
FILTERS = {"raw": lambda poses: poses, "median": median_filter, "savgol": savgol_filter, "kalman": kalman_smooth}


def pairs(predictor: Predictor, people: int, rng: Generator) -> tuple[NDArray, NDArray, list[Callable]]:
    """Canvases of people, of the same with another camera, and the map between the two, in the inside frame."""
    first, second, maps = [], [], []
    for _ in range(people):
        person, pose, light = draw_person(rng), draw_pose(rng), draw_light(rng)
        fill, shift = rng.uniform(0.62, 0.72), rng.uniform(-0.03, 0.03, 2)
        moved = Camera(fill * rng.uniform(0.95, 1.05), 6, tuple(shift + rng.uniform(-0.03, 0.03, 2)))
        drawn = [render(person, pose, SIZE, None, light, camera) for camera in (Camera(fill, 6, tuple(shift)), moved)]
        first.append(predictor.canvas(drawn[0].pixels))
        second.append(predictor.canvas(drawn[1].pixels))
        maps.append(similarity(*((one.joints + 0.5) * 2 / SIZE - 1 for one in drawn)))
    return np.stack(first), np.stack(second), maps


def similarity(before: NDArray, after: NDArray) -> Callable[[NDArray], NDArray]:
    """The similarity that takes the points (n, 2) of one picture to those of the other, by least squares."""
    a, b = before @ (1, 1j), after @ (1, 1j)
    factor = np.vdot(a - a.mean(), b - b.mean()) / np.vdot(a - a.mean(), a - a.mean())

    def move(points: NDArray) -> NDArray:
        moved = (points @ (1, 1j) - a.mean()) * factor + b.mean()
        return np.stack([moved.real, moved.imag], axis=-1)

    return move


def against_truth(predictor: Predictor, people: int, rng: Generator) -> list[dict[str, Any]]:
    """For so many changes: the scale, and how large errors are in units of the uncertainty."""
    first, second, maps = pairs(predictor, people, rng)
    others = [predictor.tensor(some) for some in np.array_split(pairs(predictor, people // 2, rng)[0], 4)]
    images, found = predictor.tensor(first), predictor.parts(second).mean.numpy()
    rows = []
    for count in CHANGES:
        with torch.inference_mode():
            scale = calibrate(predictor.network, others, count)
            # Errors are those of an average, which is nearly free of the first picture's own
            parts, spread = measure(predictor.network, images, predictor.network.part_maps(images), count + 1, count)
        expected = np.stack([move(mean) for move, mean in zip(maps, parts.mean.cpu().numpy(), strict=True)])
        ratio = (found - expected) / (spread.cpu().numpy() * (1 + 1 / (count + 1)) ** 0.5)[..., None]
        calibrated = ratio / scale
        rows.append(
            {
                "changes": count,
                "scale": round(scale, 3),
                "rms": round(rms(ratio), 3),
                "rms_calibrated": round(rms(calibrated), 3),
                "within_1": round(float(np.mean(np.abs(calibrated) < 1)), 3),
                "within_2": round(float(np.mean(np.abs(calibrated) < 2)), 3),
            }
        )
    return rows


def rms(ratio: NDArray) -> float:
    return float(np.sqrt(np.mean(np.square(ratio.clip(-WILD, WILD)))))


def in_motion(predictor: Predictor, rng: Generator) -> tuple[list[dict[str, Any]], float]:
    """For each strength of camera noise the error of keypoints, smoothed or not, in pixels of the canvas; and their jitter.

    The error is off the average over changed pictures without noise. Jitter is the keypoints' own noise from frame to frame,
    where the camera has none, over their uncertainty: the median over parts and clips.
    """
    errors, ratios = {noise: [] for noise in NOISE}, []
    for _ in range(CLIPS):
        still = predictor.tensor(clip(predictor, draw_person(rng), rng))
        truth, _ = keypoints(predictor, still, 17, 0)
        for noise in NOISE:
            shaken = torch.from_numpy(rng.normal(0, noise, still.shape) + rng.normal(0, noise, (FRAMES, 1, 1, 1)))
            found, spread = keypoints(predictor, (still + shaken.to(still)).clamp(0, 1), 1, 8)
            poses = poses_of(found, spread)
            off = {name: filtered(poses).mean - truth for name, filtered in FILTERS.items()}
            errors[noise].append({name: np.mean(np.square(one)) for name, one in off.items()})
            if noise == 0:
                ratios += (noise_level(found, poses.time_stamp) / np.median(spread, axis=0)).tolist()
    rows = [
        {"noise": noise} | {name: round(float(np.sqrt(np.mean([one[name] for one in some]))), 3) for name in FILTERS}
        for noise, some in errors.items()
    ]
    return rows, float(np.median(ratios))


def keypoints(predictor: Predictor, images: torch.Tensor, average: int, changes: int) -> tuple[NDArray, NDArray]:
    """Keypoints (F, K, 2) and their uncertainty (F, K), in pixels of the canvas."""
    with torch.inference_mode():
        maps = predictor.network.part_maps(images)
        parts, spread = measure(predictor.network, images, maps, average, changes)
    half = predictor.side / 2
    return parts.mean.cpu().double().numpy() * half, spread.cpu().double().numpy() * half


def poses_of(mean: NDArray, uncertainty: NDArray) -> Poses:
    frames, parts = uncertainty.shape
    rest = {"covariance": np.zeros((frames, parts, 2, 2)), "confidence": np.ones((frames, parts))}
    place = {"sizes": np.ones((frames, 2)), "frame_index": np.arange(frames), "time_stamp": np.arange(frames) / 25}
    return Poses(mean=mean, uncertainty=uncertainty, source="drawn", **rest, **place)


def clip(predictor: Predictor, person: Person, rng: Generator) -> NDArray[np.uint8]:
    """Canvases of a person who moves smoothly past a pose from one to another."""
    angles = np.array([[angle for limb in draw_pose(rng) for angle in limb] for _ in range(3)])
    time = np.linspace(0, 1, FRAMES)
    path = np.stack([(1 - time) ** 2, 2 * time * (1 - time), time**2], axis=1) @ angles
    return np.stack([predictor.canvas(render(person, pose_of(row.tolist()), SIZE).pixels) for row in path])


def pose_of(a: list[float]) -> Pose:
    return Pose(Trunk(*a[:6]), Arm(*a[6:10]), Arm(*a[10:14]), Leg(*a[14:17]), Leg(*a[17:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--people", type=int, default=150)
    parser.add_argument("--device")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    predictor, rng = load(arguments.model, arguments.device), np.random.default_rng(0)
    rows = against_truth(predictor, arguments.people, rng)
    for row in rows:
        print(*(f"{name} {value}" for name, value in row.items()), sep="  ")
    smoothed, jitter = in_motion(predictor, rng)
    for row in smoothed:
        print(*(f"{name} {value}" for name, value in row.items()), sep="  ")
    print(f"jitter from frame to frame, without noise: {jitter:.3f} of the uncertainty")
    if arguments.json:
        found = {"against_truth": rows, "smoothing": smoothed, "jitter": round(jitter, 3)}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with command("uncertainty.py"):
        main()
