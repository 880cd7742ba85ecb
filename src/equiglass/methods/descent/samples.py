"""A configuration made ready for training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from numpy.typing import NDArray
from torch import Tensor

from equiglass.liquid.arrays import Float
from equiglass.model.graph import Graph


@dataclass(frozen=True)
class Sample:
    """One configuration as the loop uses it.

    Attributes:
        name: of the configuration.
        graph: the input; built once per training.
        targets: standardised, (N, T), NaN where missing.
        measured: the same in LJ units, (T, N).
        types: (N,).
        averages: those that the line from outputs to targets takes in, (N, G).
    """

    name: str
    graph: Graph
    targets: Tensor
    measured: Float
    types: NDArray
    averages: Float

    def to(self, device: torch.device) -> Sample:
        """The same with graph and targets on a device."""
        return replace(self, graph=self.graph.to(device), targets=self.targets.to(device))
