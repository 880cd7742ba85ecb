"""The edge MLP of message passing in compiled C++ (edges.cpp), several times faster on a CPU than plain torch."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from equiglass.machine.compiled import library
from equiglass.methods.messages.graph import EdgeGraph

WIDTHS = 16
"""The width must be a multiple of this."""

SOURCE = Path(__file__).with_name("edges.cpp")


def fits(edges: Tensor) -> bool:
    """Whether there is compiled code for these edges, (E, W)."""
    return not edges.is_cuda and edges.dtype == torch.float32 and edges.shape[1] % WIDTHS == 0


def forward(
    edges: Tensor,
    encoded: Tensor,
    receivers: Tensor,
    senders: Tensor,
    weight: Tensor,
    weight2: Tensor,
    bias2: Tensor,
    graph: EdgeGraph,
) -> tuple[Tensor, Tensor]:
    """The new edges, (E, W), and their sums, (N, W); the arguments are those of `passing.EdgeUpdate`.

    Raises:
        CompilerError: there is no compiler.
    """
    new, sums = torch.empty_like(edges), torch.zeros_like(receivers)
    inputs = _inputs(edges, encoded, receivers, senders, weight)
    arrays = [*inputs, weight2.T.contiguous(), bias2.contiguous(), new, sums]
    _code(edges.shape[1]).equiglass_edges_forward(*_graph(graph), *map(_at, arrays))
    return new, sums


def backward(
    edges: Tensor,
    encoded: Tensor,
    receivers: Tensor,
    senders: Tensor,
    weight: Tensor,
    weight2: Tensor,
    new: Tensor,
    of_new: Tensor | None,
    of_sums: Tensor | None,
    graph: EdgeGraph,
) -> tuple[Tensor, ...]:
    """The gradients of edges, encoded, receivers, senders, W1, W2 and b2."""
    threads, width = torch.get_num_threads(), edges.shape[1]
    before, of_edges = torch.empty_like(edges), torch.empty_like(edges)
    of_receivers = torch.zeros_like(receivers)
    of_weight, of_weight2 = (torch.zeros(threads, width, width) for _ in range(2))
    of_bias2 = torch.zeros(threads, width)
    inputs = _inputs(edges, encoded, receivers, senders, weight)
    matrices = [weight.contiguous(), weight2.contiguous(), new]
    gradients = [None if x is None else x.contiguous() for x in (of_new, of_sums)]
    results = [before, of_edges, of_receivers, of_weight, of_weight2, of_bias2]
    arrays = [*inputs, *matrices, *gradients, *results]
    _code(width).equiglass_edges_backward(*_graph(graph), *map(_at, arrays))
    sums = of_weight.sum(0), of_weight2.sum(0), of_bias2.sum(0)
    return of_edges, before, of_receivers, graph.sent(before), *sums


def _inputs(edges: Tensor, encoded: Tensor, receivers: Tensor, senders: Tensor, weight: Tensor) -> list[Tensor]:
    return [x.contiguous() for x in (edges, encoded, receivers, senders, weight.T)]


def _graph(graph: EdgeGraph) -> tuple[ctypes.c_int | ctypes.c_int64 | ctypes.c_void_p, ...]:
    places = (_at(x) for x in (graph.row_start, graph.receivers, graph.senders))
    return ctypes.c_int(torch.get_num_threads()), ctypes.c_int64(graph.n_nodes), *places


def _code(width: int) -> ctypes.CDLL:
    return library(SOURCE, f"#define WIDTH {width}\n", wished=("-fopenmp",))


def _at(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(0 if tensor is None else tensor.data_ptr())
