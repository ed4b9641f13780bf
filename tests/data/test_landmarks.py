import json

import numpy as np
import pytest

from partpose.data.landmarks import Landmarks, has_columns, read_landmarks, read_split, write_landmarks
from partpose.errors import PartposeError

HEADER = "file,split,kp0_x,kp0_y,kp1_x,kp1_y\n"
ROW = "images/a.jpg,train,1,2.5,,\n"


def table(folder, text, about=None):
    (folder / "landmarks.csv").write_text(text, encoding="utf-8")
    if about is not None:
        (folder / "keypoints.json").write_text(about if isinstance(about, str) else json.dumps(about))
    return folder


def example(root):
    points = np.array([[[1.0, 2.0], [3.25, np.nan]], [[np.nan, np.nan], [-0.5, 1e4]]])
    points[0, 1] = np.nan
    about = {"normaliser": {"type": "distance", "indices": [0, 1]}, "category": "mouse"}
    files = ('images/a "quoted", name.jpg', "images/ünï 猫.png")
    return Landmarks(root, files, ("train", "test"), points, ("nose", "tail"), ((0, 1),), ((0, 1),), **about)


def test_a_set_comes_back_as_it_was_written(tmp_path):
    written = example(tmp_path)
    write_landmarks(tmp_path, written)
    read = read_landmarks(tmp_path)
    np.testing.assert_array_equal(read.points, written.points)
    assert {**vars(read), "points": 0} == {**vars(written), "points": 0}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keypoints.json", "landmarks.csv"]


def test_a_subset_keeps_rows_together(tmp_path):
    test = example(tmp_path).subset("test")
    assert (test.files, test.split) == (("images/ünï 猫.png",), ("test",))
    assert test.points.shape == (1, 2, 2)
    assert test.points[0, 1].tolist() == [-0.5, 1e4]
    assert example(tmp_path).subset("unlabelled").points.shape == (0, 2, 2)


def test_defaults_without_names_and_split(tmp_path):
    read = read_landmarks(table(tmp_path, "file,kp0_x,kp0_y\na.png,1,2\n\nb.png,,\n"))
    assert (read.names, read.split, read.normaliser, read.skeleton) == (("kp0",), ("train", "train"), None, ())
    assert np.isnan(read.points[1]).all()


def test_what_spreadsheets_write_is_read(tmp_path):
    text = "\ufefffile,split,kp0_y,kp0_x,comment\r\n images\\a.png , Test ,2, 1 ,fine\r\n"
    read = read_landmarks(table(tmp_path, text))
    assert (read.files, read.split) == (("images/a.png",), ("test",))
    assert read.points.tolist() == [[[1.0, 2.0]]]


