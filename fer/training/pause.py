"""When to write what may take longer than a short epoch: last.ckpt and figures."""

import math
import time

import lightning as L

PAUSE = 30.0  # seconds; an epoch of a GPU may be shorter than writing a checkpoint


class Pause:
    """Choose the epochs at whose end files are written: the first, the last, and one every PAUSE seconds."""

    def __init__(self) -> None:
        self._last = -math.inf

    def over(self, trainer: L.Trainer) -> bool:
        now, steps = time.monotonic(), trainer.global_step
        ends = trainer.current_epoch + 1 == trainer.max_epochs or steps == trainer.max_steps
        if now < self._last + PAUSE and not ends and not trainer.should_stop:
            return False
        self._last = now
        return True
