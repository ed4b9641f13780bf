"""What is exported finds what the network finds, in any program; what does not is never written."""

import json
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dots import Dots, dots, in_full, predictor
from PIL import Image
from training import save_pictures, save_untrained, small

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

import partpose  # noqa: E402
from partpose.cli import main  # noqa: E402
from partpose.edit.names import write_names  # noqa: E402
from partpose.errors import PartposeError  # noqa: E402
from partpose.exporting import MOST, SHAPES, drawn, export_model  # noqa: E402
from partpose.model.part_model import PartModel, load_model, save_model  # noqa: E402
from partpose.model.shape import kept_doubling  # noqa: E402
from partpose.predict import export as exporting  # noqa: E402
from partpose.predict.export import Parity, compare, export, refuse  # noqa: E402
from partpose.predict.formats import read_hdf5  # noqa: E402
from partpose.predict.predictor import Predictor, load  # noqa: E402

pytestmark = pytest.mark.xdist_group("export")  # the model is exported once
ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/onnx_example.py"


def save_sharp(folder: Path) -> Path:
    """A run whose keypoints, as after a training, depend on the picture."""
    network, settings, facts = load_model(save_untrained(folder))
    with torch.no_grad():
        network.shape.logits.scale.fill_(300)
    save_model(folder, network, settings, facts)
    return folder


def command(*words: str | Path) -> None:
    """`partpose …`, which has to end well."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> SimpleNamespace:
    """run: a model's folder.  path: the same as an ONNX file.  printed: what the command has said.  pictures: to look at."""
    folder = tmp_path_factory.mktemp("exported")
    kept_doubling.cache_clear()  # as in a process that has done nothing before
    run = save_sharp(folder / "run")
    write_names(run, {1: "tail"})
    printed = StringIO()
    with redirect_stdout(printed):
        command("export", run, folder / "model.onnx")
    return SimpleNamespace(run=run, path=folder / "model.onnx", printed=printed.getvalue(), pictures=drawn())


@pytest.fixture
def session(exported) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported.path)


def test_the_parity_is_printed_with_what_is_allowed(exported):
    assert f"{exported.path}: " in exported.printed
    for words in ("single precision, checked on 6 pictures", "0.01 allowed", "0.1 allowed"):
        assert words in exported.printed


def test_keypoints_come_in_pixels_of_pictures_of_any_size(exported, session):
    """By the graph alone; they must differ from picture to picture, or their agreement would say nothing."""
    truth = load(exported.run, "cpu").predict(exported.pictures)
    scale = np.array([max(shape) for shape in SHAPES]) / 48
    for row, pixels in enumerate(exported.pictures):
        mean, covariance, confidence, maps = session.run(None, {"pictures": pixels[None]})
        np.testing.assert_allclose(mean[0], truth.mean[row], atol=0.02 * scale[row])
        np.testing.assert_allclose(covariance[0], truth.covariance[row], rtol=0.01, atol=0.2 * scale[row] ** 2)
        np.testing.assert_allclose(confidence[0], truth.confidence[row], atol=0.01)
        np.testing.assert_allclose(maps.sum((2, 3)), 1, atol=1e-5)
    assert (truth.mean / scale[:, None, None]).std(0).max() > 2


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_batch_is_as_large_as_it_comes(exported, session, count):
    pixels = exported.pictures[1]
    mean, covariance, confidence, maps = session.run(None, {"pictures": np.stack([pixels] * count)})
    assert [a.shape for a in (mean, covariance, confidence)] == [(count, 5, 2), (count, 5, 2, 2), (count, 5)]
    assert maps.shape == (count, 5, 24, 24)
    assert {a.dtype for a in (mean, covariance, confidence, maps)} == {np.dtype("float32")}
    np.testing.assert_allclose(mean - mean[:1], 0, atol=1e-3)


def test_the_file_says_what_it_is_and_not_where_it_was_made(exported, session):
    model = onnx.load(exported.path)
    onnx.checker.check_model(model, full_check=True)
    assert ([o.version for o in model.opset_import], model.ir_version, len(model.functions)) == ([18], 8, 0)
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["names"]) == ["part_0", "tail", "part_2", "part_3", "part_4"]
    assert json.loads(notes["config"])["settings"] == small().model_dump()
    assert (notes["parts"], notes["side"], notes["precision"]) == ("5", "48", "single")
    assert (notes["version"], notes["model_hash"]) == (partpose.__version__, load(exported.run, "cpu").digest)
    content = exported.path.read_bytes()
    assert [word for word in (b"site-packages", b".py", str(exported.run).encode()) if word in content] == []


def test_no_bicubic_resizing_is_left_to_the_runtime(exported):
    """onnxruntime takes longer for it than for all the convolutions."""
    modes = [
        a.s
        for n in onnx.load(exported.path).graph.node
        if n.op_type == "Resize"
        for a in n.attribute
        if a.name == "mode"
    ]
    assert b"cubic" not in modes


