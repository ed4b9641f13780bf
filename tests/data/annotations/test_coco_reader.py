"""COCO keypoints: every file of the suite gives what is in it, whatever tool wrote it; results are refused."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from broken_json import mutants
from PIL import Image

from partpose.data.annotations import coco
from partpose.data.annotations.coco import find, read
from partpose.data.cut import Box, Cut
from partpose.data.landmarks import Landmarks
from partpose.errors import PartposeError

PERSON = {"id": 1, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2], [1, 3]]}
SET = {
    "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
    "annotations": [
        {"id": 10, "image_id": 3, "category_id": 1, "bbox": [1, 2, 30.5, 40], "keypoints": [5, 6, 2, 7, 8, 1, 9, 9, 0]},
        {"id": 11, "image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "keypoints": [0, 0, 0, 1, 1, 2, 2, 2, 2]},
    ],
    "categories": [{"id": 0, "name": "all"}, PERSON],
}


def saved(path, data=SET, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data | changes if isinstance(data, dict) else data))
    return path


def loaded(path) -> Landmarks:
    return read(path, find(path))


def annotation(**changes) -> dict:
    return SET["annotations"][0] | changes


# ---- the files of the suite -----------------------------------------------------------------------------------------
FILES = [
    ("coco_keypoints/mmpose_test/test_coco.json", 4, 1, 12, 17),
    ("coco_keypoints/coco_mini/person_keypoints_train2017.json", 80, 3, 86, 17),
    ("coco_keypoints/coco_mini/person_keypoints_val2017.json", 79, 5, 68, 17),
    ("coco_roboflow/cattle_A/_annotations.coco.json", 206, 3, 206, 18),
    ("coco_roboflow/mocap/_annotations.coco.json", 192, 0, 192, 18),
    ("mmpose_animal/fly/test_fly.json", 2, 2, 2, 32),
    ("mmpose_animal/locust/test_locust.json", 2, 2, 2, 35),
    ("mmpose_animal/zebra/test_zebra.json", 2, 2, 2, 9),
    ("mpii_json/test_mpii_trb.json", 5, 0, 5, 40),
]


@pytest.mark.parametrize(("name", "pictures", "there", "objects", "count"), FILES, ids=[file[0] for file in FILES])
def test_a_genuine_file_gives_what_is_in_it(suite, name, pictures, there, objects, count):
    """Against the raw file: names, pictures, and the sum and place of every visible keypoint."""
    raw = json.loads((suite / name).read_text())
    found = loaded(suite / name)
    category = next(c for c in raw["categories"] if c.get("keypoints"))
    assert found.names == tuple(category["keypoints"])
    assert len(found.names) == count
    assert len(set(found.files)) == pictures == len(raw["images"])
    assert sum((found.root / file).is_file() for file in set(found.files)) == there
    annotated = np.isfinite(found.points).any(axis=(1, 2))
    assert annotated.sum() == objects
    kept = [a for a in raw["annotations"] if not a.get("iscrowd") and any(a["keypoints"][2::3])]
    expected = np.array([a["keypoints"] for a in kept], float).reshape(-1, count, 3)
    expected = np.where(expected[:, :, 2:] > 0, expected[:, :, :2], math.nan) - ("trb" in name)
    order = {image["id"]: i for i, image in enumerate(raw["images"])}
    ranks = sorted(range(len(kept)), key=lambda i: order[kept[i]["image_id"]])
    np.testing.assert_array_equal(found.points[annotated], expected[ranks])
    names = {image["id"]: image["file_name"] for image in raw["images"]}
    assert [f.split("/")[-1] for f, one in zip(found.files, annotated, strict=True) if one] == [
        names[kept[i]["image_id"]] for i in ranks
    ]


@pytest.mark.parametrize("name", [file[0] for file in FILES[:-1]])
def test_pycocotools_reads_the_same(suite, name, capsys):
    library = pytest.importorskip("pycocotools.coco")
    theirs = library.COCO(str(suite / name))
    capsys.readouterr()
    ours = loaded(suite / name)
    tracks = {cut.track: i for i, cut in enumerate(ours.cuts) if cut.track}
    for one in theirs.loadAnns(theirs.getAnnIds(iscrowd=False)):
        keypoints = np.array(one["keypoints"], float).reshape(-1, 3)
        if not keypoints[:, 2].any():
            continue
        row = tracks.pop(str(one["id"]))
        seen = keypoints[:, 2] > 0
        np.testing.assert_array_equal(ours.points[row][seen], keypoints[seen, :2])
        assert np.isnan(ours.points[row][~seen]).all()
        assert ours.cuts[row].box == Box(*one["bbox"])
        assert ours.files[row].endswith(theirs.loadImgs(one["image_id"])[0]["file_name"])
    assert tracks == {}


def test_train_and_val_are_one_set(suite):
    found = loaded(suite / "coco_keypoints" / "coco_mini")
    assert len(set(found.files)) == 159
    assert {
        (f.startswith("train2017/"), split) for f, split in zip(found.files, found.split, strict=True) if "/" in f
    } == {
        (True, "train"),
        (False, "test"),
    }
    assert found.skeleton[:2] == ((15, 13), (13, 11))
    assert found.category == "person"


def test_detections_are_refused_but_do_not_hide_the_annotations_beside_them(suite):
    folder = suite / "coco_keypoints" / "mmpose_test"
    assert [file.name for file in find(folder)] == ["test_coco.json"]
    with pytest.raises(PartposeError, match=r"holds detected boxes.*--boxes"):
        loaded(folder / "test_coco_det_AP_H_56.json")


def test_trb_agrees_with_mpii_about_the_same_joint(suite):
    """Both took it from the same MATLAB file, of 1-based coordinates."""
    from partpose.data.annotations import mpii

    theirs = loaded(suite / "mpii_json" / "test_mpii_trb.json")
    ours = mpii.read(suite / "mpii_json", mpii.find(suite / "mpii_json"))
    one, other = theirs.files.index("005808361.jpg"), ours.files.index("005808361.jpg")
    for name in ("left_shoulder", "right_elbow", "left_hip"):
        at, there = theirs.points[one, theirs.names.index(name)], ours.points[other, ours.names.index(name)]
        np.testing.assert_array_equal(at, there)


# ---- what is in a row -----------------------------------------------------------------------------------------------
def test_an_object_is_a_row_and_a_picture_without_one_too(tmp_path):
    found = loaded(saved(tmp_path / "set.json"))
    nan = math.nan
    assert found.files == ("b.jpg", "a.jpg", "a.jpg")
    assert found.cuts == (Cut(), Cut(Box(1, 2, 30.5, 40), None, "10"), Cut(Box(0, 0, 9, 9), None, "11"))
    np.testing.assert_array_equal(
        found.points, [[[nan] * 2] * 3, [[5, 6], [7, 8], [nan] * 2], [[nan] * 2, [1, 1], [2, 2]]]
    )
    assert (found.names, found.flip_pairs, found.skeleton) == (tuple(PERSON["keypoints"]), ((1, 2),), ((0, 1), (0, 2)))
    assert (found.split, found.format, found.root) == (("train",) * 3, "coco-keypoints", tmp_path)


def test_crowds_and_objects_without_keypoints_are_no_rows(tmp_path):
    annotations = [annotation(iscrowd=1), annotation(id=12, keypoints=[0] * 9), annotation(id=13, keypoints=[])]
    found = loaded(saved(tmp_path / "a.json", annotations=annotations))
    assert found.files == ("b.jpg", "a.jpg")
    assert np.isnan(found.points).all()


def test_without_boxes_objects_of_one_picture_are_told_apart_by_their_keypoints(tmp_path):
    annotations = [{k: v for k, v in a.items() if k != "bbox"} for a in SET["annotations"]]
    both = loaded(saved(tmp_path / "a.json", annotations=annotations))
    assert both.cuts[1:] == (Cut(Box(-1.5, -0.5, 16, 16), None, "10"), Cut(Box(-6, -6, 16, 16), None, "11"))
    assert loaded(saved(tmp_path / "a.json", annotations=annotations[:1])).cuts is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([[1, 2], [2, 3]], ((0, 1), (1, 2))),
        ([[0, 1], [1, 2]], ((0, 1), (1, 2))),
        ([[1, 4]], ()),
        ([[0, 3]], ()),
        ([[1, 2, 3]], ()),
        ([["nose", 2]], ()),
        (None, ()),
        ([], ()),
    ],
)
def test_a_skeleton_may_count_from_one_or_from_zero(tmp_path, lines, expected):
    found = loaded(saved(tmp_path / "a.json", categories=[PERSON | {"skeleton": lines}]))
    assert found.skeleton == expected


# ---- several categories and files -----------------------------------------------------------------------------------
def test_of_several_categories_the_annotated_one_is_taken(tmp_path):
    other = {"id": 2, "name": "dog", "keypoints": ["tail"]}
    assert loaded(saved(tmp_path / "a.json", categories=[other, PERSON])).category == "person"
    annotations = [*SET["annotations"], annotation(id=12, category_id=2, keypoints=[1, 1, 2])]
    both = saved(tmp_path / "b.json", categories=[other, PERSON], annotations=annotations)
    with pytest.raises(PartposeError, match="dog, person have different keypoints, expected one kind"):
        loaded(both)


def test_categories_with_the_same_keypoints_are_one_set(tmp_path):
    """As the 54 species of AP-10K."""
    annotations = [SET["annotations"][0], annotation(id=12, image_id=7, category_id=2)]
    found = loaded(
        saved(tmp_path / "a.json", categories=[PERSON, PERSON | {"id": 2, "name": "ape"}], annotations=annotations)
    )
    assert found.category == "person, ape"
    assert np.isfinite(found.points).any(axis=(1, 2)).all()


def test_files_with_different_keypoints_are_no_set(tmp_path):
    saved(tmp_path / "train.json")
    saved(tmp_path / "val.json", categories=[PERSON | {"keypoints": ["nose", "left_eye", "tail"]}])
    with pytest.raises(PartposeError, match=r"train\.json, val\.json have different keypoints"):
        loaded(tmp_path)


def test_the_layout_of_coco_itself(tmp_path):
    """Pictures of the same name in train and val are told apart by the file's name, from any of three paths."""
    saved(tmp_path / "annotations" / "person_keypoints_train2017.json")
    saved(tmp_path / "annotations" / "person_keypoints_val2017.json", images=[{"id": 3, "file_name": "a.jpg"}])
    saved(tmp_path / "annotations" / "instances_val2017.json", categories=[{"id": 1, "name": "person"}], annotations=[])
    for name in ("train2017/a.jpg", "train2017/b.jpg", "val2017/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    expected = Counter({"train2017/a.jpg": 2, "train2017/b.jpg": 1, "val2017/a.jpg": 2})
    for path in (tmp_path, tmp_path / "annotations"):
        found = loaded(path)
        assert (Counter(found.files), found.root) == (expected, tmp_path)
        assert Counter(found.split) == {"train": 3, "test": 2}
    one = loaded(tmp_path / "annotations" / "person_keypoints_val2017.json")
    assert (set(one.files), one.root) == ({"val2017/a.jpg"}, tmp_path)


def test_the_layout_of_roboflow(tmp_path):
    for folder in ("train", "valid"):
        saved(tmp_path / folder / "_annotations.coco.json", images=[{"id": 3, "file_name": "a.jpg"}])
        Image.new("RGB", (8, 8)).save(tmp_path / folder / "a.jpg")
    found = loaded(tmp_path)
    assert found.files == ("train/a.jpg",) * 2 + ("valid/a.jpg",) * 2
    assert found.split == ("train",) * 2 + ("test",) * 2


def test_what_is_in_train_val_and_both_together_is_there_once_as_test(tmp_path):
    saved(tmp_path / "train.json", annotations=SET["annotations"][:1])
    saved(tmp_path / "trainval.json")
    saved(tmp_path / "val.json", annotations=SET["annotations"][1:], images=SET["images"][1:])
    found = loaded(tmp_path)
    tracks = [cut.track for cut in found.cuts]
    assert sorted(zip(tracks, found.split, strict=True)) == [("", "train"), ("10", "train"), ("11", "test")]


# ---- foreign and broken files ---------------------------------------------------------------------------------------
FOREIGN = {
    "keypoints.json": {"keypoints": ["a"], "skeleton": []},
    "labelme.json": {"shapes": [{"label": "a", "points": [[1, 2]]}], "imageData": "AAAA"},
    "list.json": [1, 2],
    "mpii.json": [{"image": "a.jpg", "joints": [], "joints_vis": []}],
    "settings.json": {"images": 3},
}


def test_other_json_is_not_taken_for_coco(tmp_path):
    for name, data in FOREIGN.items():
        saved(tmp_path / name, data)
        assert find(tmp_path / name) == []
    (tmp_path / "broken.json").write_bytes(b'\xff\xfe{"images": [')
    (tmp_path / "empty.json").touch()
    (tmp_path / "folder.json").mkdir()
    assert find(tmp_path) == []
    assert find(tmp_path / "none.json") == find(tmp_path / "broken.json") == []


def test_a_folder_with_a_file_a_picture_is_not_searched(tmp_path):
    for i in range(101):
        saved(tmp_path / f"{i}.json")
    assert find(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1, "name": "person"}]}, "has no category with keypoints"),
        ({"images": [{"id": 1}]}, "each of 'images' must have id and file_name"),
        ({"images": [{"id": 1, "file_name": " "}]}, "each of 'images' must have id and file_name"),
        (
            {"annotations": [{"id": 1, "image_id": 2}]},
            "each of 'annotations' must have id and image_id and category_id",
        ),
        ({"annotations": {}}, "has no list 'annotations'"),
        ({"images": [], "annotations": []}, "list no picture"),
    ],
)
def test_what_is_no_set_is_one_line(tmp_path, changes, message):
    with pytest.raises(PartposeError, match=message):
        loaded(saved(tmp_path / "a.json", **changes))


