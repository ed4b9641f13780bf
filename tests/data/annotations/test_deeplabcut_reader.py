"""DeepLabCut: projects, single folders and tables, as CSV and as both layouts of HDF5."""

import csv
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from partpose.data.annotations import deeplabcut
from partpose.errors import PartposeError

ROWS = {"img0.png": [1.5, 2, 3, 4], "img1.png": [5, 6, math.nan, math.nan], "img2.png": [7, 8, 9, math.nan]}


def table(folder: Path, scorer: str = "me", parts=("nose", "tail"), rows=ROWS, newer: bool = False) -> Path:
    """CollectedData_<scorer>.csv as DeepLabCut writes it; newer: with the path of a picture in three columns."""
    folder.mkdir(parents=True, exist_ok=True)
    before = [""] * 2 if newer else []
    lines = [["scorer", *before, *[scorer] * 2 * len(parts)]]
    lines += [["bodyparts", *before, *(part for part in parts for _ in "xy")], ["coords", *before, *"xy" * len(parts)]]
    for name, values in rows.items():
        path = ["labeled-data", folder.name, name] if newer else [f"labeled-data/{folder.name}/{name}"]
        lines.append([*path, *("" if math.isnan(v) else v for v in values)])
    path = folder / f"CollectedData_{scorer}.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def fixed_hdf5(path: Path, columns: list[tuple[str, str, str]], rows: list[str], values: np.ndarray) -> Path:
    """What pandas' `to_hdf` writes in its layout `fixed`, as far as it is read."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs.update({"nblocks": 1, "axis1_variety": b"regular", "block0_items_nlevels": 3})
        group["axis1"] = np.array([row.encode() for row in rows])
        for i in range(3):
            levels = sorted({column[i] for column in columns})
            group[f"block0_items_level{i}"] = np.array([level.encode() for level in levels])
            group[f"block0_items_label{i}"] = np.array([levels.index(column[i]) for column in columns], np.int8)
        group["block0_values"] = values
        group["block0_values"].attrs["transposed"] = 1
    return path


def read(path: Path):
    return deeplabcut.read(path, deeplabcut.find(path))


@pytest.fixture
def project(tmp_path) -> Path:
    """Two videos of which the second has a body part more, and a skeleton; img0.png of each is there."""
    root = tmp_path / "mice-me-2024-01-01"
    table(root / "labeled-data" / "day1")
    table(root / "labeled-data" / "day2", parts=("tail", "nose", "ear"), rows={"img0.png": [1, 2, 3, 4, 5, 6]})
    for video in ("day1", "day2"):
        Image.new("RGB", (32, 24)).save(root / "labeled-data" / video / "img0.png")
    config = (
        "Task: mice\nscorer: me\nbodyparts:\n- tail\n- never\n- nose\nskeleton: [[nose, tail, ear], [nose, never]]\n"
    )
    (root / "config.yaml").write_text(config)
    return root


def test_a_project_is_one_set_with_the_body_parts_in_the_order_of_its_config(project):
    landmarks = read(project)
    assert landmarks.root == project
    assert landmarks.names == ("tail", "nose", "ear")
    assert landmarks.skeleton == ((1, 0), (0, 2))
    assert landmarks.files[2:] == ("labeled-data/day1/img2.png", "labeled-data/day2/img0.png")
    np.testing.assert_array_equal(landmarks.points[0], [[3, 4], [1.5, 2], [np.nan] * 2])
    np.testing.assert_array_equal(landmarks.points[3], [[1, 2], [3, 4], [5, 6]])


def test_half_a_place_is_a_missing_landmark(project):
    np.testing.assert_array_equal(read(project).points[2], [[np.nan] * 2, [7, 8], [np.nan] * 2])


@pytest.mark.parametrize(
    "part", ["config.yaml", "labeled-data", "labeled-data/day1", "labeled-data/day1/CollectedData_me.csv"]
)
def test_any_part_of_a_project_leads_to_its_tables(project, part):
    landmarks = read(project / part)
    assert landmarks.root == project
    assert set(landmarks.files) >= {f"labeled-data/day1/img{i}.png" for i in range(3)}


def test_the_newer_tables_have_the_path_in_three_columns(tmp_path):
    old, new = (
        read(table(tmp_path / "a" / "labeled-data" / "v")),
        read(table(tmp_path / "b" / "labeled-data" / "v", newer=True)),
    )
    assert new.files == old.files
    np.testing.assert_array_equal(new.points, old.points)


def test_a_folder_taken_out_of_its_project_finds_its_pictures_beside_the_table(project, tmp_path):
    alone = (project / "labeled-data" / "day1").rename(tmp_path / "renamed")
    landmarks = read(alone)
    assert (landmarks.root / landmarks.files[0]).is_file()
    assert landmarks.files == ("img0.png", "labeled-data/day1/img1.png", "labeled-data/day1/img2.png")


def test_a_picture_of_another_video_is_no_substitute(project):
    (project / "labeled-data" / "day1" / "img0.png").unlink()
    assert not (project / read(project).files[0]).exists()


def test_a_picture_that_two_tables_list_counts_once(project):
    table(project / "labeled-data" / "day1", scorer="you", rows={"img0.png": [0, 0, 0, 0], "img9.png": [1, 1, 1, 1]})
    landmarks = read(project)
    assert [name for name in landmarks.files if "day1" in name] == [
        f"labeled-data/day1/img{i}.png" for i in (0, 1, 2, 9)
    ]
    np.testing.assert_array_equal(landmarks.points[0, :2], [[3, 4], [1.5, 2]])


def test_the_fixed_layout_of_hdf5(tmp_path):
    columns = [("me", part, c) for part in ("tail", "nose") for c in "xy"]
    values = np.array([[1, 2, 3, 4], [5, 6, np.nan, np.nan]])
    path = fixed_hdf5(
        tmp_path / "CollectedData_me.h5", columns, ["labeled-data/v/a.png", "labeled-data/v/b.png"], values
    )
    landmarks = read(path)
    assert landmarks.names == ("tail", "nose")
    np.testing.assert_array_equal(landmarks.points.reshape(2, 4), values)


def test_a_csv_stands_for_the_hdf5_of_its_name(project):
    fixed_hdf5(
        project / "labeled-data" / "day1" / "CollectedData_me.h5", [("me", "x", "x")], ["a.png"], np.zeros((1, 1))
    )
    assert [path.suffix for path in deeplabcut.find(project)] == [".csv", ".csv"]


def test_files_of_others_are_not_mistaken(tmp_path):
    (tmp_path / "CollectedData_me.csv").write_text("file,x,y\na.png,1,2\n")
    (tmp_path / "CollectedData_you.csv").write_bytes(b"scorer,\xff\xfe\n")
    (tmp_path / "CollectedData_her.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "CollectedData_dir.csv").mkdir()
    (tmp_path / "config.yaml").write_text("model: {}\n")
    assert deeplabcut.find(tmp_path) == []
    assert [deeplabcut.find(path) for path in sorted(tmp_path.iterdir())] == [[]] * 5


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("labeled-data/v/a.png,1,2,3", "has 4 columns, the header has 5"),
        ("labeled-data/v/a.png,1,2,3,four", "could not convert string to float: 'four'"),
        ("", "lists no picture"),
        ("0,1,2,3,4", "frame numbers"),
    ],
)
def test_a_broken_table_is_named_with_what_is_wrong(tmp_path, lines, reason):
    path = tmp_path / "CollectedData_me.csv"
    header = "scorer,me,me,me,me\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"
    path.write_text(header + lines + "\n")
    with pytest.raises(PartposeError, match=reason) as error:
        read(path)
    assert str(path) in str(error.value)


def test_one_broken_table_of_a_project_is_passed_over(project):
    path = project / "labeled-data" / "day2" / "CollectedData_me.csv"
    path.write_text(path.read_text().replace("1,2,", "one,2,"))
    landmarks = read(project)
    assert len(landmarks.files) == 3
    assert landmarks.skipped == (
        (str(path), "is no whole table of DeepLabCut: could not convert string to float: 'one'"),
    )


def test_of_two_twins_the_whole_one_is_read(project):
    columns = [("me", part, c) for part in ("nose", "tail") for c in "xy"]
    folder = project / "labeled-data" / "day1"
    fixed_hdf5(folder / "CollectedData_me.h5", columns, ["labeled-data/day1/img7.png"], np.ones((1, 4)))
    (folder / "CollectedData_me.csv").write_bytes(b"\0")
    assert "labeled-data/day1/img7.png" in read(project).files
    (folder / "CollectedData_me.h5").unlink()
    assert [Path(one.path) for one in read(project).skipped] == [folder / "CollectedData_me.csv"]


def test_a_hdf5_with_a_pickle_of_more_than_text_is_refused_and_not_run(tmp_path):
    path = tmp_path / "CollectedData_me.h5"
    with h5py.File(path, "w") as file:
        records = np.zeros(1, [("index", "S3"), ("values_block_0", "f8", (2,))])
        file["df_with_missing/table"] = records
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(PartposeError, match="GLOBAL"):
        read(path)


# ---- the genuine files ----------------------------------------------------------------------------------------------


@pytest.fixture
def projects(suite) -> Path:
    return suite / "deeplabcut"


GENUINE = {
    "openfield-Pranav-2018-10-30": (116, 8, ((1, 2),)),
    "Reaching-Mackenzie-2018-08-30": (55, 0, ()),
    "lips_windows_paths": (8, 8, ((0, 1), (2, 6), (3, 7))),
}


@pytest.mark.parametrize("name", GENUINE)
@pytest.mark.parametrize("suffix", [".csv", ".h5"])
def test_a_genuine_table_reads_as_it_is_written(projects, name, suffix):
    """Names, coordinates and gaps as a plain reading of the CSV finds them."""
    (path,) = (projects / name).glob("labeled-data/*/CollectedData_*.csv")
    _, parts, _, *lines = csv.reader(path.read_text().splitlines())
    landmarks = read(path.with_suffix(suffix))
    rows, there, twins = GENUINE[name]
    assert len(landmarks.files) == len(lines) == rows
    assert sum((landmarks.root / file).is_file() for file in landmarks.files) == there
    assert [Path(file).name for file in landmarks.files] == [
        line[0].replace("\\", "/").split("/")[-1] for line in lines
    ]
    assert landmarks.names == tuple(parts[1::2])
    assert landmarks.flip_pairs == twins
    expected = [[float(cell or "nan") for cell in line[1:]] for line in lines]
    np.testing.assert_array_equal(landmarks.points.reshape(rows, -1), expected)


def test_the_skeleton_is_the_config_s(projects):
    assert read(projects / "Reaching-Mackenzie-2018-08-30").skeleton == ((0, 1), (3, 4))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("multi_animal_MontBlanc", "multi-animal project .8 individuals: bird1, bird2"),
        ("multi_animal_MontBlanc/CollectedData_Daniel.h5", "multi-animal project .8 individuals: bird1, bird2"),
        ("vid1_camera-1DLC_resnet50_TESTNov1shuffle1_10filtered.csv", "predictions .* not annotations"),
        ("vid1_camera-1DLC_resnet50_TESTNov4shuffle1_10.h5", "predictions .* not annotations"),
    ],
)
def test_what_is_no_annotation_of_one_animal_is_refused_in_words(projects, name, reason):
    with pytest.raises(PartposeError, match=reason):
        read(projects / name)
