"""Measure the exported network against PyTorch and the peer: python benchmarks/export.py [OUT.csv]

First the largest difference of a probability from PyTorch's over all of PrivateTest, and the accuracy. Then
milliseconds per face on one core, from pixels to probabilities, one face at a time. It needs `fer-lab[export]` and
$FER_DATA_DIR/fer2013.csv. The peer is that of benchmarks/shipped.py, left out without ai-edge-litert.
"""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import numpy as np
import torch
from peers import FER

from fer.common.errors import InputError
from fer.config.paths import register_resolvers
from fer.evaluation.measure import Member, read_faces
from fer.inference.export import expected, run
from fer.models import checkpoint
from fer.models.exported import open_session
from fer.runs.export import TRAINER, plain, write_onnx
from fer.runs.members import assemble

REPEATS = 64


def milliseconds(work: Callable[[], object]) -> float:
    """Milliseconds per call."""
    with torch.inference_mode():
        started = time.perf_counter()
        for _ in range(REPEATS):
            work()
    return 1000 * (time.perf_counter() - started) / REPEATS


def probabilities(work, faces: np.ndarray) -> np.ndarray:
    """The rows of `work` for faces uint8 [N, H, W], a few at a time."""
    return np.concatenate([work(part) for part in np.array_split(faces, len(faces) // 64)])


def compared(member: Member, files: dict[str, Path]) -> Iterator[harness.Row]:
    """Each file against PyTorch on the test part: largest difference, and both accuracies in percent."""
    read_faces(member, "test")
    positions = member.data.parts.test
    faces, labels = (
        each[positions] for each in (member.data.faces.images, member.data.faces.labels)
    )
    classifier = plain(member.checkpoint)
    theirs = probabilities(lambda part: expected(classifier, part), faces)
    for name, path in files.items():
        session = open_session(path)
        ours = probabilities(lambda part: run(session, part), faces)
        accuracies = [100 * (each.argmax(1) == labels).mean() for each in (ours, theirs)]
        difference = np.abs(ours - theirs).max()
        row = harness.paired(
            f"{name}, accuracy on {len(faces)} test images", "PyTorch", unit="%", rounds=1,
            ours=lambda: accuracies[0], theirs=lambda: accuracies[1],
        )  # fmt: skip
        print(
            f"{name}: largest difference of a probability {difference:.2g}, {path.stat().st_size} bytes"
        )
        yield row | {"difference": float(difference), "bytes": path.stat().st_size}


def paces(member: Member, files: dict[str, Path]) -> Iterator[harness.Row]:
    """Milliseconds a face of each form, in pairs."""
    classifier, face = plain(member.checkpoint), member.data.faces.images[0]
    peer = FER.open()
    given = torch.from_numpy(face.copy())[None, None]
    sessions = {name: open_session(path) for name, path in files.items()}
    works = {name: lambda own=own: run(own, face[None]) for name, own in sessions.items()}
    works |= {"PyTorch": lambda: classifier(given)}
    pairs = [("float32", "PyTorch"), ("float16", "float32"), ("int8", "float32")]
    if peer is not None:
        works["peer"] = lambda: peer(face)
        pairs += [("float32", "peer"), ("int8", "peer")]
    for one, other in pairs:
        yield harness.paired(
            f"{one}, one face, one core", FER.package if other == "peer" else other, unit="ms",
            ours=lambda: milliseconds(works[one]), theirs=lambda: milliseconds(works[other]),
        ) | {"difference": "", "bytes": ""}  # fmt: skip


def rows() -> Iterator[harness.Row]:
    torch.set_num_threads(1)
    register_resolvers()
    found = checkpoint.read(Path(checkpoint.SHIPPED))
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.onnx" for name in ("float32", "float16", "int8")}
        try:
            write_onnx(files["float32"], found, ())
            write_onnx(files["float16"], found, (), fp16=True)
            write_onnx(files["int8"], found, (), int8=True)
        except InputError as fault:
            print(f"benchmarks/export.py: skipped, {fault}")
            return
        (member,) = assemble([found], TRAINER)
        yield from compared(member, files)
        yield from paces(member, files)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    harness.write(rows())
