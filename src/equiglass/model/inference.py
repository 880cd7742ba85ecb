"""The convolution and the batch norm in evaluation. The mixing includes the norm, and the nodes come in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from equiglass.model.architecture import Architecture
from equiglass.model.convolution.layer import Convolution
from equiglass.model.convolution.operation import Edges, starts_of_parts
from equiglass.model.geometry import edges_of
from equiglass.model.graph import Graph
from equiglass.model.norm import EquivariantBatchNorm

EDGES_AT_ONCE = 1_000_000
"""The default number of edges per part."""


class EdgesInParts:
    """The edges of consecutive nodes in parts, so that memory does not grow with the number of edges.

    With gradients there is only one part, because the gradient needs all edges in memory.
    """

    def __init__(self, graph: Graph, architecture: Architecture, edges_at_once: int = EDGES_AT_ONCE) -> None:
        parts = not torch.is_grad_enabled()
        self.graph, self.architecture = graph, architecture
        self.starts = starts_of_parts(graph.row_start, edges_at_once) if parts else [0, graph.n_nodes]
        self.whole = edges_of(graph, architecture) if len(self.starts) == 2 else None

    def __iter__(self) -> Iterator[Edges]:
        """Iterate over the parts. If there are several, every iteration computes them again."""
        if self.whole is not None:
            yield self.whole
            return
        for first, last in pairwise(self.starts):
            yield edges_of(self.graph, self.architecture, first, last)


def normed_convolution(
    convolution: Convolution, norm: nn.Module, h: Tensor | None, inputs: Sequence[Tensor], edges: EdgesInParts
) -> Tensor:
    """BN(conv(h, inputs)) with the running averages of the batch norm, (N, (l_max + 1)^2, C)."""
    mixing, shift = list(convolution.mixing), None
    if isinstance(norm, EquivariantBatchNorm):
        mixing, shift = norm.fold(mixing)
    parts = []
    for part in edges:
        new = convolution(h, inputs, part, mixing)
        if shift is not None:
            new[:, 0] += shift
        parts.append(new)
    return torch.cat(parts) if len(parts) > 1 else parts[0]
