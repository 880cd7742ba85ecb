"""Averages of a quantity over the neighbourhood of every particle, generation by generation."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import pair_blocks, spatial_order, wrap
from equiglass.liquid.system import Structure, System

AVERAGING_RADIUS = 2.1
"""The radius r_c of the averages, LJ length."""

Average = Callable[[Float], Float]
"""A function from values, (N, F), to their averages over the neighbourhood of every particle, (N, F)."""


def neighbourhood_averages(
    system: System, values: Float, generations: int, radius: float = AVERAGING_RADIUS, structure: Structure = "inherent"
) -> Float:
    """Averages over a neighbourhood that grows with every generation.

        X_i^(n) = sum_j exp(-r_ij / r_c) X_j^(n-1) / sum_j exp(-r_ij / r_c),   r_ij < r_c, j = i included

    Args:
        system: the configuration.
        values: the quantity X^(0), (N, F).
        generations: number of generations.
        radius: radius r_c, LJ length.
        structure: positions that define the neighbourhoods, "thermal" or "inherent".

    Returns:
        X^(0), X^(1), ... in adjacent columns, (N, (generations + 1) F).

    Raises:
        DataError: the system has no inherent structure.

    Source: E. Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), doi 10.1103/PhysRevLett.127.088007.
    """
    average = averaging(system.positions_in(structure), system.box, radius)
    return generations_of(values, average, generations)


def averaging(positions: Float, box: Float, radius: float) -> Average:
    """The function that computes one generation of `neighbourhood_averages`.

        X -> sum_j exp(-r_ij / r_c) X_j / sum_j exp(-r_ij / r_c)

    Args:
        positions: (N, 3), wrapped or not, LJ length.
        box: (3,) edge lengths of the periodic box.
        radius: radius r_c, LJ length.
    """
    from scipy.sparse import csr_array

    positions, n = wrap(positions, box), len(positions)
    particles = spatial_order(positions, box, radius)
    edges, total, senders, weights = np.zeros(n + 1, np.int64), np.ones(n), [], []
    for pairs in pair_blocks(positions[particles], box, radius):
        weights.append(np.exp(-pairs.distances / radius))
        senders.append(particles[pairs.senders].astype(np.int32))
        edges[1:] += np.bincount(pairs.receivers, minlength=n)
        total += np.bincount(pairs.receivers, weights[-1], n)
    rows = csr_array((np.concatenate(weights), np.concatenate(senders), np.cumsum(edges)), shape=(n, n))
    weights.clear()
    senders.clear()
    place = np.argsort(particles)
    matrix, total = rows[place], total[place, None]
    return lambda values: (values + matrix @ values) / total


def generations_of(values: Float, average: Average, generations: int) -> Float:
    """The values, their averages, the averages of these, ... in adjacent columns, (N, (generations + 1) F)."""
    averages = [values]
    for _ in range(generations):
        averages.append(average(averages[-1]))
    return np.concatenate(averages, axis=1)


def sum_of_generations(terms: Iterable[Float], average: Average) -> Float:
    """The sum of averages sum_n A^n X_n by Horner's rule; A is the average.

    Args:
        terms: the terms X_n, each (N, F), the last generation first.
        average: the average A over a neighbourhood.

    Returns:
        The sum, (N, F).
    """
    remaining = iter(terms)
    total = next(remaining)
    for term in remaining:
        total = term + average(total)
    return total
