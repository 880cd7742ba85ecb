"""What the network sees of an edge: spherical harmonics of its direction, radial basis of its length."""

from __future__ import annotations

import torch
from e3nn import o3

from equiglass.graph import Graph
from equiglass.model import kernel
from equiglass.model.architecture import Architecture
from equiglass.model.operation import Edges, compiled_for
from equiglass.model.radial import radial_basis


def edges_of(graph: Graph, architecture: Architecture) -> Edges:
    """The edges of a graph as the convolution takes them.

    Harmonics are e3nn's with "component" normalisation: |Y^l|^2 = 2 l + 1.
    """
    a = architecture
    if compiled_for(graph.vectors):
        features = kernel.edge_features(graph.vectors, a.l_max, a.radial_basis, a.basis_size, a.cutoff)
        return Edges(graph.row_start, graph.senders, *features)
    degrees = list(range(a.l_max + 1))
    harmonics = o3.spherical_harmonics(degrees, graph.vectors, normalize=True, normalization="component")
    distances = torch.linalg.vector_norm(graph.vectors, dim=1)
    basis = radial_basis(a.radial_basis, distances, a.basis_size, a.cutoff)
    return Edges(graph.row_start, graph.senders, harmonics, basis)
