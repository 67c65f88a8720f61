"""The report of a dataset (`fer explore`): one self-contained page and its figures."""

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
from fer.data.statistics import Agreement, Statistics, examples, mean_faces, statistics_of
from fer.reports import figures
from fer.reports.html import write_page

EXAMPLES = 12  # images per class
VIEWS = 16  # augmented views of one face
LARGEST = 16  # groups of duplicates in the figure and the table
# Groups per sheet (three rows), and most sheets: people look at 4, but a dataset may have thousands.
SHEET, SHEETS = 24, 4
LINES = 6  # faces of a group in a caption

Augmentation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # fer.training.Augment
Drawings = dict[str, Callable[[], Figure]]  # functions that draw the figures, by name


def planes(image: np.ndarray) -> dict[str, np.ndarray]:
    """The filter planes of an image, uint8 [H, W], by name: uint8 [H, W] each."""
    face = unit(torch.from_numpy(image)[None, None])
    return {name: _pixels(plane(face)[0, 0]) for name, plane in PLANES.items()}


def augmented(augment: Augmentation, images: np.ndarray, *, seed: int) -> np.ndarray:
    """Augmented views of the first image: uint8 [VIEWS, H, W].

    images: uint8 [B, H, W]; the augmentation may mix the first with the others
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
    """Captions of images and groups of duplicates: rows, labels and parts."""

    def __init__(self, faces: Faces, parts: Parts) -> None:
        self.faces = faces
        self.part = np.empty(len(faces), object)
        for name, positions in parts.items():
            self.part[positions] = name

    def face(self, position: int) -> str:
        """Row, label and part of an image, such as `10423 happy, train`."""
        label = self.faces.classes[self.faces.labels[position]]
        return f"{self.faces.rows[position]} {label}, {self.part[position]}"

    def group(self, positions: np.ndarray) -> str:
        """One line per image, at most LINES, and how many more there are."""
        lines = [self.face(position) for position in positions[:LINES]]
        more = len(positions) - LINES
        return "\n".join([*lines, *([f"and {more:,} more"] if more > 0 else [])])

    def sums(self, positions: np.ndarray) -> tuple[str, str]:
        """The labels and the parts of a group, counted, such as `5 sad, 2 fear` and `7 train`."""
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
    """Write explore.html and its figures as .png files into `folder`, each file atomically.

    parts: positions by part
    augment: the augmentation that the page shows
    agreement: FER2013's labels compared with FER+'s votes, if the dataset has both
    seed: random seed of the examples and the augmentation
    title, overrides: of the page's head
    """
    statistics, captions = statistics_of(faces, parts), Captions(faces, parts)
    drawings = {
        **_of_labels(faces, parts, statistics),
        **_of_pixels(faces, parts, augment, seed=seed),
        **_of_duplicates(faces, statistics, captions),
        **(_of_votes(agreement) if agreement is not None else {}),
    }
    pictures, inches = _drawn(drawings, folder)
    write_page(
        folder / "explore.html",
        "explore.html",
        title=title,
        overrides=overrides,
        classes=faces.classes,
        called=called(faces.classes),
        faces=faces,
        parts={name: len(positions) for name, positions in parts.items()},
        statistics=statistics,
        largest=[(len(each), *captions.sums(each)) for each in statistics.duplicates[:LARGEST]],
        conflicts=[name for name in pictures if name.startswith("conflicts_")],
        sheet=SHEET,
        agreement=agreement,
        figures=pictures,
        inches=inches,
    )


def _drawn(drawings: Drawings, folder: Path) -> tuple[dict[str, bytes], dict[str, float]]:
    """Save each figure in `folder`; the contents of the .png files and the figures' widths in inches."""
    pictures, inches = {}, {}
    for name, draw in tqdm(drawings.items(), "drawing", disable=None, unit="figure"):
        figure, path = draw(), folder / f"{name}.png"
        figures.save(figure, path)
        pictures[name], inches[name] = path.read_bytes(), figure.get_figwidth()
    return pictures, inches


def _of_labels(faces: Faces, parts: Parts, statistics: Statistics) -> Drawings:
    classes = faces.classes
    counts = {name: faces.counts(positions) for name, positions in parts.items()}
    tones = {
        "brightness: mean of pixels": statistics.brightness,
        "contrast: standard deviation of pixels": statistics.contrast,
    }
    return {
        "counts": lambda: figures.class_counts(counts, classes),
        "tones": lambda: figures.distributions(tones, faces.labels, classes),
    }


def _of_pixels(faces: Faces, parts: Parts, augment: Augmentation, *, seed: int) -> Drawings:
    pool = parts.get("train", np.arange(len(faces)))
    chosen = examples(faces, pool, most=EXAMPLES, seed=seed)
    # The first face, which planes and views show, is an example of the most frequent class.
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


def _of_duplicates(faces: Faces, statistics: Statistics, captions: Captions) -> Drawings:
    """Sheets of images of one grey, of duplicates and of conflicts, where the dataset has any."""

    def sheet(positions: Sequence[int], texts: Sequence[str]) -> Callable[[], Figure]:
        return lambda: figures.faces(faces.images[np.array(positions)], texts)

    drawings = {}
    if some := statistics.constant[:SHEET].tolist():
        drawings["constant"] = sheet(some, [captions.face(each) for each in some])
    if some := statistics.duplicates[:LARGEST]:
        texts = [f"{len(each)} times:\n{captions.sums(each)[0]}" for each in some]
        drawings["twins"] = sheet([each[0] for each in some], texts)
    for number, start in enumerate(range(0, len(statistics.conflicts), SHEET)[:SHEETS], start=1):
        some = statistics.conflicts[start : start + SHEET]
        texts = [captions.group(each) for each in some]
        drawings[f"conflicts_{number}"] = sheet([each[0] for each in some], texts)
    return drawings


def _of_votes(found: Agreement) -> Drawings:
    return {
        "agreement": lambda: figures.agreement(found.matrix, found.classes, found.choices),
        "votes": lambda: figures.votes(found.same, found.other),
    }
