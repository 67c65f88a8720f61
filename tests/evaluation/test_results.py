"""What a measured part counts: all rows, or the clean ones alone where some were seen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fer.common.run_folder import RunFolder
from fer.data.faces import Faces
from fer.evaluation.metrics import scores
from fer.evaluation.results import Measured
from fer.reports.run_report import mistakes
from fer.runs.outputs import write_measured

# Predicted 0 0 1 1 with these confidences; the second and the last are wrong.
CLASSES = ("calm", "tense")
ROWS = np.array([2, 3, 4, 5, 8])  # of the source; the measured part lacks the third
NOTHING = np.zeros(5, np.int64)
FACES = Faces(
    ROWS[:, None, None].astype(np.uint8) * np.ones((1, 2, 2), np.uint8),
    np.array([0, 1, 1, 1, 0]), NOTHING, NOTHING, ROWS, CLASSES, "here",
)  # fmt: skip
PART = Measured(
    part="test",
    faces=FACES,
    positions=np.array([0, 1, 3, 4]),
    probabilities=torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]),
    clean=torch.tensor([True, False, True, True]),
    elsewhere=torch.tensor([False, False, False, False]),
)


def test_all_rows_count_where_none_was_seen() -> None:
    confidence, correct = PART.calibration()
    assert confidence.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.7])
    assert correct.tolist() == [True, False, True, False]
    sheet, captions = mistakes(PART)
    assert sheet[:, 0, 0].tolist() == [3, 8]  # the surer one first
    assert captions == ["true tense\ncalm 80 %", "true calm\ntense 70 %"]


def test_a_full_confidence_is_of_the_last_bin() -> None:
    classes, right = ("calm", "tense"), torch.zeros(11, dtype=torch.int64)
    right[-1] = 1
    sure = torch.tensor([[0.95, 0.05]] * 10 + [[1.0, 0.0]])
    # One bin of eleven rows, ten of them right; mean confidence (9.5 + 1) / 11.
    assert scores(sure, right, classes)["ece"] == pytest.approx(abs(10 - 10.5) / 11, abs=1e-6)


def test_clean_rows_alone_count_where_one_was_seen() -> None:
    part = replace(PART, elsewhere=torch.tensor([False, True, False, False]))
    confidence, correct = part.calibration()
    assert confidence.tolist() == pytest.approx([0.9, 0.6, 0.7])
    assert correct.tolist() == [True, True, False]
    assert mistakes(part)[0][:, 0, 0].tolist() == [8]
    assert mistakes(part, most=0)[0].shape == (0, 2, 2)


def test_a_class_may_be_called_as_a_column_is(tmp_path: Path) -> None:
    faces = replace(FACES, classes=("true", "row"))
    write_measured(RunFolder(tmp_path), replace(PART, faces=faces))
    counts = (tmp_path / "confusion_matrix.csv").read_text().splitlines()
    assert counts == ["true,true,row", "true,1,1", "row,1,1"]
    predictions = (tmp_path / "predictions.csv").read_text().splitlines()
    assert predictions[:2] == ["row,label,prediction,p_true,p_row", "2,0,0,0.899999976,0.100000001"]
