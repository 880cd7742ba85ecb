"""The network: convolutions with residual sums, invariants, one linear decoder for each time and type.

    h_1 = BN(conv(scalars)),   h_{k+1} = h_k + BN(conv(h_k, scalars)),   m_i(t) = w_{t, type(i)} . |h_i|

``|h|``, "the representation", holds the l = 0 channels as they are and the norm over m of every other channel (eq. 23).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equiglass.graph import Graph
from equiglass.model.architecture import Architecture
from equiglass.model.convolution import Convolution
from equiglass.model.geometry import edges_of
from equiglass.model.norm import EquivariantBatchNorm
from equiglass.model.paths import Paths


class Network(nn.Module):
    """From a graph to standardised propensities at every time."""

    def __init__(self, architecture: Architecture, n_scalars: int, n_types: int, n_times: int) -> None:
        super().__init__()
        self.architecture = a = architecture
        self.convolutions = nn.ModuleList(
            Convolution(a, Paths(a.l_max, a.channels if layer else 0, (n_scalars,))) for layer in range(a.layers)
        )
        self.norms = nn.ModuleList(
            EquivariantBatchNorm(a.l_max, a.channels, a.norm_momentum)
            if a.last_norm or layer + 1 < a.layers
            else nn.Identity()
            for layer in range(a.layers)
        )
        width = (a.l_max + 1) * a.channels
        self.decoder = nn.Parameter(torch.randn(n_types, n_times, width) * a.decoder_gain / width**0.5)

    def representation(self, graph: Graph) -> Tensor:
        """|h| of every particle, (N, (l_max + 1) * channels), degree by degree."""
        inputs = [graph.scalars[:, None]]
        edges = edges_of(graph, self.architecture)
        h: Tensor | None = None
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            new = norm(convolution(h, inputs, edges))
            h = new if h is None else h + new
        assert h is not None
        return invariants(h, self.architecture.l_max)[graph.nodes]

    def forward(self, graph: Graph) -> Tensor:
        """Standardised propensity of every particle at every time, (N, T)."""
        every_type = torch.einsum("nf,stf->nst", self.representation(graph), self.decoder)
        return every_type[torch.arange(graph.n_nodes, device=every_type.device), graph.types[graph.nodes]]


def invariants(h: Tensor, l_max: int) -> Tensor:
    """(N, (l_max + 1)^2, C) to (N, (l_max + 1) * C): l = 0 as it is, the norm over m of the rest (eq. 23)."""
    norms = [torch.linalg.vector_norm(h[:, l * l : (l + 1) ** 2], dim=1) for l in range(1, l_max + 1)]
    return torch.cat([h[:, 0], *norms], dim=1)
