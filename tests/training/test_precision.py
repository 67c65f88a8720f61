"""trainer.precision=auto: the faster precision, measured once for a processor."""

import json
from pathlib import Path

import pytest
import torch

from fer.config import compose
from fer.runs import preflight
from fer.training import build, precision


@pytest.fixture
def capable(monkeypatch, tmp_path: Path) -> list[None]:
    """A processor with bf16, whose times are set; gives a list with one entry a measurement."""
    times: list[None] = []

    def time_steps() -> tuple[float, float]:
        times.append(None)
        return 30.6, 43.8

    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(precision, "time_steps", time_steps)
    precision.measurement.cache_clear()
    yield times
    precision.measurement.cache_clear()


@pytest.mark.parametrize(
    ("fp32", "bf16", "name"),
    [(2.0, 1.0, "bf16-mixed"), (1.1, 1.0, "bf16-mixed"), (1.05, 1.0, "32-true"), (1.0, 1.4, "32-true")],
)  # fmt: skip
def test_bf16_is_taken_where_it_is_clearly_faster(fp32, bf16, name) -> None:
    assert precision.faster(fp32, bf16) == name


def test_a_processor_is_measured_once_and_the_file_decides_afterwards(capable, tmp_path) -> None:
    first = precision.resolve("auto", "cpu")
    precision.measurement.cache_clear()  # as another process
    assert precision.resolve("auto", "auto") == first and len(capable) == 1
    (file,) = (tmp_path / "precision").iterdir()
    assert first.name == "32-true" and first.evidence() == {
        **json.loads(file.read_text()), "file": str(file),
    }  # fmt: skip
    assert first.evidence()["fp32_ms"] == 30.6 and first.evidence()["bf16_ms"] == 43.8
    assert [word in first.reasons()[0] for word in ("32-true", "30.6", "43.8")] == [True] * 3
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bf16_ms": 15.0}))
    precision.measurement.cache_clear()
    assert precision.resolve("auto", "cpu").name == "bf16-mixed" and len(capable) == 1


def test_another_number_of_threads_is_measured_anew(capable, tmp_path, monkeypatch) -> None:
    precision.resolve("auto", "cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1000)
    precision.resolve("auto", "cpu")
    assert len(capable) == 2 and len(list((tmp_path / "precision").iterdir())) == 2


def test_the_first_of_two_processes_decides(capable, tmp_path, monkeypatch) -> None:
    kept = precision.resolve("auto", "cpu").measured
    precision.measurement.cache_clear()
    read = precision._read
    answers = iter([None])  # the other process has not finished yet
    monkeypatch.setattr(precision, "_read", lambda path: next(answers, read(path)))
    monkeypatch.setattr(precision, "time_steps", lambda: (2.0, 1.0))
    assert precision.resolve("auto", "cpu").measured == kept


def test_a_damaged_file_is_replaced(capable, tmp_path) -> None:
    precision.resolve("auto", "cpu")
    (file,) = (tmp_path / "precision").iterdir()
    file.write_text("{")
    precision.measurement.cache_clear()
    precision.resolve("auto", "cpu")
    assert len(capable) == 2 and json.loads(file.read_text())["fp32_ms"] == 30.6


def test_a_cache_folder_that_cannot_be_written_only_costs_time(capable, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "file"))
    assert precision.resolve("auto", "cpu").name == "32-true" and len(capable) == 1


def test_nothing_is_measured_without_bf16_or_where_it_is_named(capable, monkeypatch) -> None:
    assert precision.resolve("bf16-mixed", "cpu") == precision.Precision("bf16-mixed")
    assert precision.resolve(None, "cpu") == precision.Precision("32-true")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert precision.resolve("auto", "cpu") == precision.Precision("32-true")
    assert capable == [] and precision.Precision("32-true").reasons() == []


def test_the_check_before_a_run_measures_nothing(capable) -> None:
    cfg = compose.compose_config(["data=drawn", "trainer=cpu"])
    preflight.check(cfg)
    assert capable == []
    build.build_trainer(cfg, logger=False, enable_checkpointing=False)
    assert len(capable) == 1


def test_a_measurement_takes_both_times_and_no_random_number_of_the_run() -> None:
    before = torch.get_rng_state()
    assert min(precision.time_steps()) > 0
    assert torch.equal(torch.get_rng_state(), before)
