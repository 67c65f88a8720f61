"""Networks and their files. A config names a network as `fer.models.R1`."""

from fer.models.r1 import R1
from fer.models.r2 import R2

__all__ = ["R1", "R2"]