def test_a_loaded_file_predicts_as_the_run_does(exported, tmp_path):
    folder = save_pictures(tmp_path / "pictures", 5)
    run, file = load(exported.run, "cpu"), load(exported.path)
    ours, graphs = run.predict(folder), file.predict(folder, batch=2)
    for name in ("mean", "covariance", "confidence"):
        np.testing.assert_allclose(getattr(graphs, name), getattr(ours, name), atol=2e-3)
    assert (file.digest, file.settings, file.facts) == (run.digest, run.settings, run.facts)
    assert (graphs.provenance["model"], graphs.files) == (str(exported.path), ours.files)
    file.uncertainty = 3
    assert (file.predict(folder).uncertainty > 0).all()


def test_the_command_predicts_with_it_and_knows_the_names(exported, tmp_path):
    folder = save_pictures(tmp_path / "pictures", 3)
    command("predict", exported.path, folder, "--output", tmp_path / "out", "--with", "maps")
    poses = read_hdf5(tmp_path / "out/pictures.h5")
    assert (len(poses), poses.names[:2]) == (3, ("part_0", "tail"))


@pytest.mark.parametrize("ask", ["encode", "decode", "appearance"])
def test_what_is_not_in_it_is_refused_in_words(exported, ask):
    model, pixels = load(exported.path), np.zeros((48, 48, 3), np.uint8)
    asked = {
        "encode": lambda: model.encode(pixels),
        "decode": lambda: model.decode(load(exported.run, "cpu").encode(pixels)),
        "appearance": lambda: model.network.appearance(model.tensor(pixels[None]), None),
    }
    with pytest.raises(PartposeError, match=r"finds parts and nothing else: .* name the run that it was exported from"):
        asked[ask]()


def bare(folder: Path) -> Path:
    """A place that has what onnxruntime needs to read pictures and run, and nothing else."""
    packages = Path(onnxruntime.__file__).parents[1]
    for name in ("onnxruntime", "numpy", "numpy.libs", "PIL", "pillow.libs", "flatbuffers", "google", "packaging"):
        if (packages / name).exists():
            (folder / name).symlink_to(packages / name)
    return folder


