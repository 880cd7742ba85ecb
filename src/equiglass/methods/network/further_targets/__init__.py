"""The further targets: what the network can learn besides its target, so that it generalises better, one per module.

Each has a read-out of the last field, which exists in a training alone. A prediction does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.files.registry import Registry
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph


@dataclass(frozen=True)
class FurtherTarget:
    """A quantity with C components that the network learns besides its target.

    Attributes:
        name: name in configurations.
        title: name of the quantity in messages.
        label: name of the label of a configuration that it needs.
        owner: what has a value: "particles", which are standardised by type, or "edges" of the graph.
        degree: degree l of the field that its read-out takes at least.
        odd: whether it changes sign in the mirror image. An odd quantity has the mean 0.
        measured: function from (configuration, its graph, labels of the T times) to the values, (N, T, C) in the order
            of the particles or (E, T, C) in that of the edges, LJ units; NaN where unknown.
        read_out: function from (architecture, numbers of types, of times, of lengths per edge) to a module, which maps
            (last field, graph) to the standardised values, (N, T C) or (E, T C).
    """

    name: str
    title: str
    label: str
    owner: Literal["particles", "edges"]
    degree: int
    odd: bool
    measured: Callable[[System, Graph, Sequence[str]], Float]
    read_out: Callable[[Architecture, int, int, int], nn.Module]


FURTHER_TARGETS: Registry[FurtherTarget] = Registry("further target", __name__)


def of_own_type(every_type: Tensor, graph: Graph) -> Tensor:
    """The values of every particle, (N, ...), from those of every node for all types, (N, n_types, ...)."""
    return every_type[torch.arange(graph.n_nodes, device=every_type.device), graph.types][graph.nodes]


def at_labels(system: System, labels: Sequence[str], values: Float | None, components: int) -> Float:
    """The values of the particles at these labels, (N, T, C); NaN where unknown.

    Args:
        system: the configuration.
        labels: labels of the T times.
        values: values at the times of the configuration, (its times, N) or (its times, N, C); None if unknown.
        components: number C of components.
    """
    found = np.full((system.n_particles, len(labels), components), np.nan)
    for t, label in enumerate(labels):
        if values is not None and label in system.time_labels:
            found[:, t] = values[system.row(label)].reshape(-1, components)
    return found
