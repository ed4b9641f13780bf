"""iBUG's .pts, menpo's .ljson and WebMorph's .tem: one file a picture."""

import json
import math

import numpy as np
import pytest
from broken_json import mutants
from PIL import Image

from partpose.data.annotations import ljson, pts, webmorph
from partpose.errors import PartposeError

PTS = "version: 1\nn_points: 2\n{\n1.5 2\n3 4.25\n}\n"
MASKS = {"left_eye": [0], "right_eye": [1], "lip": [2, 3]}
LJSON = {
    "version": 3,
    "groups": {
        "face": {
            "labels": [
                {"label": "left_eye", "mask": [0]},
                {"label": "right_eye", "mask": [1]},
                {"label": "lip", "mask": [2, 3]},
            ],
            "landmarks": {"points": [[1, 2], [3, 4], [None, None], [7, 8]], "connectivity": [[2, 3]]},
        }
    },
}
TEM = "3\n1 2\n3.5 4\n5 6\n2\n0\n2\n0 1\n1\n4\n0 1 2 0\n"


def loaded(reader, path):
    return reader.read(path, reader.find(path))


def raw_points(text: str) -> np.ndarray:
    return np.array([line.split() for line in text.split("{")[1].split("}", maxsplit=1)[0].strip().splitlines()], float)


# ---- .pts -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "count", "pairs"), [("einstein", 68, 29), ("takeo", 68, 29), ("tongue", 19, 0)])
def test_a_genuine_pts_gives_its_points_counted_from_0(suite, name, count, pairs):
    path = suite / "pts_ljson" / f"{name}.pts"
    found = loaded(pts, path)
    assert found.points.shape == (1, count, 2)
    np.testing.assert_allclose(found.points[0], raw_points(path.read_text()) - 1)
    assert (found.names[-1], len(found.flip_pairs)) == (f"kp{count - 1}", pairs)
    assert found.files == ("takeo.ppm" if name == "takeo" else f"{name}.jpg",)


def test_of_a_folder_the_scheme_of_the_most_is_taken_and_the_others_are_reported(suite):
    found = loaded(pts, suite / "pts_ljson")
    assert found.files == ("einstein.jpg", "takeo.ppm")
    assert [(one.path.split("/")[-1], one.reason) for one in found.skipped] == [
        ("tongue.pts", "has 19 landmarks, most others have 68")
    ]


def test_a_broken_pts_is_reported_and_the_others_are_read(tmp_path):
    broken = {
        "b.pts": PTS.replace("4.25", "four"),
        "c.pts": PTS.replace("3 4.25\n", ""),
        "d.pts": PTS.replace("}", ""),
        "e.pts": "",
        "f.pts": PTS.replace("3 4.25", "3"),
    }
    for name, text in {"a.pts": PTS, **broken}.items():
        (tmp_path / name).write_text(text)
    found = loaded(pts, tmp_path)
    assert (found.files, found.points.tolist()) == (("a.jpg",), [[[0.5, 1.0], [2.0, 3.25]]])
    assert [one.path.split("/")[-1] for one in found.skipped] == list(broken)
    for name in list(broken)[:3]:
        with pytest.raises(PartposeError, match=name):
            pts.read(tmp_path / name, [tmp_path / name])


def test_the_folders_of_300w_and_helen(tmp_path):
    for folder, picture in {"trainset": "a.png", "testset": "a.jpg", "01_Indoor": "indoor_1.png"}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / picture).with_suffix(".pts").write_text(PTS)
        Image.new("RGB", (8, 8)).save(tmp_path / folder / picture)
    found = loaded(pts, tmp_path)
    assert dict(zip(found.files, found.split, strict=True)) == {
        "trainset/a.png": "train",
        "testset/a.jpg": "test",
        "01_Indoor/indoor_1.png": "train",
    }


def test_pictures_may_lie_in_a_folder_beside_that_of_the_landmarks(tmp_path):
    for folder in ("images", "landmarks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "landmarks" / "a.pts").write_text(PTS)
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "a.PNG")
    assert loaded(pts, tmp_path).files == ("images/a.PNG",)
    assert loaded(pts, tmp_path / "landmarks").files == ("../images/a.PNG",)