def test_a_truncated_file_is_one_line(tmp_path):
    path = saved(tmp_path / "a.json")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(PartposeError, match=r"a\.json is not JSON: [^\n]+$"):
        loaded(path)


def test_predicted_keypoints_are_refused(tmp_path):
    path = saved(tmp_path / "a.json", [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 3], "score": 0.5}])
    with pytest.raises(PartposeError, match="holds predicted keypoints"):
        loaded(path)


def test_a_broken_annotation_is_reported_and_the_others_are_read(tmp_path):
    broken = [annotation(id=20, keypoints=[1, 2]), annotation(id=21, image_id=99), annotation(id=22, keypoints="x")]
    found = loaded(saved(tmp_path / "a.json", annotations=[*broken, *SET["annotations"]]))
    assert len(found.files) == 3
    reasons = [(skipped.path.split()[-1], skipped.reason) for skipped in found.skipped]
    assert [number for number, _ in reasons] == ["20", "21", "22"]
    assert "has not 3 keypoints" in reasons[0][1]
    assert "99 that is not listed" in reasons[1][1]


def test_whatever_a_value_is_there_are_landmarks_or_one_line(tmp_path):
    for data in mutants(SET):
        path = saved(tmp_path / "a.json", data)
        try:
            found = read(path, [path])
        except PartposeError as error:
            assert "\n" not in str(error), data
        else:
            assert found.points.shape == (len(found.files), len(found.names), 2)


def test_the_format_is_named():
    assert coco.NAME == "coco-keypoints"
