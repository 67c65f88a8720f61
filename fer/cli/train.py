"""`python train.py` and `fer train`: check the command, then train under Hydra."""

import logging
import os
import sys
import traceback
from contextlib import chdir
from pathlib import Path

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from fer.cli.options import help_text
from fer.common.errors import InputError, one_line
from fer.common.run_folder import RunFolder
from fer.config import compose, meant, schema
from fer.config.paths import conf_folder, register_resolvers
from fer.runs.status import is_first_process, recording

SWEEP = ("-m", "--multirun")
HELP = ("-h", "--help")
# Questions to Hydra, which run nothing.
QUESTIONS = "--hydra-help --version --cfg -c --info -i --shell-completion -sc".split()

log = logging.getLogger(__name__)
register_resolvers()  # on import: processes of other launchers have no other way


def main(arguments: list[str]) -> int:
    """The exit status: 0 done, 1 a failed run, 2 a wrong command, 130 stopped."""
    try:
        arguments = meant.expand(arguments)
        if any(word in HELP for word in arguments):
            print(help_text([word for word in arguments if not word.startswith("-")]))
            return 0
        if not any(word.split("=")[0] in QUESTIONS for word in arguments):
            _check(arguments)
    except InputError as fault:
        _say(fault)
        return 2
    except KeyboardInterrupt:
        print("fer: stopped before anything began", file=sys.stderr)
        return 130
    except Exception as fault:  # foreseen by no check: the command may be right
        _say(fault)
        return 1
    return _run(arguments)


def _say(fault: BaseException, more: str = "") -> None:
    """Print one line. Every process of a run finds a wrong command, but only the first prints it."""
    if is_first_process() or not isinstance(fault, InputError):
        print(f"fer: {one_line(fault)}{more}", file=sys.stderr)


def _check(arguments: list[str]) -> None:
    """Raises InputError for a wrong command, at first without torch."""
    overrides = [word for word in arguments if not word.startswith("-")]
    for word, following in zip(arguments, [*arguments[1:], "VALUE"]):
        if word not in (*overrides, *SWEEP):  # Hydra's would run another config than is checked
            raise InputError(meant.no_override(word, following))
    sweeping = len(overrides) < len(arguments)
    each = compose.compose_sweep(overrides) if sweeping else [[compose.compose_config(overrides)]]
    compose.check_place(overrides, f"hydra.{'sweep' if sweeping else 'run'}.dir")
    from fer.runs import preflight

    for cfg, *others in each:
        preflight.check(cfg)
        for other in others:
            schema.check_config(other)


def _run(arguments: list[str]) -> int:
    """The exit status of a run or a sweep: 1 where a job that ran in this process failed."""
    found: list[float | None] = []

    def job(cfg: DictConfig) -> float | None:
        found.append(_job(cfg, Path(HydraConfig.get().runtime.output_dir)))
        return found[-1]

    os.environ["HYDRA_FULL_ERROR"] = "1"  # failures come back here, where they are one line
    version.setbase("1.3")
    # As hydra.main, which would read sys.argv: that may open with `fer train`, and Lightning's
    # children repeat it.
    parser, conf = get_args_parser(), str(conf_folder())
    typed = parser.parse_args(arguments)
    try:
        _run_hydra(typed, parser, job, config_path=conf, config_name="train")
    except KeyboardInterrupt as fault:  # in a job, or between two of a sweep
        print(f"\nfer: {str(fault) or 'stopped'}", file=sys.stderr)  # below a progress bar
        return 130
    except Exception as fault:  # where no folder can be made, or from a job of another process
        print(f"fer: {one_line(_cause(fault))}", file=sys.stderr)
        return 1
    return int(None in found)  # Lightning stops the other processes when one of them ends by 1


def _cause(fault: BaseException) -> BaseException:
    """What made a resolver of the config fail, such as an OSError."""
    return (
        fault.__cause__ if isinstance(fault, OmegaConfBaseException) and fault.__cause__ else fault
    )


def _job(cfg: DictConfig, folder: Path) -> float | None:
    """The best epoch's monitor; None where the run failed, which is printed here."""
    settings = HydraConfig.get()
    sweeping = settings.mode == RunMode.MULTIRUN
    try:
        with recording(folder, cfg, settings.overrides.task) as metrics:
            with chdir(settings.runtime.cwd):  # paths are relative to it, hydra.job.chdir or not
                if sweeping:
                    _check_job(cfg)
                metrics[cfg.monitor] = _train(cfg, folder, list(settings.overrides.task))
        return metrics[cfg.monitor]
    except (Exception, KeyboardInterrupt) as fault:
        logged = f"(log: {folder / settings.job.name}.log)"
        log.debug("%s", traceback.format_exc())
        if isinstance(fault, KeyboardInterrupt):  # ends a sweep too
            last = RunFolder(folder).last
            resume = f"; resume with ckpt_path={last}"
            more = resume if last.exists() else " before the end of its first epoch"
            raise KeyboardInterrupt(f"stopped{more} {logged}") from None
        # Hydra prints two lines for what its own launcher and sweeper are given as an exception.
        choices = settings.runtime.choices
        if sweeping and {choices["hydra/launcher"], choices["hydra/sweeper"]} != {"basic"}:
            raise InputError(f"{one_line(fault)} {logged}") from None
        _say(fault, f" {logged}")
        return None


def _check_job(cfg: DictConfig) -> None:
    from fer.runs import preflight

    compose.check_alone(cfg)
    preflight.check(cfg)


def _train(cfg: DictConfig, folder: Path, overrides: list[str]) -> float:
    from fer.runs import train  # seconds, in which somebody may press Ctrl-C

    program = Path(sys.argv[0]).name
    command = [*(["python"] if program.endswith(".py") else []), program, *sys.argv[1:]]
    return train.train(cfg, folder, command=command, overrides=overrides)