def test_the_example_needs_nothing_of_ours(exported, tmp_path):
    Image.fromarray(exported.pictures[1]).save(tmp_path / "picture.png")
    environment = os.environ | {"PYTHONPATH": str(bare(tmp_path)), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*words: str | Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-S", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert "No module named 'partpose'" in run("-c", "import partpose").stderr
    assert "No module named 'torch'" in run("-c", "import torch").stderr
    done = run(EXAMPLE, exported.path, "picture.png")
    assert done.returncode == 0, done.stderr
    truth = load(exported.run, "cpu").predict(tmp_path / "picture.png")
    found = [line.split() for line in done.stdout.splitlines()]
    assert [words[1] for words in found] == ["part_0", "tail", "part_2", "part_3", "part_4"]
    places = [[float(word.strip(",")) for word in words[3:5]] for words in found]
    np.testing.assert_allclose(places, truth.mean[0], atol=0.06)


class DotsStream(torch.nn.Module):
    """The part maps of `Dots`, as a shape stream."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return Dots.part_maps(SimpleNamespace(), images)


def test_transparency_joins_and_pixels_are_those_of_the_original(tmp_path):
    """Known to the pixel: where the dots are in a picture that is not square, by a grey model with an alpha channel."""
    model = predictor(channels=2)
    model.network.shape = DotsStream()
    pixels = dots(200, 140, (50, 60), (150, 90))
    export(model, tmp_path / "dots.onnx", [pixels], ["bright", "dark"])
    given = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=-1)
    mean, covariance = onnxruntime.InferenceSession(tmp_path / "dots.onnx").run(
        ["mean", "covariance"], {"pictures": given[None]}
    )
    truth, extent = in_full(pixels)
    np.testing.assert_allclose(mean[0], truth, atol=0.1)
    np.testing.assert_allclose(covariance[0], extent, rtol=0.1, atol=2)


def test_half_precision_is_half_as_large_and_near(exported, tmp_path):
    model = load(exported.run, "cpu")
    parity = export(model, tmp_path / "half.onnx", exported.pictures, ["a"] * 5, half=True)
    assert 1e-4 < parity.network <= 0.25
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * exported.path.stat().st_size
    weights = [i for i in onnx.load(tmp_path / "half.onnx").graph.initializer if len(i.dims) == 4]
    assert {i.data_type for i in weights} == {onnx.TensorProto.FLOAT16}
    poses = load(tmp_path / "half.onnx").predict(exported.pictures)
    assert np.isfinite(poses.covariance).all()


def test_a_graph_of_other_weights_is_refused_and_not_kept(exported, tmp_path, monkeypatch):
    torch.manual_seed(1)
    other = Predictor(PartModel(small().model).eval(), small(), {}, "other", "digest")
    parity = compare(other, exported.path, exported.pictures)
    assert parity.network > 1
    monkeypatch.setattr(exporting, "_model", lambda *_: onnx.load(exported.path))
    with pytest.raises(
        PartposeError, match=r"differs from the network by .* px at its input \(0.01 allowed\).* nothing was written$"
    ):
        export(other, tmp_path / "wrong.onnx", exported.pictures, ["a"] * 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parity", "precision", "fine"),
    [
        (Parity(0.009, 0.09, 1.0), "single", True),
        (Parity(0.011, 0.0, 0.0), "single", False),
        (Parity(0.0, 0.11, 0.0), "single", False),
        (Parity(0.2, 0.3, 0.0), "half", True),
        (Parity(0.3, 0.3, 0.0), "half", False),
        (Parity(np.inf, 0.0, 0.0), "half", False),
    ],
)
def test_what_is_allowed(parity, precision, fine):
    if fine:
        refuse(parity, precision)
    else:
        with pytest.raises(PartposeError, match="without --half" if precision == "half" else "nothing was written$"):
            refuse(parity, precision)


def test_not_a_number_is_infinitely_far_off(exported, monkeypatch):
    monkeypatch.setattr(
        exporting.Session, "run", lambda *_: [np.full((1, 5, *shape), np.nan) for shape in ((2,), (2, 2), ())]
    )
    assert compare(load(exported.run, "cpu"), exported.path, exported.pictures[:1]) == (np.inf, np.inf, np.inf)


def test_it_is_checked_on_the_user_s_pictures(exported, bad_folder, tmp_path, monkeypatch, capsys, clip):
    seen = []
    monkeypatch.setattr(
        "partpose.exporting.export", lambda *given: seen.append(given[2]) or given[1].touch() or Parity(0, 0, 0)
    )
    export_model(str(exported.run), tmp_path / "a.onnx", pictures=bad_folder.path)
    export_model(str(exported.run), tmp_path / "a.onnx", pictures=clip)
    assert 4 < len(seen[0]) <= MOST
    assert len(seen[1]) == MOST
    assert {pixels.shape for pixels in seen[1]} == {(48, 64, 3)}
    assert "self.jpg: is a link that leads to itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: folder / "model.bin", r"a file name that ends in \.onnx, got .*model\.bin"),
        (lambda folder: folder / "empty.onnx", "holds no picture that can be read, to check the export on"),
    ],
)
def test_mistakes_of_an_export_in_one_line(exported, tmp_path, change, words):
    (tmp_path / "empty.png").touch()
    with pytest.raises(PartposeError, match=words):
        export_model(str(exported.run), change(tmp_path), pictures=tmp_path / "empty.png")


def test_an_onnx_file_is_no_run_to_export(exported, tmp_path):
    with pytest.raises(PartposeError, match="is a file: expected a model's folder"):
        export_model(str(exported.path), tmp_path / "again.onnx")


def test_files_that_are_no_exported_models(tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    node = onnx.helper.make_node("Identity", ["a"], ["b"])
    ends = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "ab"]
    foreign = onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=8)
    onnx.save(foreign, tmp_path / "foreign.onnx")
    for name, words in [
        ("absent", "it does not exist"),
        ("text", r"cannot read the ONNX model .*text\.onnx"),
        ("foreign", "was not made by `partpose export`"),
    ]:
        with pytest.raises(PartposeError, match=words):
            load(tmp_path / f"{name}.onnx")


def test_a_device_that_it_cannot_run_on(exported):
    with pytest.raises(PartposeError, match=r"no device 'cuda:7' for ONNX models here: expected cpu"):
        load(exported.path, "cuda:7")


def test_without_the_extra_it_is_named(exported, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for call in (lambda: load(exported.path), lambda: export_model(str(exported.run), tmp_path / "a.onnx")):
        with pytest.raises(PartposeError, match=r"needs onnxruntime, .* pip install 'partpose\[onnx\]'"):
            call()


def test_its_speed_is_measured_beside_torch_s(exported, tmp_path, monkeypatch, capsys):
    def copy(run, path, half):
        assert Path(run) == exported.run
        path.write_bytes(exported.path.read_bytes())
        return Parity(0.2, 0.3, 0) if half else Parity(0.001, 0.002, 0)

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    main = runpy.run_path(str(ROOT / "benchmarks/onnx_speed.py"))["main"]
    main.__globals__.update(export_model=copy, SIZES=(None, (64, 40)), BATCHES=(2,))
    options = ["--model", exported.run, "--rounds", "1", "--json", tmp_path / "a.json", "--page", tmp_path / "a.md"]
    monkeypatch.setattr("sys.argv", ["onnx_speed.py", *map(str, options)])
    main()
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [(row["size"], row["batch"]) for row in rows] == [([48, 48], 2), ([64, 40], 2)]
    assert all(row[key] > 0 for row in rows for key in ("torch", "onnxruntime", "ratio"))
    assert "64×40, 2 at a time" in capsys.readouterr().out
    page = (tmp_path / "a.md").read_text()
    assert "| 64×40, 2 at a time | " in page
    assert "half precision: at most 0.2 px of the model's input on pictures of just its size (0.25 allowed)" in page
