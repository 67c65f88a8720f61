"""How the module trains: what the network is shown at which step."""

import lightning as L
import pytest

from fer import build, config
from fer.errors import InputError

SMALL = [
    "data=drawn",
    "data.count=1001",
    "data.batch_size=50",
    "model.channels=[4,4]",
    "model.repeats=[1,1]",
]


def test_training_images_grow_and_measured_ones_are_whole() -> None:
    (cfg,) = config.compose_jobs([*SMALL, "resolutions=[16,24,48]", "augment=none"])
    data = build.build_data(cfg)
    module = build.build_module(cfg, data, counts=[1] * len(data.classes))
    seen: dict[bool, list[int]] = {True: [], False: []}
    module.network.register_forward_pre_hook(
        lambda network, given: seen[network.training].append(given[0].shape[-1])
    )
    L.Trainer(
        max_epochs=3,
        limit_train_batches=4,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    ).fit(module, datamodule=data)
    assert seen[True] == [16] * 4 + [24] * 4 + [48] * 4
    assert set(seen[False]) == {48}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["resolutions=[64]"], "resolutions: 64, expected 1 to the faces' 48 pixels"),
        (["resolutions=[2,48]"], "resolutions: the network cannot take 2 pixels"),
        (
            ["resolutions=[32]", "model.head=flatten"],
            "resolutions: the network cannot take 32 pixels",
        ),
    ],
)
def test_sides_that_no_network_takes_are_refused(words, line) -> None:
    (cfg,) = config.compose_jobs(["data=drawn", *words])
    with pytest.raises(InputError) as refused:
        build.check(cfg)
    assert line in str(refused.value)
