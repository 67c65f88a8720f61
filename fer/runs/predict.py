"""The folder of `fer predict`: rows as they come, drawn pictures, pages, and predict.json at the end."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fer
from fer.common.errors import InputError
from fer.common.files import file_digest, write_json
from fer.inference import Model, look, rows
from fer.inference.pictures import Picture
from fer.inference.prediction import Face, Prediction
from fer.inference.settings import Settings
from fer.inference.sources import Source
from fer.models import checkpoint
from fer.runs.drawn import Drawn
from fer.runs.pages import Pages

EVERY = 5.0  # seconds between two states in predict.json: a killed run says where it was
SAID = ("model", "sha256", "version", "detector", "command")  # of the facts, on the pages
NAMED = 1000  # unreadable sources that predict.json names, so that memory is bounded

# Digits after the point: a tenth of a pixel and of a degree, a millisecond, a millionth of a probability.
DIGITS = {
    "x": 1,
    "y": 1,
    "width": 1,
    "height": 1,
    "roll": 1,
    "time": 3,
    "score": 4,
    "confidence": 6,
}


class Folder:
    """Writes what is predicted, row by row. Leave it as a context: it writes the rest then.

    facts: what the first line of predictions.jsonl says, with `classes`.
    averaged: whether the csv has columns of averages over time.
    drawn: whether pictures and videos are drawn.
    names, blur: of the pictures, see fer.inference.draw.draw.
    """

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        *,
        averaged: bool,
        drawn: bool = False,
        names: bool = True,
        blur: bool = False,
    ) -> None:
        self.path, self.facts = path, dict(facts)
        self.pictures = self.faces = self.unreadable = 0
        self._averaged, self._named = averaged, list[str]()
        self._last: dict[str, Any] | None = None
        self._started = self._saved = time.monotonic()
        self.pages = Pages(path, facts["classes"], names=names, blur=blur)
        self._drawn = Drawn(path / "drawn", names=names, blur=blur) if drawn else None
        # Without a buffer: each write is whole, also where the process is killed after it.
        self._csv = open(path / "predictions.csv", "wb", buffering=0)
        self._jsonl = open(path / "predictions.jsonl", "wb", buffering=0)

    def __enter__(self) -> Self:
        self._columns = rows.columns(self.facts["classes"], averaged=self._averaged)
        self._csv.write(_csv([self._columns]))
        self._jsonl.write(_jsonl([self.facts]))
        self._save("running")
        return self

    def add(self, source: Source, picture: Picture, prediction: Prediction) -> None:
        """Write the rows of a picture or frame, and draw it."""
        found = list(rows.rows(prediction, averaged=self._averaged))
        self._csv.write(_csv([[_text(name, row[name]) for name in self._columns] for row in found]))
        self._jsonl.write(_jsonl(objects(prediction)))
        self.pictures, self.faces = self.pictures + 1, self.faces + len(prediction.faces)
        self._last = {key: getattr(prediction, key) for key in ("source", "frame", "time")}
        self.pages.add(source, picture, prediction)
        if self._drawn:
            self._drawn.add(source, picture, prediction)
        if time.monotonic() - self._saved > EVERY:
            self._save("running")

    def skip(self, fault: InputError) -> None:
        """Count a source that could not be read. Its line names it."""
        self.unreadable += 1
        if len(self._named) < NAMED:
            self._named.append(str(fault))
        self.pages.skip(str(fault))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._csv.close()
        self._jsonl.close()
        if self._drawn:
            self._drawn.close()
        said = {name: self.facts[name] for name in SAID}
        status = _status(kind)
        seconds = time.monotonic() - self._started
        self.pages.write(said | {"status": status, "seconds": round(seconds, 1)})
        self._save(status)

    def _save(self, status: str) -> None:
        self._saved = time.monotonic()
        counts = {name: getattr(self, name) for name in ("pictures", "faces", "unreadable")}
        write_json(
            self.path / "predict.json",
            self.facts
            | {"status": status, "last": self._last}
            | counts
            | {"unreadable_sources": self._named}
            | {"seconds": round(self._saved - self._started, 3)},
        )


def facts(model: Model, place: str, settings: Settings, command: str) -> dict[str, Any]:
    """What describes a run of predictions, the first line of predictions.jsonl.

    place: of the network, as it was typed.
    """
    return {
        "model": place,
        "sha256": file_digest(checkpoint.find(Path(place))),
        "version": fer.__version__,
        "detector": "none" if settings.crops else settings.detector,
        "margin": asdict(look.place(model)),
        "classes": list(model.classes),
        "command": command,
    }


def objects(prediction: Prediction) -> list[dict[str, Any]]:
    """The lines of predictions.jsonl for a picture: one a face, or one without a face."""
    place = {
        "source": prediction.source,
        "frame": prediction.frame,
        "time": _rounded("time", prediction.time),
        "size": list(prediction.size),
    }
    found = [
        place | {"face": number} | _object(face, prediction.classes)
        for number, face in enumerate(prediction.faces)
    ]
    return found or [place | {"face": None}]


def _object(face: Face, classes: Sequence[str]) -> dict[str, Any]:
    """A face as JSON has it."""
    averages = {} if face.smoothed is None else {"smoothed": _by_class(face.smoothed, classes)}
    landmarks = None
    if face.landmarks is not None:
        landmarks = [[round(value, 1) for value in point] for point in face.landmarks.tolist()]
    return {
        "track": face.track,
        "box": [round(side, DIGITS["x"]) for side in face.box],
        "score": round(face.score, DIGITS["score"]),
        "label": face.label,
        "confidence": round(face.confidence, DIGITS["confidence"]),
        "probabilities": _by_class(face.probabilities, classes),
        **averages,
        "landmarks": landmarks,
        "roll": round(face.roll, DIGITS["roll"]),
        "warnings": list(face.warnings),
    }


def _by_class(probabilities: Any, classes: Sequence[str]) -> dict[str, float]:
    return {name: round(p, 6) for name, p in zip(classes, probabilities.tolist(), strict=True)}


def _rounded(name: str, value: Any) -> Any:
    return round(value, DIGITS.get(name, 6)) if isinstance(value, float) else value


def _text(name: str, value: Any) -> str:
    """A field of the csv: decimals as DIGITS has them, nothing for None."""
    if value is None:
        return ""
    return f"{value:.{DIGITS.get(name, 6)}f}" if isinstance(value, float) else str(value)


def _csv(lines: Sequence[Sequence[str]]) -> bytes:
    """Lines of a csv, quoted as RFC 4180 has it. A name that is no UTF-8 keeps its bytes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _jsonl(lines: Sequence[Mapping[str, Any]]) -> bytes:
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    return text.encode("utf-8", "surrogateescape")


def _status(kind: type[BaseException] | None) -> str:
    """How it ended: stopped by a hand or a signal, failed by an exception, or finished."""
    if kind is None:
        return "finished"
    return "failed" if issubclass(kind, Exception) else "stopped"
