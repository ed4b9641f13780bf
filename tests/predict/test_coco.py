"""COCO results and the data set they are results of: ids, unknown keypoints, objects, provenance."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_formats import pictures, several, unknown_points, video

from partpose.errors import PartposeError
from partpose.predict.coco import image_ids, images_path, write_coco


def written(poses, folder):
    path = folder / "clip.coco.json"
    write_coco(poses, path)
    return json.loads(path.read_text()), json.loads(images_path(path).read_text())


def test_results_of_a_video_and_its_frames(tmp_path):
    poses = video()
    results, about = written(poses, tmp_path)
    assert [one["image_id"] for one in results] == [0, 1, 4, 9]
    for row, one in enumerate(results):
        values = np.reshape(one["keypoints"], (3, 3))
        np.testing.assert_array_equal(values[:, :2], poses.mean[row])
        np.testing.assert_array_equal(values[:, 2], poses.confidence[row])
        assert one["score"] == pytest.approx(poses.confidence[row].mean())
        assert one["category_id"] == 1
        assert "track" not in one
    assert [one["id"] for one in about["images"]] == [0, 1, 4, 9]
    frame = {"file_name": "clip ä.mp4", "width": 640, "height": 480, "frame_index": 4, "time_stamp": 4 / 29.97}
    assert about["images"][2] == {"id": 4, **frame}
    assert about["annotations"] == []


def test_unknown_keypoints_are_three_zeros_and_do_not_count(tmp_path):
    poses = unknown_points()
    results = written(poses, tmp_path)[0]
    assert results[1]["keypoints"] == [0] * 9
    assert results[1]["score"] == 0
    assert results[2]["keypoints"][:3] == [0, 0, 0]
    assert results[2]["score"] == pytest.approx(poses.confidence[2, 1:].mean())


def test_an_unknown_confidence_is_none(tmp_path):
    results = written(video(confidence=np.full((4, 3), np.nan)), tmp_path)[0]
    assert results[0]["keypoints"][2::3] == [0, 0, 0]


def test_several_objects_of_a_frame_are_several_results_of_one_image(tmp_path):
    poses = several()
    results, about = written(poses, tmp_path)
    assert len(results) == len(poses)
    assert len(about["images"]) == len(set(poses.frame_index.tolist()))
    assert [one["track"] for one in results] == list(poses.track)


def test_names_skeleton_and_provenance(tmp_path):
    poses = video(names=("nose", "ear", "tail"), skeleton=((0, 1), (0, 2)))
    results, about = written(poses, tmp_path)
    category = {"id": 1, "name": "object", "keypoints": ["nose", "ear", "tail"], "skeleton": [[1, 2], [1, 3]]}
    assert about["categories"] == [category]
    assert about["info"]["version"] == "3.0"
    assert about["info"]["history"] == ["smoothed"]
    assert [one.get("provenance") for one in results] == [poses.provenance, None, None, None]


def test_a_picture_s_number_is_its_id_where_all_have_one(tmp_path):
    poses = replace(pictures(), files=("000000397133.jpg", "x/17.jpg", "5.png", "0.png"))
    assert [one["id"] for one in written(poses, tmp_path)[1]["images"]] == [397133, 17, 5, 0]
    assert image_ids(replace(poses, files=("a/1.jpg", "b/1.jpg", "2.jpg", "3.jpg"))) == [0, 1, 2, 3]
    assert image_ids(pictures()) == [0, 1, 2, 3]


def test_names_that_are_no_text_are_kept(tmp_path):
    about = written(pictures(), tmp_path)[1]
    assert about["images"][2]["file_name"] == "größe/\udcff.jpg"


def test_no_frames_are_an_empty_list(tmp_path):
    results, about = written(video(()), tmp_path)
    assert (results, about["images"]) == ([], [])


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(PartposeError, match="cannot be written"):
        write_coco(video(), tmp_path)
