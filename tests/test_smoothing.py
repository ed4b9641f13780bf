"""`partpose smooth`: from a predicted file to a filtered one, always from the raw keypoints."""

import h5py
import numpy as np
import pytest

from partpose.errors import PartposeError
from partpose.predict.finish import Finish
from partpose.predict.formats import read_hdf5, write_hdf5
from partpose.predict.npz import read_npz, write_npz
from partpose.predict.poses import Poses
from partpose.smoothing import smooth_files


def poses(rows=30):
    rng = np.random.default_rng(0)
    return Poses(
        mean=rng.normal(50, 5, (rows, 2, 2)),
        covariance=np.zeros((rows, 2, 2, 2)),
        confidence=rng.uniform(size=(rows, 2)),
        source="clip.mp4",
        sizes=np.full((rows, 2), 100),
        frame_index=np.arange(rows),
        time_stamp=np.arange(rows) / 25,
        history=("predicted",),
    )


def test_every_file_is_filtered_and_written_in_the_formats_asked_for(tmp_path, capsys):
    write_hdf5(poses(), tmp_path / "one.h5")
    write_npz(poses(), tmp_path / "two.npz")
    smooth_files(
        [tmp_path / "one.h5", tmp_path / "two.npz"], tmp_path / "out", Finish(smooth="median", format="npz,csv")
    )
    names = [f"{stem}.{ending}" for stem in ("one", "two") for ending in ("csv", "npz", "raw.csv")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    found = read_npz(tmp_path / "out" / "one.npz")
    assert found.history == ("predicted", "median_filter(window=5)")
    np.testing.assert_array_equal(found.raw, poses().mean)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_smoothing_again_starts_from_the_raw_keypoints(tmp_path):
    write_hdf5(poses(), tmp_path / "clip.h5")
    smooth_files([tmp_path / "clip.h5"], tmp_path, Finish(smooth="savgol", format="h5"))
    smooth_files([tmp_path / "clip.h5"], tmp_path, Finish(min_confidence=0.5, format="h5"))
    found = read_hdf5(tmp_path / "clip.h5")
    kept = poses().confidence >= 0.5
    np.testing.assert_array_equal(found.mean[kept], poses().mean[kept])
    np.testing.assert_array_equal(found.raw, poses().mean)


def test_appearance_and_maps_stay_in_the_file(tmp_path):
    write_hdf5(poses(), tmp_path / "clip.h5")
    with h5py.File(tmp_path / "clip.h5", "a") as file:
        file["maps"] = np.ones((30, 2, 4, 4), np.float16)
    smooth_files([tmp_path / "clip.h5"], tmp_path, Finish(smooth="median", format="h5"))
    with h5py.File(tmp_path / "clip.h5") as file:
        assert file["maps"].shape == (30, 2, 4, 4)


def test_a_bad_file_among_good_ones_is_passed_over(tmp_path, capsys):
    write_hdf5(poses(), tmp_path / "good.h5")
    (tmp_path / "bad.h5").write_text("no poses")
    (tmp_path / "table.csv").write_text("no poses")
    files = [tmp_path / name for name in ("bad.h5", "good.h5", "table.csv")]
    smooth_files(files, tmp_path / "out", Finish(smooth="kalman"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good.h5", "good.csv", "good.raw.csv"}
    assert "skipped 2 files" in capsys.readouterr().err


def test_bad_files_alone_and_files_of_one_name_are_refused(tmp_path):
    (tmp_path / "table.csv").write_text("no poses")
    with pytest.raises(PartposeError, match=r"is neither \.h5 nor \.npz"):
        smooth_files([tmp_path / "table.csv"], tmp_path / "out", Finish())
    write_hdf5(poses(), tmp_path / "table.h5")
    with pytest.raises(PartposeError, match="more than one file is named table"):
        smooth_files([tmp_path / "table.csv", tmp_path / "table.h5"], tmp_path / "out", Finish())
