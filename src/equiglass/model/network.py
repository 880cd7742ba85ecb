"""The network: convolutions with residual sums, invariants, and one linear read-out per time and type (eqs 18-23).

    h_1 = W x + BN(conv(x)),   h_{k+1} = h_k + BN(conv(h_k, x)),   m_i(t) = w_{t, type(i)} . |h_i|

x are the node inputs with degrees up to l_max. W x is a self-interaction, a linear map of the inputs of the particle
itself, because a convolution passes them only to the neighbours. Networks with a node input of degree 1 or higher have
a self-interaction.

The representation ``|h|`` contains the l = 0 channels unchanged, and the norm over m of every other channel (eq. 23).

Source: Pezzicoli, Charpiat, Landes, SciPost Phys. 2024, arXiv 2211.03226.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equiglass.model import inference
from equiglass.model.architecture import Architecture
from equiglass.model.convolution.backend import prepare
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph
from equiglass.model.norm import EquivariantBatchNorm
from equiglass.model.update import Update


class Network(nn.Module):
    """The network, which maps a graph to the standardised target at every time (eqs. 3 and 23)."""

    def __init__(
        self, architecture: Architecture, inputs: Sequence[int], n_types: int, n_times: int, n_lengths: int = 1
    ) -> None:
        """Draw the weights from the random generator of torch.

        Args:
            architecture: the hyper-parameters.
            inputs: numbers of channels of the node inputs by degree, including the one-hot of the type. Degrees above
                l_max are ignored.
            n_types: number of particle types.
            n_times: number of times.
            n_lengths: number of lengths per edge of the graphs.
        """
        super().__init__()
        self.architecture = a = architecture
        self.entering, self.n_lengths = tuple(inputs[: a.l_max + 1]), n_lengths
        self.convolutions = nn.ModuleList(
            Convolution(a, Paths(a.l_max, a.channels if layer else 0, self.entering), n_lengths)
            for layer in range(a.layers)
        )
        self.norms = nn.ModuleList(
            EquivariantBatchNorm(a.l_max, a.channels, a.advanced.norm_momentum)
            if a.advanced.last_norm or layer + 1 < a.layers
            else nn.Identity()
            for layer in range(a.layers)
        )
        width = (a.l_max + 1) * a.channels
        self.own = nn.ParameterList(
            torch.randn(n, a.channels) / max(n, 1) ** 0.5 for n in self.entering if any(inputs[1:])
        )
        self.updates = nn.ModuleList(Update(a.l_max, a.channels, a.update) for _ in range(a.layers if a.update else 0))
        self.decoder = nn.Parameter(torch.randn(n_types, n_times, width) * a.advanced.prior_scale / width**0.5)

    def forward(self, graph: Graph) -> Tensor:
        """The standardised target of every particle at every time, (N, T)."""
        return self.read_out(self.field(graph), graph)

    def read_out(self, h: Tensor, graph: Graph) -> Tensor:
        """The standardised target of every particle at every time, (N, T), from the last field."""
        represented = invariants(h, self.architecture.l_max)[graph.nodes]
        every_type = torch.einsum("nf,stf->nst", represented, self.decoder)
        return every_type[torch.arange(graph.n_nodes, device=every_type.device), graph.types[graph.nodes]]

    def representation(self, graph: Graph, edges_at_once: int = inference.EDGES_AT_ONCE) -> Tensor:
        """The representation |h| of every particle, (N, (l_max + 1) * channels), by degree.

        Args:
            graph: the input graph.
            edges_at_once: number of edges per part in evaluation without gradients.
        """
        return invariants(self.field(graph, edges_at_once), self.architecture.l_max)[graph.nodes]

    def field(self, graph: Graph, edges_at_once: int = inference.EDGES_AT_ONCE) -> Tensor:
        """The last field h of every node, (N, (l_max + 1)^2, channels); arguments as for `representation`."""
        a, inputs = self.architecture, graph.inputs[: len(self.entering)]
        layers = [
            (c, norm) for c, norm in zip(self.convolutions, self.norms, strict=True) if isinstance(c, Convolution)
        ]
        basis_size = (1 if graph.lengths is None else 2) * a.basis_size
        prepare([convolution.paths for convolution, _ in layers], a, basis_size, graph.vectors)
        edges = edges_of(graph, a) if self.training else inference.EdgesInParts(graph, a, edges_at_once)
        h, total = None, self.self_interaction(inputs)
        for layer, (convolution, norm) in enumerate(layers):
            if isinstance(edges, inference.EdgesInParts):
                new = inference.normed_convolution(convolution, norm, h, inputs, edges)
            else:
                new = norm(convolution(h, inputs, edges))
            h = new if total is None else total + new
            if self.updates:
                h = self.updates[layer](h)
            total = h
        assert h is not None
        return h

    def self_interaction(self, inputs: Sequence[Tensor]) -> Tensor | None:
        """The self-interaction W x of every node, (N, (l_max + 1)^2, C); None if the network has none."""
        if not self.own:
            return None
        a, parts = self.architecture, [x @ w for x, w in zip(inputs, self.own, strict=True)]
        rest = (a.l_max + 1) ** 2 - sum(x.shape[1] for x in inputs)
        return torch.cat([*parts, parts[0].new_zeros(len(parts[0]), rest, a.channels)], 1)


def invariants(h: Tensor, l_max: int) -> Tensor:
    """The invariants |h|, (N, (l_max + 1) * C), of the field h, (N, (l_max + 1)^2, C), by eq. 23.

    The l = 0 channels are unchanged. Every other channel becomes its norm over m.
    """
    squares = h[:, 1:] ** 2
    sums = [squares[:, l * l - 1 : (l + 1) ** 2 - 1].sum(1) for l in range(1, l_max + 1)]
    # The norm has no gradient at 0, where the gradient is set to 0.
    norms = [torch.where(s > 0, torch.where(s > 0, s, 1.0).sqrt(), 0.0) for s in sums]
    return torch.cat([h[:, 0], *norms], dim=1)
