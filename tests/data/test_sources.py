import json
import os
import unicodedata
from pathlib import Path

import pytest
from drawing import blob
from PIL import Image
from streets import save_street

from partpose.data import landmarks
from partpose.data.cut import Cut
from partpose.data.figures import draw_figures
from partpose.data.sources import Source, find_sources, some_files, training_files, with_own_stems
from partpose.errors import PartposeError


def save(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blob(20, 20, 10, 10)).save(path)


def annotated(root, rows, table="landmarks.csv"):
    root.mkdir(parents=True, exist_ok=True)
    (root / table).write_text("file,split,kp0_x,kp0_y\n" + "".join(f"{name},{split},1,2\n" for name, split in rows))
    return root


def test_pictures_of_a_folder_are_one_source(picture_folder):
    sources, skipped = find_sources([picture_folder])
    assert not skipped
    assert [(source.path, source.kind, source.stem) for source in sources] == [(picture_folder, "pictures", "pictures")]
    expected = [*(f"frame{i}" for i in range(1, 7)), *(f"more/frame{i}" for i in range(7, 13))]
    assert [name[:-4] for name in sources[0].names] == expected
    assert [path.name for path in sources[0].files] == [name.split("/")[-1] for name in sources[0].names]


def test_a_picture_and_a_video_alone(picture_folder, clip):
    sources, _ = find_sources([picture_folder / "frame1.png", clip])
    assert [(s.kind, s.names, s.stem) for s in sources] == [
        ("pictures", ("frame1.png",), "frame1"),
        ("video", ("clip.mp4",), "clip"),
    ]


def test_a_folder_with_both(tmp_path, clip):
    root = tmp_path / "both"
    save(root / "a.png")
    (root / "day 1").mkdir()
    os.link(clip, root / "day 1" / "Cam.MP4")
    sources, _ = find_sources([root])
    assert [(s.kind, s.names, s.stem) for s in sources] == [
        ("pictures", ("a.png",), "both"),
        ("video", ("day 1/Cam.MP4",), "day 1_Cam"),
    ]


def test_a_test_picture_is_known_in_any_form_of_its_name_and_by_any_link(tmp_path):
    images = tmp_path / "set" / "images"
    save(images / unicodedata.normalize("NFD", "é1.png"), images / "2.png", images / "3.png")
    os.link(images / "2.png", images / "a copy.png")
    table = f"file,split\nimages/{unicodedata.normalize('NFC', 'é1.png')},test\nimages/2.png,test\nimages/3.png,train\n"
    (tmp_path / "set" / "meta.csv").write_text(table)
    training = training_files(images)
    assert (training.sources[0].names, training.held_out) == (("3.png",), 3)


def test_stems_are_safe_and_differ(tmp_path):
    save(tmp_path / "a" / "Set.1" / "1.png", tmp_path / "b" / "set.1" / "1.png", tmp_path / 'q"*<ü>: ' / "1.png")
    inputs = [tmp_path / "a" / "Set.1", tmp_path / "b" / "set.1", tmp_path / 'q"*<ü>: ', tmp_path / "a" / "Set.1"]
    assert [source.stem for source in with_own_stems(find_sources(inputs)[0])] == [
        "Set.1",
        "set.1-2",
        "q_ü_",
        "Set.1-3",
    ]


def test_the_current_folder_has_a_stem(picture_folder, monkeypatch):
    monkeypatch.chdir(picture_folder)
    assert find_sources(["."])[0][0].stem == "pictures"


def test_an_annotated_set_is_what_its_table_lists(tmp_path):
    save(
        tmp_path / "images" / "2.png",
        tmp_path / "images" / "1.png",
        tmp_path / "other.png",
        tmp_path / "masks" / "1.png",
    )
    annotated(tmp_path, [("images/2.png", "train"), ("./images/1.png", "test"), ("images/3.png", "train")])
    (source,), skipped = find_sources([tmp_path])
    assert source.names == ("images/2.png", "images/1.png")
    assert [(line.path, line.reason) for line in skipped] == [
        (f"{tmp_path}/images/3.png", "is listed in landmarks.csv but is not there")
    ]


