"""Sums over the edges of every node, part by part; the backward pass computes the arrays of a part again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from equiglass.methods.messages.graph import EdgeGraph, segment_sum
from equiglass.methods.messages.passing import recomputed
from equiglass.model.convolution.operation import starts_of_parts

EDGES_AT_ONCE = 16_384
"""Number of edges of a part."""


@dataclass(frozen=True)
class Part:
    """Consecutive nodes with all edges that they receive.

    Attributes:
        nodes: the nodes.
        edges: the edges.
        start: index in the part of the first edge of every node, (nodes + 1,).
        receivers: receiver of every edge, index in the whole graph.
        senders: sender of every edge, index in the whole graph.
    """

    nodes: slice
    edges: slice
    start: Tensor
    receivers: Tensor
    senders: Tensor

    def received(self, edges: Tensor) -> Tensor:
        """The sum over the edges that every node of the part receives, (nodes, C)."""
        return segment_sum(edges, None, self.start)


def parts_of(graph: EdgeGraph, edges_at_once: int | None = None) -> list[Part]:
    """The graph in parts with few edges each."""
    starts = starts_of_parts(graph.row_start, edges_at_once or EDGES_AT_ONCE)
    parts = []
    for first, last in pairwise(starts):
        start = graph.row_start[first : last + 1]
        edges = slice(int(start[0]), int(start[-1]))
        receivers, senders = graph.receivers[edges], graph.senders[edges]
        parts.append(Part(slice(first, last), edges, start - start[0], receivers, senders))
    return parts


def in_parts(function: Callable[[Part], Tensor], parts: list[Part]) -> Tensor:
    """The values of a function of every part, one after the other."""
    return torch.cat([recomputed(function, part) for part in parts])


def linear_of_mean(layer: nn.Linear, nodes: Tensor, graph: EdgeGraph) -> Tensor:
    """The mean over j of layer([x_i, x_j - x_i]), (N, C); 0 for a node without edges."""
    mean = graph.neighbours(nodes) / graph.degrees
    has_edges = (graph.row_start.diff() > 0)[:, None]
    return torch.where(has_edges, layer(torch.cat([nodes, mean - nodes], 1)), 0.0)
