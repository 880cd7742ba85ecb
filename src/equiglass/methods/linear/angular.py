"""Angular functions of the neighbourhood of a particle, sums over triplets.

    Psi_i(xi, lambda, zeta; s, t) = sum_{j of s, k of t} exp(-(r_ij^2 + r_ik^2 + r_jk^2) / xi^2)
                                    (1 + lambda cos theta_ijk)^zeta

over pairs j != k of neighbours of i within a cutoff; theta_ijk is the angle at i. Every pair counts once if s = t.

Source: J. Behler, M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi 10.1103/PhysRevLett.98.146401.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import pair_blocks

PARTICLES_AT_ONCE = 64
"""Number of particles per block; its arrays must fit into the cache."""


def angular_sums(
    positions: Float,
    types: NDArray[np.int64],
    box: Float,
    n_types: int,
    cutoff: float,
    widths: Sequence[float],
    signs: Sequence[float],
    powers: Sequence[int],
) -> Float:
    """Angular functions of every particle.

    Args:
        positions: positions, wrapped or not, LJ length, (N, 3).
        types: types of the particles, (N,).
        box: edge lengths of the periodic box, (3,).
        n_types: number of types.
        cutoff: distance beyond which no neighbour counts, LJ length.
        widths: the lengths xi.
        signs: the values lambda.
        powers: the exponents zeta.

    Returns:
        Psi, (N, pairs of types * widths * signs * powers), in this order.
    """
    kinds = list(combinations_with_replacement(range(n_types), 2))
    shape = len(kinds), len(widths), len(signs), len(powers)
    sums = np.zeros((len(positions), *shape))
    for pairs in pair_blocks(positions, box, cutoff, receivers=PARTICLES_AT_ONCE):
        if not len(pairs.receivers):
            continue
        particles, first, number = np.unique(pairs.receivers, return_index=True, return_counts=True)
        row = np.repeat(np.arange(len(particles)), number)
        slot = np.arange(len(pairs.receivers)) - np.repeat(first, number)
        size = len(particles), int(number.max())
        vectors, squares = np.zeros((*size, 3)), np.zeros(size)
        of_type = np.zeros((n_types, *size))
        vectors[row, slot], squares[row, slot] = pairs.vectors, pairs.distances**2
        of_type[types[pairs.senders], row, slot] = 1
        dot = vectors @ vectors.transpose(0, 2, 1)
        # r_ij^2 + r_ik^2 + r_jk^2 from the two bonds and their product
        total = 2 * (squares[:, :, None] + squares[:, None, :] - dot)
        lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
        cosine = dot / (lengths[:, :, None] * lengths[:, None, :])
        cosine[:, np.arange(size[1]), np.arange(size[1])] = np.nan
        powered = {(a, b): (1 + signs[a] * cosine) ** powers[b] for a, b in product(range(shape[2]), range(shape[3]))}
        for w, width in enumerate(widths):
            decay = np.exp(-total / width**2)
            for (a, b), angular in powered.items():
                terms = np.nan_to_num(decay * angular)
                for c, (s, t) in enumerate(kinds):
                    both = np.einsum("nj,njk,nk->n", of_type[s], terms, of_type[t], optimize=True)
                    sums[particles, c, w, a, b] = both / (2 if s == t else 1)
    return sums.reshape(len(positions), -1)
