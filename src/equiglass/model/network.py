"""The network: convolutions with residual sums, invariants, one linear decoder for each time and type.

    h_1 = BN(conv(scalars)),   h_{k+1} = h_k + BN(conv(h_k, scalars)),   m_i(t) = w_{t, type(i)} . |h_i|

Where a displacement is among the inputs, every conv(...) has it beside the scalars (unless l_max is 0), and h_1 has a
linear map of the particle's own inputs besides: a convolution shows them to its neighbours alone.

``|h|``, "the representation", holds the l = 0 channels as they are and the norm over m of every other channel (eq. 23).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from equiglass.model.architecture import Architecture
from equiglass.model.convolution import cpu as kernel
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.operation import implementation, starts_of_parts
from equiglass.model.convolution.paths import Paths
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph
from equiglass.model.norm import EquivariantBatchNorm

EDGES_OF_A_PART = 1_000_000


class Network(nn.Module):
    """From a graph to standardised propensities at every time."""

    def __init__(
        self, architecture: Architecture, n_scalars: int, n_types: int, n_times: int, n_vectors: int = 0
    ) -> None:
        super().__init__()
        self.architecture = a = architecture
        entering = (n_scalars, n_vectors) if n_vectors and a.l_max else (n_scalars,)
        self.convolutions = nn.ModuleList(
            Convolution(a, Paths(a.l_max, a.channels if layer else 0, entering)) for layer in range(a.layers)
        )
        self.norms = nn.ModuleList(
            EquivariantBatchNorm(a.l_max, a.channels, a.norm_momentum)
            if a.last_norm or layer + 1 < a.layers
            else nn.Identity()
            for layer in range(a.layers)
        )
        width = (a.l_max + 1) * a.channels
        self.own = nn.ParameterList(torch.randn(n, a.channels) / n**0.5 for n in entering if n_vectors)
        self.decoder = nn.Parameter(torch.randn(n_types, n_times, width) * a.decoder_gain / width**0.5)

    def representation(self, graph: Graph) -> Tensor:
        """|h| of every particle, (N, (l_max + 1) * channels), degree by degree.

        In evaluation without gradient the nodes are taken in parts, so that memory does not grow with the edges.
        """
        a, inputs = self.architecture, self._inputs(graph)
        apart = not self.training and not torch.is_grad_enabled()
        starts = starts_of_parts(graph.row_start, EDGES_OF_A_PART) if apart else [0, graph.n_nodes]
        self._compile(graph.vectors)
        whole = edges_of(graph, a) if len(starts) == 2 else None
        h: Tensor | None = None
        kept = self._own(inputs)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            assert isinstance(convolution, Convolution)
            parts = []
            for first, last in pairwise(starts):
                edges = whole or edges_of(graph, a, first, last)
                if isinstance(norm, EquivariantBatchNorm) and not self.training:
                    mixing, shift = norm.fold(list(convolution.mixing))
                    new = convolution(h, inputs, edges, mixing)
                    new[:, 0] += shift
                else:
                    new = norm(convolution(h, inputs, edges))
                parts.append(new if kept is None else kept[first:last] + new)
            kept = h = torch.cat(parts) if len(parts) > 1 else parts[0]
        assert h is not None
        return invariants(h, a.l_max)[graph.nodes]

    def _inputs(self, graph: Graph) -> list[Tensor]:
        """Node inputs by degree, up to l_max."""
        vectors = [graph.displacements] if graph.displacements.shape[2] else []
        return [graph.scalars[:, None], *vectors][: self.architecture.l_max + 1]

    def _own(self, inputs: Sequence[Tensor]) -> Tensor | None:
        """What h_1 has of the particle's own inputs, (N, (l_max + 1)^2, C)."""
        if not self.own:
            return None
        n, a = len(inputs[0]), self.architecture
        rest = (a.l_max + 1) ** 2 - sum(x.shape[1] for x in inputs)
        parts = [x @ w for x, w in zip(inputs, self.own, strict=True)]
        return torch.cat([*parts, inputs[0].new_zeros(n, rest, a.channels)], 1)

    def _compile(self, vectors: Tensor) -> None:
        """What this network needs of compiled code, side by side rather than one after another."""
        a, paths = self.architecture, [layer.paths for layer in self.convolutions if isinstance(layer, Convolution)]
        if vectors.device.type == "cpu" and implementation() == "compiled" and all(map(kernel.fits, paths)):
            real = "float" if vectors.dtype == torch.float32 else "double"
            shapes = tuple(kernel.Shape(p, a.channels, a.radial_width, a.basis_size, real) for p in paths)
            kernel.prepare(shapes, a.radial_basis == "gaussian", torch.is_grad_enabled())

    def forward(self, graph: Graph) -> Tensor:
        """Standardised propensity of every particle at every time, (N, T)."""
        every_type = torch.einsum("nf,stf->nst", self.representation(graph), self.decoder)
        return every_type[torch.arange(graph.n_nodes, device=every_type.device), graph.types[graph.nodes]]


def invariants(h: Tensor, l_max: int) -> Tensor:
    """(N, (l_max + 1)^2, C) to (N, (l_max + 1) * C): l = 0 as it is, the norm over m of the rest (eq. 23)."""
    squares = h[:, 1:] ** 2
    sums = [squares[:, l * l - 1 : (l + 1) ** 2 - 1].sum(1) for l in range(1, l_max + 1)]
    # The norm of a vector that vanishes has no slope there; 0 is taken for it.
    norms = [torch.where(s > 0, torch.where(s > 0, s, 1.0).sqrt(), 0.0) for s in sums]
    return torch.cat([h[:, 0], *norms], dim=1)
