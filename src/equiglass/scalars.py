"""What is known of a particle beside its place: E_pot, its way to the inherent structure, and averages around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiglass.errors import EquiglassError
from equiglass.graph import Structure, structure_positions
from equiglass.neighbors import Pairs, periodic_pairs
from equiglass.potential import LennardJones, potential_energy
from equiglass.system import Float, System

AVERAGING_RADIUS = 2.1
"""r_c of the averages, LJ length."""


def particle_energy(system: System, structure: Structure = "inherent", potential: LennardJones | None = None) -> Float:
    """E_i = sum_{j != i} V(r_ij), (N,), LJ energy.

    Args:
        system: the configuration.
        structure: thermal or inherent positions.
        potential: used where the system does not know its own.

    Raises:
        EquiglassError: no potential is known, or no inherent structure is there.
    """
    potential = system.potential or potential
    if potential is None:
        raise EquiglassError(
            f"{system.name}: the potential energy is needed, but the file names no potential. Store the potential "
            "with the configuration, or choose a model without the energy (inputs.energy: none)."
        )
    return potential_energy(structure_positions(system, structure), system.types, system.box, potential)


def inherent_distance(system: System) -> Float:
    """d_i = |x_i(inherent) - x_i(thermal)|, (N,), LJ length.

    Raises:
        EquiglassError: no inherent structure is there.
    """
    distance: Float = np.linalg.norm(structure_positions(system, "inherent") - system.positions, axis=1)
    return distance


def neighbourhood_averages(
    system: System, values: Float, generations: int, radius: float = AVERAGING_RADIUS, structure: Structure = "inherent"
) -> Float:
    """Averages over a neighbourhood that grows with every generation.

        X_i^(n) = sum_j exp(-r_ij / r_c) X_j^(n-1) / sum_j exp(-r_ij / r_c),   r_ij < r_c, i included

    Args:
        system: the configuration.
        values: X^(0), (N, F).
        generations: how many.
        radius: r_c, LJ length.
        structure: the positions whose neighbourhoods are meant.

    Returns:
        X^(0), X^(1), ... side by side, (N, (generations + 1) F).

    Raises:
        EquiglassError: no inherent structure is there.

    Source: E. Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), doi 10.1103/PhysRevLett.127.088007.
    """
    pairs = periodic_pairs(structure_positions(system, structure), system.box, radius)
    return averages_over(pairs, values, generations, radius)


def averages_over(pairs: Pairs, values: Float, generations: int, radius: float) -> Float:
    """The same over given pairs, which reach to the radius at least."""
    matrix = _averaging(pairs, len(values), radius)
    averages = [values]
    for _ in range(generations):
        averages.append(matrix @ averages[-1])
    return np.concatenate(averages, axis=1)


def _averaging(pairs: Pairs, n: int, radius: float) -> Any:
    """Sparse (N, N) matrix of the weights exp(-r_ij / r_c), i included, rows of sum 1."""
    from scipy.sparse import csr_array, eye_array

    near = pairs.distances < radius
    weights, ends = np.exp(-pairs.distances[near] / radius), (pairs.receivers[near], pairs.senders[near])
    matrix = eye_array(n, format="csr") + csr_array((weights, ends), shape=(n, n))
    return matrix.multiply(1 / matrix.sum(axis=1)[:, None]).tocsr()
