"""How numbers are written in the pages."""

import numpy as np
import pytest

from fer.reports.html import duration, fixed, listed, percent


@pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan")])
def test_a_missing_number_is_a_dash(missing):
    assert percent(missing) == fixed(missing) == duration(missing) == "–"
    assert listed(None) == listed(float("nan")) == listed({}) == listed("") == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (5.06, "5.1 s"), (59.96, "1 min 00 s"), (245, "4 min 05 s")]
    + [(3599.6, "1 h 00 min"), (7432.2, "2 h 03 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
