"""MPII as mmpose and HRNet write it."""

import json
import math

import numpy as np
import pytest
from broken_json import mutants

from partpose.data.annotations.mpii import JOINTS, find, read
from partpose.data.cut import Box
from partpose.errors import PartposeError

PERSON = {
    "image": "a.jpg",
    "joints": [[float(j), 2.0 * j] for j in range(1, 17)],
    "joints_vis": [1] * 15 + [0],
    "center": [100.0, 50.0],
    "scale": 0.5,
}


def saved(path, data):
    path.write_text(json.dumps(data))
    return path


def test_the_genuine_file_gives_what_is_in_it(suite):
    path = suite / "mpii_json" / "test_mpii.json"
    raw = json.loads(path.read_text())
    found = read(path, find(path))
    assert found.files == tuple(person["image"] for person in raw)
    assert (found.names, len(found.flip_pairs), found.split) == (JOINTS, 6, ("test",) * 5)
    joints = np.array([person["joints"] for person in raw]) - 1
    visible = np.array([person["joints_vis"] for person in raw], bool)
    np.testing.assert_array_equal(found.points[visible], joints[visible])
    assert np.isnan(found.points[~visible]).all()
    assert (~visible).sum() == 4
    assert [file.name for file in find(suite / "mpii_json")] == ["test_mpii.json"]


def test_a_person_has_a_square_of_its_height(tmp_path):
    """200 pixels times the scale, around the centre (1-based) that is 15 scales lower."""
    path = saved(tmp_path / "mpii_train.json", [PERSON, PERSON | {"image": "b.jpg", "center": [-1, -1]}])
    found = read(path, find(path))
    assert [cut.box for cut in found.cuts] == [Box(49.5, 7.0, 100.0, 100.0), None]
    assert found.points[0, 0].tolist() == [0.0, 1.0]
    assert math.isnan(found.points[0, 15, 0])


def test_persons_of_one_picture_are_numbered(tmp_path):
    path = saved(tmp_path / "a.json", [PERSON, PERSON | {"scale": 1.0}, PERSON | {"image": "b.jpg"}])
    assert [cut.track for cut in read(path, [path]).cuts] == ["1", "2", ""]


def test_a_broken_person_is_reported_and_the_others_are_read(tmp_path):
    path = saved(tmp_path / "a.json", [PERSON | {"joints": [[1, 2]]}, PERSON])
    found = read(path, [path])
    assert (len(found.files), [one.path.split()[-1] for one in found.skipped]) == (1, ["0"])
    with pytest.raises(PartposeError, match="person 0 has not an image, 16 joints"):
        read(path, [saved(path, [PERSON | {"joints": 3}])])
    with pytest.raises(PartposeError, match="list no picture"):
        read(path, [saved(path, [])])


def test_whatever_a_value_is_there_are_landmarks_or_one_line(tmp_path):
    for data in mutants([PERSON]):
        path = saved(tmp_path / "a.json", data)
        try:
            found = read(path, [path])
        except PartposeError as error:
            assert "\n" not in str(error), data
        else:
            assert found.points.shape == (len(found.files), 16, 2)


def test_other_json_is_not_taken_for_mpii(tmp_path):
    for data in ({"joints": [], "joints_vis": [], "image": ""}, [{"image": "a.jpg"}], []):
        assert find(saved(tmp_path / "a.json", data)) == []
