"""Appendix C of arXiv 2211.03226: with Gaussians for phi and no mixing, the first convolution is Boattini's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.special import sph_harm_y

from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.model.convolution import reference
from equiglass.model.convolution.operation import Edges, Radial
from equiglass.model.convolution.paths import Paths
from equiglass.model.graph import build_graph
from equiglass.model.radial import gaussian_basis
from samples.liquids import random_liquid

CUTOFF, L_MAX, WIDTH = 5.0, 12, 0.1


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """e3nn bakes its constants in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def boattini(system: System, shell: float) -> tuple[np.ndarray, np.ndarray]:
    """G_i(r, delta, s), (N, 2), and q_i(l, r, delta), (N, l_max + 1), written out particle by particle in numpy."""
    pairs = periodic_pairs(system.positions, system.box, CUTOFF)
    n = system.n_particles
    radial, angular = np.zeros((n, 2)), np.zeros((n, L_MAX + 1))
    for i in range(n):
        mine = pairs.receivers == i
        vectors, r = pairs.vectors[mine], pairs.distances[mine]
        weight = np.exp(-((r - shell) ** 2) / (2 * WIDTH**2))
        for s in range(2):
            radial[i, s] = weight[system.types[pairs.senders[mine]] == s].sum()
        theta, phi = np.arccos(vectors[:, 2] / r), np.arctan2(vectors[:, 1], vectors[:, 0])
        for l in range(L_MAX + 1):
            q = [(weight * sph_harm_y(l, m, theta, phi)).sum() / weight.sum() for m in range(-l, l + 1)]
            angular[i, l] = np.sqrt(4 * np.pi / (2 * l + 1) * np.sum(np.abs(q) ** 2))
    return radial, angular


@pytest.mark.parametrize("shell", [1.0, 1.7, 4.2])
def test_first_convolution_gives_the_descriptors_of_boattini(shell: float) -> None:
    system = random_liquid(40, seed=2)
    graph = build_graph(system, CUTOFF, dtype=torch.float64)
    harmonics = o3.spherical_harmonics(list(range(L_MAX + 1)), graph.vectors, True, normalization="component")
    phi = gaussian_basis(graph.vectors.norm(dim=1), torch.tensor([shell]), WIDTH)
    paths = Paths(L_MAX, 0, (2,))
    n_comb = paths.combinations
    no_mixing = [torch.eye(2)] * (L_MAX + 1)
    edges = Edges(graph.row_start, graph.senders, harmonics, phi)
    # The radial MLP as the identity: the basis itself is the radial function.
    one, zero = torch.ones(1), torch.zeros(1)
    identity = Radial(torch.ones(1, 1), zero, one, zero, torch.ones(n_comb, 1), torch.zeros(n_comb))
    nodes = reference.convolve(None, graph.inputs, edges, identity, no_mixing, 1.0, paths)
    out = nodes[graph.nodes].numpy()

    radial, angular = boattini(system, shell)
    np.testing.assert_allclose(out[:, 0], radial, rtol=1e-10)
    both = out.sum(2)
    for l in range(L_MAX + 1):
        norm = np.linalg.norm(both[:, l * l : (l + 1) ** 2], axis=1) / np.sqrt(2 * l + 1)
        np.testing.assert_allclose(norm / both[:, 0], angular[:, l], rtol=1e-9, atol=1e-12)
