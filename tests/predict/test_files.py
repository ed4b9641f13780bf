"""Which files there are for one input's poses."""

from test_formats import filtered, video

from partpose.predict.files import files_of, write_files
from partpose.predict.finish import FORMATS
from partpose.predict.formats import read_hdf5
from partpose.predict.npz import read_npz
from partpose.predict.poses import same


def test_every_format_in_a_file_of_its_own(tmp_path):
    written = write_files(video(), tmp_path / "clip.v2", FORMATS)
    assert [path.name for path in written] == ["clip.v2.h5", "clip.v2.csv", "clip.v2.coco.json", "clip.v2.npz"]
    assert written == files_of(tmp_path / "clip.v2", FORMATS)
    assert all(path.is_file() for path in written)
    assert same(read_hdf5(written[0]), read_npz(written[3]))


def test_raw_keypoints_stand_beside_filtered_ones(tmp_path):
    poses = filtered()
    written = write_files(poses, tmp_path / "clip", FORMATS)
    names = ["clip.h5", "clip.csv", "clip.raw.csv", "clip.coco.json", "clip.raw.coco.json", "clip.npz"]
    assert [path.name for path in written] == names
    x = [float(path.read_text().splitlines()[3].split(",")[1]) for path in written[1:3]]
    assert x == [poses.mean[0, 0, 0], poses.raw[0, 0, 0]]
    assert same(read_hdf5(written[0]), poses)
