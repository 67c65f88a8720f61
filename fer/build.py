"""From a config to objects; nothing else turns config into objects."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf

from fer.common.errors import InputError
from fer.config import schema
from fer.config.instantiate import build_node
from fer.config.paths import conf_folder
from fer.config.recipe import check_recipe
from fer.config.schema import SETTINGS
from fer.data.augment import Augment
from fer.data.module import FaceData
from fer.data.planes import Preprocess
from fer.data.sources import build_data
from fer.evaluation import metrics
from fer.models import checkpoint, packed
from fer.models.checkpoint import Checkpoint, build_network
from fer.module import FaceModule
from fer.teachers import Teachers
from fer.training import checkpointing

# Lightning's hints and its warning of torch's own renaming are for those who write Trainers. Batches are
# slices of an array, so that workers would add nothing; who chooses trainer=cpu beside a GPU means it.
logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
for hint in (".*LeafSpec", ".*logging interval", ".*many workers", ".*available but not used"):
    warnings.filterwarnings("ignore", message=hint, module="lightning")


# Pixels, and what is measured, are in single precision: so are weights.
PRECISIONS = ("32", "32-true", "bf16", "bf16-mixed", "16", "16-mixed")


def build_augment(cfg: DictConfig) -> Augment:
    return build_node(cfg, "augment")


def build_module(cfg: DictConfig, data: FaceData | Checkpoint, *, counts: list[int]) -> FaceModule:
    """The network and all it is trained with; `counts`: training images of each class."""
    extra = {"higher": metrics.higher_is_better(cfg.monitor)} if _is_plateau(cfg) else {}
    try:
        preprocess = Preprocess(data.channels)
    except ValueError as fault:
        raise InputError(f"data.{fault}") from None
    return FaceModule(
        network=build_network(cfg, data),
        preprocess=preprocess,
        augment=build_augment(cfg),
        loss=build_node(cfg, "loss", counts=counts),
        optimizer=build_node(cfg, "optim", _partial_=True),
        schedule=build_node(cfg, "schedule", _partial_=True, **extra),
        classes=data.classes,
        monitor=cfg.monitor,
        recipe=OmegaConf.to_container(cfg, resolve=True),
        size=data.size,
        seed=cfg.seed,
        channels_last=cfg.channels_last,
        resolutions=cfg.resolutions,
    )


def build_finished(found: Checkpoint, cfg: DictConfig) -> FaceModule:
    """The module of a checkpoint, with its weights; cfg: its recipe, perhaps revised."""
    check_recipe(found.recipe)
    module = build_module(cfg, found, counts=[1] * len(found.classes))
    try:
        module.load_state_dict(found.weights)
    except RuntimeError:
        raise InputError(
            f"{found.path}: its weights are not of the network that its recipe describes, or an older "
            "version named them (CHANGELOG.md)"
        ) from None
    return module


def build_teachers(
    cfg: DictConfig, data: FaceData, checkpoints: Sequence[Checkpoint]
) -> Teachers | None:
    """The networks of `teacher`; None without any. Raises InputError where they do not fit the faces."""
    for found in checkpoints:
        if (found.classes, found.size) != (data.classes, data.size):
            raise InputError(
                f"teacher: {found.path} tells {', '.join(found.classes)} in {found.size} pixels, but "
                f"these faces are {', '.join(data.classes)} in {data.size} pixels"
            )
    if not checkpoints:
        return None
    networks = [build_finished(found, OmegaConf.create(found.recipe)) for found in checkpoints]
    try:
        return Teachers(networks, weight=cfg.teacher_weight, temperature=cfg.teacher_temperature)
    except ValueError as fault:
        raise InputError(f"teacher_{fault}") from None


def build_trainer(cfg: DictConfig, **others: Any) -> L.Trainer:
    """The Trainer; `precision: auto` is resolved here."""
    node = cfg.trainer.copy()
    gpu = torch.cuda.is_available()
    apple = node.get("accelerator") == "gpu" and torch.backends.mps.is_available()
    if node.get("accelerator") in ("gpu", "cuda") and not (gpu or apple):
        raise InputError("trainer.accelerator: gpu, but torch sees none here; choose trainer=cpu")
    if node.get("precision") == "auto":
        node.precision = auto_precision(gpu=gpu and node.get("accelerator") != "cpu")
    if (precision := str(node.get("precision") or "32-true")) not in PRECISIONS:
        raise InputError(
            f"trainer.precision: {precision}, expected auto, 32-true, bf16-mixed or 16-mixed"
        )
    return build_node(
        OmegaConf.create({"trainer": node}),
        "trainer",
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        plugins=[checkpointing.WholeFiles()],
        **others,
    )


def auto_precision(*, gpu: bool) -> str:
    """bf16-mixed where the device computes in bf16, else 32-true."""
    if gpu:
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        abilities = torch.cpu.get_capabilities()
        native = abilities.get("avx512_bf16", False) or abilities.get("amx_bf16", False)
    return "bf16-mixed" if native else "32-true"


def _is_plateau(cfg: DictConfig) -> bool:
    return str(cfg.schedule._target_).endswith(".plateau")


def check(cfg: DictConfig) -> None:
    """Builds everything that needs no faces, without memory; raises InputError before a run starts."""
    schema.check_settings(cfg, SETTINGS)
    if not 0 <= cfg.seed < 2**32:
        raise InputError(f"seed: {cfg.seed}, expected 0 to {2**32 - 1}")
    if cfg.ema is not None and not 0 < cfg.ema < 1:
        raise InputError(f"ema: {cfg.ema}, expected a decay between 0 and 1, or null")
    if cfg.patience is not None and cfg.patience < 1:
        raise InputError(f"patience: {cfg.patience}, expected 1 epoch or more, or null")
    _check_trainer(cfg.trainer)
    _check_taught(cfg)
    if cfg.ckpt_path is not None and not Path(cfg.ckpt_path).is_file():
        raise InputError(f"ckpt_path: no file {cfg.ckpt_path}")
    data = build_data(cfg)
    with torch.device("meta"):
        module = build_module(cfg, data, counts=[1] * len(data.classes))
        build_teachers(cfg, data, read_teachers(cfg, device="meta"))
        _check_resolutions(module, channels=len(data.channels))
        try:
            module.make_schedule(module.make_optimizer(module.network), 10)
        except ValueError as fault:
            raise InputError(f"optim or schedule: {fault}") from fault
    trainer = build_trainer(cfg, logger=False, callbacks=[], enable_checkpointing=False)
    data.check_shared(trainer.world_size)
    if (share := data.batch_size // trainer.world_size) < len(cfg.teacher):
        raise InputError(
            f"teacher: {len(cfg.teacher)} for the {share} images of a process's batch; expected one for each at most"
        )
    if cfg.ckpt_path is not None:
        _check_checkpoint(Path(cfg.ckpt_path), module)


def _check_trainer(trainer: DictConfig) -> None:
    """Refuses numbers that Lightning takes and a run cannot.

    Every epoch is validated once: best.ckpt and the rows of metrics.csv follow from it.
    """
    usual = {"check_val_every_n_epoch": 1, "val_check_interval": 1.0, "fast_dev_run": False}
    for key, value in usual.items():
        given = trainer.get(key)
        # An interval of 1 and one of 1.0 are a batch and an epoch.
        if given is not None and (type(given), given) != (type(value), value):
            raise InputError(f"trainer.{key}: {given}; each epoch is validated, at its end")
    if trainer.get("overfit_batches"):  # Lightning would deal single faces instead of our batches
        raise InputError(
            f"trainer.overfit_batches: {trainer.overfit_batches}; +trainer.limit_train_batches takes a part "
            "of an epoch"
        )
    limits = [f"limit_{part}_batches" for part in ("train", "val", "test")]
    for key in ("max_epochs", "max_steps", *limits):
        if trainer.get(key) == 0:
            raise InputError(f"trainer.{key}: 0, and nothing would be trained or measured")
    if (trainer.get("max_epochs") or 1) < 0:
        raise InputError(f"trainer.max_epochs: {trainer.max_epochs}, expected 1 or more")
    clip = trainer.get("gradient_clip_val") or 0
    if type(clip) not in (int, float) or clip < 0:
        raise InputError(f"trainer.gradient_clip_val: {clip!r}, expected 0 or more")
    gathered = trainer.get("accumulate_grad_batches", 1)
    if type(gathered) is not int or gathered < 1:
        raise InputError(f"trainer.accumulate_grad_batches: {gathered!r}, expected 1 or more")
    unbounded = trainer.get("max_epochs") is None and trainer.get("max_steps") in (None, -1)
    if unbounded and trainer.get("max_time") is not None:
        raise InputError(
            "trainer.max_epochs: null, and by trainer.max_time alone no schedule knows where it is; name epochs, "
            "which the time may cut short"
        )


def _check_taught(cfg: DictConfig) -> None:
    """Teachers' numbers say something only where there are teachers."""
    usual = OmegaConf.load(conf_folder() / "train.yaml")
    for key in ("teacher_weight", "teacher_temperature"):
        if not cfg.teacher and cfg[key] != usual[key]:
            raise InputError(
                f"{key}: {cfg[key]}, but no teacher; name finished runs, teacher=[RUN,RUN]"
            )


