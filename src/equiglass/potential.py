"""Lennard-Jones mixtures: pair energy, forces, and the energy of every particle.

    V_ab(r) = 4 eps_ab [(sigma_ab / r)^12 - (sigma_ab / r)^6] - V_ab(r_cut),   r < r_cut = 2.5 sigma_ab

cut and shifted to zero at the cutoff. Masses are 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.neighbors import periodic_pairs


@dataclass(frozen=True)
class LennardJones:
    """Parameters of a Lennard-Jones mixture of any number of types.

    Attributes:
        name: what the mixture is called, for instance "kob-andersen".
        epsilon: well depths, nested tuple (n_types, n_types), symmetric.
        sigma: diameters, the same shape.
        cutoff: distance, in units of sigma_ab, where the potential is cut and shifted to zero.
    """

    name: str
    epsilon: tuple[tuple[float, ...], ...]
    sigma: tuple[tuple[float, ...], ...]
    cutoff: float = 2.5

    def __post_init__(self) -> None:
        """Check that the tables are square, symmetric and positive."""
        for key in ("epsilon", "sigma"):
            table = np.asarray(getattr(self, key), dtype=np.float64)
            object.__setattr__(self, key, tuple(tuple(float(x) for x in row) for row in table))
            if table.ndim != 2 or table.shape[0] != table.shape[1] or not np.allclose(table, table.T):
                raise EquiglassError(f"potential {self.name!r}: {key} must be a symmetric square table.")
            if not np.all(np.isfinite(table)) or np.any(table <= 0):
                raise EquiglassError(f"potential {self.name!r}: every {key} must be positive.")
        if len(self.epsilon) != len(self.sigma):
            raise EquiglassError(f"potential {self.name!r}: epsilon and sigma have different numbers of types.")

    @property
    def n_types(self) -> int:
        """Number of particle types."""
        return len(self.epsilon)

    @property
    def tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(epsilon, sigma, cutoff distance), each (n_types, n_types)."""
        sigma = np.asarray(self.sigma)
        return np.asarray(self.epsilon), sigma, self.cutoff * sigma


KOB_ANDERSEN = LennardJones(
    name="kob-andersen",
    epsilon=((1.0, 1.5), (1.5, 0.5)),
    sigma=((1.0, 0.8), (0.8, 0.88)),
)
"""The 80:20 mixture of Kob and Andersen, Phys. Rev. E 51, 4626 (1995), doi 10.1103/PhysRevE.51.4626."""

MIXTURES = {KOB_ANDERSEN.name: KOB_ANDERSEN}
"""The mixtures known by name."""


def potential_energy(
    positions: NDArray[np.float64], types: NDArray[np.integer], box: NDArray[np.float64], potential: LennardJones
) -> NDArray[np.float64]:
    """E_i = sum_{j != i} V(r_ij): the full sum over neighbours, all images; half of its sum is the total energy.

    The usual energy per particle is therefore half the mean of what is returned.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        types: (N,), from 0.
        box: (3,) edge lengths of the periodic box; may be smaller than the cutoff.
        potential: pair potential of these types.

    Returns:
        Energies, LJ units, (N,).
    """
    return energy_and_forces(positions, types, box, potential)[0]


def energy_and_forces(
    positions: NDArray[np.float64], types: NDArray[np.integer], box: NDArray[np.float64], potential: LennardJones
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """E_i = sum_{j != i} V(r_ij) and F_i = sum_{j != i} V'(r_ij) (x_j - x_i) / r_ij, all images.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        types: (N,), from 0.
        box: (3,) edge lengths of the periodic box; may be smaller than the cutoff.
        potential: pair potential of these types.

    Returns:
        Energies (N,), as in ``potential_energy``, and forces (N, 3), LJ units.
    """
    epsilon, sigma, cutoff = potential.tables
    types = np.asarray(types)
    n = len(types)
    pairs = periodic_pairs(positions, box, float(cutoff.max()))
    table = types[pairs.receivers], types[pairs.senders]
    squared, sigma_squared, cutoff_squared = pairs.distances**2, sigma[table] ** 2, cutoff[table] ** 2
    energy = pair_energy(squared, epsilon[table], sigma_squared, cutoff_squared)
    pull = -pair_force(squared, epsilon[table], sigma_squared, cutoff_squared)[:, None] * pairs.vectors
    forces = np.empty((n, 3))
    for axis in range(3):
        forces[:, axis] = np.bincount(pairs.receivers, pull[:, axis], n)
    return np.bincount(pairs.receivers, energy, n).astype(np.float64), forces


def pair_energy(
    squared: NDArray[np.float64],
    epsilon: NDArray[np.float64],
    sigma_squared: NDArray[np.float64],
    cutoff_squared: NDArray[np.float64],
) -> NDArray[np.float64]:
    """V(r), cut and shifted, from r^2 and the parameters of every pair, each (E,)."""
    power = (sigma_squared / squared) ** 3
    power_at_cutoff = (sigma_squared / cutoff_squared) ** 3
    energy = 4 * epsilon * (power * (power - 1) - power_at_cutoff * (power_at_cutoff - 1))
    return np.where(squared < cutoff_squared, energy, 0.0)


def pair_force(
    squared: NDArray[np.float64],
    epsilon: NDArray[np.float64],
    sigma_squared: NDArray[np.float64],
    cutoff_squared: NDArray[np.float64],
) -> NDArray[np.float64]:
    """-V'(r) / r, positive where the pair repels, from r^2 and the parameters of every pair, each (E,)."""
    power = sigma_squared / squared
    power = power * power * power
    force = 2 * power
    force -= 1
    force *= power
    force *= epsilon
    force /= squared
    force *= 24
    # A product, not a choice: it is the quicker, and the force within the cutoff keeps its NaN.
    force *= squared < cutoff_squared
    return force