def test_semicolons_part_cells_where_commas_part_digits(tmp_path):
    read = read_landmarks(table(tmp_path, "file;split;kp0_x;kp0_y\n1,5.png;train;10,5;-2\n"))
    assert (read.files, read.points.tolist()) == (("1,5.png",), [[[10.5, -2.0]]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: column 'file' is missing"),
        ("file\tsplit\tkp0_x\tkp0_y\na\ttrain\t1\t2\n", "line 1: column 'file' is missing"),
        ("file,split\na.png,train\n", "line 1: column 'kp0_x' is missing"),
        ("file,split,kp0_x,kp0_y,kp2_x,kp2_y\n", "line 1: column 'kp1_x' is missing"),
        ("file,kp0_x,kp0_x,kp0_y\n", "line 1: column 'kp0_x' is there twice"),
        (HEADER, "lists no picture"),
        (HEADER + ROW + "b.jpg,train,1,two,,\n", "line 3: kp0_y must be a number or empty, got 'two'"),
        (HEADER + ROW + "b.jpg,train,1,inf,,\n", "line 3: kp0_y must be a number or empty, got 'inf'"),
        (HEADER + ROW + "b.jpg,train,1,,,\n", "line 3: kp0_x and kp0_y must both"),
        (HEADER + ROW + "b.jpg,train,1,2\n", "line 3: expected 6 columns as in the header, got 4"),
        (HEADER + ROW + ",train,1,2,,\n", "line 3: the column 'file' must name a file"),
        (HEADER + "a\0b.jpg,train,1,2,,\n", "line 2: the column 'file' must name a file|NUL"),
    ],
)
def test_mistakes_in_the_table_name_their_line(tmp_path, text, words):
    with pytest.raises(PartposeError, match=words) as caught:
        read_landmarks(table(tmp_path, text))
    assert str(tmp_path / "landmarks.csv") in str(caught.value)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "must hold an object"),
        ({}, "must list 2 names"),
        ({"keypoints": ["nose"]}, "must list 2 names as landmarks.csv has, got 1"),
        ({"keypoints": ["nose", 2]}, "must list 2 names"),
        (
            {"keypoints": ["a", "b"], "skeleton": [[0, 2]]},
            r"'skeleton' must hold pairs of numbers from 0 to 1, got \[0, 2\]",
        ),
        ({"keypoints": ["a", "b"], "flip_pairs": {"a": "b"}}, "'flip_pairs' must hold pairs"),
        ({"keypoints": ["a", "b"], "normaliser": "side"}, "'normaliser' must be an object"),
    ],
)
def test_mistakes_in_the_names_are_said(tmp_path, about, words):
    with pytest.raises(PartposeError, match=words):
        read_landmarks(table(tmp_path, HEADER + ROW, about))


def test_missing_and_undecodable_tables(tmp_path):
    with pytest.raises(PartposeError, match="does not exist"):
        read_landmarks(tmp_path)
    (tmp_path / "landmarks.csv").write_bytes(HEADER.encode() + b"\xff\xfe.jpg,train,1,2,,\n")
    with pytest.raises(PartposeError, match="not UTF-8"):
        read_landmarks(tmp_path)


def test_splits_may_have_any_name(tmp_path):
    read = read_landmarks(table(tmp_path, HEADER + "a.png,Val,1,2,,\nb.png,,1,2,,\n"))
    assert read.split == ("val", "")


def test_the_split_is_read_without_the_landmarks(tmp_path):
    path = table(tmp_path, "file,split,kp0_x,kp0_y\na.png,train,no,number\nb.png,TEST,,\na.png,test,,\na.png,train,,\n")
    assert read_split(path / "landmarks.csv") == {"a.png": "test", "b.png": "test"}


@pytest.mark.parametrize(
    ("text", "expected"), [("file,split\n", True), ("file,x\n", False), ("", False), ("\xff", False)]
)
def test_tables_about_something_else_are_told_apart(tmp_path, text, expected):
    (tmp_path / "meta.csv").write_bytes(text.encode("latin-1"))
    assert has_columns(tmp_path / "meta.csv", "split") == expected


def test_pictures_that_belong_together_are_named_by_a_table_beside_them(tmp_path):
    path = table(tmp_path, "file,kp0_x,kp0_y\na.png,1,1\nb.png,1,1\nc.png,1,1\n")
    assert read_landmarks(path).groups is None
    (path / "meta.csv").write_text("file,sex\na.png,f\n")
    assert read_landmarks(path).groups is None
    (path / "meta.csv").write_text("file,group\nc.png,east \na.png,west\n")
    read = read_landmarks(path)
    assert read.groups == ("west", "b.png", "east")
    assert read.rows([2, 0]).groups == ("east", "west")


def test_every_shared_set_is_read(shared_data):
    folders = [path.parent for path in shared_data.glob("*/landmarks.csv")]
    for folder in folders:
        read = read_landmarks(folder)
        assert read.points.shape == (len(read.files), len(read.names), 2)
        assert np.isfinite(read.subset("test").points).any()
        assert (folder / read.files[0]).is_file()
    assert folders
