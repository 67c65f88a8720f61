"""The state of a run, in the status.json of its folder."""

import datetime
import hashlib
import json
import math
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer.common.errors import one_line
from fer.common.files import write_json
from fer.common.run_folder import RunFolder
from fer.config.recipe import HANDLING, flat

# Of torchrun, Lightning (two) and srun.
RANKS = ("RANK", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Whether this process speaks and writes for all processes of a run."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


@contextmanager
def recording(folder: Path, cfg: DictConfig, overrides: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Keep status.json in `folder` while a run lasts: running, then done or failed.

    Yields the run's metrics, an empty dict to fill.
    """
    begun, metrics = time.monotonic(), {}
    status = {
        "overrides": list(overrides),
        "state": "running",
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "seconds": 0.0,
        "metrics": metrics,
        "error": None,
        "config_hash": config_hash(cfg),
    }
    _write(folder, status)
    try:
        yield metrics
        status["state"] = "done"
    except BaseException as fault:
        stopped = isinstance(fault, KeyboardInterrupt)
        status |= {"state": "failed", "error": "stopped" if stopped else one_line(fault)}
        raise
    finally:
        _write(folder, status | {"seconds": time.monotonic() - begun})


def _write(folder: Path, status: dict[str, Any]) -> None:
    finite = {
        key: value if math.isfinite(value) else None for key, value in status["metrics"].items()
    }
    if is_first_process():
        write_json(RunFolder(folder).status, status | {"metrics": finite})


def config_hash(cfg: DictConfig) -> str:
    """Sixteen hexadecimal digits, the same for every config of one experiment.

    A budget counts, since its epochs are not chosen yet.
    """
    values = flat(OmegaConf.to_container(cfg, resolve=True))
    handling = {*HANDLING} - {"budget"}
    kept = {key: value for key, value in values.items() if key not in handling}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
