"""Files come back as they were, and other programs read in them what we wrote."""

import csv
from dataclasses import replace

import h5py
import numpy as np
import pytest

from partpose.errors import PartposeError, Skipped
from partpose.predict import formats
from partpose.predict.formats import columns, read_hdf5, scorer, write_dlc_csv, write_hdf5
from partpose.predict.poses import Poses, same


def video(frames=(0, 1, 4, 9), parts=3, **changes):
    rng = np.random.default_rng(3)
    f = len(frames)
    values = {
        "mean": rng.uniform(0, 640, (f, parts, 2)),
        "covariance": rng.normal(size=(f, parts, 2, 2)),
        "confidence": rng.uniform(0, 1, (f, parts)),
        "source": "clip ä.mp4",
        "sizes": np.full((f, 2), (640, 480)),
        "frame_index": frames,
        "time_stamp": np.array(frames) / 29.97,
        "fps": 29.97,
        "history": ("smoothed",),
        "provenance": {"version": "3.0", "input": "clip ä.mp4"},
    }
    return Poses(**{**values, **changes})


def pictures():
    files = ("a.jpg", "b, with 'quotes' and \"more\".png", "größe/\udcff.jpg", "d.png")
    skipped = (Skipped("c.jpg", "truncated"), Skipped("\udcfe.png", "not a picture"))
    nowhere = np.full(4, np.nan)
    return replace(video((0, 1, 2, 3)), files=files, fps=None, time_stamp=nowhere, skipped=skipped, source="\udcff")


def unknown_points():
    poses = video()
    mean = poses.mean.copy()
    mean[1] = np.nan
    mean[2, 0] = np.nan
    return replace(poses, mean=mean, covariance=np.full_like(poses.covariance, np.nan))


def filtered():
    poses = video(uncertainty=np.random.default_rng(4).uniform(0, 2, (4, 3)))
    return replace(poses, mean=poses.mean.round(), raw=poses.mean)


@pytest.mark.parametrize(
    "poses",
    [video(), filtered(), pictures(), unknown_points(), video(()), video((0,), 1), video(skeleton=((0, 1), (2, 1)))],
    ids=repr,
)
def test_hdf5_is_lossless(tmp_path, poses):
    write_hdf5(poses, tmp_path / "poses.h5")
    assert same(read_hdf5(tmp_path / "poses.h5"), poses)


def test_hdf5_has_the_layout_of_sleap(tmp_path):
    poses = unknown_points()
    write_hdf5(poses, tmp_path / "poses.h5")
    with h5py.File(tmp_path / "poses.h5") as file:
        assert file["tracks"].shape == (1, 2, 3, 10)
        assert file["tracks"].dtype == np.float64
        assert file["track_occupancy"].dtype == np.uint8
        np.testing.assert_array_equal(file["track_occupancy"][:, 0], [1, 0, 0, 0, 1, 0, 0, 0, 0, 1])
        np.testing.assert_array_equal(file["tracks"][0, :, :, 4].T, poses.mean[2])
        np.testing.assert_array_equal(file["point_scores"][0, :, 9], poses.confidence[3])
        assert list(file["node_names"][:]) == [b"part_0", b"part_1", b"part_2"]


def test_sleap_io_reads_the_same_points(tmp_path):
    sleap_io = pytest.importorskip("sleap_io")
    poses = replace(unknown_points(), skeleton=((0, 1), (2, 1)))
    write_hdf5(poses, tmp_path / "poses.analysis.h5")
    labels = sleap_io.load_file(str(tmp_path / "poses.analysis.h5"))
    frames = {frame.frame_idx: frame[0] for frame in labels}
    assert sorted(frames) == [0, 4, 9]
    assert [(a.name, b.name) for a, b in labels.skeleton.edges] == [("part_0", "part_1"), ("part_2", "part_1")]
    for row, index in ((0, 0), (2, 4), (3, 9)):
        np.testing.assert_array_equal(frames[index].numpy(), poses.mean[row])
    np.testing.assert_allclose([p["score"] for p in frames[9].points], poses.confidence[3])
    assert labels.skeletons[0].node_names == list(poses.names)


