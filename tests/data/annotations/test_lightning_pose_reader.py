"""Lightning Pose: data folders, configs and tables."""

import csv
from pathlib import Path

import numpy as np
import pytest

from partpose.data.annotations import lightning_pose
from partpose.errors import PartposeError

HEADER = "scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "labeled-data" / "v").mkdir(parents=True)
    for name in ("CollectedData", "CollectedData_new", "top", "top_new"):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}labeled-data/v/{name}.png,1,2\n")
    return tmp_path


def read(path: Path):
    return lightning_pose.read(path, lightning_pose.find(path))


def test_the_tables_of_a_folder_are_one_set_and_the_new_pictures_its_test(folder):
    landmarks = read(folder)
    assert landmarks.files == ("labeled-data/v/CollectedData.png", "labeled-data/v/CollectedData_new.png")
    assert landmarks.split == ("train", "test")


def test_a_config_names_its_tables(folder):
    (folder / "config.yaml").write_text("data:\n  csv_file: top.csv\n")
    assert [Path(file).stem for file in read(folder / "config.yaml").files] == ["top", "top_new"]
    assert "labeled-data/v/top.png" in read(folder).files


def test_a_table_of_new_pictures_alone_is_a_set_to_train_on(folder):
    assert read(folder / "top_new.csv").split == ("train",)


def test_a_config_elsewhere_leads_to_its_data_folder(folder, tmp_path_factory):
    config = tmp_path_factory.mktemp("configs") / "config.yaml"
    config.write_text(f"data:\n  data_dir: {folder}\n  csv_file: [top.csv]\n")
    assert read(config).root == folder


def test_what_is_deeplabcut_s_is_left_to_it(folder):
    (folder / "labeled-data" / "v" / "CollectedData_me.csv").write_text(HEADER + "labeled-data/v/a.png,1,2\n")
    assert lightning_pose.find(folder / "labeled-data" / "v") == []
    (folder / "labeled-data" / "v" / "labeled-data").mkdir()
    assert lightning_pose.find(folder / "labeled-data" / "v" / "CollectedData_me.csv") == []


@pytest.mark.parametrize("path", ["", "CollectedData.csv", "config_mirror-mouse-example.yaml"])
def test_the_genuine_set_reads_as_it_is_written(suite, path):
    """img00.png, a frame that only gives context, is no picture of the set."""
    _, parts, _, *lines = csv.reader((suite / "lightning_pose" / "CollectedData.csv").read_text().splitlines())
    landmarks = read(suite / "lightning_pose" / path)
    assert landmarks.files == tuple(line[0] for line in lines)
    assert len(landmarks.files) == 90
    assert "labeled-data/img00.png" not in landmarks.files
    assert sum((landmarks.root / file).is_file() for file in landmarks.files) == 9
    assert landmarks.names == tuple(parts[1::2])
    expected = [[float(cell or "nan") for cell in line[1:]] for line in lines]
    np.testing.assert_array_equal(landmarks.points.reshape(90, -1), expected)


def test_a_config_without_its_tables_says_which(suite):
    with pytest.raises(PartposeError, match=r"names top.csv, bot.csv"):
        read(suite / "lightning_pose" / "config_mirror-mouse-example_split.yaml")
