"""Formats are told from the files; where none fits, the error says what is there."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partpose.data.annotations.detect import READERS, detect, read_annotated
from partpose.data.landmarks import Landmarks, write_landmarks
from partpose.errors import PartposeError

TABLE = "scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\nlabeled-data/v/a.png,1,2\n"


def test_our_own_set_is_found_by_its_folder_and_its_files(tmp_path):
    write_landmarks(tmp_path, Landmarks(tmp_path, ("a.png",), ("test",), np.ones((1, 2, 2)), ("nose", "tail")))
    for path in (tmp_path, tmp_path / "landmarks.csv", tmp_path / "keypoints.json"):
        assert read_annotated(path).names == ("nose", "tail")


def test_the_first_of_two_formats_that_fit_is_meant(tmp_path):
    """What has been converted to our own format keeps its old files beside it."""
    (tmp_path / "CollectedData_me.csv").write_text(TABLE)
    assert detect(tmp_path)[0].NAME == "deeplabcut"
    (tmp_path / "labeled-data").mkdir()
    assert detect(tmp_path)[0].NAME == "lightning-pose"
    (tmp_path / "landmarks.csv").write_text("file,kp0_x,kp0_y\na.png,1,2\n")
    assert detect(tmp_path)[0].NAME == "partpose"


def test_every_format_has_one_name():
    assert len({reader.NAME for reader in READERS}) == len(READERS)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere", "does not exist"),
        ("some/note.txt", "no annotation file of a format that is known: partpose, .*deeplabcut"),
        ("some/a.png", "no annotation file"),
        ("some", "holds no annotations .*, but 2 .png, 1 .txt, 1 folder"),
        ("sets", r"holds annotated sets, expected the name of one of them: one \(partpose\), two \(deeplabcut\)"),
    ],
)
def test_what_is_no_annotated_set_is_refused_with_what_it_is(tmp_path, path, reason):
    for folder in ("some/inner", "sets/one", "sets/two"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "some" / "a.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "some" / "b.png")
    (tmp_path / "some" / "note.txt").touch()
    (tmp_path / "sets" / "one" / "landmarks.csv").write_text("file,kp0_x,kp0_y\na.png,1,2\n")
    (tmp_path / "sets" / "two" / "CollectedData_me.csv").write_text(TABLE)
    with pytest.raises(PartposeError, match=reason):
        read_annotated(tmp_path / path)


def test_no_reader_raises_on_the_files_of_others(bad_folder):
    """Pictures that are none, empty ones, loops, pipes: nothing of it is an annotation."""
    nonsense = bad_folder.path / "nonsense"
    nonsense.mkdir()
    for suffix in ("csv", "h5", "slp", "json", "xml", "mat", "pts", "tem", "ljson", "yaml", "txt"):
        (nonsense / f"empty.{suffix}").touch()
        (nonsense / f"CollectedData_{suffix}.{suffix}").write_bytes(bytes(range(256)))
    for path in [
        bad_folder.path,
        nonsense,
        *bad_folder.path.iterdir(),
        *nonsense.iterdir(),
        Path(bad_folder.path / "no"),
    ]:
        assert [reader.NAME for reader in READERS if reader.find(path)] == []
