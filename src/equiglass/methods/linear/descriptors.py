"""Rotation-invariant descriptors of the neighbourhood of a particle, with Gaussian radial shells.

All descriptors come from one sum, the first equivariant convolution with fixed radial functions (`shells`). Its l = 0
part is the radial descriptor G of Boattini et al. Their angular descriptor q is the norm over m of the sum over all
types, divided by its l = 0 part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import neighbourhoods, pairs_among, periodic_pairs, wrap
from equiglass.liquid.surroundings import AVERAGING_RADIUS, averaging, generations_of, sum_of_generations
from equiglass.liquid.system import Structure, System, type_name
from equiglass.methods.linear.shells import Shells, radial_sums, shell_norms

RADIAL = (Shells(0.75, 2.0, 51, 0.025), Shells(2.1, 5.0, 30, 0.05))
ANGULAR = Shells(1.0, 2.5, 16, 0.1)

PARTICLES_AT_ONCE = 4096
"""Number of particles described together; their pairs take a few hundred MB."""


@dataclass(frozen=True)
class Descriptors:
    """Parameters of the descriptors; Boattini et al. used similar ones.

    E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021),
    doi 10.1103/PhysRevLett.127.088007.

    Attributes:
        radial: shells of G; narrow ones for the first neighbours, wider ones beyond.
        angular: shells of q.
        l_max: highest degree of q; the lowest is 1.
        generations: number of averages over the neighbourhood; 0 gives the bare descriptors.
        averaging_radius: radius r_c of the averages, LJ length.
    """

    radial: tuple[Shells, ...] = RADIAL
    angular: Shells = ANGULAR
    l_max: int = 12
    generations: int = 2
    averaging_radius: float = AVERAGING_RADIUS

    def __post_init__(self) -> None:
        """Check that the numbers are possible; raises ConfigurationError."""
        if not self.radial or self.l_max < 1 or self.generations < 0 or not 0 < self.averaging_radius < np.inf:
            raise ConfigurationError(
                "Descriptors need radial shells, l_max >= 1, generations >= 0 and averaging_radius > 0; got "
                f"{len(self.radial)} radial shells, l_max {self.l_max}, generations {self.generations}, "
                f"averaging_radius {self.averaging_radius:g}."
            )

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts in generation 0, LJ length."""
        return max(shells.reach for shells in (*self.radial, self.angular))

    def number(self, n_types: int) -> int:
        """Number of features per generation."""
        return n_types * sum(shells.number for shells in self.radial) + self.angular.number * self.l_max

    def names(self, n_types: int = 2) -> list[str]:
        """Names of the features in the order of the columns of `describe`, for instance "q3(r=1.20) n=1"."""
        types = [type_name(s) for s in range(n_types)]
        bare = [f"G_{s}(r={r:.3f})" for shells in self.radial for s in types for r in shells.centres]
        bare += [f"q{l}(r={r:.2f})" for r in self.angular.centres for l in range(1, self.l_max + 1)]
        return [f"{name} n={n}" for n in range(self.generations + 1) for name in bare]


def describe(
    system: System,
    parameters: Descriptors | None = None,
    *,
    positions: Structure = "inherent",
    n_types: int | None = None,
) -> Float:
    """Descriptors of Boattini et al. for every particle, generations 0 to n (eq. 28).

        G_i(r, s) = sum_{j of type s} exp(-(r_ij - r)^2 / (2 w^2))
        q_i(l, r) = sqrt(4 pi / (2l+1) sum_m |q_lm|^2),   q_lm = sum_j exp(-(r_ij - r)^2 / (2 w^2)) Y_lm / Z_i

    Y_lm are orthonormal. Z_i is the sum of the same Gaussians over all neighbours. q is 0 if no neighbour is within
    `REACH` widths of the shell. `neighbourhood_averages` defines the generations.

    Args:
        system: the configuration.
        parameters: parameters of the descriptors; the defaults of `Descriptors` if None.
        positions: the thermal positions, the inherent structure or the cage state.
        n_types: number of types to distinguish; that of the system if None.

    Returns:
        Features, (N, F); `Descriptors.names` names the columns.

    Raises:
        DataError: the positions of the inherent structure are missing.

    Source: E. Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), doi 10.1103/PhysRevLett.127.088007.
    """
    parameters, n_types = parameters or Descriptors(), n_types or _n_types(system)
    bare = np.empty((system.n_particles, parameters.number(n_types)))
    for particles, features in described_blocks(system, parameters, positions, n_types):
        bare[particles] = features
    average = averaging(system.positions_in(positions), system.box, parameters.averaging_radius)
    return generations_of(bare, average, parameters.generations)


