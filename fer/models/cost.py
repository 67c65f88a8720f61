"""What a network costs: parameters and GFLOP."""

import torch
from torch import nn


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def count_gflop(network: nn.Module, *, in_channels: int, size: int) -> float:
    """Return the GFLOP of one image's forward pass by torch's counter: a multiply-add counts as two."""
    from torch.utils.flop_counter import FlopCounterMode

    device = next(network.parameters()).device
    training = network.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, in_channels, size, size, device=device))
    network.train(training)
    return counter.get_total_flops() / 1e9
