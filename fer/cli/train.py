"""`python train.py` and `fer train`: check the command line, then train under Hydra."""

import logging
import math
import os
import sys
import traceback
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from fer.common.errors import InputError, one_line
from fer.common.run_folder import RunFolder
from fer.config import compose
from fer.config.paths import conf_folder, register_resolvers

# Tells Lightning's children, which have a LOCAL_RANK as those of torchrun, that their command was checked.
CHECKED = "FER_CHECKED"

log = logging.getLogger(__name__)
register_resolvers()  # on import: processes of other launchers come by no other way


def main(arguments: list[str]) -> int:
    """The exit status: 2 a wrong command, said in one line before any folder is made; 1 a failed run."""
    if CHECKED not in os.environ or "LOCAL_RANK" not in os.environ:
        try:
            _check(arguments)
        except InputError as fault:
            if _is_first():
                print(f"fer: {one_line(fault)}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("fer: stopped before anything began", file=sys.stderr)
            return 130
        except Exception as fault:  # foreseen by no check: not the words' fault
            print(f"fer: {one_line(fault)}", file=sys.stderr)
            return 1
        os.environ[CHECKED] = "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # failures come back here, where they are one line
    typed, found = list(sys.argv), []

    def job(cfg: DictConfig) -> float:
        sys.argv[:] = typed  # Lightning's children repeat it whole, `fer train` or train.py
        found.append(_job(cfg))
        return found[-1]

    sys.argv[1:] = arguments  # Hydra reads them there
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")(job)()
    except KeyboardInterrupt as fault:  # a job's, or between two of a sweep
        print(f"\nfer: {str(fault) or 'stopped'}", file=sys.stderr)  # below a progress bar
        return 130
    # Of Hydra's own, as where no folder can be made, or of a job that ran elsewhere.
    except Exception as fault:
        print(f"fer: {one_line(fault)}", file=sys.stderr)
        return 1
    return int(any(map(math.isnan, found)))


def _is_first() -> bool:
    """What is wrong with the input, every process of a run finds: the first of them says it."""
    # torchrun's, Lightning's own two, srun's
    ranks = ("RANK", "NODE_RANK", "LOCAL_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in ranks)


def _check(arguments: list[str]) -> None:
    jobs = compose.compose_jobs(arguments)
    if not jobs:
        return
    from fer.runs import preflight

    for job in jobs:
        preflight.check(job)


def _job(cfg: DictConfig) -> float:
    """The best epoch's monitor. NaN where the run failed, which is said here: Hydra would add to it."""
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    program = Path(sys.argv[0]).name
    command = [*(["python"] if program.endswith(".py") else []), program, *sys.argv[1:]]
    try:
        from fer.runs import train  # seconds, in which somebody may press Ctrl-C

        return train.train(cfg, folder, command=command, overrides=list(settings.overrides.task))
    except (Exception, KeyboardInterrupt) as fault:
        line, logged = one_line(fault), f"(log: {folder / settings.job.name}.log)"
        log.debug("%s", traceback.format_exc())
        stopped, sweeping = isinstance(fault, KeyboardInterrupt), settings.mode == RunMode.MULTIRUN
        # Other launchers run jobs where no list of ours reaches: there Hydra tells of what is raised.
        if sweeping and not stopped and settings.runtime.choices["hydra/launcher"] != "basic":
            raise InputError(f"{line} {logged}") from None
        if stopped:  # a sweep with it
            last = RunFolder(folder).last
            more = (
                f"; ckpt_path={last} goes on" if last.exists() else " before its first epoch's end"
            )
            raise KeyboardInterrupt(f"stopped{more} {logged}") from None
        if not isinstance(fault, InputError) or _is_first():
            print(f"fer: {line} {logged}", file=sys.stderr)
        return math.nan
