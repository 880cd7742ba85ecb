"""Further target: the mean displacement over runs, a vector.

    <x_i(t) - x_i(0)>_runs ~ sum_c w_{t, type(i), c} h_{i, c}^(l=1)

EIGNN takes a displacement as an input; here it is learned.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.methods.network.further_targets import FURTHER_TARGETS, FurtherTarget, at_labels, of_own_type
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph


class VectorReadOut(nn.Module):
    """A vector per time, linear in the channels of degree 1, with weights by type."""

    def __init__(self, architecture: Architecture, n_types: int, n_times: int, n_lengths: int) -> None:
        super().__init__()
        size = architecture.advanced.prior_scale / architecture.channels**0.5
        self.weight = nn.Parameter(torch.randn(n_types, n_times, architecture.channels) * size)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        """The components x, y, z at the first time, then at the next, (N, 3 T)."""
        return of_own_type(torch.einsum("nmc,stc->nstm", h[:, 1:4], self.weight), graph).flatten(1)


def measured(system: System, graph: Graph, labels: Sequence[str]) -> Float:
    """The mean displacement of every particle, (N, T, 3), LJ length."""
    mean = system.mean_displacement
    if mean is None and system.replica_displacements is not None:
        mean = system.replica_displacements.mean(axis=1, dtype=float)
    return at_labels(system, labels, mean, 3)


FURTHER_TARGETS.add(
    "displacement",
    FurtherTarget(
        name="displacement",
        title="the mean displacement over runs",
        label="mean_displacement",
        owner="particles",
        degree=1,
        odd=True,
        measured=measured,
        read_out=VectorReadOut,
    ),
)
