"""A configuration prepared for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
        weights: weights of the targets in the loss, (N, T); None if all are 1.
        further_targets: standardised values of what is learned besides the targets, by name, (N or E, T C), NaN where
            unknown; E is the number of edges of the graph, and C that of components.
    """

    name: str
    graph: InputGraph
    targets: Tensor
    measured: Float
    types: NDArray
    averages: Float
    weights: Tensor | None = None
    further_targets: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> Sample:
        """The sample with graph and targets on a device."""
        weights = None if self.weights is None else self.weights.to(device)
        graph, targets = self.graph.to(device), self.targets.to(device)
        further = {name: x.to(device) for name, x in self.further_targets.items()}
        return replace(self, graph=graph, targets=targets, weights=weights, further_targets=further)
