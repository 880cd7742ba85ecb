"""Running averages of the batch norms for optimiser steps with several configurations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


class RunningAverages:
    """Running averages that do not depend on the order of the configurations in a step.

        average <- (1 - momentum) average + momentum <statistics of a configuration>_step

    Every configuration is normalised with its own statistics, and updates the averages from their values before the
    step. The step takes the mean of these updates. So neither the order of the configurations nor their process
    matters. With one configuration per step, the batch norms do this themselves, and this class does nothing.

    Args:
        network: the network, in training mode.
        accumulate: number of configurations per optimiser step.

    Attributes:
        sums: updated averages, summed over the configurations seen, float64, one tensor per buffer.
    """

    def __init__(self, network: nn.Module, accumulate: int) -> None:
        parameters = dict(network.named_parameters())
        state = network.state_dict(keep_vars=True)
        self.averages = [tensor for name, tensor in state.items() if name not in parameters and accumulate > 1]
        self.before = [average.clone() for average in self.averages]
        self.sums = [torch.zeros_like(average, dtype=torch.float64) for average in self.averages]

    @contextlib.contextmanager
    def of_configuration(self) -> Iterator[None]:
        """In this block the network processes one configuration."""
        for average, before in zip(self.averages, self.before, strict=True):
            average.copy_(before)
        yield
        for total, average in zip(self.sums, self.averages, strict=True):
            total += average

    def join(self, configurations: int) -> None:
        """Set the averages after the step, from the sums over this number of configurations."""
        for average, total in zip(self.averages, self.sums, strict=True):
            average.copy_(total / configurations)
