"""How a network learns. These are the names that configs build: `_target_: fer.training.adamw`."""

from fer.training.augment import Augment
from fer.training.losses import CrossEntropy, Focal, LogitAdjusted
from fer.training.optimizers import adam, adamw, sgd
from fer.training.orthogonal import muon
from fer.training.schedules import constant, cosine, linear, one_cycle, plateau

__all__ = [
    "Augment",
    "CrossEntropy",
    "Focal",
    "LogitAdjusted",
    "adam",
    "adamw",
    "constant",
    "cosine",
    "linear",
    "muon",
    "one_cycle",
    "plateau",
    "sgd",
]
