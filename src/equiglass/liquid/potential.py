"""Lennard-Jones mixtures: the pair energy, the forces, and the energy of every particle.

    U_ab(r) = 4 eps_ab [(sigma_ab / r)^12 - (sigma_ab / r)^6]

    cut             V(r) = U(r)
    shifted         V(r) = U(r) - U(r_cut)
    force-shifted   V(r) = U(r) - U(r_cut) - (r - r_cut) U'(r_cut)

for r < r_cut, and zero beyond. r_cut is a multiple of sigma_ab, or a distance per pair of types. The shifted energy is
continuous at the cutoff. The force-shifted potential also has a continuous force. All masses are 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import pair_blocks

TRUNCATIONS = ("cut", "shifted", "force-shifted")
"""Treatments of the cutoff. "cut" and "shifted" have the same forces; "force-shifted" has others."""

WCA = 2 ** (1 / 6)
"""The cutoff at the minimum, in units of sigma_ab, for a purely repulsive potential.

Source: Weeks, Chandler and Andersen, J. Chem. Phys. 54, 5237 (1971), doi 10.1063/1.1674820.
"""


Table = tuple[tuple[float, ...], ...]
"""A number per pair of types, (n_types, n_types)."""


class PairParameters(NamedTuple):
    """The parameters of E pairs: V(r) = 4 epsilon [(sigma / r)^12 - (sigma / r)^6] - constant - slope r; each (E,)."""

    epsilon: Float
    sigma_squared: Float
    cutoff_squared: Float
    constant: Float
    slope: Float


@dataclass(frozen=True, repr=False)
class LennardJones:
    """The parameters of a Lennard-Jones mixture of any number of types.

    Attributes:
        name: name of the mixture, for instance "kob-andersen". Two potentials that differ only in the name are equal.
        epsilon: well depths, a symmetric nested tuple (n_types, n_types), LJ energy.
        sigma: diameters, the same shape, LJ length.
        cutoff: distance beyond which the potential is zero: one number in units of sigma_ab, or a symmetric table of
            distances, (n_types, n_types), LJ length. The number ``WCA`` removes the attraction.
        truncation: treatment of the cutoff: "cut", "shifted" or "force-shifted".
    """

    name: str = field(compare=False)
    epsilon: Table
    sigma: Table
    cutoff: float | Table = 2.5
    truncation: str = "shifted"

    def __post_init__(self) -> None:
        """Check the tables, which must be square, symmetric and positive, the cutoff and the truncation."""
        for key in ("epsilon", "sigma"):
            object.__setattr__(self, key, self._checked(key))
        if len(self.epsilon) != len(self.sigma):
            raise DataError(f"potential {self.name!r}: epsilon and sigma have different numbers of types.")
        if isinstance(self.cutoff, list | tuple) or np.ndim(self.cutoff):
            table = self._checked("cutoff")
            if len(table) != self.n_types:
                raise DataError(f"potential {self.name!r}: the table of cutoffs has another number of types.")
            object.__setattr__(self, "cutoff", table)
        elif np.isfinite(self.cutoff) and self.cutoff > 0:
            object.__setattr__(self, "cutoff", float(self.cutoff))
        else:
            raise DataError(f"potential {self.name!r}: the cutoff must be positive; got {self.cutoff}.")
        if self.truncation not in TRUNCATIONS:
            raise DataError(
                f"potential {self.name!r}: the truncation must be one of {', '.join(TRUNCATIONS)}; "
                f"got {self.truncation!r}."
            )

    def _checked(self, key: str) -> Table:
        """The table of this attribute as nested tuples."""
        try:
            table = np.asarray(getattr(self, key), dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError(f"potential {self.name!r}: {key} must be a symmetric square table.") from None
        if table.ndim != 2 or table.shape[0] != table.shape[1] or not np.allclose(table, table.T):
            raise DataError(f"potential {self.name!r}: {key} must be a symmetric square table.")
        if not np.all(np.isfinite(table)) or np.any(table <= 0):
            raise DataError(f"potential {self.name!r}: every {key} must be positive.")
        return tuple(tuple(float(x) for x in row) for row in table)

    def __repr__(self) -> str:
        return f"LennardJones({self.name!r}, {self.n_types} types, {self.ending})"

    def parameters(self) -> str:
        """All parameters as one text. The names of some folders contain its digest, so this text must never change."""
        return "LennardJones(" + ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in fields(self)) + ")"

    def __str__(self) -> str:
        return f"{self.name}, {self.ending}"

    @property
    def ending(self) -> str:
        """Truncation and cutoff in words: "shifted at 2.5 sigma", "cut at 2.5", "cut at 2 to 2.5"."""
        if isinstance(self.cutoff, float):
            return f"{self.truncation} at {self.cutoff:.4g} sigma"
        ends = dict.fromkeys(f"{end:.4g}" for end in (np.min(self.cutoff), np.max(self.cutoff)))
        return f"{self.truncation} at {' to '.join(ends)}"

    @property
    def n_types(self) -> int:
        """The number of particle types."""
        return len(self.epsilon)

    @property
    def tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The tables of epsilon, sigma and the cutoff distance, each (n_types, n_types), LJ units."""
        sigma = np.asarray(self.sigma)
        cutoff = self.cutoff * sigma if isinstance(self.cutoff, float) else np.asarray(self.cutoff)
        return np.asarray(self.epsilon), sigma, cutoff

    def of_pairs(self, first: NDArray[np.integer], second: NDArray[np.integer]) -> PairParameters:
        """The parameters of the pairs of particles with these types, each (E,)."""
        epsilon, sigma, cutoff = self.tables
        power = (sigma / cutoff) ** 6
        constant = slope = np.zeros_like(epsilon)
        if self.truncation != "cut":
            constant = 4 * epsilon * power * (power - 1)
        if self.truncation == "force-shifted":
            slope = 24 * epsilon * power * (1 - 2 * power) / cutoff
            constant = constant - slope * cutoff
        tables = epsilon, sigma**2, cutoff**2, constant, slope
        return PairParameters(*(table[first, second] for table in tables))


