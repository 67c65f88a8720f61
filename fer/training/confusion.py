"""Validation's confusion matrix in TensorBoard."""

import lightning as L

from fer.training.pause import Pause


class ConfusionImages(L.Callback):
    """Add validation's confusion matrix to TensorBoard, at the epochs that `Pause` chooses."""

    def __init__(self) -> None:
        self._pause = Pause()

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        from fer.reports import figures  # matplotlib: late, so that errors come early

        if trainer.is_global_zero and module.matrix is not None and self._pause.over(trainer):
            for logger in trainer.loggers:
                figure = figures.confusion(module.matrix, module.classifier.classes)
                logger.experiment.add_image(
                    "val/confusion_matrix",
                    figures.pixels(figure),
                    trainer.current_epoch,
                    dataformats="HWC",
                )
