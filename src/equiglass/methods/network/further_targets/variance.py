"""Further target: the logarithm of the variance over runs of the distance moved.

    ln s_i^2(t) ~ w_{t, type(i)} . |h_i|

The variance of M runs has the same relative error at every particle, sqrt(2 / (M - 1)) for a normal distribution. The
errors of its logarithm are therefore alike. The end of a run has no variance of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from equiglass.liquid.arrays import Float
from equiglass.liquid.ends import is_end
from equiglass.liquid.system import System
from equiglass.methods.network.further_targets import FURTHER_TARGETS, FurtherTarget, at_labels, of_own_type
from equiglass.model.architecture import Architecture
from equiglass.model.graph import Graph
from equiglass.model.network import invariants


class ScalarReadOut(nn.Module):
    """A number per time, linear in the invariants, with weights by type."""

    def __init__(self, architecture: Architecture, n_types: int, n_times: int, n_lengths: int) -> None:
        super().__init__()
        self.l_max = architecture.l_max
        width = (architecture.l_max + 1) * architecture.channels
        size = architecture.advanced.prior_scale / width**0.5
        self.weight = nn.Parameter(torch.randn(n_types, n_times, width) * size)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        """The number at every time, (N, T)."""
        return of_own_type(torch.einsum("nf,stf->nst", invariants(h, self.l_max), self.weight), graph)


def measured(system: System, graph: Graph, labels: Sequence[str]) -> Float:
    """The logarithm of the variance of every particle, (N, T, 1); NaN where the variance is 0."""
    variance = at_labels(system, labels, None if is_end(system) else system.replica_variance, 1)
    return np.log(np.where(variance > 0, variance, np.nan))


FURTHER_TARGETS.add(
    "variance",
    FurtherTarget(
        name="variance",
        title="the variance over runs",
        label="replica_variance",
        owner="particles",
        degree=0,
        odd=False,
        measured=measured,
        read_out=ScalarReadOut,
    ),
)
