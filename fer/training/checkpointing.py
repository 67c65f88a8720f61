"""The checkpoints that training writes: best.ckpt and last.ckpt."""

from pathlib import Path
from typing import Any

from lightning.pytorch.plugins.io import TorchCheckpointIO

from fer.common.files import replacing


class WholeFiles(TorchCheckpointIO):
    """Lightning's files, but never half of one: it writes where temporary files lie and copies from another disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options=None) -> None:
        with replacing(Path(path)) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)
