"""The built-in set: its files, its determinism, and what is in its pictures."""

import filecmp
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from partpose.data.figure_people import draw_person
from partpose.data.figure_picture import draw_camera, draw_light, place, render
from partpose.data.figure_png import encode_png
from partpose.data.figure_poses import (
    FLIP_PAIRS,
    HANGING,
    JOINTS,
    SKELETON,
    STRAIGHT,
    UPRIGHT,
    Arm,
    Leg,
    Pose,
    build_skeleton,
    draw_pose,
    mirror,
)
from partpose.data.figures import (
    BACKGROUNDS,
    POSE,
    Plan,
    _stream,
    draw_figures,
    draw_picture,
    person_in,
    person_of,
    read_plan,
    redraw,
    split_of,
)
from partpose.data.landmarks import read_landmarks
from partpose.errors import PartposeError

STANDING = Pose(UPRIGHT, HANGING, HANGING, STRAIGHT, STRAIGHT)
BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A small finished set."""
    out = tmp_path_factory.mktemp("drawn") / "set"
    draw_figures(out, people=5, pictures=35, size=48, background="room", seed=3, jobs=1)
    return out


def joint(name: str) -> int:
    return JOINTS.index(name)


def same_files(a: Path, b: Path) -> bool:
    names = [path.relative_to(a) for path in a.rglob("*") if path.is_file()]
    _, different, missing = filecmp.cmpfiles(a, b, names, shallow=False)
    return not different and not missing and len(names) == sum(path.is_file() for path in b.rglob("*"))


# --- the folder ---


def test_the_same_bytes_come_from_one_process_and_from_two(drawn, tmp_path):
    draw_figures(tmp_path / "again", people=5, pictures=35, size=48, background="room", seed=3, jobs=2)
    assert same_files(drawn, tmp_path / "again")


def test_another_seed_draws_another_set(drawn, tmp_path):
    draw_figures(tmp_path, people=5, pictures=5, size=48, background="room", seed=4, jobs=1)
    assert (tmp_path / "images/00000_p000.png").read_bytes() != (drawn / "images/00000_p000.png").read_bytes()


def test_the_set_reads_as_an_annotated_one(drawn):
    landmarks = read_landmarks(drawn)
    assert landmarks.points.shape == (35, 15, 2)
    assert not np.isnan(landmarks.points).any()
    assert landmarks.names == JOINTS
    assert landmarks.flip_pairs == FLIP_PAIRS
    assert landmarks.skeleton == SKELETON
    assert landmarks.normaliser is None
    assert all((drawn / name).is_file() for name in landmarks.files)


def test_people_are_in_one_split_only(drawn):
    landmarks = read_landmarks(drawn)
    people = {
        split: {n[-7:-4] for n, s in zip(landmarks.files, landmarks.split, strict=True) if s == split}
        for split in ("train", "test")
    }
    assert people["train"] | people["test"] == {f"{i:03d}" for i in range(5)}
    assert not people["train"] & people["test"]


@pytest.mark.parametrize(("people", "test"), [(2, 1), (3, 1), (8, 2), (40, 10)])
def test_a_quarter_of_the_people_are_for_testing(people, test):
    assert split_of(Plan(people=people)).count("test") == test


def test_every_picture_has_a_mask_of_two_values(drawn):
    for path in (drawn / "images").iterdir():
        mask = np.array(Image.open(drawn / "masks" / path.name))
        assert mask.shape == (48, 48)
        assert set(np.unique(mask)) == {0, 255}


def test_a_finished_set_is_left_alone(drawn, capsys):
    before = (drawn / "landmarks.csv").stat().st_mtime_ns
    draw_figures(drawn, people=5, pictures=35, size=48, background="room", seed=3)
    assert "nothing to draw" in capsys.readouterr().out
    assert (drawn / "landmarks.csv").stat().st_mtime_ns == before


def test_other_arguments_into_a_set_are_refused(drawn):
    with pytest.raises(PartposeError, match=r"seed 3.*asked for.*seed 4"):
        draw_figures(drawn, people=5, pictures=35, size=48, background="room", seed=4)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PartposeError, match="not empty"):
        draw_figures(tmp_path, people=2, pictures=2)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(PartposeError, match="is a file"):
        draw_figures(tmp_path / "out", people=2, pictures=2)


def test_a_broken_off_drawing_has_no_landmarks_and_is_drawn_again(drawn, tmp_path):
    arguments = {"people": 5, "pictures": 35, "size": 48, "background": "room", "seed": 3, "jobs": 1}

    def break_off(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_figures(tmp_path, **arguments, progress=break_off)
    assert not (tmp_path / "landmarks.csv").exists()
    draw_figures(tmp_path, **arguments)
    assert same_files(drawn, tmp_path)


def test_progress_counts_to_all_pictures(tmp_path):
    seen = []
    draw_figures(tmp_path, 2, 70, 32, jobs=1, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (70, 70)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"people": 1}, "people must be at least 2"),
        ({"pictures": 39}, "pictures must be at least one a person"),
        ({"size": 31}, "size must be between 32"),
        ({"size": 100_000}, "size must be between 32"),
        ({"background": "beach"}, "background must be one of plain, room, clutter"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong, words):
    with pytest.raises(PartposeError, match=words):
        draw_figures(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_drawing_needs_no_torch():
    code = "import sys, partpose.data.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(
    arrays(
        np.uint8,
        st.one_of(array_shapes(min_dims=2, max_dims=2), array_shapes(min_dims=2, max_dims=2).map(lambda s: (*s, 3))),
    )
)
def test_pillow_reads_what_the_encoder_writes(pixels):
    image = Image.open(BytesIO(encode_png(pixels)))
    image.load()
    assert np.array_equal(np.array(image), pixels)


# --- the pictures ---


def test_the_mean_pose_error_is_that_of_the_protocol():
    plan = Plan()
    split, joints = split_of(plan), []
    for index in range(1600):
        rng, person = _stream(plan.seed, POSE, index), person_of(plan.seed, index % plan.people)
        pose, _, camera = draw_pose(rng), draw_light(rng), draw_camera(rng)
        placed = place(build_skeleton(person.build, pose, camera.pitch), person, camera, plan.size)
        joints.append(placed.joints[:, :2])
    test = np.array([split[index % plan.people] == "test" for index in range(1600)])
    points = np.array(joints)
    error = np.linalg.norm(points[test] - points[~test].mean(0), axis=-1).mean() / plan.size
    assert 0.094 <= error <= 0.100


def test_figures_fill_60_to_80_percent_of_the_height_and_keep_a_margin():
    for index in range(150):
        mask = draw_picture(Plan(), index)[1].mask
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert 0.6 <= (rows[-1] - rows[0] + 1) / 64 <= 0.8
        assert min(rows[0], columns[0], 63 - rows[-1], 63 - columns[-1]) >= 3


def test_joints_lie_on_the_person():
    for index in range(60):
        drawing = draw_picture(Plan(), index)[1]
        x, y = np.rint(drawing.joints).astype(int).T
        assert (drawing.mask[y, x] == 255).all()


def test_plain_is_black_away_from_the_person():
    drawing = draw_picture(Plan(), 5)[1]
    mask = np.pad(drawing.mask > 0, 1)
    near = np.any([np.roll(mask, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0)[1:-1, 1:-1]
    assert drawing.pixels[~near].max() == 0
    assert drawing.pixels[drawing.mask > 0].mean() > 40


def test_the_same_figure_stands_before_every_background():
    drawings = [draw_picture(Plan(background=background), 7)[1] for background in BACKGROUNDS]
    for other in drawings[1:]:
        assert np.array_equal(drawings[0].mask, other.mask)
        assert np.array_equal(drawings[0].joints, other.joints)
        assert not np.array_equal(drawings[0].pixels, other.pixels)


def test_a_room_stays_and_clutter_changes():
    for background, stays in (("room", True), ("clutter", False)):
        first, second = (draw_picture(Plan(4, 40, 64, background), index)[1].pixels for index in (1, 5))
        assert np.array_equal(first[:3], second[:3]) is stays


def test_rooms_differ_from_person_to_person():
    first, second = (draw_picture(Plan(background="room"), index)[1].pixels for index in (0, 1))
    assert not np.array_equal(first[:3], second[:3])


def test_a_larger_picture_shows_the_same():
    small, large = (draw_picture(Plan(size=size), 11)[1] for size in (64, 256))
    assert np.allclose((small.joints + 0.5) * 4, large.joints + 0.5)
    shrunk = large.pixels.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small.pixels).mean() < 2


def test_another_person_in_the_same_pose_stands_in_the_same_place():
    pose = draw_pose(np.random.default_rng(1))
    one, other = (render(draw_person(np.random.default_rng(seed)), pose, 64) for seed in (0, 1))
    assert np.abs(one.joints - other.joints).max() < 6
    assert not np.array_equal(one.pixels, other.pixels)
    assert ((one.mask > 0) & (other.mask > 0)).sum() > 0.6 * (one.mask > 0).sum()


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_a_picture_redrawn_in_its_own_looks_is_the_picture(background):
    plan = Plan(8, 80, 64, background)
    for drawn, again in zip(draw_picture(plan, 13)[1], redraw(plan, 13, 13), strict=True):
        assert np.array_equal(drawn, again)


def test_a_picture_redrawn_in_other_looks_keeps_its_shape_and_scene():
    plan = Plan(8, 80, 64, "clutter")
    drawn, found = draw_picture(plan, 13)[1], redraw(plan, 13, 2)
    assert np.array_equal(found.joints, drawn.joints)
    outside = (drawn.mask == 0) & (found.mask == 0)
    outside[:, 8:-8] = False
    assert np.array_equal(found.pixels[outside], drawn.pixels[outside])
    assert np.abs(found.pixels[drawn.mask > 0].astype(int) - drawn.pixels[drawn.mask > 0]).mean() > 20


def test_a_picture_redrawn_has_the_colours_of_the_looks():
    """Between the hips: brightness follows the body's turn to the light, the hue is that of the cloth."""
    plan = Plan(12, 120, 128)
    for shape, looks in ((0, 7), (3, 5), (4, 10)):
        found, cloth = redraw(plan, shape, looks), person_in(plan, looks).bottom
        hips = found.joints[[joint("left_hip"), joint("right_hip")]].mean(0).round().astype(int)
        colour = found.pixels[hips[1] - 1 : hips[1] + 2, hips[0] - 1 : hips[0] + 2].mean((0, 1))
        assert np.dot(colour, cloth) / np.linalg.norm(colour) / np.linalg.norm(cloth) > 0.98


