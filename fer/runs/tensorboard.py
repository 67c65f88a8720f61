"""What a finished run adds to its TensorBoard events."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.loggers import TensorBoardLogger

from fer.evaluation import metrics
from fer.evaluation.results import Measured
from fer.reports import figures
from fer.reports.run_report import mistakes
from fer.training.history import COLUMNS
from fer.training.module import FaceModule

HPARAMS = ("model", "data", "augment", "optim", "schedule", "loss", "seed", "ema")
# Shown next to the hyperparameters, validation first: runs are ranked by it.
RANKED = ("val/acc", "val/mean_acc", "val/macro_f1", "test/acc", "test/clean_acc", "gap")


def write_tensorboard(
    logger: TensorBoardLogger, module: FaceModule, measured: Measured, numbers: Mapping[str, Any]
) -> None:
    """Write numbers, the most confident mistakes, the network's graph and HParams.

    numbers: those of summary.json. The ones that History has written for each epoch stay curves.
    """
    scalars = {key: value for key, value in numbers.items() if isinstance(value, (int, float))}
    curves = {*COLUMNS, *(f"val/{name}" for name in metrics.names(module.classifier.classes))}
    for key in scalars:
        if key not in curves:
            logger.experiment.add_scalar(key, scalars[key], 0)
    _add_mistakes(logger, measured)
    _add_graph(logger, module)
    recipe = {name: module.recipe[name] for name in HPARAMS}
    ranked = {f"hp/{key}": scalars[key] for key in RANKED if key in scalars}
    logger.log_hyperparams(recipe, ranked, step=0)
    logger.save()
    logger.experiment.close()


def _add_mistakes(logger: TensorBoardLogger, measured: Measured) -> None:
    images, captions = mistakes(measured)
    if captions:
        sheet = figures.faces(images, captions, title="Most confident mistakes")
        pixels = figures.pixels(sheet)
        logger.experiment.add_image(f"{measured.part}/mistakes", pixels, 0, dataformats="HWC")


def _add_graph(logger: TensorBoardLogger, module: FaceModule) -> None:
    classifier = module.classifier
    network = copy.deepcopy(classifier.network).cpu().eval()  # the plain copy of a compiled one
    planes = torch.zeros(1, len(classifier.channels), classifier.size, classifier.size)
    logger.experiment.add_graph(network, planes)
