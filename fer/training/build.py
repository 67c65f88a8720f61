"""From a config to everything that trains."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config.instantiate import build_node
from fer.config.paths import conf_folder
from fer.config.schema import higher_is_better
from fer.data.exposure import Seen
from fer.data.labels import places
from fer.data.module import FaceData
from fer.models import checkpoint
from fer.models.checkpoint import Checkpoint
from fer.models.classifier import Classifier, build_network, restore
from fer.training import ema, patches, precision
from fer.training.augment import Augment
from fer.training.checkpointing import Best, Last
from fer.training.distillation import Teachers
from fer.training.module import FaceModule

patches.quiet_lightning()


def build_checkpoints(cfg: DictConfig, folder: Path) -> tuple[ModelCheckpoint, ModelCheckpoint]:
    """Return the callbacks that keep best.ckpt, by the monitor, and last.ckpt in `folder`."""
    common = {
        "dirpath": folder,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
    }
    resumed = cfg.ckpt_path and Path(cfg.ckpt_path)
    best = Best(resumed=resumed, monitor=cfg.monitor, mode=_mode(cfg), **common)
    return best, Last(best=best, resumed=resumed, **common)


def chosen_callbacks(cfg: DictConfig) -> list[L.Callback]:
    """Return the progress bar, the average of weights and early stopping, where the config asks for them."""
    chosen: list[L.Callback] = [patches.ProgressBar()] if cfg.trainer.enable_progress_bar else []
    if cfg.ema is not None:
        chosen.append(patches.DeviceAveraging(ema.average(cfg.ema)))
    if cfg.patience is not None:
        chosen.append(EarlyStopping(cfg.monitor, patience=cfg.patience, mode=_mode(cfg)))
    return chosen


def _mode(cfg: DictConfig) -> str:
    return "max" if higher_is_better(cfg.monitor) else "min"


def build_augment(cfg: DictConfig) -> Augment:
    return build_node(cfg, "augment")


def build_classifier(cfg: DictConfig, data: FaceData) -> Classifier:
    """A new network for the faces of `data`, with its planes."""
    network = build_network(
        OmegaConf.to_container(cfg.model, resolve=True),
        channels=len(data.channels),
        classes=len(data.classes),
        size=data.size,
    )
    try:
        return Classifier(
            network,
            classes=data.classes,
            channels=data.channels,
            size=data.size,
            channels_last=cfg.channels_last,
        )
    except ValueError as fault:
        raise InputError(f"data.{fault}") from None


def build_module(
    cfg: DictConfig,
    data: FaceData,
    *,
    counts: list[int],
    teachers: Sequence[Checkpoint] = (),
    seen: Sequence[Seen] = (),
) -> FaceModule:
    """A new network and all it is trained with.

    counts: training images of each class.
    teachers: what `teacher` names. seen: the faces that checkpoints record.
    """
    extra = {"higher": higher_is_better(cfg.monitor)} if _is_plateau(cfg) else {}
    return FaceModule(
        build_classifier(cfg, data),
        augment=build_augment(cfg),
        loss=build_node(cfg, "loss", counts=counts),
        optimizer=partial(build_node, cfg, "optim"),
        schedule=partial(build_node, cfg, "schedule", **extra),
        recipe=OmegaConf.to_container(cfg, resolve=True),
        teachers=build_teachers(cfg, data, teachers),
        seen=seen,
    )


def build_teachers(
    cfg: DictConfig, data: FaceData, checkpoints: Sequence[Checkpoint]
) -> Teachers | None:
    """The networks of `teacher`; None without any. Raises InputError where they do not fit the faces."""
    outputs = [places(data.classes, found.classes) for found in checkpoints]
    for found, chosen in zip(checkpoints, outputs, strict=True):
        if None in chosen or found.size != data.size:
            raise InputError(
                f"teacher: {found.path} has the classes {', '.join(found.classes)} in {found.size} pixels, "
                f"but this dataset has {', '.join(data.classes)} in {data.size} pixels"
            )
    if not checkpoints:
        _refuse_unused(cfg)
        return None
    networks = [restore(found) for found in checkpoints]
    return Teachers(
        networks, outputs, weight=cfg.teacher_weight, temperature=cfg.teacher_temperature
    )


def _refuse_unused(cfg: DictConfig) -> None:
    """Refuse options of distillation without a teacher."""
    usual = OmegaConf.load(conf_folder() / "train.yaml")
    for key in ("teacher_weight", "teacher_temperature"):
        if cfg[key] != usual[key]:
            raise InputError(
                f"{key}: {cfg[key]}, but no teacher; name finished runs, teacher=[RUN,RUN]"
            )


def build_trainer(cfg: DictConfig, *, measuring: bool = True, **others: Any) -> L.Trainer:
    """The Trainer; `precision: auto` becomes a precision here.

    measuring: False where no training follows, so that no processor is measured for it.
    """
    node = cfg.trainer
    endless = node.get("max_epochs") is None and node.get("max_steps") in (None, -1)
    if endless and node.get("max_time") is not None:
        raise InputError(
            "trainer.max_epochs: null, but a schedule needs their number; trainer.max_time may end "
            "them early"
        )
    accelerator = node.get("accelerator")
    apple = accelerator == "gpu" and torch.backends.mps.is_available()
    if accelerator in ("gpu", "cuda") and not (torch.cuda.is_available() or apple):
        raise InputError("trainer.accelerator: gpu, but torch sees none here; choose trainer=cpu")
    resolved = precision.resolve(node.get("precision"), accelerator, measuring=measuring)
    trainer = build_node(
        OmegaConf.create({"trainer": node}),
        "trainer",
        precision=resolved.name,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        plugins=[patches.WholeFiles(), *patches.cluster()],
        **others,
    )
    return patches.without_foreign_checkpoints(trainer)


def _is_plateau(cfg: DictConfig) -> bool:
    return str(cfg.schedule._target_).endswith(".plateau")


def read_teachers(cfg: DictConfig, *, device: Literal["cpu", "meta"] = "cpu") -> list[Checkpoint]:
    """The checkpoints that `teacher` names."""
    try:
        return [checkpoint.read(Path(place), device=device) for place in cfg.teacher]
    except InputError as fault:
        raise InputError(f"teacher: {fault}") from None
