"""The few pictures that are edited are those that were named, evenly spread, and what cannot be read is passed over."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dots import predictor, save_set
from PIL import Image
from training import small
from videos import save_video

from partpose.data.cut import Box
from partpose.data.images import Unreadable
from partpose.data.reading import Look, View
from partpose.edit.pictures import as_seen, encode, few_views, mean_looks
from partpose.errors import PartposeError

LOOK = Look(32)
WHOLE = SimpleNamespace(look=LOOK, settings=small())


def flat(value: int) -> np.ndarray:
    return np.full((32, 32, 3), value, np.uint8)


def save(folder, values) -> list:
    """One flat picture a value, whose name is its place."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i}.png" for i in range(len(values))]
    for path, value in zip(paths, values, strict=True):
        Image.fromarray(flat(value)).save(path)
    return paths


def values(views) -> list[int]:
    return [round(float(view.pixels.mean())) for view in views]


def test_pictures_keep_the_order_they_were_named_in(tmp_path):
    paths = save(tmp_path, (10, 20, 30))
    views, skipped = few_views(WHOLE, [paths[2], paths[0], paths[1]], 8)
    assert (values(views), skipped) == ([30, 10, 20], [])


def test_of_many_some_are_taken_from_the_first_to_the_last(tmp_path):
    paths = save(tmp_path / "a", range(0, 200, 10))
    assert values(few_views(WHOLE, [tmp_path / "a"], 3)[0]) == [0, 100, 190]
    assert values(few_views(WHOLE, paths, 2)[0]) == [0, 190]
    assert values(few_views(WHOLE, paths, 1)[0]) == [0]


def test_frames_of_a_video_beside_pictures(tmp_path):
    save(tmp_path / "pictures", (200, 210))
    save_video(tmp_path / "clip.mp4", [flat(value) for value in (20, 60, 100, 140)])
    views, _ = few_views(WHOLE, [tmp_path / "pictures", tmp_path / "clip.mp4"], 4)
    np.testing.assert_allclose(values(views), [200, 210, 20, 140], atol=3)


def test_of_an_annotated_set_its_test_split_is_taken(tmp_path):
    save_set(tmp_path / "set", "aaea")
    save_set(tmp_path / "other", "aa")
    assert [view.index for view in few_views(WHOLE, [tmp_path / "set"], 8)[0]] == [0]
    assert len(few_views(WHOLE, [tmp_path / "other"], 8)[0]) == 2


def test_what_cannot_be_read_is_passed_over(tmp_path):
    paths = save(tmp_path, (10, 20))
    (tmp_path / "broken.png").write_text("no picture")
    views, skipped = few_views(WHOLE, [paths[0], tmp_path / "broken.png", paths[1]], 8)
    assert values(views) == [10, 20]
    assert [one.path for one in skipped] == [str(tmp_path / "broken.png")]
    with pytest.raises(PartposeError, match=r"no picture can be read, the first: .*broken\.png is not a picture"):
        few_views(WHOLE, [tmp_path / "broken.png"], 8)


def test_a_broken_video_is_passed_over(tmp_path):
    paths = save(tmp_path, (10,))
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    views, skipped = few_views(WHOLE, [tmp_path / "clip.mp4", paths[0]], 8)
    assert (len(views), len(skipped)) == (1, 1)
    with pytest.raises((PartposeError, Unreadable), match="no picture can be read"):
        few_views(WHOLE, [tmp_path / "clip.mp4"], 8)


def test_mean_looks_are_those_of_the_first_shape():
    dots = predictor()
    encoding = encode(dots, few_flat((100, 150, 200)))
    mean = mean_looks(encoding)
    torch.testing.assert_close(mean.appearance, encoding.appearance.mean(0, keepdim=True))
    assert torch.equal(mean.parts.mean, encoding.parts.mean[:1])
    assert mean.background is None


def few_flat(numbers) -> list:
    box = Box(0, 0, 80, 80)
    return [View(i, 0, np.nan, 80, 80, box, "", np.full((80, 80, 3), n, np.uint8)) for i, n in enumerate(numbers)]


@pytest.mark.parametrize(("channels", "expected"), [(1, (10, 10, 10)), (2, (10, 10, 10)), (4, (10, 20, 30))])
def test_pictures_of_any_channels_are_shown_in_colour(channels, expected):
    pixels = np.broadcast_to(np.array((10, 20, 30, 40)[:channels], np.uint8), (32, 32, channels))
    seen = as_seen(few_flat([0])[0]._replace(pixels=pixels))
    assert seen.shape == (256, 256, 3)
    assert (seen == expected).all()
