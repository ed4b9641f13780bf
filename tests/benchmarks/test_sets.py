"""The sets that benchmarks train on."""

import pytest
from training import save_annotated

from partpose.data.sources import training_files
from partpose.errors import PartposeError


def test_test_pictures_are_held_out_of_a_folder_of_links(tmp_path, module, clip):
    """A set with a clip is trained on links to both: tables of the set are found through them."""
    save_annotated(tmp_path / "data/mouse_mirror", "aaaeea")
    sets = module("sets")
    one = sets.SETS["mouse_mirror"]._replace(clip=clip.name)
    for _ in range(2):  # the links of an earlier call are replaced
        place = sets.find("mouse_mirror", one, tmp_path / "data", clip.parent, tmp_path / "work")
    assert {path.name for path in place.training.iterdir()} == {"mouse_mirror", clip.name}
    found = training_files(place.training)
    assert found.held_out == 2
    names = [name for source in found.sources for name in source.names]
    assert names == [f"mouse_mirror/images/{i}.png" for i in (0, 1, 2, 5)] + [clip.name]


def test_what_is_missing_is_named(tmp_path, module):
    sets = module("sets")
    with pytest.raises(PartposeError, match="faces_lfw5 is not there: give --data DIR"):
        sets.find("faces_lfw5", sets.SETS["faces_lfw5"], tmp_path, None, tmp_path)
    save_annotated(tmp_path / "data/mouse_mirror", "ae")
    with pytest.raises(PartposeError, match=r"clips.mouse.mirror-mouse_test_vid.mp4 as well, .* give --clips DIR"):
        sets.find("mouse_mirror", sets.SETS["mouse_mirror"], tmp_path / "data", None, tmp_path)
    with pytest.raises(PartposeError, match="no set 'cats': expected some of figures-plain, "):
        sets.chosen(["cats"])


def test_another_preset_sees_the_same_pictures_with_as_many_parts(module):
    sets = module("sets").SETS
    for one in sets.values():
        own, other = one.settings(), one.settings("lorenz2019")
        assert (other.model.parts, other.model.size) == (own.model.parts, own.model.size)
        assert other.data == own.data
        assert other.model.architecture == "lorenz2019"
    assert sets["mouse_openfield"].settings("lorenz2019").transform.rotation > 3
    assert sets["faces_lfw5"].settings("faces") == sets["faces_lfw5"].settings()
