"""The structure around a particle, coarse-grained over several lengths, per type and for all: GlassMLP's features.

With weights w_ij = exp(-r_ij / L) over the particles j of a set s within `REACH`, i included if it belongs to s:

    density       rho_i(s, L) = sum_j w_ij
    energy        E_i(s, L)   = sum_j w_ij E_j / rho_i(s, L)
    surface       S_i(s, L)   = sum_j w_ij S_j / rho_i(s, L)
    variance      V_i(s, L)   = sum_j w_ij (E_j - E_i(s, L))^2 / rho_i(s, L)

E_j is half the sum of the pair energies of j in the inherent structure, and S_j is the surface of its cell in the power
diagram. The sets s are the types, and all particles. L = 0 gives E_i and S_i of the particle itself.

Source: G. Jung, G. Biroli, L. Berthier, Phys. Rev. Lett. 130, 238202 (2023), arXiv 2210.16623, and the code
GerhardJung/StructDynGlass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from equiglass.errors import DataError, missing
from equiglass.liquid.arrays import Float
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.neighbors import pair_blocks, wrap
from equiglass.liquid.system import System

REACH = 7.5
"""Distance beyond which no particle counts, LJ length: half the box of 4096 particles at density 1.2."""

RADII = (0.5, 0.44, 0.47)
"""Radii of A, B and C in the power diagram, LJ length."""

AT_ONCE = 512
"""Number of particles that are coarse-grained together; their pairs take about 50 MB."""


def coarse_grained(system: System, lengths: Sequence[float], n_types: int, reach: float = REACH) -> Float:
    """The features of every particle.

    Args:
        system: the configuration, with inherent structure and potential.
        lengths: the lengths L; 0 is the particle itself.
        n_types: number of types to distinguish.
        reach: distance beyond which no particle counts, LJ length.

    Returns:
        Features, (N, F): E and S of the particle if 0 is among the lengths; then per length L > 0 the four quantities,
        each for the types and for all.

    Raises:
        SetupError: the library of the power diagram is missing.
        DataError: there are more types than radii.
    """
    energy = particle_energy(system, "inherent") / 2
    surface = cell_surfaces(system)
    own = [np.stack([energy, surface], axis=1)] if 0 in lengths else []
    sets = np.stack([*(system.types == kind for kind in range(n_types)), np.ones(system.n_particles)], axis=1)
    # The variance from squares needs energies near zero.
    shifted = energy - energy.mean()
    columns = [sets, sets * shifted[:, None], sets * surface[:, None], sets * shifted[:, None] ** 2]
    sums = weighted_sums(system, np.concatenate(columns, axis=1), [length for length in lengths if length > 0], reach)
    density, first, surfaces, second = np.moveaxis(sums.reshape(*sums.shape[:2], 4, -1), 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        first, surfaces, second = (np.where(density > 0, x / density, 0.0) for x in (first, surfaces, second))
    averages = [density, np.where(density > 0, first + energy.mean(), 0.0), surfaces, second - first**2]
    return np.concatenate([*own, np.stack(averages, axis=2).reshape(system.n_particles, -1)], axis=1)


def number_of_features(lengths: Sequence[float], n_types: int) -> int:
    """Number of features of a particle, F."""
    return 2 * (0 in lengths) + 4 * (n_types + 1) * sum(length > 0 for length in lengths)


def weighted_sums(system: System, values: Float, lengths: Sequence[float], reach: float) -> Float:
    """sum_j exp(-r_ij / L) X_j over the particles within the reach in the inherent structure, i included, (N, L, C)."""
    from scipy.sparse import csr_array

    sums = np.repeat(values[:, None], len(lengths), axis=1)
    positions = wrap(system.positions_in("inherent"), system.box)
    for pairs in pair_blocks(positions, system.box, reach, receivers=AT_ONCE):
        # The pairs of a receiver are consecutive.
        particles, first = np.unique(pairs.receivers, return_index=True)
        rows = np.append(first, len(pairs.receivers))
        for k, length in enumerate(lengths):
            weights = np.exp(-pairs.distances / length)
            matrix = csr_array((weights, pairs.senders, rows), shape=(len(particles), len(values)))
            sums[particles, k] += matrix @ values
    return sums


def cell_surfaces(system: System, radii: Sequence[float] = RADII) -> Float:
    """Surface of the cell of every particle in the power diagram of the inherent structure, LJ length^2, (N,).

    Args:
        system: the configuration, with inherent structure.
        radii: radius of every type.

    Raises:
        SetupError: pyvoro2 is missing.
        DataError: there are more types than radii.
    """
    try:
        import pyvoro2
    except ImportError:
        raise missing("The surface of a cell", "pyvoro2", "voronoi") from None
    if system.n_types > len(radii):
        raise DataError(f"{system.name} has {system.n_types} particle types; the cells have radii for {len(radii)}.")
    x = wrap(system.positions_in("inherent"), system.box)
    cell = pyvoro2.OrthorhombicCell(tuple((0.0, float(edge)) for edge in system.box), periodic=(True, True, True))
    found = pyvoro2.compute(
        x,
        domain=cell,
        mode="power",
        radii=np.asarray(radii)[system.types],
        return_adjacency=False,
        include_empty=True,
        output="cells",
    )
    surfaces = np.zeros(system.n_particles)
    for each in found:
        corners = np.asarray(each["vertices"])
        surfaces[each["id"]] = sum(_area(corners[face["vertices"]]) for face in each["faces"])
    return surfaces


def _area(corners: Float) -> float:
    """Area of a plane polygon, half the length of the sum of the cross products from its first corner."""
    a = corners[1:] - corners[0]
    cross = a[:-1, [1, 2, 0]] * a[1:, [2, 0, 1]] - a[:-1, [2, 0, 1]] * a[1:, [1, 2, 0]]
    x, y, z = cross.sum(axis=0)
    return 0.5 * float(x * x + y * y + z * z) ** 0.5
