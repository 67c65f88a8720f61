"""The lab's enriched csv, "fer2021": FER2013's columns, each face followed by its filter planes.

Training computes the planes anew from the original, so that nothing needs this file; it is for
programs that read the lab's form.
"""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fer.common.errors import InputError
from fer.common.files import replacing
from fer.data.faces import PARTS, Faces
from fer.data.labels import EMOTIONS
from fer.data.planes import Preprocess
from fer.data.readers.fer2013_csv import USAGES
from fer.data.readers.pixels import SIDE
from fer.data.splits.split import Split

CHUNK = 256  # faces at a time: 14 MB as three planes of doubles


def write_csv(path: Path, faces: Faces, split: Split, preprocess: Preprocess) -> None:
    """Nothing; writes the faces of `split` to `path`, in row order, whole or not at all.

    Columns emotion,pixels,Usage: `pixels` holds the planes of `preprocess` one after the other,
    2,304 whole numbers 0-255 each; Usage is the face's part in `split`. Raises InputError for faces
    of another size or other classes than FER2013's.
    """
    if faces.images.shape[1:] != (SIDE, SIDE):
        height, width = faces.images.shape[1:]
        raise InputError(f"{faces.source}: faces of {width}x{height}; fer2021 has {SIDE}x{SIDE}")
    if faces.classes != EMOTIONS:
        found, known = ", ".join(faces.classes), ", ".join(EMOTIONS)
        raise InputError(f"{faces.source}: the classes {found}; fer2021 has {known}")
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
            for each, planes in zip(some, whole(faces.images[some], preprocess), strict=True):
                pixels = " ".join(map(str, planes.ravel().tolist()))
                file.write(f"{faces.labels[each]},{pixels},{usages[parts[each]]}\n")
            bar.update(len(some))


def whole(images: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """The planes as whole numbers 0-255, halves up: uint8 [B, H, W] -> uint8 [B, channels, H, W].

    In doubles, and a billionth above: many an edge is exactly a half (its sum over 4), which must
    not fall to whichever side its division by 255 left it on.
    """
    planes = preprocess.planes(torch.from_numpy(images)[:, None].double() / 255)
    return (255 * planes + (0.5 + 1e-9)).floor().to(torch.uint8).numpy()
