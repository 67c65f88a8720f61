"""The precision of training: `trainer.precision=auto` takes the faster one, by a measurement."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from fer.common.files import write_json
from fer.common.versions import processor
from fer.data.cache import cache_folder

INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # as torch names them, the last of ARM
GAIN = 1.1  # bf16 must be faster by this factor: at equal speed fp32 is the more exact
WARMUP, PAIRS = 1, 5  # pairs of steps that do not count, and those whose medians do
SECONDS = 2.0  # after which a slow processor takes no further pair


@dataclass(frozen=True)
class Place:
    """What a measurement is valid for."""

    processor: str
    torch: str
    threads: int


@dataclass(frozen=True)
class Measured(Place):
    """Milliseconds of a step of training, in both precisions."""

    fp32_ms: float
    bf16_ms: float


@dataclass(frozen=True)
class Precision:
    """A precision as Lightning names it, and the measurement behind it where there is one."""

    name: str
    measured: Measured | None = None

    def reasons(self) -> list[str]:
        """A line for the log where a measurement decided."""
        if (found := self.measured) is None:
            return []
        times = f"{found.fp32_ms:.1f} ms in fp32 and {found.bf16_ms:.1f} ms in bf16"
        return [f"precision {self.name}: a step of the measurement takes {times}"]

    def evidence(self) -> dict[str, Any] | None:
        """The measurement and its file, for summary.json; None where nothing was measured."""
        if self.measured is None:
            return None
        return asdict(self.measured) | {"file": str(_file(self.measured))}


def resolve(
    name: str | int | None, accelerator: str | None, *, measuring: bool = True
) -> Precision:
    """The precision of `trainer.precision`, whose `auto` becomes the faster one of the accelerator.

    measuring: False takes fp32 for a processor that would have to be measured.
    """
    name = str(name or "32-true")
    if name == "auto":
        return _automatic(accelerator, measuring=measuring)
    return Precision(name)


def _automatic(accelerator: str | None, *, measuring: bool) -> Precision:
    if torch.cuda.is_available() and accelerator != "cpu":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return Precision("bf16-mixed" if native else "32-true")
    apple = torch.backends.mps.is_available() and accelerator != "cpu"
    if apple or not measuring or not _has_bf16():
        return Precision("32-true")
    measured = measurement(Place(processor(), torch.__version__, torch.get_num_threads()))
    return Precision(faster(measured.fp32_ms, measured.bf16_ms), measured)


def _has_bf16() -> bool:
    abilities = torch.cpu.get_capabilities()
    return any(abilities.get(name, False) for name in INSTRUCTIONS)


def faster(fp32_ms: float, bf16_ms: float) -> str:
    """bf16-mixed where it is faster by GAIN, else 32-true."""
    return "bf16-mixed" if bf16_ms * GAIN <= fp32_ms else "32-true"


@cache
def measurement(place: Place) -> Measured:
    """The measurement of a processor from the cache folder, else a new one, which is kept there.

    Of processes that measure at once, the first to finish decides for all.
    """
    path = _file(place)
    if (kept := _read(path)) is not None:
        return kept
    fp32, bf16 = time_steps()
    measured = Measured(**asdict(place), fp32_ms=fp32, bf16_ms=bf16)
    with suppress(OSError):  # without a cache folder each run measures
        _keep(measured, path)
    return _read(path) or measured


def _file(place: Place) -> Path:
    words = f"{place.processor} torch {place.torch} threads {place.threads}"
    key = re.sub(r"[^0-9A-Za-z.+]+", "-", words)
    return cache_folder() / "precision" / f"{key}.json"


def _read(path: Path) -> Measured | None:
    """The measurement in a file; None where there is none or a damaged one, which is removed."""
    try:
        return Measured(**json.loads(path.read_text()))
    except OSError:
        return None
    except (ValueError, TypeError):
        path.unlink(missing_ok=True)
        return None


def _keep(measured: Measured, path: Path) -> None:
    """Write `path` whole, unless another process has written it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        write_json(temporary, asdict(measured))
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def time_steps() -> tuple[float, float]:
    """The median milliseconds of a step in fp32 and in bf16, taken in turn."""
    pairs: list[tuple[float, float]] = []
    with torch.random.fork_rng(devices=[]):
        step = _step()
        started = time.perf_counter()
        while len(pairs) < WARMUP + PAIRS:
            pairs.append((_milliseconds(step, half=False), _milliseconds(step, half=True)))
            if len(pairs) > WARMUP and time.perf_counter() - started > SECONDS:
                break
    fp32, bf16 = zip(*pairs[WARMUP:], strict=True)
    return median(fp32), median(bf16)


def _milliseconds(step: Callable[[], None], *, half: bool) -> float:
    with torch.autocast("cpu", torch.bfloat16, enabled=half), torch.enable_grad():
        started = time.perf_counter()
        step()
        return 1000 * (time.perf_counter() - started)


def _step() -> Callable[[], None]:
    """Forward and backward of the first blocks of the default r1, for 32 faces of 48 pixels."""
    layers: list[nn.Module] = []
    for inputs, outputs, pools in (
        (1, 32, True),
        (32, 64, False),
        (64, 64, True),
        (64, 128, False),
    ):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pools else []
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    faces = torch.rand(32, 1, 48, 48).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        network.zero_grad()
        network(faces).float().mean().backward()

    return step
