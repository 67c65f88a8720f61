"""What the pages of predictions share: templates/predicted.html is its other half."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fer.data.labels import called
from fer.inference import warnings
from fer.inference.draw import colour
from fer.inference.prediction import PURPOSE, UNSURE
from fer.reports.html import write_page

LINES = 200  # unreadable files that are named
MEANINGS = {name: limit.meaning for name, limit in warnings.LIMITS.items()}


class Predicted:
    """A page of predictions: its classes, and the files that could not be read.

    classes: names, in the order of the probabilities.
    blur: whether faces are hidden in the pictures.
    """

    def __init__(self, classes: Sequence[str], *, blur: bool) -> None:
        self.classes, self.blur = tuple(classes), blur
        self.unreadable = 0
        self.lines: list[str] = []

    def skip(self, line: str) -> None:
        """Count a file that could not be read. `line` names it and says why."""
        self.unreadable += 1
        if len(self.lines) < LINES:
            self.lines.append(line)

    def _write(self, path: Path, template: str, facts: Mapping[str, Any], **content: Any) -> None:
        """Write the page of a template, completely or not at all. `content`: its own names.

        facts: what is said of the run, by name: `model`, `sha256`, `detector`, `command`, `seconds`
        and others. `command` is what to type to run it again.
        """
        write_page(
            path,
            template,
            lines=self.lines,
            facts={key: value for key, value in facts.items() if key != "command"},
            command=facts.get("command"),
            called=called(self.classes),
            classes=self.classes,
            palette={name: colour(name, self.classes) for name in (*self.classes, UNSURE)},
            meanings=MEANINGS,
            purpose=PURPOSE,
            **content,
        )
