"""The features of an edge: the spherical harmonics of its direction and the radial basis of its length."""

from __future__ import annotations

import torch
from e3nn import o3
from torch import Tensor

from equiglass.model.architecture import Architecture
from equiglass.model.convolution.backend import fastest
from equiglass.model.convolution.cpu.edges import edge_features
from equiglass.model.convolution.operation import Edges
from equiglass.model.graph import Graph
from equiglass.model.radial import radial_basis


def edges_of(graph: Graph, architecture: Architecture, first: int = 0, last: int | None = None) -> Edges:
    """The edges that the nodes ``first`` to ``last`` receive, with the features that the convolution needs (eq. 18).

    The spherical harmonics are those of e3nn with "component" normalisation, |Y^l|^2 = 2 l + 1.

    Args:
        graph: the graph.
        architecture: hyper-parameters that define the features.
        first: index of the first node.
        last: index after the last node; None for all nodes from ``first``.
    """
    a = architecture
    last = graph.n_nodes if last is None else last
    if first == 0 and last == graph.n_nodes:
        # The tensors themselves, by which the sorted edges of a graph are known again. No number is read back, since
        # reading waits for the GPU.
        row_start, senders, vectors, second = graph.row_start, graph.senders, graph.vectors, graph.lengths
    else:
        begin, end = int(graph.row_start[first]), int(graph.row_start[last])
        row_start = graph.row_start[first : last + 1] - begin
        senders, vectors = graph.senders[begin:end], graph.vectors[begin:end]
        second = None if graph.lengths is None else graph.lengths[begin:end]

    def plain() -> tuple[Tensor, Tensor]:
        degrees = list(range(a.l_max + 1))
        harmonics = o3.spherical_harmonics(degrees, vectors, normalize=True, normalization="component")
        distances = torch.linalg.vector_norm(vectors, dim=1)
        return harmonics, radial_basis(a.radial_basis, distances, a.basis_size, a.cutoff)

    def compiled() -> tuple[Tensor, Tensor]:
        return edge_features(vectors, a.l_max, a.radial_basis, a.basis_size, a.cutoff)

    harmonics, basis = fastest([vectors], compiled, plain)
    if second is not None:
        # An edge that is longer in one state has the functions at the cutoff there. Those of Bessel are 0.
        lengths = [x.clamp(max=a.cutoff) for x in (torch.linalg.vector_norm(vectors, dim=1), second)]
        basis = torch.cat([radial_basis(a.radial_basis, x, a.basis_size, a.cutoff) for x in lengths], 1)
    return Edges(row_start, senders, harmonics, basis)