def test_training_leaves_out_the_test_split_and_reads_no_landmark(tmp_path):
    save(*(tmp_path / f"{i}.png" for i in range(4)))
    (tmp_path / "landmarks.csv").write_text(
        "file,split,kp0_x,kp0_y\n0.png,train,no,number\n1.png,test,x,y\n2.png,unlabelled,,\n3.png,,,\n"
    )
    training = training_files(tmp_path)
    assert training.sources[0].names == ("0.png", "2.png", "3.png")
    assert training.held_out == 1


def test_the_split_of_a_set_deeper_in_the_input_holds_too(tmp_path, clip):
    save(tmp_path / "sets" / "a" / "images" / "0.png", tmp_path / "sets" / "b" / "1.png", tmp_path / "sets" / "c.png")
    annotated(tmp_path / "sets" / "a", [("images/0.png", "test")])
    annotated(tmp_path / "sets" / "b", [("1.png", "train"), ("clip.mp4", "test")], "meta.csv")
    os.link(clip, tmp_path / "sets" / "b" / "clip.mp4")
    training = training_files(tmp_path / "sets")
    assert [source.names for source in training.sources] == [("b/1.png", "c.png")]
    assert training.held_out == 2


@pytest.mark.parametrize("inside", ["images", "images/day1", "images/../images"])
def test_the_split_holds_for_the_images_of_a_set_too(tmp_path, inside, monkeypatch):
    rows = [("images/day1/0.png", "train"), ("images/day1/1.png", "test")]
    save(*(annotated(tmp_path / "set", rows) / name for name, _ in rows), tmp_path / "other" / "1.png")
    for root in (tmp_path / "set" / inside, "."):
        training = training_files(root)
        assert [path.name for source in training.sources for path in source.files] == ["0.png"]
        assert training.held_out == 1
        monkeypatch.chdir(tmp_path / "set" / inside)
    with pytest.raises(PartposeError, match="every file has split=test"):
        training_files(tmp_path / "set" / "images" / "day1" / "1.png")
    assert training_files(tmp_path / "other").held_out == 0


def test_the_split_holds_for_images_that_are_a_link(tmp_path):
    save(tmp_path / "store" / "0.png", tmp_path / "store" / "1.png")
    annotated(tmp_path / "set", [("images/1.png", "test")])
    (tmp_path / "set" / "images").symlink_to(tmp_path / "store")
    assert training_files(tmp_path / "set" / "images").sources[0].names == ("0.png",)


@pytest.mark.parametrize("root", ["", "set", "set/images"])
def test_a_set_that_is_half_drawn_has_no_split_and_is_refused(tmp_path, root):
    with pytest.raises(KeyboardInterrupt):
        draw_figures(tmp_path / "set", 2, 4, 32, jobs=1, progress=interrupted)
    with pytest.raises(PartposeError, match=r"set was not made to its end: run `partpose figures` on it again"):
        training_files(tmp_path / root)
    draw_figures(tmp_path / "set", 2, 4, 32, jobs=1)
    assert training_files(tmp_path / root).held_out == 2


def interrupted(*_: int) -> None:
    raise KeyboardInterrupt


def test_a_meta_table_about_something_else_does_no_harm(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "meta.csv").write_bytes(b"name;value\n\xff;1\n")
    assert training_files(tmp_path).held_out == 0


def test_nothing_left_to_train_on_is_said(tmp_path):
    save(tmp_path / "a.png")
    annotated(tmp_path, [("a.png", "test")])
    with pytest.raises(PartposeError, match="every file has split=test"):
        training_files(tmp_path)


