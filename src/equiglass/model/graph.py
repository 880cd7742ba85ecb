"""The input graph: a directed edge i <- j for every pair of particles within the cutoff, images included.

Edges have the vector ``a_ij = x_j - x_i`` (see :mod:`equiglass.liquid.neighbors`) and are sorted by receiver i. Node i
receives the edges ``row_start[i]`` to ``row_start[i + 1]``. The nodes are the particles in the order of a curve through
space, so that neighbours are close in memory. A graph of two states, thermal positions and inherent structure, joins
every pair within the cutoff in either; the edge has the vector of one state and the length in the other. A batch of
configurations is one graph with disconnected parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import minimum_image, pair_blocks, spatial_order, union_pairs, wrap
from equiglass.liquid.system import Structure, System


@dataclass(frozen=True)
class Graph:
    """The nodes with types and inputs, and the directed edges.

    Attributes:
        row_start: index of the first edge of every node, int64, (N + 1,).
        receivers: index i of every edge, ascending, int64, (E,).
        senders: index j of every edge, int64, (E,).
        vectors: a_ij, (E, 3), LJ length.
        types: particle type of every node, int64, (N,).
        inputs: node inputs by degree l, each (N, 2 l + 1, channels). The scalars begin with the one-hot of the type.
            Components have the order of e3nn (x, y, z for l = 1) and parity (-1)^l: there are no pseudotensors.
        nodes: node of every particle, int64, (N,). ``x[nodes]`` sorts values of nodes in the order of the particles.
        lengths: length of every edge in the second state of a union of two states, (E,), LJ length; None without.
    """

    row_start: Tensor
    receivers: Tensor
    senders: Tensor
    vectors: Tensor
    types: Tensor
    inputs: tuple[Tensor, ...]
    nodes: Tensor
    lengths: Tensor | None = None

    @property
    def n_nodes(self) -> int:
        """The number of nodes N."""
        return len(self.types)

    @property
    def n_edges(self) -> int:
        """The number of edges E."""
        return len(self.senders)

    @property
    def channels(self) -> tuple[int, ...]:
        """The numbers of channels of the node inputs, by degree."""
        return tuple(x.shape[2] for x in self.inputs)

    def to(self, where: torch.dtype | torch.device) -> Graph:
        """The graph with another precision of its real numbers, or on another device."""
        inputs = tuple(x.to(where) for x in self.inputs)
        lengths = None if self.lengths is None else self.lengths.to(where)
        if isinstance(where, torch.dtype):
            return replace(self, vectors=self.vectors.to(where), inputs=inputs, lengths=lengths)
        others = {f.name: getattr(self, f.name).to(where) for f in fields(self) if f.name not in ("inputs", "lengths")}
        return Graph(inputs=inputs, lengths=lengths, **others)

    def mirrored(self, sign: float | Tensor = -1.0) -> Graph:
        """The graph of the configuration after an inversion at a point, which is its mirror image up to a rotation.

        Args:
            sign: -1 for the inversion; +1 changes nothing.
        """
        inputs = tuple(x * sign if l % 2 else x for l, x in enumerate(self.inputs))
        return replace(self, vectors=self.vectors * sign, inputs=inputs)


def build_graph(
    system: System,
    cutoff: float,
    structure: Structure = "thermal",
    n_types: int | None = None,
    inputs: Mapping[int, Float] | None = None,
    dtype: torch.dtype = torch.float32,
    union: bool = False,
) -> Graph:
    """The graph of one configuration (eq. 1).

    Args:
        system: the configuration.
        cutoff: upper limit d_c of the length of edges, LJ length.
        structure: positions that define the graph, "thermal" or "inherent".
        n_types: length of the one-hot of the type, by default the number of types in ``system``.
        inputs: node inputs by degree l without the one-hot of the type, each (N, 2 l + 1, channels).
        dtype: precision of the real numbers.
        union: whether pairs within the cutoff in the other structure are edges too, and edges have the length there.

    Raises:
        DataError: the system has no inherent structure, or a node input has another shape.
    """
    positions = wrap(system.positions_in(structure), system.box)
    particles = spatial_order(positions, system.box, cutoff)
    n, lengths = system.n_particles, None
    edges, senders, vectors = np.zeros(n, np.int64), [], []
    if union:
        other = wrap(system.positions_in("inherent" if structure == "thermal" else "thermal"), system.box)
        displacements = minimum_image(other - positions, system.box)
        both = union_pairs(positions[particles], displacements[particles], system.box, cutoff)
        edges += np.bincount(both.receivers, minlength=n)
        senders.append(torch.from_numpy(both.senders))
        vectors.append(torch.from_numpy(both.vectors[:, 0]).to(dtype))
        lengths = torch.from_numpy(np.linalg.norm(both.vectors[:, 1], axis=1)).to(dtype)
    else:
        for pairs in pair_blocks(positions[particles], system.box, cutoff, threads=torch.get_num_threads()):
            edges += np.bincount(pairs.receivers, minlength=n)
            senders.append(torch.from_numpy(pairs.senders))
            vectors.append(torch.from_numpy(pairs.vectors).to(dtype))
    nodes = np.empty(n, np.int64)
    nodes[particles] = np.arange(n)
    return Graph(
        torch.from_numpy(np.cumsum(np.concatenate([[0], edges]))),
        torch.from_numpy(np.repeat(np.arange(n), edges)),
        torch.cat(senders),
        torch.cat(vectors),
        torch.from_numpy(system.types[particles]),
        tuple(torch.from_numpy(x[particles]).to(dtype) for x in _node_inputs(system, n_types, inputs or {})),
        torch.from_numpy(nodes),
        lengths,
    )


def _node_inputs(system: System, n_types: int | None, given: Mapping[int, Float]) -> list[Float]:
    """The one-hot of the type and the given inputs, by degree. A degree without inputs has no channels."""
    n = system.n_particles
    for degree, x in given.items():
        if x.ndim != 3 or x.shape[:2] != (n, 2 * degree + 1):
            raise DataError(
                f"{system.name}: the node inputs of degree {degree} have shape {x.shape}, not "
                f"({n}, {2 * degree + 1}, channels)."
            )
    one_hot = np.eye(n_types or system.n_types)[system.types][:, None]
    by_degree = [given.get(l, np.empty((n, 2 * l + 1, 0))) for l in range(max(given, default=0) + 1)]
    return [np.concatenate([one_hot, by_degree[0]], axis=2), *by_degree[1:]]


def batch(graphs: Sequence[Graph]) -> Graph:
    """One graph with several graphs as disconnected parts. Nodes and edges have the order of the graphs."""
    nodes = np.cumsum([0] + [g.n_nodes for g in graphs])
    edges = np.cumsum([0] + [g.n_edges for g in graphs])
    row_start = [g.row_start[:-1] + int(e) for g, e in zip(graphs, edges, strict=False)]
    return Graph(
        torch.cat([*row_start, torch.tensor([int(edges[-1])])]),
        torch.cat([g.receivers + int(n) for g, n in zip(graphs, nodes, strict=False)]),
        torch.cat([g.senders + int(n) for g, n in zip(graphs, nodes, strict=False)]),
        torch.cat([g.vectors for g in graphs]),
        torch.cat([g.types for g in graphs]),
        tuple(torch.cat(same) for same in zip(*(g.inputs for g in graphs), strict=True)),
        torch.cat([g.nodes + int(n) for g, n in zip(graphs, nodes, strict=False)]),
        torch.cat([g.lengths for g in graphs if g.lengths is not None]) if graphs[0].lengths is not None else None,
    )
