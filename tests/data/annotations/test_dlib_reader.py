"""dlib's imglab XML and lists of JSON records: landmarks with names."""

import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from broken_json import mutants

from partpose.data.annotations import dlib, json_records
from partpose.data.cut import Box, Cut
from partpose.errors import PartposeError

XML = """<?xml version='1.0' encoding='ISO-8859-1'?>
<dataset><name>a</name><images>
  <image file='sub\\a.jpg'>
    <box top='2' left='1' width='30' height='40'><label>face</label>
      <part name='eye_l' x='5' y='6'/><part name='eye_r' x='7' y='8'/></box>
    <box top='0' left='0' width='10' height='10'><part name='eye_r' x='1' y='1'/></box>
    <box top='0' left='0' width='10' height='10' ignore='1'><part name='eye_r' x='1' y='1'/></box>
    <box top='0' left='0' width='10' height='10'/>
  </image>
  <image file='b.jpg'/>
</images></dataset>
"""
RECORDS = [
    {"path": "p/a.png", "set": "Train", "keypoints": {"10": [1, 2], "2": [3, 4]}},
    {"path": "p/b.png", "set": "test", "keypoints": {"2": [5, 6.5], "3": None}},
    {"path": "p/c.png", "keypoints": {}},
]


def loaded(reader, path):
    return reader.read(path, reader.find(path))


# ---- dlib -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "pictures", "faces"), [("testing", 5, 25), ("training", 4, 18)])
def test_a_genuine_file_gives_what_is_in_it(suite, name, pictures, faces):
    path = suite / "dlib_xml" / f"{name}_with_face_landmarks.xml"
    found = loaded(dlib, path)
    boxes = list(ElementTree.parse(path).iter("box"))
    assert (len(set(found.files)), len(found.files), len(boxes)) == (pictures, faces, faces)
    raw = [[(float(p.get("x")), float(p.get("y"))) for p in box.iter("part")] for box in boxes]
    np.testing.assert_array_equal(found.points, raw)
    assert found.names == tuple(f"{j:02d}" for j in range(68))
    assert (len(found.flip_pairs), set(found.split)) == (29, {name.removesuffix("ing")})
    assert found.cuts[0].box == Box(*(float(boxes[0].get(key)) for key in ("left", "top", "width", "height")))


def test_training_and_testing_are_one_set(suite):
    found = loaded(dlib, suite / "dlib_xml")
    assert (found.split.count("test"), found.split.count("train")) == (25, 18)


def test_boxes_with_parts_are_rows(tmp_path):
    (tmp_path / "a.xml").write_text(XML, encoding="latin-1")
    found = loaded(dlib, tmp_path)
    assert found.files == ("sub/a.jpg", "sub/a.jpg", "b.jpg")
    assert found.cuts == (Cut(Box(1, 2, 30, 40), None, "1"), Cut(Box(0, 0, 10, 10), None, "2"), Cut())
    nan = [math.nan] * 2
    np.testing.assert_array_equal(found.points, [[[5, 6], [7, 8]], [nan, [1, 1]], [nan, nan]])
    assert (found.names, found.flip_pairs) == (("eye_l", "eye_r"), ((0, 1),))


def test_a_broken_box_is_reported_and_the_others_are_read(tmp_path):
    (tmp_path / "a.xml").write_text(XML.replace("x='5'", "x='five'"))
    found = loaded(dlib, tmp_path)
    assert len(found.files) == 2
    assert "a box of sub\\a.jpg" in found.skipped[0].path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (XML[:-20], r"is not XML"),
        (XML.replace("<part", "<other"), "has boxes without parts"),
        (XML.replace("file='b.jpg'", ""), "each <image> must name its file"),
        (XML.replace("ISO-8859-1", "nonsense"), "is not XML"),
    ],
)
def test_what_is_no_set_is_one_line(tmp_path, text, message):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(PartposeError, match=message):
        loaded(dlib, path)


def test_other_xml_is_not_taken_for_dlib(tmp_path):
    (tmp_path / "voc.xml").write_text("<annotation><object><bndbox/></object></annotation>")
    (tmp_path / "boxes.xml").write_text(XML.replace("<part", "<other"))
    (tmp_path / "empty.xml").touch()
    assert dlib.find(tmp_path) == dlib.find(tmp_path / "voc.xml") == []


# ---- records --------------------------------------------------------------------------------------------------------
def test_the_genuine_records_give_what_is_in_them(suite):
    path = suite / "apic_bee_json"
    raw = json.loads((path / "pose_dataset.json").read_text())
    found = loaded(json_records, path)
    assert found.files == tuple(record["path"] for record in raw)
    assert (found.split.count("train"), found.split.count("test")) == (191, 38)
    assert found.names == tuple(map(str, range(32)))
    for points, record in zip(found.points, raw, strict=True):
        expected = [record["keypoints"].get(str(j), [math.nan] * 2) for j in range(32)]
        np.testing.assert_array_equal(points, expected)
    assert sum((path / file).is_file() for file in found.files) == 4


def test_names_are_in_natural_order_and_what_has_no_point_is_missing(tmp_path):
    (tmp_path / "val.json").write_text(json.dumps(RECORDS))
    found = loaded(json_records, tmp_path)
    assert (found.names, found.split) == (("2", "3", "10"), ("train", "test", "test"))
    nan = [math.nan] * 2
    np.testing.assert_array_equal(found.points, [[[3, 4], nan, [1, 2]], [[5, 6.5], nan, nan], [nan] * 3])


def test_whatever_a_value_is_there_are_landmarks_or_one_line(tmp_path):
    for data in [*mutants(RECORDS), {"path": 1}, 3]:
        path = tmp_path / "a.json"
        path.write_text(json.dumps(data))
        try:
            found = json_records.read(path, [path])
        except PartposeError as error:
            assert "\n" not in str(error), data
        else:
            assert found.points.shape == (len(found.files), len(found.names), 2)


def test_other_lists_are_no_records(tmp_path):
    for data in ({"path": "a", "keypoints": {}}, [{"path": "a", "keypoints": [1, 2]}], [{"keypoints": {}}]):
        (tmp_path / "a.json").write_text(json.dumps(data))
        assert json_records.find(tmp_path) == []
