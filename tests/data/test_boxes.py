import pytest
from drawing import blob
from PIL import Image
from videos import save_video

from partpose.data.boxes import apply_boxes, boxes_for, check_boxes, read_boxes, write_boxes
from partpose.data.cut import Box, Cut
from partpose.data.images import Unreadable
from partpose.data.sources import Source, find_sources
from partpose.data.walk import readable
from partpose.errors import PartposeError


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def pictures(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blob(20, 20, 10, 10)).save(root / name)
    return find_sources([root])[0][0]


def video(root, name="clip.mp4", frames=4):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    save_video(root / name, [blob(32, 32, 10, 10)] * frames)
    return next(source for source in find_sources([root])[0] if source.names == (name,))


def boxes_of(source):
    return {place: [(cut.track, *cut.box) for cut in cuts] for place, cuts in source.cuts.items()}


def test_a_line_a_picture(tmp_path):
    source = pictures(tmp_path / "set", "a.png", "more/b.png", "c.png")
    boxes = read_boxes(table(tmp_path / "boxes.csv", "file,x,y,w,h\na.png,1,2,3,4\nmore\\b.png,-1.5,0,10,20\n"))
    assert boxes_of(apply_boxes(source, boxes)) == {0: [("", 1, 2, 3, 4)], 2: [("", -1.5, 0, 10, 20)]}
    assert source.names[2] == "more/b.png"


def test_columns_in_any_order_and_case_with_others_between(tmp_path):
    text = "\ufeffScore, H ,class,Top,frame,LEFT,Width\n0.9,4,mouse,2,7.0,1,3\n"
    assert read_boxes(table(tmp_path / "b.csv", text)).lines[0] == (2, "", 7, Box(1, 2, 3, 4), "")


@pytest.mark.parametrize("unseen", [",,,", "nan,NaN,nan,nan"])
def test_an_object_that_was_not_seen_has_no_box(tmp_path, unseen):
    boxes = read_boxes(table(tmp_path / "b.csv", f"frame,x,y,w,h\n0,1,2,3,4\n1,{unseen}\n2,1,2,3,4\n"))
    assert [line.frame for line in boxes.lines] == [0, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "frame,x,y,w\n0,1,2,3\n",
            "line 1: column 'h' is missing, expected a line with the names file or frame, x, y, w and h, got frame, x, y, w",
        ),
        ("x,y,w,h\n1,2,3,4\n", "line 1: column 'file' is missing"),
        ("0,9,9,70,70\n1,9,9,70,70\n", "a line with the names file or frame, x, y, w and h, got 0, 9, 9, 70, 70"),
        ("frame,x,y,w,h\n0,1,2,3,4\n1,1,two,3,4\n", "line 3: y must be a number, got 'two'"),
        ("frame,x,y,w,h\n0,1,,3,4\n", "line 2: y must be a number, got ''"),
        ("frame,x,y,w,h\n0,inf,2,3,4\n", "line 2: x must be a number, got 'inf'"),
        ("frame,x,y,w,h\n0,1,2,0,4\n", "line 2: w and h must be above 0, got 0 and 4"),
        ("frame,x,y,w,h\n-1,1,2,3,4\n", "line 2: frame must be a number from 0, got '-1'"),
        ("frame,x,y,w,h\n0.5,1,2,3,4\n", "line 2: frame must be"),
        ("file,frame,x,y,w,h\n,,1,2,3,4\n", "line 2: expected a file or a frame, got neither"),
        ("frame,x,y,w,h\n0,1,2,3\n", "line 2: expected 5 columns"),
        ("frame,x,y,w,h\n", "lists no box"),
        ("", "lists no box"),
    ],
)
def test_a_broken_table_is_one_clear_line(tmp_path, text, words):
    with pytest.raises(PartposeError) as error:
        read_boxes(table(tmp_path / "b.csv", text))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_table(tmp_path, clip):
    with pytest.raises(PartposeError, match=r"none\.csv does not exist"):
        boxes_for(find_sources([clip])[0][0], str(tmp_path / "none.csv"))


