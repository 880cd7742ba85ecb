"""A configuration prepared for training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from numpy.typing import NDArray
from torch import Tensor

from equiglass.liquid.arrays import Float
from equiglass.model.graph import Graph


@dataclass(frozen=True)
class Sample:
    """One configuration as the training loop uses it.

    Attributes:
        name: name of the configuration.
        graph: the input graph; built once per training.
        targets: standardised targets, (N, T), NaN where unknown.
        measured: targets in LJ units, (T, N), NaN where unknown.
        types: types of the particles, (N,).
        averages: averages in the linear map from outputs to targets, (N, G).
    """

    name: str
    graph: Graph
    targets: Tensor
    measured: Float
    types: NDArray
    averages: Float

    def to(self, device: torch.device) -> Sample:
        """The sample with graph and targets on a device."""
        return replace(self, graph=self.graph.to(device), targets=self.targets.to(device))