def conserved(potential: LennardJones) -> LennardJones:
    """The potential with the same forces whose energy a run conserves: the shifted one of a "cut" one."""
    return replace(potential, truncation="shifted") if potential.truncation == "cut" else potential


KOB_ANDERSEN = LennardJones(
    name="kob-andersen",
    epsilon=((1.0, 1.5), (1.5, 0.5)),
    sigma=((1.0, 0.8), (0.8, 0.88)),
)
"""The mixture of Kob and Andersen, Phys. Rev. E 51, 4626 (1995), doi 10.1103/PhysRevE.51.4626."""

KOB_ANDERSEN_FORCE_SHIFTED = replace(KOB_ANDERSEN, name="kob-andersen-force-shifted", truncation="force-shifted")
"""The Kob-Andersen mixture of GlassBench (arXiv 2311.14752) and of Shiba et al. (doi 10.1063/5.0129791).

The configurations of Shiba et al. decide it (`observables.configurational_temperature`): with these forces the field
near the cutoff gives their temperature, with those of `KOB_ANDERSEN` it does not.
"""

KOB_ANDERSEN_BAPST = replace(KOB_ANDERSEN, name="kob-andersen-bapst", cutoff=((2.5, 2.5), (2.5, 2.5)), truncation="cut")
"""The Kob-Andersen mixture of Bapst et al., doi 10.1038/s41567-020-0842-8: cut at the distance 2.5 for all pairs."""

KOB_ANDERSEN_WCA = replace(KOB_ANDERSEN, name="kob-andersen-wca", cutoff=WCA)
"""The Kob-Andersen mixture without attraction.

Source: Berthier and Tarjus, Phys. Rev. Lett. 103, 170601 (2009), doi 10.1103/PhysRevLett.103.170601.
"""