def test_a_bad_folder_counts_right(bad_folder):
    (source,), skipped = find_sources([bad_folder.path])
    unreachable = {line.path.removeprefix(f"{bad_folder.path}/") for line in skipped}
    assert len(source.files) == len(bad_folder.good) + len(bad_folder.bad) - len(unreachable)
    assert unreachable == {"dangling.png", "self.jpg", "pipe.jpg"}


def test_a_file_with_another_ending_is_passed_over(picture_folder):
    (picture_folder / "notes.txt").touch()
    sources, skipped = find_sources([picture_folder / "frame1.png", picture_folder / "notes.txt"])
    assert len(sources) == 1
    assert [line.path for line in skipped] == [str(picture_folder / "notes.txt")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "found nothing in .*, expected a picture or video; endings known: avi bmp"),
        (["a.txt", "b/c.csv", "noending"], "found 3 files in .*, but no picture or video"),
        (["a.txt"], "found 1 file in"),
    ],
)
def test_a_folder_without_pictures_is_said_to_be_so(tmp_path, files, words):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(PartposeError, match=words):
        find_sources([tmp_path])


def test_inputs_that_are_not_there(tmp_path):
    with pytest.raises(PartposeError, match="does not exist or may not be entered, expected pictures or videos"):
        find_sources([tmp_path / "none"])
    with pytest.raises(PartposeError, match="no input was named"):
        find_sources([])
    (tmp_path / "lost.png").symlink_to("nowhere")
    with pytest.raises(PartposeError, match=r"passed over: .*lost\.png is a link to nothing"):
        find_sources([tmp_path])


def test_a_closed_folder_is_said_to_be_so(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("the superuser may enter every folder")
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(PartposeError, match="closed cannot be listed: Permission denied"):
        find_sources([tmp_path / "closed"])


def test_every_shared_set_is_found(shared_data):
    for folder in sorted(path.parent for path in shared_data.glob("*/landmarks.csv")):
        training = training_files(folder)
        test = set(landmarks.read_landmarks(folder).subset("test").files)
        assert training.held_out == len(test)
        assert not test & set(training.sources[0].names)


def test_a_street_is_its_pedestrians(tmp_path):
    street = save_street(tmp_path / "street", 3, 2)
    (source,), _ = find_sources([street])
    assert len(source.files) == 6
    assert [[cut.track for cut in source.cuts[i]] for i in range(6)] == [["5", "70000"]] * 6
    found = training_files(street)
    assert found.held_out > 0
    assert set(found.sources[0].splits) == {"train"}
    assert len(found.sources[0].cuts) == len(found.sources[0].files) == 6 - found.held_out


def test_some_files_keep_their_cuts_and_splits():
    cuts = {0: (Cut(track="a"),), 2: (Cut(track="c"),)}
    source = Source(
        Path("set"),
        "pictures",
        (Path("a"), Path("b"), Path("c")),
        ("a", "b", "c"),
        "set",
        cuts,
        None,
        ("train", "", "test"),
    )
    some = some_files(source, [1, 2])
    assert (some.names, some.splits, dict(some.cuts)) == (("b", "c"), ("", "test"), {1: (Cut(track="c"),)})


def test_validation_pictures_of_coco_are_not_trained_on(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    categories = [{"id": 1, "name": "dot", "keypoints": ["middle"], "skeleton": []}]
    for number, split in enumerate(("train", "val")):
        Image.fromarray(blob(64, 40, 20, 10)).save(folder / f"{split}.png")
        image = {"id": number, "file_name": f"{split}.png", "width": 64, "height": 40}
        annotation = {"id": number, "image_id": number, "category_id": 1, "keypoints": [20, 10, 2], "num_keypoints": 1}
        content = {"images": [image], "annotations": [annotation], "categories": categories}
        (folder / f"person_keypoints_{split}.json").write_text(json.dumps(content))
    found = training_files(folder)
    assert [source.names for source in found.sources] == [("train.png",)]
    assert found.held_out == training_files(tmp_path).held_out == 1
