"""The ranges and choices that constructors annotate, each refused by key and value."""

import pytest
from omegaconf import OmegaConf

from fer.common.errors import InputError
from fer.config import schema

R1 = {"_target_": "fer.models.R1", "channels": [8, 8], "repeats": [1, 1]}
R2 = R1 | {"_target_": "fer.models.R2"}
AUGMENT = {"_target_": "fer.training.Augment"}
LOSS = {"label_smoothing": 0.1}
FOCAL = {"_target_": "fer.training.Focal"}
ADJUSTED = {"_target_": "fer.training.LogitAdjusted"}
ADAMW = {"_target_": "fer.training.adamw", "lr": 1e-3, "weight_decay": 0.05}
MUON = {"_target_": "fer.training.muon"}
COSINE = {"_target_": "fer.training.cosine", "warmup": 0.1, "end": 0.0}
PLATEAU = {"_target_": "fer.training.plateau", "factor": 0.3, "patience": 3}


@pytest.mark.parametrize(
    ("group", "node", "key", "value", "place"),
    [
        ("model", R1, "channels", [], "channels"),
        ("model", R1, "channels", [4, 0], "channels[1]"),
        ("model", R1, "repeats", [0, 1], "repeats[0]"),
        ("model", R1, "linear", [0], "linear[0]"),
        ("model", R1, "norm", "layer", "norm"),
        ("model", R1, "attention", "cbam", "attention"),
        ("model", R1, "head", "max", "head"),
        ("model", R1, "stem_stride", 3, "stem_stride"),
        ("model", R1, "dropout", 1.0, "dropout"),
        ("model", R1, "block_dropout", -0.1, "block_dropout"),
        ("model", R1, "branches", 0, "branches"),
        ("model", R1, "shared", 0, "shared"),
        ("model", R1, "incep_mult", 2, "incep_mult"),
        ("model", R2, "channels", [0], "channels[0]"),  # of R1
        ("model", R2, "head", "max", "head"),  # of R1
        ("model", R2, "attention", "cbam", "attention"),
        ("model", R2, "incep_dropout", 2, "incep_dropout"),
        ("model", R2, "incep_mult", 0, "incep_mult"),
        ("model", R2, "incep_layers", 0, "incep_layers"),
        ("model", R2, "incep_widths", [1, 2, 3], "incep_widths"),
        ("model", R2, "incep_widths", [1, 2, 3, 4, 5, 0], "incep_widths[5]"),
        ("model", R2, "others", 1, "others"),
        ("augment", AUGMENT, "flip", 1.5, "flip"),
        ("augment", AUGMENT, "rotate", [2, 10], "rotate[0]"),
        ("augment", AUGMENT, "shift", [0.5, -0.1], "shift[1]"),
        ("augment", AUGMENT, "shear", [0.5], "shear[1]"),
        ("augment", AUGMENT, "scale", [0.5, 1.0], "scale[1]"),
        ("augment", AUGMENT, "erase", [0.5, 1.5], "erase[1]"),
        ("augment", AUGMENT, "crop", [0.5, 4], "crop"),
        ("loss", LOSS | FOCAL, "gamma", -1.0, "gamma"),
        ("loss", LOSS | FOCAL, "label_smoothing", 1.0, "label_smoothing"),
        ("loss", LOSS | FOCAL, "class_weights", "sqrt", "class_weights"),
        ("loss", LOSS | ADJUSTED, "tau", -1.0, "tau"),
        ("optim", ADAMW, "lr", -1e-3, "lr"),
        ("optim", ADAMW, "betas", [0.9], "betas[1]"),
        ("optim", ADAMW, "betas", [0.9, 1.0], "betas[1]"),
        ("optim", ADAMW | MUON, "momentum", 1.0, "momentum"),
        ("optim", ADAMW | MUON, "adam_lr", -1, "adam_lr"),
        ("schedule", COSINE, "warmup", 1.0, "warmup"),
        ("schedule", COSINE, "warmup", -0.1, "warmup"),
        ("schedule", COSINE, "end", -0.1, "end"),
        ("schedule", PLATEAU, "factor", 1.0, "factor"),
        ("schedule", PLATEAU, "patience", -1, "patience"),
    ],
)
def test_a_value_out_of_range_is_refused_by_key(group, node, key, value, place) -> None:
    schema.check_node(group, OmegaConf.create(node))
    with pytest.raises(InputError) as fault:
        schema.check_node(group, OmegaConf.create(node | {key: value}))
    line = str(fault.value)
    assert line.startswith(f"{group}.{place}: ") and "\n" not in line


def test_a_constructor_with_others_takes_the_parameters_of_its_base() -> None:
    schema.check_node(
        "model", OmegaConf.create(R2 | {"dropout": 0.5, "branches": 3, "linear": [9]})
    )
