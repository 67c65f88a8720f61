"""A dataset of any size for the benchmarks: drawn faces, repeated in a memory map."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer.data.faces import Faces
from fer.data.module import FaceData
from fer.data.sources import Drawn
from fer.data.splits.split import Split

KINDS = 1000  # different drawn faces


@dataclass(kw_only=True, eq=False)
class Repeated(FaceData):
    """Repeated drawn faces.

    count: number of images
    tested: images of the test part, the last ones; as many before them are the validation part
    folder: folder of the map, which is made only once
    """

    count: int
    tested: int
    folder: str

    def read(self) -> Faces:
        drawn = Drawn(count=KINDS).faces
        path = Path(self.folder) / f"{self.count}.npy"
        if not path.exists():
            shape = (self.count, self.size, self.size)
            images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            for start in range(0, self.count, KINDS):
                images[start : start + KINDS] = drawn.images[: self.count - start]
            images.flush()
        rows = np.arange(self.count)
        kinds = rows % KINDS
        return Faces(
            np.load(path, mmap_mode="r"), drawn.labels[kinds], drawn.parts[kinds],
            drawn.hashes[kinds], rows, drawn.classes, f"{KINDS} drawn faces, repeated",
        )  # fmt: skip

    @property
    def parts(self) -> Split:
        places = np.arange(self.count)
        return Split("official", None, *np.split(places, [-2 * self.tested, -self.tested]))