def described_blocks(
    system: System, parameters: Descriptors, positions: Structure, n_types: int
) -> Iterator[tuple[NDArray[np.int64], Float]]:
    """Yield generation 0 of `describe` in blocks: indices of particles, (n,), and their features, (n, F)."""
    where, box = wrap(system.positions_in(positions), system.box), system.box
    for particles, receives in neighbourhoods(where, box, parameters.reach, PARTICLES_AT_ONCE):
        near, types = where[particles], system.types[particles]
        sums = radial_sums(near, types, box, n_types, parameters.radial, receives)
        pairs = pairs_among(near, receives, box, parameters.angular.reach)
        norms = shell_norms(pairs, np.zeros_like(types), 1, parameters.angular, parameters.l_max)[receives]
        weight, norms = norms[..., :1], norms[..., 1:]
        q = np.divide(norms, weight, out=np.zeros_like(norms), where=weight > 0)
        n = np.count_nonzero(receives)
        yield particles[receives], np.concatenate([features.reshape(n, -1) for features in (*sums, q)], axis=1)


def described_products(
    system: System, n_types: int, descriptors: Descriptors, positions: Structure, weights: Float
) -> Float:
    """Products of the features of `describe` with weights (F, C), without all features in memory; returns (N, C).

    The averages are linear, so the products are averaged instead of the features.
    """
    weights = weights.reshape(descriptors.generations + 1, -1, weights.shape[1])
    terms = np.empty((len(weights), system.n_particles, weights.shape[2]))
    for particles, features in described_blocks(system, descriptors, positions, n_types):
        terms[:, particles] = features @ weights
    average = averaging(system.positions_in(positions), system.box, descriptors.averaging_radius)
    return sum_of_generations(terms[::-1], average)


FIRST_LAYER = Shells(0.8, 2.0, 12, 0.15)
"""Radial shells of `first_layer_invariants`; this width did best on validation configurations at T = 0.64."""


def first_layer_invariants(
    system: System,
    shells: Shells = FIRST_LAYER,
    *,
    l_max: int = 3,
    cutoff: float = 2.0,
    positions: Structure = "thermal",
    n_types: int | None = None,
) -> Float:
    """Invariants of one convolution of the network (eq. 26), with a Gaussian radial basis and without mixing.

        |C_i(s, k, l)|, the norm over m of sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w^2)) Y_lm

    Args:
        system: the configuration.
        shells: centres and width of the radial functions.
        l_max: highest degree.
        cutoff: neighbours beyond this distance do not count, LJ length.
        positions: the thermal positions or the inherent structure.
        n_types: number of types to distinguish; that of the system if None.

    Returns:
        Features, (N, n_types * shells * (l_max + 1)), in the order (type, shell, l).

    Raises:
        DataError: the positions of the inherent structure are missing.

    Source: F. S. Pezzicoli, G. Charpiat, F. P. Landes, SciPost Phys. (2024), arXiv 2211.03226, Appendix C.
    """
    pairs = periodic_pairs(system.positions_in(positions), system.box, cutoff)
    norms = shell_norms(pairs, system.types, n_types or _n_types(system), shells, l_max)
    return norms.reshape(system.n_particles, -1)


def _n_types(system: System) -> int:
    """Number of types of the mixture, even if some do not occur in this configuration."""
    return system.n_types if system.potential is None else system.potential.n_types
