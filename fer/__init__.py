"""Train, measure and use facial-expression networks on FER2013 and its kin.

Importing `fer` loads nothing heavy: the command line must be able to answer before torch is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    import torch

    from fer.inference import Model
    from fer.inference.rows import to_pandas, to_rows

__version__ = "0.1.0"
__all__ = ["__version__", "load", "to_pandas", "to_rows"]


def load(place: str | PathLike[str] = "shipped", device: str | torch.device = "cpu") -> Model:
    """The network that `place` names, on a device (fer.inference.load).

    place: a finished run's folder, a checkpoint, a packed network's folder, an ONNX file, or `shipped`.
    device: as torch names it, `cpu` or `cuda`.
    """
    from fer import inference

    return inference.load(place, device)


def __getattr__(name: str) -> object:
    """`to_rows` and `to_pandas`, whose module loads NumPy."""
    if name in ("to_rows", "to_pandas"):
        from fer.inference import rows

        return getattr(rows, name)
    raise AttributeError(f"module 'fer' has no attribute {name!r}")
