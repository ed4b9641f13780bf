"""Results are called so that they replace nothing but an earlier result of the same input."""

from pathlib import Path

import pytest
from training import save_pictures, save_untrained

from partpose.data.sources import find_sources, with_own_stems
from partpose.errors import PartposeError
from partpose.predict import claims
from partpose.predict.claims import claim
from partpose.predict.finish import Finish
from partpose.prediction import Wanted, predict_inputs

ENDINGS = (".h5", ".csv")


def stems(out, *inputs):
    out.mkdir(exist_ok=True)
    sources = find_sources(inputs)[0]
    return [one.stem for one in with_own_stems(sources, lambda source, stem: claim(out / stem, source, ENDINGS))]


@pytest.fixture
def days(tmp_path):
    return [save_pictures(tmp_path / day / "cam", 1) for day in ("monday", "tuesday", "wednesday")]


def test_a_name_stays_with_its_input_from_call_to_call(tmp_path, days):
    out = tmp_path / "out"
    assert stems(out, days[0], days[1]) == ["cam", "cam-2"]
    assert stems(out, days[1]) == ["cam-2"]
    assert stems(out, days[2], days[1], days[0]) == ["cam-3", "cam-2", "cam"]


def test_a_file_of_the_user_s_is_left_alone(tmp_path, days, capsys):
    own = tmp_path / "own"
    own.mkdir()
    (own / "cam.csv").write_text("time,event")
    model = str(save_untrained(tmp_path / "model"))
    for _ in range(2):
        predict_inputs(model, [days[0]], own)
        assert f"{own / 'cam'}.* is not of {days[0]}: its results are called cam-2.*" in capsys.readouterr().out
    assert (own / "cam.csv").read_text() == "time,event"
    assert {path.name for path in own.glob("cam*")} == {"cam.csv", "cam-2.csv", "cam-2.h5"}


def test_so_is_one_where_an_overlay_or_boxes_would_go(tmp_path, days):
    out, model = tmp_path / "out", str(save_untrained(tmp_path / "model"))
    out.mkdir()
    (out / "cam_sheet.png").write_text("mine")
    predict_inputs(model, [days[0]], out, Wanted(overlay=True), finish=Finish(format="csv"))
    assert (out / "cam_sheet.png").read_text() == "mine"
    assert (out / "cam-2_parts").is_dir()


def test_a_file_that_came_later_is_the_user_s_too(tmp_path, days):
    out, (source,) = tmp_path / "out", find_sources([days[0]])[0]
    out.mkdir()
    assert claim(out / "cam", source, [".h5"])
    (out / "cam.csv").write_text("mine")
    assert not claim(out / "cam", source, ENDINGS)
    assert claim(out / "cam", source, [".h5"])


def test_of_two_calls_at_the_same_time_one_gets_the_name(tmp_path, days, monkeypatch):
    one, other = (find_sources([day])[0][0] for day in days[:2])
    right = claims._are_others
    in_between = iter([lambda: claim(tmp_path / "cam", other, ENDINGS)])
    monkeypatch.setattr(
        claims, "_are_others", lambda *given: ([go() for go in in_between] and right(*given)) or right(*given)
    )
    assert not claim(tmp_path / "cam", one, ENDINGS)
    assert claim(tmp_path / "cam", other, ENDINGS)
    assert [path.name for path in tmp_path.glob(".*")] == [".cam.input"]


@pytest.mark.parametrize("note", ["", "{", '{"input": 3}'])
def test_a_note_that_was_not_written_to_its_end_holds_nothing_back(tmp_path, days, note):
    (tmp_path / ".cam.input").write_text(note)
    assert stems(tmp_path, days[0]) == ["cam"]
    assert stems(tmp_path, days[1], days[0]) == ["cam-2", "cam"]


def test_a_note_that_cannot_be_read_is_said(tmp_path, days):
    (tmp_path / ".cam.input").mkdir()
    with pytest.raises(PartposeError, match=r"\.cam\.input cannot be read or written: Is a directory"):
        stems(tmp_path, days[0])


def test_results_that_have_lost_their_note_are_known_by_their_hdf5_file(tmp_path, days, monkeypatch):
    out, model = tmp_path / "out", str(save_untrained(tmp_path / "model"))
    predict_inputs(model, [days[0]], out)
    (out / ".cam.input").unlink()
    monkeypatch.chdir(days[0].parent)
    assert stems(out, days[1]) == ["cam-2"]
    assert stems(out, Path("cam")) == ["cam"]
