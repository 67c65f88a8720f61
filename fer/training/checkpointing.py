"""The checkpoints that training writes: best.ckpt and last.ckpt."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

from fer.common.files import copy_file
from fer.common.run_folder import best_of
from fer.training.pause import Pause


class Best(ModelCheckpoint):
    """Keep best.ckpt, the best epoch by a monitor.

    resumed: the checkpoint that the run resumes from, with best.ckpt next to it. None: a new run.

    A run that resumes in a new folder copies its best epoch so far. Lightning alone would forget it and
    call the best of the later epochs the run's best (pytorch-lightning#12045).
    """

    def __init__(self, *, resumed: Path | None, **others: Any) -> None:
        super().__init__(filename="best", **others)
        self._resumed = resumed

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the score of the best epoch so far. Paths in a file may be anybody's, and are not used."""
        place = Path(self.dirpath) / f"{self.filename}.ckpt"
        best = best_of(self._resumed)
        if best.resolve() != place.resolve():
            copy_file(best, place)
        score = state["best_model_score"]
        self.best_model_score = self.kth_value = score
        self.best_model_path = self.kth_best_model_path = str(place)
        self.best_k_models = {str(place): score}


class Last(ModelCheckpoint):
    """Keep last.ckpt, to resume from.

    best: the other checkpoint of the run. last.ckpt is written at the epochs that `Pause` chooses and
        whenever best.ckpt is, so that it is never the older one.
    resumed: the checkpoint that the run resumes from, which it copies. None: a new run.
    """

    def __init__(self, *, best: ModelCheckpoint, resumed: Path | None, **others: Any) -> None:
        super().__init__(filename="last", **others)
        self._best, self._score, self._pause = best, None, Pause()
        self._resumed = resumed

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        place = Path(self.dirpath) / f"{self.filename}.ckpt"
        if self._resumed is not None and trainer.is_global_zero and not place.exists():
            copy_file(self._resumed, place)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load nothing: the files of another run do not concern this one."""

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        score = self._best.best_model_score
        better, self._score = score != self._score, score
        # Processes save together or not at all, although their clocks differ.
        if trainer.strategy.broadcast(self._pause.over(trainer)) or better:
            super().on_train_epoch_end(trainer, module)