def read_teachers(cfg: DictConfig, *, device: Literal["cpu", "meta"] = "cpu") -> list[Checkpoint]:
    """The checkpoints that `teacher` names."""
    try:
        return [checkpoint.read(Path(place), device=device) for place in cfg.teacher]
    except InputError as fault:
        raise InputError(f"teacher: {fault}") from None


def _check_resolutions(module: FaceModule, *, channels: int) -> None:
    for side in module.resolutions:
        if not 1 <= side <= module.size:
            raise InputError(f"resolutions: {side}, expected 1 to the faces' {module.size} pixels")
        try:
            module.network(torch.zeros(2, channels, side, side))
        except RuntimeError as fault:
            raise InputError(
                f"resolutions: the network cannot take {side} pixels ({str(fault).splitlines()[0]}); "
                "wants model.head=mean and fewer blocks, or larger images"
            ) from None


def _check_checkpoint(path: Path, module: FaceModule) -> None:
    if path.name == packed.TENSORS:
        raise InputError(
            f"ckpt_path: {path} is a packed network, which keeps no optimizer to go on with; name a "
            "run's checkpoint"
        )
    try:
        found = checkpoint.read(path, device="meta")
    except InputError as fault:
        raise InputError(f"ckpt_path: {fault}") from None
    own = {name: value.shape for name, value in module.state_dict().items()}
    if own != {name: value.shape for name, value in found.weights.items()}:
        raise InputError(f"ckpt_path: {path} holds another network than this config builds")
    monitor = found.recipe["monitor"]
    if monitor != module.monitor:  # Lightning would forget the best epoch so far
        raise InputError(
            f"ckpt_path: {path} chose its best epoch by monitor={monitor}; it goes on by the same"
        )
    if not (best := path.with_name("best.ckpt")).is_file():
        raise InputError(
            f"ckpt_path: no {best}, the best epoch so far; keep it beside the checkpoint that a run "
            "goes on from"
        )