def test_the_plan_of_a_set_is_read_from_its_folder(tmp_path):
    draw_figures(tmp_path / "set", people=4, pictures=4, size=32, seed=3, jobs=1)
    assert read_plan(tmp_path / "set") == Plan(4, 4, 32, "plain", 3)
    assert read_plan(tmp_path) is None


# --- the skeleton ---


def test_left_is_the_persons_own():
    points = build_skeleton(person_of(0, 0).build, STANDING).joints
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        # Seen from the front, the left hand is on the right.
        assert points[joint(f"left_{part}"), 0] > 0 > points[joint(f"right_{part}"), 0]


def test_knees_bend_back_and_elbows_bend_forward():
    bent = STANDING._replace(left_leg=Leg(0, 0, 90), right_arm=Arm(0, 0, 0, 90))
    points = build_skeleton(person_of(0, 0).build, bent).joints
    assert points[joint("left_ankle"), 2] < points[joint("left_knee"), 2] - 0.15
    assert points[joint("right_wrist"), 2] > points[joint("right_elbow"), 2] + 0.1


def test_a_quarter_turn_to_the_left_shows_the_right_side():
    turned = STANDING._replace(trunk=UPRIGHT._replace(yaw=60))
    points = build_skeleton(person_of(0, 0).build, turned).joints
    assert points[joint("right_shoulder"), 2] > points[joint("left_shoulder"), 2]


@given(seeds)
def test_bones_keep_their_length_in_every_pose(seed):
    rng = np.random.default_rng(seed)
    build, pose = draw_person(rng).build, draw_pose(rng)
    points = build_skeleton(build, pose, 8).joints
    for side in ("left", "right"):
        lengths = [np.linalg.norm(points[joint(f"{side}_{a}")] - points[joint(f"{side}_{b}")]) for a, b in BONES]
        assert np.allclose(lengths, [build.upper_arm, build.forearm, build.thigh, build.shin])


@given(seeds)
def test_a_mirrored_pose_is_the_mirror_image(seed):
    rng = np.random.default_rng(seed)
    build, pose = draw_person(rng).build, draw_pose(rng)
    assert mirror(mirror(pose)) == pose
    swapped = list(range(15))
    for left, right in FLIP_PAIRS:
        swapped[left], swapped[right] = right, left
    points, mirrored = build_skeleton(build, pose).joints, build_skeleton(build, mirror(pose)).joints
    assert np.allclose(mirrored[swapped] * (-1, 1, 1), points)
