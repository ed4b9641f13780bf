"""SLEAP's labels and analysis files, beside what sleap-io reads from them."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from drawing import blob
from labels_files import POINTS, write_labels
from PIL import Image
from videos import save_video

from partpose.data.annotations import sleap, sleap_analysis
from partpose.errors import PartposeError


def read(path: Path, reader=sleap):
    return reader.read(path, reader.find(path))


def test_points_come_in_the_order_of_the_skeleton(tmp_path):
    landmarks = read(write_labels(tmp_path / "a.slp", [[(POINTS, -1, False)]], [{"filename": "a.mp4"}]))
    assert landmarks.names == ("tail", "ear_left", "nose", "ear_right")
    assert landmarks.skeleton == ((2, 0), (2, 1))
    assert landmarks.flip_pairs == ((1, 3),)
    assert (landmarks.format, landmarks.cuts) == ("sleap", None)
    np.testing.assert_array_equal(landmarks.points, [POINTS])


def test_predicted_instances_count_only_where_nothing_was_labelled(tmp_path):
    by_hand, predicted = [(POINTS, 0, False)], [(POINTS + 1, 0, True)]
    both = read(write_labels(tmp_path / "a.slp", [[*by_hand, *predicted], predicted], [{"filename": "a.mp4"}]))
    np.testing.assert_array_equal(both.points, [POINTS])
    assert (both.format, both.frames) == ("sleap", (0,))
    alone = read(write_labels(tmp_path / "b.slp", [predicted, predicted], [{"filename": "a.mp4"}]))
    assert (alone.format, alone.frames) == ("sleap predictions", (0, 10))


def test_before_format_1_1_the_corner_of_a_pixel_was_its_origin(tmp_path):
    path = write_labels(tmp_path / "a.slp", [[(POINTS, -1, False)]], [{"filename": "a.mp4"}], format_id=1.0)
    np.testing.assert_array_equal(read(path).points, [POINTS - 0.5])


def test_several_instances_of_a_frame_have_tracks_and_boxes(tmp_path):
    frames = [[(POINTS, 1, False), (POINTS + 20, -1, False)], [(POINTS, 0, False)]]
    landmarks = read(write_labels(tmp_path / "a.slp", frames, [{"filename": "a.mp4"}]))
    assert landmarks.frames == (0, 0, 10)
    assert [cut.track for cut in landmarks.cuts] == ["male", "1", "female"]
    left, top, width, height = landmarks.cuts[0].box  # 1.5 times a square of 7 px, x from 1.5 to 7 and y from 2 to 8
    assert (width, height) == (10.5, 10.5)
    assert (left + width / 2, top + height / 2) == (4.25 + 0.5, 5 + 0.5)


def test_pictures_and_the_videos_of_a_file_are_found_beside_it(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "b.png")
    save_video(tmp_path / "clip.mp4", [blob(32, 32, 9, 9)])
    videos = [{"filename": r"D:\films\clip.mp4"}, {"filenames": [f"/x/{i}.png" for i in range(10)] + ["/x/b.png"]}]
    landmarks = read(write_labels(tmp_path / "a.slp", [[(POINTS, -1, False)]] * 2, videos))
    assert landmarks.files == ("clip.mp4", "b.png")
    assert landmarks.frames == (0, -1)


def test_pictures_inside_a_labels_file_are_read_from_their_video_or_refused(tmp_path):
    path = write_labels(tmp_path / "a.pkg.slp", [[(POINTS, -1, False)]], [{"filename": ".", "dataset": "video0/video"}])
    with h5py.File(path, "a") as file:
        source = {"backend": {"filename": "/home/me/clip.mp4"}}
        file.create_group("video0/source_video").attrs["json"] = json.dumps(source)
    with pytest.raises(PartposeError, match=r"holds its pictures inside.*clip\.mp4"):
        read(path)
    save_video(tmp_path / "clip.mp4", [blob(32, 32, 9, 9)])
    assert read(path).files == ("clip.mp4",)


@pytest.mark.parametrize(
    ("frames", "change", "reason"),
    [
        ([[]], None, "no labelled instance"),
        ([[(POINTS, -1, False)]], ("skeleton", [7]), "is no whole SLEAP file: list index out of range"),
        ([[(POINTS, -1, False)]], ("point_id_end", [3]), "4 points of their skeleton"),
        ([[(POINTS, -1, False), (POINTS, -1, False)]], ("skeleton", [0, 1]), "2 skeletons"),
    ],
)
def test_a_broken_labels_file_is_refused_in_words(tmp_path, frames, change, reason):
    path = write_labels(tmp_path / "a.slp", frames, [{"filename": "a.mp4"}])
    if change:
        with h5py.File(path, "a") as file:
            instances = file["instances"][:]
            instances[change[0]] = change[1]
            file["instances"][:] = instances
    with pytest.raises(PartposeError, match=reason):
        read(path)


def test_a_file_that_is_cut_short_is_named(tmp_path):
    path = write_labels(tmp_path / "a.slp", [[(POINTS, -1, False)]], [{"filename": "a.mp4"}])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PartposeError, match=f"{path} is no whole SLEAP file: .*truncated"):
        read(tmp_path)


def test_files_of_others_are_not_mistaken(tmp_path):
    (tmp_path / "a.slp").write_text("text")
    with h5py.File(tmp_path / "b.slp", "w") as file:
        file["frames"] = [1]
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["tracks"] = [1]
    (tmp_path / "d.slp").mkdir()
    assert sleap.find(tmp_path) + sleap_analysis.find(tmp_path) == []


def test_of_several_labels_files_one_has_to_be_named(tmp_path):
    for name in ("v000.slp", "v001.slp"):
        write_labels(tmp_path / name, [[(POINTS, -1, False)]], [{"filename": "a.mp4"}])
    with pytest.raises(PartposeError, match=r"2 SLEAP files, .* v000\.slp, v001\.slp"):
        read(tmp_path)


def write_analysis(path: Path, order: str, tracks: np.ndarray, **others) -> Path:
    """tracks: (frames, tracks, nodes, 2), stored with its axes in the order of the letters f, t, n and x."""
    with h5py.File(path, "w") as file:
        file["tracks"] = tracks.transpose(["ftnx".index(letter) for letter in order])
        full = {"f": "frame", "t": "track", "n": "node", "x": "xy"}
        file["tracks"].attrs["dims"] = json.dumps([full[letter] for letter in order])
        file["track_occupancy"], file["track_names"] = np.ones((len(tracks), tracks.shape[1])), [b"one", b"two"]
        file["node_names"] = [b"left_ear", b"right_ear", b"tail"]
        for name, value in others.items():
            file[name] = value
    return path


@pytest.mark.parametrize("order", ["ftnx", "txnf", "nfxt"])
def test_an_analysis_file_says_the_order_of_its_axes(tmp_path, order):
    tracks = np.arange(2 * 2 * 3 * 2.0).reshape(2, 2, 3, 2)
    tracks[1, 0], tracks[0, 1, 2, 0] = np.nan, np.nan
    path = write_analysis(tmp_path / "a.h5", order, tracks, video_path=b"/x/clip.mp4", edge_inds=[[2, 0]])
    landmarks = read(path, sleap_analysis)
    tracks[0, 1, 2, 1] = np.nan
    np.testing.assert_array_equal(landmarks.points, [tracks[0, 0], tracks[0, 1], tracks[1, 1]])
    assert [cut.track for cut in landmarks.cuts] == ["one", "two", "two"]
    assert (landmarks.frames, set(landmarks.files)) == ((0, 0, 1), {"x/clip.mp4"})
    assert (landmarks.skeleton, landmarks.flip_pairs) == (((2, 0),), ((0, 1),))


def test_an_analysis_file_without_its_video_takes_the_one_that_it_is_named_after(tmp_path):
    for name in ("clip.mp4", "clip.left.mp4", "other.mp4"):
        (tmp_path / name).touch()
    path = write_analysis(tmp_path / "clip.left.analysis.h5", "ftnx", np.ones((1, 1, 3, 2)))
    assert read(path, sleap_analysis).files == ("clip.left.mp4",)


def test_partpose_s_own_predictions_are_no_annotations(tmp_path):
    path = write_analysis(tmp_path / "clip.h5", "ftnx", np.ones((1, 1, 3, 2)))
    with h5py.File(path, "a") as file:
        file.attrs["partpose_format"] = 1
    with pytest.raises(PartposeError, match="predictions of partpose"):
        read(path, sleap_analysis)
    assert sleap_analysis.find(tmp_path) == []


# ---- the genuine files ----------------------------------------------------------------------------------------------


@pytest.fixture
def labels_files(suite) -> Path:
    return suite / "sleap"


GENUINE = {  # rows, landmarks that are visible, format, and of how many rows the video is there
    "clip.2node.slp": (3000, 6000, "sleap", 3000),
    "dance.mp4.labels.slp": (3, 48, "sleap", 0),
    "minimal_instance.slp": (2, 4, "sleap", 2),
    "predictions.slp": (6000, 76474, "sleap predictions", 0),
    "small_robot_minimal.slp": (2, 4, "sleap", 0),
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_labels_file_reads_as_sleap_io_reads_it(labels_files, name):
    sio = pytest.importorskip("sleap_io")
    labels = sio.load_slp(str(labels_files / name), open_videos=False)
    kind = sio.Instance if any(frame.user_instances for frame in labels) else sio.PredictedInstance
    rows = [(frame, one) for frame in labels for one in frame.instances if type(one) is kind]
    landmarks = read(labels_files / name)
    count, visible, form, there = GENUINE[name]
    assert len(landmarks.files) == len(rows) == count
    assert landmarks.names == tuple(labels.skeletons[0].node_names)
    assert landmarks.format == form
    assert landmarks.frames == tuple(frame.frame_idx for frame, _ in rows)
    np.testing.assert_array_equal(landmarks.points, np.stack([one.numpy() for _, one in rows]))
    assert np.isfinite(landmarks.points).all(-1).sum() == visible
    assert sum((labels_files / file).is_file() for file in landmarks.files) == there
    assert set(landmarks.skeleton) == set(map(tuple, labels.skeletons[0].edge_inds))
    twins = {tuple(sorted(pair)) for pair in labels.skeletons[0].symmetry_inds}
    assert set(landmarks.flip_pairs) == twins or not twins
    if landmarks.cuts is not None and labels.tracks:
        assert [cut.track for cut in landmarks.cuts] == [one.track.name for _, one in rows]


def test_the_genuine_analysis_file_holds_the_points_of_the_labels_file(labels_files):
    """Its nodes come in another order, and it names no video."""
    labels, landmarks = (
        read(labels_files / "predictions.slp"),
        read(labels_files / "predictions.analysis.h5", sleap_analysis),
    )
    assert landmarks.names == labels.names
    rows = [
        sorted(zip(one.frames, (cut.track for cut in one.cuts), range(6000), strict=True))
        for one in (labels, landmarks)
    ]
    (a, b) = ([row for *_, row in one] for one in rows)
    np.testing.assert_allclose(landmarks.points[b], labels.points[a])
    assert landmarks.files[0] == "predictions"


def test_a_folder_of_the_suite_with_one_labels_file_is_read(labels_files, tmp_path):
    shutil.copy(labels_files / "minimal_instance.slp", tmp_path)
    assert len(read(tmp_path).files) == 2