def test_several_objects_have_tracks(tmp_path):
    source = video(tmp_path)
    text = "frame,x,y,w,h,id\n2,1,1,5,5,\n0,2,2,5,5,7.0\n2,3,3,5,5,0\n2,4,4,5,5,left\n"
    cuts = boxes_of(apply_boxes(source, read_boxes(table(tmp_path / "b.csv", text))))
    assert {place: [box[0] for box in boxes] for place, boxes in cuts.items()} == {0: ["7"], 2: ["1", "0", "left"]}


def test_one_object_a_frame_needs_no_track(tmp_path):
    source = video(tmp_path)
    text = "frame,x,y,w,h\n0,1,1,5,5\n3,2,2,5,5\n"
    assert boxes_of(apply_boxes(source, read_boxes(table(tmp_path / "b.csv", text)))) == {
        0: [("", 1, 1, 5, 5)],
        3: [("", 2, 2, 5, 5)],
    }


def test_one_object_twice_in_a_frame(tmp_path):
    boxes = read_boxes(table(tmp_path / "b.csv", "frame,x,y,w,h,id\n0,1,1,5,5,a\n0,1,2,5,5,b\n0,2,1,5,5,a\n"))
    with pytest.raises(PartposeError, match="line 4: object 'a' has a box there already"):
        apply_boxes(video(tmp_path), boxes)


def test_one_table_for_several_videos(tmp_path):
    root = tmp_path / "in"
    one, two = video(root, "day 1/clip.mp4"), video(root, "day 2/clip.mp4")
    text = "file,frame,x,y,w,h\nday 1/clip.mp4,0,1,1,5,5\n/old/place/day 2/clip.mp4,3,2,2,6,6\n"
    path = table(tmp_path / "b.csv", text)
    assert check_boxes(str(path), [one, two]) == []
    assert boxes_of(boxes_for(one, str(path))[0]) == {0: [("", 1, 1, 5, 5)]}
    assert boxes_of(boxes_for(two, str(path))[0]) == {3: [("", 2, 2, 6, 6)]}
    alone = find_sources([root / "day 1"])[0][0]
    assert alone.names == ("clip.mp4",)
    assert boxes_of(boxes_for(alone, str(path))[0]) == {0: [("", 1, 1, 5, 5)]}


def test_frames_without_a_file_are_of_one_video_only(tmp_path):
    root, path = tmp_path / "in", table(tmp_path / "b.csv", "frame,x,y,w,h\n0,1,1,5,5\n")
    sources = [video(root, "a.mp4"), video(root, "b.mp4")]
    assert check_boxes(str(path), sources[:1]) == []
    with pytest.raises(PartposeError, match="no column 'file', expected one: there are 2 inputs"):
        check_boxes(str(path), sources)


def test_a_name_that_two_pictures_have(tmp_path):
    source = pictures(tmp_path / "set", "a/1.png", "b/1.png", "c/2.png")
    path = table(tmp_path / "b.csv", "file,x,y,w,h\n2.png,1,1,5,5\n1.png,1,1,5,5\n")
    with pytest.raises(PartposeError, match=r"line 3: '1.png' may be a/1.png and b/1.png: give more of its path"):
        boxes_for(source, str(path))


def test_the_picture_of_that_name_comes_before_those_in_folders(tmp_path):
    source = pictures(tmp_path / "set", "1.png", "a/1.png")
    path = table(tmp_path / "b.csv", "file,x,y,w,h\n1.png,1,1,5,5\na/1.png,2,2,5,5\n")
    assert boxes_of(boxes_for(source, str(path))[0]) == {0: [("", 1, 1, 5, 5)], 1: [("", 2, 2, 5, 5)]}


def test_files_that_are_not_there_are_reported_once(tmp_path):
    source = pictures(tmp_path / "set", "a.png")
    path = table(
        tmp_path / "b.csv", "file,x,y,w,h\na.png,1,1,5,5\nlost.png,1,1,5,5\nlost.png,2,2,5,5\ngone.png,1,1,5,5\n"
    )
    expected = [(str(path), "names 2 files not in the input, the first in line 3: lost.png")]
    assert check_boxes(str(path), [source]) == expected
    assert set(boxes_for(source, str(path))[0].cuts) == {0}


