"""`fer export`: ONNX Runtime gives PyTorch's numbers, and the file is used like any other network."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import fer
from fer.cli import evaluate, pack
from fer.cli import export as command
from fer.common.errors import InputError
from fer.data.planes import PLANES
from fer.inference import export
from fer.models import checkpoint, exported
from fer.models.portable import Portable
from fer.runs.evaluate import evaluate as measured
from fer.runs.export import plain
from fer.runs.members import assemble
from tests.models.test_portable import FACES, NETWORKS, made

onnx = pytest.importorskip("onnx", reason="needs fer-lab[export]")
pytest.importorskip("onnxscript", reason="needs fer-lab[export]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs fer-lab[export]")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pack_untrained: Callable) -> Path:
    """A folder with `net`, a packed network of drawn faces, and `net.onnx`, which is written once."""
    path = tmp_path_factory.mktemp("export")
    (path / "net").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        pack_untrained(Path("net"), "data=drawn", "data.count=500", "model.channels=[4,6]")
        assert command.main(["net", "--to", "onnx", "--out", "net.onnx", "--license", "ours"]) == 0
    return path


@pytest.fixture(autouse=True)
def inside(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)


def test_the_file_says_what_it_is() -> None:
    session = onnxruntime.InferenceSession("net.onnx")
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("faces", "tensor(float)", ["N", "H", "W"])
    outputs = {each.name: each.shape for each in session.get_outputs()}
    assert outputs == {"probabilities": ["N", 7], "maps": ["N", 7, 12, 12]}
    written = session.get_modelmeta().custom_metadata_map
    assert written["license"] == "ours" and written["fer_version"] == fer.__version__
    packed, found = (checkpoint.read(Path(name)) for name in ("net", "net.onnx"))
    for name in ("recipe", "classes", "channels", "size", "seen", "temperature", "margin"):
        assert getattr(found, name) == getattr(packed, name)
    operators = {node.op_type for node in onnx.load("net.onnx").graph.node}
    assert "Resize" not in operators and "MatMul" in operators


@pytest.mark.parametrize("crops", [FACES, FACES[0, :30], FACES.repeat(3, 2)])
def test_it_is_loaded_as_any_network(crops: np.ndarray) -> None:
    found, expected = (fer.load(name).probabilities(crops) for name in ("net.onnx", "net"))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert expected.std(1).min() > 1e-3


def test_it_is_measured_by_the_rules_of_any_network(capsys) -> None:
    quiet = "trainer.enable_progress_bar=false"
    assert evaluate.main(["net.onnx", "data.split=random", quiet, "--out", "not"]) == 1
    assert "train rows of net.onnx" in capsys.readouterr().err
    both = [assemble([checkpoint.read(Path(name))], [quiet]) for name in ("net.onnx", "net")]
    found, expected = (measured(each, part="test", tta="flip").probabilities for each in both)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_eight_bits_keep_the_predictions() -> None:
    from fer.inference.quantize import quantize

    faces = (FACES / 255).astype(np.float32)
    quantize(Path("net.onnx"), Path("eight.onnx"), faces)
    nodes = onnx.load("eight.onnx").graph.node
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in nodes}
    expected, found = (
        export.run(exported.open_session(Path(name)), FACES) for name in ("net.onnx", "eight.onnx")
    )
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_half_precision_halves_the_weights() -> None:
    model = onnx.load("net.onnx")
    export.halve(model)
    export.write_onnx(model, Path("half.onnx"))
    assert Path("half.onnx").stat().st_size < Path("net.onnx").stat().st_size
    assert export.difference(Path("half.onnx"), plain(checkpoint.read(Path("net"))), FACES) < 1e-3


def test_weights_alone() -> None:
    from safetensors import safe_open

    assert command.main(["net", "--to", "safetensors", "--out", "net.safetensors"]) == 0
    with safe_open("net.safetensors", "pt") as file:
        assert "network.head.3.weight" in file.keys() and "classes" in file.metadata()


def test_other_files_get_one_line() -> None:
    model = onnx.load("net.onnx")
    model.graph.input[0].name = "pictures"
    for node in model.graph.node:
        node.input[:] = ["pictures" if name == "faces" else name for name in node.input]
    Path("other.onnx").write_bytes(model.SerializeToString())
    model.ClearField("metadata_props")
    Path("bare.onnx").write_bytes(model.SerializeToString())
    Path("junk.onnx").write_bytes(b"junk")
    for name, word in {"other": "pictures", "bare": "metadata", "junk": "damaged"}.items():
        with pytest.raises(InputError, match=f"{name}.onnx.*{word}") as caught:
            fer.load(f"{name}.onnx")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        "net --int8 --fp16",
        "net --to torch --int8",
        "net --out net.bin",
        "net.onnx",
        "net --to safetensors data.path=x",
    ],
)
def test_a_wrong_command_is_refused(arguments: str, capsys) -> None:
    assert command.main(arguments.split()) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_has_no_weights_is_not_packed_or_resumed(capsys) -> None:
    assert pack.main(["net.onnx"]) == 2
    assert "net.onnx" in capsys.readouterr().err


def test_without_onnx_runtime_a_line_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"net.onnx.*fer-lab\[onnx\]"):
        fer.load("net.onnx")


def test_the_example_runs_on_onnx_runtime_alone(monkeypatch, capsys) -> None:
    path = ROOT / "examples/onnx_alone.py"
    assert "torch" not in path.read_text() and "import fer" not in path.read_text()
    cv2.imwrite("face.png", FACES[3].repeat(2, 0))
    monkeypatch.setattr(sys, "argv", [path.name, "net.onnx", "face.png"])
    runpy.run_path(str(path), run_name="__main__")
    label, share = capsys.readouterr().out.split()[1:]
    row = fer.load("net").probabilities("face.png")[0]
    assert label == fer.load("net").classes[row.argmax()]
    assert float(share) == pytest.approx(row.max(), abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("pixels", ["float", "uint8"])
def test_every_plane_is_in_the_file(pixels: export.Pixels, tmp_path: Path) -> None:
    classifier = made("lab_r1", tuple(PLANES), classes=8)
    model = export.to_onnx(Portable(classifier), pixels)
    export.write_onnx(model, tmp_path / "net.onnx")
    assert export.difference(tmp_path / "net.onnx", classifier, FACES) < export.LIMITS["float32"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_exported(name: str, tmp_path: Path) -> None:
    classifier = made(name)
    export.write_onnx(export.to_onnx(Portable(classifier), "float"), tmp_path / "net.onnx")
    assert export.difference(tmp_path / "net.onnx", classifier, FACES) < export.LIMITS["float32"]


@pytest.mark.slow
def test_eight_bits_are_measured_and_the_program_of_torch_runs(capsys, caplog) -> None:
    caplog.set_level("INFO")
    assert command.main(["net", "--int8", "--out", "int8.onnx"]) == 0
    assert "int8: " in caplog.text and "ms a face" in caplog.text
    assert command.main(["net", "--to", "torch", "--out", "net.pt2"]) == 0
    texts = {"classes": ""}
    program = torch.export.load("net.pt2", extra_files=texts).module()
    probabilities, _ = program(torch.from_numpy(FACES / 255).float())
    expected = fer.load("net").probabilities(FACES)
    np.testing.assert_allclose(probabilities.detach(), expected, atol=1e-5)
    assert "angry" in str(texts["classes"])