@pytest.mark.parametrize("content", [b"", b"not HDF5"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "poses.h5").write_bytes(content)
    with pytest.raises(PartposeError, match="is not a complete HDF5 file of poses"):
        read_hdf5(tmp_path / "poses.h5")


def test_a_truncated_file_is_refused(tmp_path):
    write_hdf5(video(), tmp_path / "poses.h5")
    whole = (tmp_path / "poses.h5").read_bytes()
    (tmp_path / "poses.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PartposeError, match="is not a complete HDF5 file"):
        read_hdf5(tmp_path / "poses.h5")


def test_foreign_and_missing_files_are_refused(tmp_path):
    with pytest.raises(PartposeError, match="no such file"):
        read_hdf5(tmp_path / "poses.h5")
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["tracks"] = np.zeros((1, 2, 3, 4))
    with pytest.raises(PartposeError, match="holds no poses of partpose"):
        read_hdf5(tmp_path / "poses.h5")


def test_a_newer_file_is_refused(tmp_path):
    write_hdf5(video(), tmp_path / "poses.h5")
    with h5py.File(tmp_path / "poses.h5", "a") as file:
        file.attrs["partpose_format"] = 99
    with pytest.raises(PartposeError, match="newer partpose"):
        read_hdf5(tmp_path / "poses.h5")


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_csv_of_a_video(tmp_path):
    poses = unknown_points()
    write_dlc_csv(poses, tmp_path / "poses.csv")
    rows = rows_of(tmp_path / "poses.csv")
    assert rows[0] == ["scorer"] + ["partpose_3.0_clip ä.mp4"] * 9
    assert rows[1] == ["bodyparts"] + ["part_0"] * 3 + ["part_1"] * 3 + ["part_2"] * 3
    assert rows[2] == ["coords"] + ["x", "y", "likelihood"] * 3
    assert [row[0] for row in rows[3:]] == ["0", "1", "4", "9"]
    assert rows[5][1:3] == ["", ""]
    assert [float(value) for value in rows[3][1:4]] == [*poses.mean[0, 0], poses.confidence[0, 0]]


def test_the_scorer_is_the_provenance_in_one_word():
    about = {"version": "3.0", "model": "runs/a", "model_hash": "0a1b", "config_hash": "2c3d"}
    about |= {"input": "clips/of\nmice.mp4", "date": "2026-11-22T22:47:20+00:00"}
    found = scorer(video(provenance=about))
    assert found == "partpose_3.0_model-0a1b_config-2c3d_2026-11-22T22:47:20+00:00_of mice.mp4"
    assert scorer(video(provenance={})) == "partpose"


def test_csv_of_nothing_has_its_header(tmp_path):
    write_dlc_csv(video(()), tmp_path / "poses.csv")
    assert len(rows_of(tmp_path / "poses.csv")) == 3


def test_csv_of_pictures_is_indexed_by_file(tmp_path):
    write_dlc_csv(pictures(), tmp_path / "poses.csv")
    names = [row[0] for row in rows_of(tmp_path / "poses.csv")[3:]]
    assert names == ["a.jpg", "b, with 'quotes' and \"more\".png", "größe/\\udcff.jpg", "d.png"]


def test_csv_reads_in_pandas_as_deeplabcut_s_own(tmp_path):
    pandas = pytest.importorskip("pandas")
    poses = video()
    write_dlc_csv(poses, tmp_path / "poses.csv")
    table = pandas.read_csv(tmp_path / "poses.csv", header=[0, 1, 2], index_col=0)
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    np.testing.assert_array_equal(table["partpose_3.0_clip ä.mp4"]["part_1"][["x", "y"]].to_numpy(), poses.mean[:, 1])
    np.testing.assert_array_equal(table.index, poses.frame_index)


@pytest.mark.parametrize("write", [write_hdf5, write_dlc_csv])
def test_what_cannot_be_written_is_said(tmp_path, write):
    with pytest.raises(PartposeError, match="cannot be written"):
        write(video(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def several() -> Poses:
    """Two objects over three frames, one of them seen in two."""
    values = np.arange(5 * 2 * 2, dtype=float).reshape(5, 2, 2)
    return Poses(
        mean=values,
        covariance=np.zeros((5, 2, 2, 2)),
        confidence=np.full((5, 2), 0.5),
        source="clip.mp4",
        sizes=np.full((5, 2), 100),
        frame_index=np.array([0, 0, 1, 2, 2]),
        time_stamp=np.zeros(5),
        track=("fly", "mite", "mite", "fly", "mite"),
    )


def test_several_objects_keep_their_places_in_the_file(tmp_path):
    write_hdf5(several(), tmp_path / "poses.h5")
    assert same(read_hdf5(tmp_path / "poses.h5"), several())
    labels = pytest.importorskip("sleap_io").load_file(str(tmp_path / "poses.h5"))
    assert sorted(track.name for track in labels.tracks) == ["fly", "mite"]
    assert [len(frame.instances) for frame in labels] == [2, 1, 2]


@pytest.mark.parametrize("block", [1, 2, 1024])
def test_several_objects_stand_side_by_side_in_the_table(tmp_path, monkeypatch, block):
    monkeypatch.setattr(formats, "BLOCK", block)
    write_dlc_csv(several(), tmp_path / "poses.csv")
    with (tmp_path / "poses.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["individuals", *["fly"] * 6, *["mite"] * 6]
    assert rows[5][:7] == ["1", *[""] * 6]
    assert rows[5][7:10] == ["8.0", "9.0", "0.5"]


def test_passers_by_are_numbered_within_the_frame():
    """A place for each of them in every frame would be empty nearly everywhere."""
    tracks = tuple(f"person {i}" for i in range(10))
    many = replace(several(), **{
        name: np.repeat(getattr(several(), name)[:1], 10, axis=0)
        for name in ("mean", "covariance", "confidence", "uncertainty", "sizes", "squares", "time_stamp")
    }, frame_index=np.repeat(np.arange(5), 2), track=tracks)  # fmt: skip
    names, column = columns(many)
    assert names == ("object_0", "object_1")
    assert column.tolist() == [0, 1] * 5