def test_a_large_table_is_matched_in_one_pass(tmp_path, monkeypatch):
    """Every name in every folder: by pairs that would be a square of them."""
    names = [f"v{i}/{j}.png" for i in range(60) for j in range(60)]
    source = Source(tmp_path, "pictures", tuple(tmp_path / name for name in names), tuple(names), "a")
    lines = "".join(f"elsewhere/{name},1,2,3,4\n" for name in names)
    boxes = read_boxes(table(tmp_path / "b.csv", f"file,x,y,w,h\n{lines}"))
    looked = []
    monkeypatch.setattr("partpose.data.boxes.readable", lambda path: looked.append(path) or readable(path))
    assert sorted(apply_boxes(source, boxes).cuts) == list(range(3600))
    assert len(looked) < 3 * 3600


def test_two_files_of_a_table_that_could_both_be_one_picture_are_neither(tmp_path):
    source = pictures(tmp_path / "set", "z/1.png", "2.png")
    path = table(tmp_path / "b.csv", "file,x,y,w,h\nx/1.png,1,1,5,5\ny/1.png,2,2,5,5\n2.png,1,1,5,5\n")
    assert [source.names[row] for row in boxes_for(source, str(path))[0].cuts] == ["2.png"]
    assert "names 2 files" in check_boxes(str(path), [source])[0].reason


def test_a_source_without_a_box(tmp_path):
    path = table(tmp_path / "b.csv", "file,frame,x,y,w,h\nother.mp4,0,1,1,5,5\n")
    with pytest.raises(Unreadable, match=r"clip\.mp4: has no box in .*b\.csv"):
        boxes_for(video(tmp_path / "in"), str(path))


def test_pictures_need_names_and_videos_frames(tmp_path):
    path = table(tmp_path / "b.csv", "frame,x,y,w,h\n0,1,1,5,5\n")
    with pytest.raises(PartposeError, match="line 2: expected the name of a picture in a column 'file'"):
        boxes_for(pictures(tmp_path / "set", "a.png"), str(path))
    path = table(tmp_path / "c.csv", "file,x,y,w,h\nclip.mp4,1,1,5,5\n")
    with pytest.raises(PartposeError, match=r"line 2: expected a frame of clip\.mp4 in a column 'frame'"):
        boxes_for(video(tmp_path / "in"), str(path))


def test_frames_beyond_the_end_are_reported(tmp_path):
    path = table(tmp_path / "b.csv", "frame,x,y,w,h\n3,1,1,5,5\n4,1,1,5,5\n90,1,1,5,5\n")
    _, said = boxes_for(video(tmp_path / "in"), str(path))
    assert said == [(str(path), "has boxes in 2 frames beyond the last of clip.mp4, which is 3")]


def test_a_table_that_has_changed_is_read_again(tmp_path):
    source, path = video(tmp_path / "in"), tmp_path / "b.csv"
    for frame in (1, 2):
        table(path, f"frame,x,y,w,h\n{frame},1,1,5,5\n")
        assert set(boxes_for(source, str(path))[0].cuts) == {frame}


def test_what_is_written_is_read_back(tmp_path):
    (tmp_path / "in").mkdir()
    still = pictures(tmp_path / "in", "a.png", "ü, b.png")
    moving = video(tmp_path / "in")
    still = still._replace(cuts={1: (Cut(Box(-1.25, 2, 3.5, 4.75)),)})
    moving = moving._replace(
        cuts={3: (Cut(Box(1, 2, 3, 4), track="left"), Cut(Box(0, 0, 5, 5), track="2")), 1: (Cut(),)}
    )
    write_boxes(tmp_path / "out" / "boxes.csv", still, moving)
    assert (tmp_path / "out" / "boxes.csv").read_text().splitlines()[:2] == [
        "file,frame,x,y,w,h,id",
        '"ü, b.png",,-1.25,2.00,3.50,4.75,',
    ]
    for source, kept in ((still, still.cuts), (moving, {3: moving.cuts[3]})):
        assert boxes_for(source._replace(cuts=None), str(tmp_path / "out" / "boxes.csv"))[0].cuts == kept


def test_one_object_in_pictures_is_written_without_what_it_does_not_need(tmp_path):
    source = Source(tmp_path, "pictures", (tmp_path / "a.png",), ("a.png",), "a", {0: (Cut(Box(1, 2, 3, 4)),)})
    write_boxes(tmp_path / "boxes.csv", source)
    assert (tmp_path / "boxes.csv").read_text() == "file,x,y,w,h\na.png,1.00,2.00,3.00,4.00\n"
