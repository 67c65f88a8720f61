"""Write faces to csv files: drawn faces in FER2013's format, datasets with planes in the lab's."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fer.common.errors import InputError
from fer.common.files import replacing
from fer.data.drawn import TEXT, draw, emotions, sizes
from fer.data.faces import PARTS, Faces
from fer.data.labels import EMOTIONS
from fer.data.planes import Preprocess
from fer.data.readers.fer2013_csv import USAGES
from fer.data.readers.pixels import SIDE
from fer.data.splits.split import Split

CHUNK = 256  # images per step: 14 MB as three planes of doubles


def write_fer2021(path: Path, faces: Faces, split: Split, preprocess: Preprocess) -> None:
    """Write the faces of `split` to `path` in row order, atomically.

    The columns are emotion,pixels,Usage. `pixels` holds the planes of `preprocess` one after the
    other, 2,304 integers from 0 to 255 each. Usage is the part in `split`.

    Raises InputError for images of another size, or classes other than FER2013's.
    """
    _check_like_fer2013(faces)
    parts, usages = np.full(len(faces), -1), tuple(USAGES)
    for index, name in enumerate(PARTS):
        parts[split.part(name)] = index
    chosen = np.flatnonzero(parts >= 0)
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="") as file,
        tqdm(total=len(chosen), desc="writing", disable=None, unit="face") as bar,
    ):
        file.write("emotion,pixels,Usage\n")
        for start in range(0, len(chosen), CHUNK):
            some = chosen[start : start + CHUNK]
            for each, planes in zip(
                some, rounded_planes(faces.images[some], preprocess), strict=True
            ):
                pixels = " ".join(map(str, planes.ravel().tolist()))
                file.write(f"{faces.labels[each]},{pixels},{usages[parts[each]]}\n")
            bar.update(len(some))


def _check_like_fer2013(faces: Faces) -> None:
    if faces.images.shape[1:] != (SIDE, SIDE):
        height, width = faces.images.shape[1:]
        raise InputError(f"{faces.source}: images of {width}x{height}, expected {SIDE}x{SIDE}")
    if faces.classes != EMOTIONS:
        found, known = ", ".join(faces.classes), ", ".join(EMOTIONS)
        raise InputError(f"{faces.source}: classes {found}, expected {known}")


def rounded_planes(images: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """The planes rounded to 0-255, halves up: uint8 [B, H, W] -> uint8 [B, channels, H, W].

    Many edges are exactly a half (a sum divided by 4), and the division by 255 can move them to
    either side. Doubles plus a billionth round them all up.
    """
    planes = preprocess.planes(torch.from_numpy(images)[:, None].double() / 255)
    return (255 * planes + (0.5 + 1e-9)).floor().to(torch.uint8).numpy()


def write_drawn(path: str | Path, *, count: int, seed: int) -> None:
    """Write `count` drawn faces to `path` in the format of fer2013.csv, atomically.

    The same count and seed give the same bytes, with the same NumPy and OpenCV. The k-th face of a
    part depends on seed, part and k only, so a larger dataset contains the smaller one.

    count: number of faces, 21 or more
    seed: random seed, 0 or more

    Raises InputError for another count or seed.
    """
    if seed < 0:
        raise InputError(f"seed: {seed}, expected 0 or more")
    path, usages = Path(path), tuple(USAGES)
    rows = [
        (part, k, emotion)
        for part, size in enumerate(sizes(count))
        for k, emotion in enumerate(emotions(size))
    ]
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        file.write("emotion,pixels,Usage\n")
        for part, k, emotion in tqdm(rows, "drawing", disable=None, unit="face"):
            stream = np.random.SeedSequence(seed, spawn_key=(part, k))
            face = draw(emotion, np.random.default_rng(stream))
            pixels = " ".join([TEXT[value] for value in face.tobytes()])
            file.write(f"{emotion},{pixels},{usages[part]}\n")
