"""Class names in other scripts: a font of the system that has them, else one note and no warnings."""

import logging
import warnings

import numpy as np
import pytest
from matplotlib.text import Text

from fer.common import fonts
from fer.reports import figures

COUNTS = np.array([[5, 1], [2, 7]])


@pytest.fixture(autouse=True)
def searched_anew():
    kept = (fonts.families, fonts.file_for, fonts._note)
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:
        each.cache_clear()


def test_what_no_font_has_is_noted_once_without_warnings(monkeypatch, caplog) -> None:
    monkeypatch.setattr(fonts, "_others", dict)
    caplog.set_level(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            figures.png_bytes(figures.confusion(COUNTS, ("愤怒", "高兴")))
    (record,) = caplog.records
    assert "愤" in record.getMessage()


def test_a_font_that_has_the_characters_draws_them(caplog) -> None:
    caplog.set_level(logging.INFO)
    figure = figures.confusion(
        COUNTS, ("ᶁ", "happy")
    )  # in STIXGeneral, which comes with matplotlib
    assert "ᶁ" not in fonts.characters(fonts.own_file())
    figures.png_bytes(figure)
    assert "STIXGeneral" in fonts.file_for("ᶁ")
    assert figure.findobj(Text)[0].get_fontfamily() == [fonts.OWN, "STIXGeneral"]
    assert caplog.records == []


def test_usual_names_look_for_no_font(monkeypatch) -> None:
    monkeypatch.setattr(fonts, "characters", None)
    figures.png_bytes(figures.confusion(COUNTS, ("angry", "überrascht")))
