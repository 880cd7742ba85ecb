"""The graph of the message-passing networks: edges of one or two states of a configuration.

Edge e has the receiver i, the sender j and, per state, the vector ``x_i - x_j``, receiver minus sender, as in the
published codes. This is minus ``a_ij`` of :mod:`equiglass.liquid.neighbors`. The edges are sorted by receiver.

With two states, an edge exists if the pair is within the cutoff in either state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import periodic_pairs, spatial_order, union_pairs
from equiglass.liquid.system import System


@dataclass(frozen=True)
class EdgeGraph:
    """Nodes with types and inputs, and directed edges.

    Attributes:
        row_start: index of the first edge of every node, int64, (N + 1,).
        receivers: receiver of every edge, ascending, int64, (E,).
        senders: sender of every edge, int64, (E,).
        sender_start: index in ``by_sender`` of the first edge that every node sends, int64, (N + 1,).
        by_sender: the edges in the order of their senders, int64, (E,). Edge by_sender[e] is edge e reversed.
        vectors: receiver minus sender in every state, (E, states, 3), LJ length.
        types: particle type of every node, int64, (N,).
        scalars: inputs of every node, (N, S).
        displacements: vector from the first to the second state of every node, (N, 3); (N, 0) with one state.
        nodes: node of every particle, int64, (N,). ``x[nodes]`` sorts values of nodes in the order of the particles.
    """

    row_start: Tensor
    receivers: Tensor
    senders: Tensor
    sender_start: Tensor
    by_sender: Tensor
    vectors: Tensor
    types: Tensor
    scalars: Tensor
    displacements: Tensor
    nodes: Tensor

    @property
    def n_nodes(self) -> int:
        """The number of nodes N."""
        return len(self.types)

    @property
    def n_edges(self) -> int:
        """The number of edges E."""
        return len(self.senders)

    def to(self, where: torch.dtype | torch.device) -> Self:
        """The graph with another precision of its real numbers, or on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        if isinstance(where, torch.dtype):
            moved = {name: x for name, x in moved.items() if x.is_floating_point()}
        return replace(self, **{name: x.to(where) for name, x in moved.items()})

    def mirrored(self, sign: float | Tensor = -1.0) -> Self:
        """The graph after an inversion at a point for sign = -1; the same graph for sign = 1."""
        return replace(self, vectors=self.vectors * sign, displacements=self.displacements * sign)

    def received(self, edges: Tensor) -> Tensor:
        """The sum over the edges that every node receives, (N, C), of values of the edges, (E, C)."""
        return segment_sum(edges, None, self.row_start)

    def sent(self, edges: Tensor) -> Tensor:
        """The sum over the edges that every node sends, (N, C), of values of the edges, (E, C)."""
        return segment_sum(edges, self.by_sender, self.sender_start)

    def neighbours(self, nodes: Tensor) -> Tensor:
        """The sum over the senders to every node, (N, C), of values of the nodes, (N, C)."""
        return segment_sum(nodes, self.senders, self.row_start)

    @property
    def degrees(self) -> Tensor:
        """The number of edges that every node receives, at least 1, (N, 1)."""
        return self.row_start.diff().clamp(min=1)[:, None]


def segment_sum(values: Tensor, order: Tensor | None, start: Tensor) -> Tensor:
    """The sums of rows of ``values``, (M, C) -> (N, C).

    Sum n is over the rows order[start[n]] to order[start[n + 1] - 1]; ``order`` None is 0, 1, 2, ...
    """
    if order is None:
        order = torch.arange(len(values), device=values.device)
    # On a CPU this is ten times faster than index_add.
    return torch.nn.functional.embedding_bag(order, values, start[:-1], mode="sum")


_SHARED: ContextVar[WeakKeyDictionary[System, dict[tuple[object, ...], EdgeGraph]] | None] = ContextVar(
    "graphs", default=None
)


@contextmanager
def sharing_graphs() -> Iterator[None]:
    """In this block the graph of a configuration is built only once."""
    token = _SHARED.set(WeakKeyDictionary())
    try:
        yield
    finally:
        _SHARED.reset(token)


def shared_graph(system: System, key: tuple[object, ...], build: Callable[[], EdgeGraph]) -> EdgeGraph:
    """The graph that ``build`` returns; within `sharing_graphs`, the one built before under the same key."""
    shared = _SHARED.get()
    if shared is None:
        return build()
    graphs = shared.setdefault(system, {})
    if key not in graphs:
        graphs[key] = build()
    return graphs[key]


def edge_graph(
    system: System,
    cutoff: float,
    *,
    self_edges: bool = False,
    scalars: Float | None = None,
    displacements: Float | None = None,
    dtype: torch.dtype = torch.float32,
) -> EdgeGraph:
    """The graph of a configuration.

    Args:
        system: the configuration.
        cutoff: upper limit of the length of edges, LJ length.
        self_edges: whether every node has an edge to itself, with the vector 0.
        scalars: inputs of every particle, (N, S).
        displacements: vector from the thermal position to a second state of every particle, (N, 3); None without.
        dtype: precision of the real numbers.
    """
    n = system.n_particles
    edges = _edges(system, cutoff, self_edges, displacements)
    order = spatial_order(system.positions, system.box, cutoff)
    nodes = np.empty(n, np.int64)
    nodes[order] = np.arange(n)
    receivers, senders = nodes[edges["receivers"]], nodes[edges["senders"]]
    vectors = edges["vectors"]
    x, y, z = vectors[:, 0].T
    sort = np.lexsort((z, y, x, senders, receivers))
    receivers, senders, vectors = receivers[sort], senders[sort], vectors[sort]
    # The same order of the reversed edges: sender and receiver swapped, vector with the other sign.
    x, y, z = -vectors[:, 0].T
    by_sender = np.lexsort((z, y, x, receivers, senders))
    real = {
        "vectors": vectors,
        "scalars": np.zeros((n, 0)) if scalars is None else scalars[order],
        "displacements": np.zeros((n, 0)) if displacements is None else displacements[order],
    }
    whole = {
        "row_start": _starts(receivers, n),
        "receivers": receivers,
        "senders": senders,
        "sender_start": _starts(senders, n),
        "by_sender": by_sender,
        "types": system.types[order],
        "nodes": nodes,
    }
    return EdgeGraph(
        **{name: torch.from_numpy(np.ascontiguousarray(x)) for name, x in whole.items()},
        **{name: torch.from_numpy(np.ascontiguousarray(x)).to(dtype) for name, x in real.items()},
    )


def _edges(system: System, cutoff: float, self_edges: bool, displacements: Float | None) -> Mapping[str, NDArray]:
    """Receivers, senders and vectors (receiver minus sender) of all edges, indices of particles, unsorted."""
    if displacements is None:
        pairs = periodic_pairs(system.positions, system.box, cutoff)
        receivers, senders, vectors = pairs.receivers, pairs.senders, -pairs.vectors[:, None]
    else:
        union = union_pairs(system.positions, displacements, system.box, cutoff)
        receivers, senders, vectors = union.receivers, union.senders, -union.vectors
    if self_edges:
        own = np.arange(system.n_particles)
        receivers, senders = np.concatenate([receivers, own]), np.concatenate([senders, own])
        vectors = np.concatenate([vectors, np.zeros((len(own), *vectors.shape[1:]))])
    return {"receivers": receivers, "senders": senders, "vectors": vectors}


def _starts(sorted_or_not: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The index of the first edge of every node among edges sorted by this end, (N + 1,)."""
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_or_not, minlength=n))])
