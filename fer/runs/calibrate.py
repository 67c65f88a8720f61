"""Fit a finished network's temperature on the images that it was validated on."""

from collections.abc import Sequence
from dataclasses import replace

from fer.common.errors import InputError, one_line
from fer.evaluation.calibration import Calibration
from fer.evaluation.calibration import calibrate as fit
from fer.models.checkpoint import Checkpoint
from fer.runs.evaluate import evaluate
from fer.runs.members import assemble

# In single precision on any device, as `fer.load` computes.
TRAINER = ("trainer.accelerator=auto", "trainer.precision=32-true")


def calibrate(
    network: Checkpoint, overrides: Sequence[str] = (), *, required: bool = False
) -> Calibration:
    """The temperature for the validation part of the network's own data, changed by `overrides`.

    Temperature 1 with a note where these images are not here. required: raise InputError instead.
    """
    try:
        members = assemble([replace(network, temperature=1.0)], [*TRAINER, *overrides])
        return fit(evaluate(members, part="val", tta="none"))
    except InputError as fault:
        if required:
            raise
        return Calibration(note=f"not calibrated: {one_line(fault)}")


def describe(found: Calibration) -> str:
    """The temperature and what it changes, or the note, in one line."""
    if found.nll is None or found.ece is None:
        return f"note: temperature 1, {found.note}"
    return (
        f"temperature {found.temperature:.4f}, fitted on {found.rows:,} validation images: negative "
        f"log-likelihood {found.nll[0]:.4f} before, {found.nll[1]:.4f} after, calibration error "
        f"{found.ece[0]:.4f} and {found.ece[1]:.4f}"
    )