MIXTURES = {
    mixture.name: mixture
    for mixture in (KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED, KOB_ANDERSEN_BAPST, KOB_ANDERSEN_WCA)
}
"""The mixtures of the package, by name."""


def mixture_named(potential: str | LennardJones) -> LennardJones:
    """The mixture of that name; a mixture itself is returned unchanged.

    Raises:
        ConfigurationError: no mixture has this name.
    """
    if isinstance(potential, LennardJones):
        return potential
    if potential not in MIXTURES:
        raise ConfigurationError(
            f"the potential {potential!r} is not known; known: {', '.join(MIXTURES)}. Another mixture is a "
            "LennardJones with its tables."
        )
    return MIXTURES[potential]


def potential_energy(
    positions: NDArray[np.float64], types: NDArray[np.integer], box: NDArray[np.float64], potential: LennardJones
) -> NDArray[np.float64]:
    """The potential energy of every particle, the full sum over neighbours and images: E_i = sum_{j != i} V(r_ij).

    Every pair counts for both of its particles. The total energy per particle is therefore half the mean of E_i.

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        types: particle types from 0, (N,).
        box: (3,) edge lengths of the periodic box, which may be smaller than the cutoff.
        potential: pair potential of these types.

    Returns:
        E_i, (N,), LJ energy.
    """
    return energy_and_forces(positions, types, box, potential)[0]


def energy_and_forces(
    positions: NDArray[np.float64], types: NDArray[np.integer], box: NDArray[np.float64], potential: LennardJones
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The energies and the forces, sums over neighbours and images.

        E_i = sum_{j != i} V(r_ij),    F_i = sum_{j != i} V'(r_ij) (x_j - x_i) / r_ij

    Args:
        positions: (N, 3), wrapped or not, LJ length units.
        types: particle types from 0, (N,).
        box: (3,) edge lengths of the periodic box, which may be smaller than the cutoff.
        potential: pair potential of these types.

    Returns:
        E_i, (N,), as in `potential_energy`, and F_i, (N, 3), LJ units.
    """
    types = np.asarray(types)
    n = len(types)
    energy, forces = np.zeros(n), np.zeros((n, 3))
    for pairs in pair_blocks(positions, box, float(potential.tables[2].max())):
        parameters = potential.of_pairs(types[pairs.receivers], types[pairs.senders])
        squared = pairs.distances**2
        energy += np.bincount(pairs.receivers, pair_energy(squared, parameters), n)
        pull = -pair_force(squared, parameters)[:, None] * pairs.vectors
        for axis in range(3):
            forces[:, axis] += np.bincount(pairs.receivers, pull[:, axis], n)
    return energy, forces


def pair_energy(squared: Float, parameters: PairParameters) -> Float:
    """V(r), (E,), from r^2, (E,), and the parameters of every pair."""
    power = (parameters.sigma_squared / squared) ** 3
    energy = 4 * parameters.epsilon * power * (power - 1) - parameters.constant - parameters.slope * np.sqrt(squared)
    return np.where(squared < parameters.cutoff_squared, energy, 0.0)


def pair_force(squared: Float, parameters: PairParameters) -> Float:
    """-V'(r) / r, (E,), which is positive for a repulsive pair, from r^2, (E,), and the parameters of every pair."""
    power = parameters.sigma_squared / squared
    power = power * power * power
    force = 2 * power
    force -= 1
    force *= power
    force *= parameters.epsilon
    force /= squared
    force *= 24
    force += parameters.slope / np.sqrt(squared)
    # A product is faster than a choice, and it preserves a NaN within the cutoff.
    force *= squared < parameters.cutoff_squared
    return force


def pair_curvature(squared: Float, parameters: PairParameters) -> Float:
    """V''(r), (E,), from r^2, (E,), and the parameters of every pair; it is the same for every truncation."""
    power = (parameters.sigma_squared / squared) ** 3
    curvature = 24 * parameters.epsilon * power * (26 * power - 7) / squared
    return np.where(squared < parameters.cutoff_squared, curvature, 0.0)
