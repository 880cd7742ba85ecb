"""A configuration prepared for training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from numpy.typing import NDArray
from torch import Tensor

from equiglass.liquid.arrays import Float


class InputGraph(Protocol):
    """The input of a network: a graph of one configuration."""

    def to(self, where: torch.device) -> Self:
        """The graph on a device."""

    def mirrored(self, sign: float | Tensor) -> Self:
        """The graph of the mirror image for sign = -1; the same graph for sign = 1."""


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
        edge_targets: standardised targets of the edges of the graph, (E, T), NaN where unknown; None without any.
        weights: weights of the targets in the loss, (N, T); None if all are 1.
    """

    name: str
    graph: InputGraph
    targets: Tensor
    measured: Float
    types: NDArray
    averages: Float
    edge_targets: Tensor | None = None
    weights: Tensor | None = None

    def to(self, device: torch.device) -> Sample:
        """The sample with graph and targets on a device."""
        edges = None if self.edge_targets is None else self.edge_targets.to(device)
        weights = None if self.weights is None else self.weights.to(device)
        graph, targets = self.graph.to(device), self.targets.to(device)
        return replace(self, graph=graph, targets=targets, edge_targets=edges, weights=weights)
