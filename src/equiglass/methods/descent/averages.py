"""Running averages of the batch norms when an optimiser step joins several configurations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


class RunningAverages:
    """average <- (1 - momentum) average + momentum * (mean over the configurations of the step of their statistics).

    Every configuration is normalised by its own statistics and moves the averages from where the step began; the step
    takes the mean of the moved averages, so that neither the order of the configurations nor the process that sees
    them matters. With one configuration a step a batch norm does this by itself, and nothing is kept here.

    Args:
        network: in training mode.
        accumulate: configurations per optimiser step.

    Attributes:
        sums: of the moved averages over the configurations seen, float64, one tensor for each buffer.
    """

    def __init__(self, network: nn.Module, accumulate: int) -> None:
        parameters = dict(network.named_parameters())
        state = network.state_dict(keep_vars=True)
        self.averages = [tensor for name, tensor in state.items() if name not in parameters and accumulate > 1]
        self.before = [average.clone() for average in self.averages]
        self.sums = [torch.zeros_like(average, dtype=torch.float64) for average in self.averages]

    @contextlib.contextmanager
    def of_configuration(self) -> Iterator[None]:
        """In this block the network sees one configuration."""
        for average, before in zip(self.averages, self.before, strict=True):
            average.copy_(before)
        yield
        for total, average in zip(self.sums, self.averages, strict=True):
            total += average

    def join(self, configurations: int) -> None:
        """The averages after the step, from the sums over that many configurations."""
        for average, total in zip(self.averages, self.sums, strict=True):
            average.copy_(total / configurations)