def test_a_point_cloud_is_no_pts(tmp_path):
    (tmp_path / "cloud.pts").write_text("3\n1.0 2.0 3.0 200 10 20 30\n")
    assert pts.find(tmp_path) == pts.find(tmp_path / "cloud.pts") == []


# ---- .ljson ---------------------------------------------------------------------------------------------------------
def test_the_genuine_ljson_gives_all_its_groups_as_x_and_y(suite):
    path = suite / "pts_ljson" / "lenna.ljson"
    groups = json.loads(path.read_text())["groups"]
    found = loaded(ljson, path)
    raw = np.array(groups["LJSON"]["landmarks"]["points"] + groups["pupils"]["landmarks"]["points"])
    np.testing.assert_array_equal(found.points[0], raw[:, ::-1])
    assert (found.names[0], found.names[36], found.names[68:]) == ("jaw_0", "left_eye_0", ("left_pupil", "right_pupil"))
    assert ((36, 45) in found.flip_pairs, found.flip_pairs[-1], len(found.flip_pairs)) == (True, (68, 69), 30)
    assert found.skeleton[0] == (0, 1)
    assert len(set(found.names)) == 70


def test_ljson_names_landmarks_by_label_and_null_is_missing(tmp_path):
    path = tmp_path / "a.ljson"
    path.write_text(json.dumps(LJSON))
    found = loaded(ljson, path)
    assert found.names == ("left_eye", "right_eye", "lip_0", "lip_1")
    np.testing.assert_array_equal(found.points[0], [[2, 1], [4, 3], [math.nan] * 2, [8, 7]])
    path.write_text(json.dumps({"version": 2, "labels": [], **{"landmarks": LJSON["groups"]["face"]["landmarks"]}}))
    assert loaded(ljson, path).names == ("kp0", "kp1", "kp2", "kp3")


def test_whatever_a_value_of_ljson_is_there_are_landmarks_or_one_line(tmp_path):
    for data in mutants(LJSON):
        path = tmp_path / "a.ljson"
        path.write_text(json.dumps(data))
        try:
            found = ljson.read(path, [path])
        except PartposeError as error:
            assert "\n" not in str(error), data
        else:
            assert found.points.shape == (1, len(found.names), 2)
            assert all(0 <= j < len(found.names) for pair in found.skeleton for j in pair)


# ---- .tem -----------------------------------------------------------------------------------------------------------
def test_the_genuine_template_gives_its_points_and_lines(suite):
    found = loaded(webmorph, suite / "webmorph_tem")
    rows = (suite / "webmorph_tem" / "001_03.tem").read_text().splitlines()
    np.testing.assert_array_equal(found.points[0], [[float(v) for v in row.split()] for row in rows[1:190]])
    assert found.files == ("001_03.jpg",)
    assert {(2, 3), (2, 9), (111, 125)} <= set(found.skeleton)
    assert (found.root / found.files[0]).is_file()


def test_a_template_has_lines_that_may_be_closed(tmp_path):
    (tmp_path / "a.tem").write_text(TEM)
    found = loaded(webmorph, tmp_path)
    assert found.points.tolist() == [[[1, 2], [3.5, 4], [5, 6]]]
    assert found.skeleton == ((0, 1), (1, 2), (0, 2))


@pytest.mark.parametrize("text", ["5\n1 2\n", "2\n1 2\n3 x\n", "2\n1 2 3\n4 5 6\n", TEM.replace("0 1 2 0", "0 1 two")])
def test_a_broken_template_is_one_line(tmp_path, text):
    (tmp_path / "a.tem").write_text(text)
    with pytest.raises(PartposeError, match=r"a\.tem: is no template: [^\n]+$"):
        loaded(webmorph, tmp_path / "a.tem")


def test_other_files_are_no_templates(tmp_path):
    (tmp_path / "a.tem").write_text("a text\n")
    (tmp_path / "b.tem").write_bytes(b"\0\xff" * 100)
    (tmp_path / "c.ljson").write_text("{}")
    assert webmorph.find(tmp_path) == ljson.find(tmp_path) == []
