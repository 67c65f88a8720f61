"""Predictions as rows: one a face, and one with empty fields for a picture without a face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from fer.common.errors import InputError
from fer.inference.prediction import Face, Prediction

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

Row: TypeAlias = dict[str, Any]


def columns(classes: Sequence[str], *, averaged: bool) -> list[str]:
    """The names of the columns in order. `averaged`: with `s_<class>`, as a video has them."""
    place = ["source", "frame", "time", "face", "track", "x", "y", "width", "height"]
    named = ["score", "label", "confidence", *(f"p_{name}" for name in classes), "roll", "warnings"]
    return [*place, *named, *(f"s_{name}" for name in classes if averaged)]


def to_rows(predictions: Iterable[Prediction]) -> list[Row]:
    """The rows of predictions.csv as dicts, all with the same keys. Empty fields are None.

    `s_<class>` are there where a prediction is of a video.
    """
    listed = list(predictions)
    averaged = any(each.time is not None for each in listed)
    return [row for each in listed for row in rows(each, averaged=averaged)]


def to_pandas(predictions: Iterable[Prediction]) -> pandas.DataFrame:
    """The rows of predictions.csv as a table. Raises InputError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise InputError("to_pandas: pandas is not installed: pip install pandas") from None
    return pandas.DataFrame(to_rows(predictions))


def rows(prediction: Prediction, *, averaged: bool) -> Iterator[Row]:
    """The rows of one picture or frame, with the keys of `columns`."""
    names = columns(prediction.classes, averaged=averaged)
    place = {"source": prediction.source, "frame": prediction.frame, "time": prediction.time}
    for number, face in enumerate(prediction.faces):
        found = place | {"face": number} | _fields(face, prediction.classes)
        yield {name: found.get(name) for name in names}
    if not prediction.faces:
        yield {name: place.get(name) for name in names}


def _fields(face: Face, classes: Sequence[str]) -> Row:
    x, y, width, height = face.box
    smoothed = () if face.smoothed is None else face.smoothed.tolist()
    return {
        "track": face.track,
        **{"x": x, "y": y, "width": width, "height": height},
        "score": face.score,
        "label": face.label,
        "confidence": face.confidence,
        **{f"p_{name}": p for name, p in zip(classes, face.probabilities.tolist(), strict=True)},
        "roll": face.roll,
        "warnings": " ".join(face.warnings),
        **{f"s_{name}": p for name, p in zip(classes, smoothed)},
    }
