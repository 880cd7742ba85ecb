"""The input graph: a directed edge i <- j for every pair of particles closer than the cutoff, images included.

Conventions: edges are sorted by receiver i and carry ``a_ij = x_j - x_i`` (see :mod:`equiglass.liquid.neighbors`);
``row_start[i] : row_start[i + 1]`` are the edges that node i receives. Nodes are the particles in another order, along
a curve through space, so that neighbours are near one another in memory too. A batch of configurations is one graph
whose parts do not touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from equiglass.liquid.neighbors import pair_blocks, spatial_order, wrap
from equiglass.liquid.system import Structure, System


@dataclass(frozen=True)
class Graph:
    """Nodes, directed edges, node types and node scalars.

    Attributes:
        row_start: first edge of every node, int64, (N + 1,).
        receivers: i of every edge, int64, (E,), ascending.
        senders: j of every edge, int64, (E,).
        vectors: a_ij, (E, 3).
        types: particle type of every node, int64, (N,).
        scalars: node scalars, the one-hot of the type first, (N, S).
        displacements: node vectors, (N, 3, V); V is 0 or 1.
        nodes: the node of every particle, int64, (N,): ``x[nodes]`` brings values of nodes into the particles' order.
    """

    row_start: Tensor
    receivers: Tensor
    senders: Tensor
    vectors: Tensor
    types: Tensor
    scalars: Tensor
    displacements: Tensor
    nodes: Tensor

    @property
    def n_nodes(self) -> int:
        """N."""
        return len(self.types)

    @property
    def n_edges(self) -> int:
        """E."""
        return len(self.senders)

    def to(self, where: torch.dtype | torch.device) -> Graph:
        """The same graph with its real numbers in another precision, or whole on another device."""
        if isinstance(where, torch.dtype):
            real = {name: getattr(self, name).to(where) for name in ("vectors", "scalars", "displacements")}
            return replace(self, **real)
        return Graph(**{field.name: getattr(self, field.name).to(where) for field in fields(self)})


def build_graph(
    system: System,
    cutoff: float,
    structure: Structure = "thermal",
    n_types: int | None = None,
    extra_scalars: Sequence[np.ndarray] = (),
    displacements: np.ndarray | None = None,
    dtype: torch.dtype = torch.float32,
) -> Graph:
    """Graph of one configuration.

    Args:
        system: the configuration.
        cutoff: d_c, the largest length of an edge, exclusive.
        structure: which positions make the graph.
        n_types: length of the one-hot; by default the number of types in ``system``.
        extra_scalars: further node scalars, each (N,), for instance the standardised energy.
        displacements: a node vector, (N, 3), or none.
        dtype: precision of the real numbers.
    """
    positions = wrap(system.positions_in(structure), system.box)
    particles = spatial_order(positions, system.box, cutoff)
    n = system.n_particles
    edges, senders, vectors = np.zeros(n, np.int64), [], []
    for pairs in pair_blocks(positions[particles], system.box, cutoff, threads=torch.get_num_threads()):
        edges += np.bincount(pairs.receivers, minlength=n)
        senders.append(torch.from_numpy(pairs.senders))
        vectors.append(torch.from_numpy(pairs.vectors).to(dtype))
    one_hot = np.eye(n_types or system.n_types)[system.types]
    scalars = np.column_stack([one_hot, *extra_scalars])
    displaced = np.zeros((n, 3, 0)) if displacements is None else displacements[..., None]
    nodes = np.empty(n, np.int64)
    nodes[particles] = np.arange(n)
    return Graph(
        torch.from_numpy(np.cumsum(np.concatenate([[0], edges]))),
        torch.from_numpy(np.repeat(np.arange(n), edges)),
        torch.cat(senders),
        torch.cat(vectors),
        torch.from_numpy(system.types[particles]),
        torch.from_numpy(scalars[particles]).to(dtype),
        torch.from_numpy(displaced[particles]).to(dtype),
        torch.from_numpy(nodes),
    )


def batch(graphs: Sequence[Graph]) -> Graph:
    """Several graphs as one whose parts do not touch, nodes and edges in the order given."""
    nodes = np.cumsum([0] + [g.n_nodes for g in graphs])
    edges = np.cumsum([0] + [g.n_edges for g in graphs])
    row_start = [g.row_start[:-1] + int(e) for g, e in zip(graphs, edges, strict=False)]
    return Graph(
        torch.cat([*row_start, torch.tensor([int(edges[-1])])]),
        torch.cat([g.receivers + int(n) for g, n in zip(graphs, nodes, strict=False)]),
        torch.cat([g.senders + int(n) for g, n in zip(graphs, nodes, strict=False)]),
        torch.cat([g.vectors for g in graphs]),
        torch.cat([g.types for g in graphs]),
        torch.cat([g.scalars for g in graphs]),
        torch.cat([g.displacements for g in graphs]),
        torch.cat([g.nodes + int(n) for g, n in zip(graphs, nodes, strict=False)]),
    )
