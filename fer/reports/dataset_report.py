"""A set of faces to look at before anything is trained: one self-contained page and its figures."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from fer.data.faces import Faces, Parts
from fer.data.labels import called
from fer.data.planes import PLANES, unit
from fer.data.statistics import Agreement, Facts, examples, mean_faces, measure
from fer.reports import figures
from fer.reports.html import write_page

EXAMPLES = 12  # of each class
VIEWS = 16  # of one face through the augmentation
LARGEST = 16  # groups of twins
# Groups a sheet, three rows of them; a reader gets through 4 sheets, a set of copies has thousands.
SHEET, SHEETS = 24, 4
LINES = 6  # of a group's faces in a caption

Augmentation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # fer.training.Augment
Drawings = dict[str, Callable[[], Figure]]  # what draws each figure of the page, by its name


def planes(image: np.ndarray) -> dict[str, np.ndarray]:
    """A face, uint8 [H, W], through each filter plane, by its name: uint8 [H, W]."""
    face = unit(torch.from_numpy(image)[None, None])
    return {name: _pixels(plane(face)[0, 0]) for name, plane in PLANES.items()}


def augmented(augment: Augmentation, images: np.ndarray, *, seed: int) -> np.ndarray:
    """VIEWS of the first of `images`, uint8 [B, H, W], as training may see it: uint8 [VIEWS, H, W].

    The other images are those that it may be mixed with.
    """
    batch = unit(torch.from_numpy(images)[:, None])
    targets = torch.zeros(len(images), 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        views = [augment(batch, targets)[0][0, 0] for _ in range(VIEWS)]
    return _pixels(torch.stack(views))


def _pixels(images: Tensor) -> np.ndarray:
    return (255 * images).round().to(torch.uint8).numpy()


class Captions:
    """Faces and groups of twins in words: their rows, labels and parts."""

    def __init__(self, faces: Faces, parts: Parts) -> None:
        self.faces = faces
        self.part = np.empty(len(faces), object)
        for name, positions in parts.items():
            self.part[positions] = name

    def face(self, position: int) -> str:
        """`10423 happy, train`: row, label, part."""
        label = self.faces.classes[self.faces.labels[position]]
        return f"{self.faces.rows[position]} {label}, {self.part[position]}"

    def group(self, positions: np.ndarray) -> str:
        """A line a face, LINES at most."""
        lines = [self.face(position) for position in positions[:LINES]]
        more = len(positions) - LINES
        return "\n".join([*lines, *([f"and {more:,} more"] if more > 0 else [])])

    def sums(self, positions: np.ndarray) -> tuple[str, str]:
        """How often each label and each part stands in a group: `5 sad, 2 fear`, `7 train`."""
        names = (self.faces.classes[label] for label in self.faces.labels[positions])
        return _counted(names), _counted(self.part[positions])


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in Counter(names).most_common())


def write_explore(
    folder: Path,
    faces: Faces,
    parts: Parts,
    augment: Augmentation,
    *,
    agreement: Agreement | None = None,
    seed: int,
    title: str,
    overrides: Sequence[str],
) -> None:
    """Writes explore.html and its figures as .png into `folder`, each file whole or not at all.

    `agreement`: with the voters of FER+, where these are at hand; `seed`: of the examples and the
    augmentation; `title`, `overrides`: what heads the page.
    """
    facts, captions = measure(faces, parts), Captions(faces, parts)
    drawings = _of_labels(faces, parts, facts)
    drawings |= _of_pixels(faces, parts, augment, seed=seed)
    drawings |= _of_copies(faces, facts, captions)
    drawings |= _of_votes(agreement) if agreement is not None else {}
    pictures, inches = {}, {}
    for name, draw in tqdm(drawings.items(), "drawing", disable=None, unit="figure"):
        figure = draw()
        figures.save(figure, folder / f"{name}.png")
        pictures[name] = (folder / f"{name}.png").read_bytes()
        inches[name] = figure.get_figwidth()
    write_page(
        folder / "explore.html",
        "explore.html",
        title=title,
        overrides=overrides,
        classes=faces.classes,
        called=called(faces.classes),
        faces=faces,
        parts={name: len(positions) for name, positions in parts.items()},
        facts=facts,
        largest=[(len(each), *captions.sums(each)) for each in facts.twins[:LARGEST]],
        conflicts=[name for name in pictures if name.startswith("conflicts_")],
        sheet=SHEET,
        agreement=agreement,
        figures=pictures,
        inches=inches,
    )


def _of_labels(faces: Faces, parts: Parts, facts: Facts) -> Drawings:
    classes = faces.classes
    counts = {name: faces.counts(positions) for name, positions in parts.items()}
    tones = {
        "brightness: mean of pixels": facts.brightness,
        "contrast: standard deviation of pixels": facts.contrast,
    }
    return {
        "counts": lambda: figures.class_counts(counts, classes),
        "tones": lambda: figures.distributions(tones, faces.labels, classes),
    }


def _of_pixels(faces: Faces, parts: Parts, augment: Augmentation, *, seed: int) -> Drawings:
    pool = parts.get("train", np.arange(len(faces)))
    chosen = examples(faces, pool, most=EXAMPLES, seed=seed)
    # The one face comes first: an example of the most frequent class, another by another seed.
    order = np.argsort(faces.counts(pool))[::-1]
    batch = faces.images[np.concatenate([chosen[index] for index in order])]

    def views() -> Figure:
        sheet = np.concatenate([batch[:1], augmented(augment, batch, seed=seed)])
        return figures.faces(sheet, ["original", *map(str, range(1, VIEWS + 1))], columns=9)

    def named(images: dict[str, np.ndarray]) -> Figure:
        return figures.faces(np.stack(list(images.values())), list(images), columns=7)

    return {
        "examples": lambda: figures.class_examples(
            [faces.images[each] for each in chosen], faces.classes
        ),
        "planes": lambda: named(planes(batch[0])),
        "augmented": views,
        "means": lambda: named(mean_faces(faces)),
    }


def _of_copies(faces: Faces, facts: Facts, captions: Captions) -> Drawings:
    """Sheets of faces without content of their own; of none where there are no such faces."""

    def sheet(positions: Sequence[int], words: Sequence[str]) -> Callable[[], Figure]:
        return lambda: figures.faces(faces.images[np.array(positions)], words)

    drawings = {}
    if some := facts.constant[:SHEET].tolist():
        drawings["constant"] = sheet(some, [captions.face(each) for each in some])
    if some := facts.twins[:LARGEST]:
        words = [f"{len(each)} times:\n{captions.sums(each)[0]}" for each in some]
        drawings["twins"] = sheet([each[0] for each in some], words)
    for number, start in enumerate(range(0, len(facts.conflicts), SHEET)[:SHEETS], start=1):
        some = facts.conflicts[start : start + SHEET]
        words = [captions.group(each) for each in some]
        drawings[f"conflicts_{number}"] = sheet([each[0] for each in some], words)
    return drawings


def _of_votes(found: Agreement) -> Drawings:
    return {
        "agreement": lambda: figures.agreement(found.matrix, found.classes, found.choices),
        "votes": lambda: figures.votes(found.same, found.other),
    }
