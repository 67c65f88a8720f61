"""The checkpoints that training writes: best.ckpt and last.ckpt."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fer.common.files import copy_file, replacing
from fer.common.run_folder import best_of
from fer.training.callbacks import Pause


class WholeFiles(TorchCheckpointIO):
    """Lightning's files, but never half of one: it writes where temporary files lie and copies from another disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options=None) -> None:
        with replacing(Path(path)) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)


class Best(ModelCheckpoint):
    """Keeps best.ckpt, by a monitor. A run that goes on in a new folder takes its earlier best along.

    Lightning alone would forget it there and call the best of the later epochs the run's. resumed: the
    checkpoint that the run goes on from, with best.ckpt beside it; None: a new run.
    """

    def __init__(self, *, resumed: Path | None, **others: Any) -> None:
        super().__init__(filename="best", **others)
        self._resumed = resumed

    def load_state_dict(self, state: dict[str, Any]) -> None:
        place = Path(self.dirpath) / f"{self.filename}.ckpt"
        if self._resumed is not None and self.dirpath != state["dirpath"]:
            copy_file(best_of(self._resumed), place)
            best = {"best_model_path": str(place), "kth_best_model_path": str(place)}
            ranked = {"best_k_models": {str(place): state["best_model_score"]}}
            state = state | best | ranked | {"dirpath": self.dirpath, "last_model_path": ""}
        super().load_state_dict(state)


class Last(ModelCheckpoint):
    """Keeps last.ckpt, to go on from: where epochs take seconds it may be some old, but never older than
    what `best` keeps."""

    def __init__(self, *, best: ModelCheckpoint, **others: Any) -> None:
        super().__init__(filename="last", **others)
        self._best, self._score, self._pause = best, None, Pause()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing: which files another run kept is its own affair."""

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        score = self._best.best_model_score
        better, self._score = score != self._score, score
        # Processes save together or not at all, whatever their own clocks say.
        if trainer.strategy.broadcast(self._pause.over(trainer)) or better:
            super().on_train_epoch_end(trainer, module)
