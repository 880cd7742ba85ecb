"""Rotation-invariant descriptors of the neighbourhood of a particle, with Gaussian radial shells.

Everything here comes from one sum, the first equivariant convolution with fixed radial functions:

    C_i(s, k, l, m) = sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w_k^2)) Y_lm(a_ij / r_ij),   |Y_l| = 1

Y_l are real spherical harmonics of unit norm: sum_m Y_lm^2 = 1, that is sqrt(4 pi / (2l+1)) times the
orthonormal ones. The l = 0 part is the radial descriptor G of Boattini et al.; summed over types, the norm
over m divided by the l = 0 part is their angular descriptor q.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equiglass.compiled import CompilerError, library
from equiglass.errors import EquiglassError
from equiglass.neighbors import Pairs, periodic_pairs
from equiglass.potential import potential_energy
from equiglass.system import System, type_name

Float = NDArray[np.float64]
State = Literal["thermal", "inherent"]

REACH = 6.0
"""Neighbours count up to this many widths beyond the last shell; exp(-18) = 2e-8 is left out."""


@dataclass(frozen=True)
class Shells:
    """Gaussian shells at equal spacing.

    Attributes:
        first: centre of the first shell, LJ length units.
        last: centre of the last shell.
        number: how many.
        width: standard deviation of each.
    """

    first: float
    last: float
    number: int
    width: float

    def __post_init__(self) -> None:
        """Check that the shells are in order; raises EquiglassError."""
        if not (0 < self.first <= self.last and self.number >= 1 and self.width > 0):
            raise EquiglassError(f"Shells need 0 < first <= last, number >= 1 and width > 0; got {self}.")

    @property
    def centres(self) -> Float:
        """r_k, shape (number,)."""
        return np.linspace(self.first, self.last, self.number)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts."""
        return self.last + REACH * self.width


@dataclass(frozen=True)
class Descriptors:
    """Which descriptors to compute: those of Boattini et al. with parameters close to theirs.

    E. Boattini, F. Smallenburg, L. Filion, Phys. Rev. Lett. 127, 088007 (2021),
    doi 10.1103/PhysRevLett.127.088007.

    Attributes:
        radial: shells of G; narrow ones over the first neighbours, wider ones beyond.
        angular: shells of q.
        l_max: q has the degrees l = 1 ... l_max.
        generations: how many times to average over the neighbourhood; 0 keeps the bare descriptors.
        averaging_radius: r_c of the averages.
    """

    radial: tuple[Shells, ...] = (Shells(0.75, 2.0, 51, 0.025), Shells(2.1, 5.0, 30, 0.05))
    angular: Shells = Shells(1.0, 2.5, 16, 0.1)
    l_max: int = 12
    generations: int = 2
    averaging_radius: float = 2.1

    def names(self, n_types: int = 2, energy: bool = True) -> list[str]:
        """Names of the features in the order of the columns of `describe`, for instance "q3(r=1.20) n=1"."""
        types = [type_name(s) for s in range(n_types)]
        bare = [f"G_{s}(r={r:.3f})" for shells in self.radial for s in types for r in shells.centres]
        bare += [f"q{l}(r={r:.2f})" for r in self.angular.centres for l in range(1, self.l_max + 1)]
        bare += ["E_pot"] if energy else []
        return [f"{name} n={n}" for n in range(self.generations + 1) for name in bare]


def describe(
    system: System,
    parameters: Descriptors | None = None,
    *,
    positions: State = "inherent",
    energy: bool = True,
) -> Float:
    """Descriptors of Boattini et al. of every particle, generations 0 ... n.

        G_i(r, s) = sum_{j of type s} exp(-(r_ij - r)^2 / (2 w^2))
        q_i(l, r) = sqrt(4 pi / (2l+1) sum_m |q_lm|^2),   q_lm = sum_j exp(-(r_ij - r)^2 / (2 w^2)) Y_lm / Z_i
        X_i^(n)   = sum_j exp(-r_ij / r_c) X_j^(n-1) / sum_j exp(-r_ij / r_c),   r_ij < r_c, i included

    with orthonormal Y_lm and Z_i the sum of the same Gaussians over all neighbours; q is 0 where there is no
    neighbour within `REACH` widths of the shell.

    Args:
        system: the configuration.
        parameters: which descriptors; the defaults of `Descriptors` if not given.
        positions: the state whose structure is described.
        energy: append the potential energy in the inherent structure, E_i = sum_j V(r_ij), to the bare
            descriptors; it is averaged like the others.

    Returns:
        Features, shape (N, n_features); `Descriptors.names` names the columns.

    Raises:
        EquiglassError: inherent-structure positions, or the potential for the energy, are not there.

    Source: E. Boattini et al., Phys. Rev. Lett. 127, 088007 (2021), doi 10.1103/PhysRevLett.127.088007.
    """
    parameters = parameters or Descriptors()
    n = system.n_particles
    reach = max(shells.reach for shells in (*parameters.radial, parameters.angular))
    pairs = periodic_pairs(_positions(system, positions), system.box, max(reach, parameters.averaging_radius))

    features = [
        _invariants(pairs, system.types, _n_types(system), shells, 0, shells.reach).reshape(n, -1)
        for shells in parameters.radial
    ]
    all_one = np.zeros_like(system.types)
    norms = _invariants(pairs, all_one, 1, parameters.angular, parameters.l_max, parameters.angular.reach)
    weight, norms = norms[..., :1], norms[..., 1:]
    features.append(np.divide(norms, weight, out=np.zeros_like(norms), where=weight > 0).reshape(n, -1))
    if energy:
        features.append(_inherent_energy(system)[:, None])

    generations = [np.concatenate(features, axis=1)]
    average = _averaging(pairs, n, parameters.averaging_radius)
    for _ in range(parameters.generations):
        generations.append(average @ generations[-1])
    return np.concatenate(generations, axis=1)


FIRST_LAYER = Shells(0.8, 2.0, 12, 0.15)
"""Radial shells of `first_layer_invariants`; this width did best on validation configurations at T = 0.64."""


def first_layer_invariants(
    system: System,
    shells: Shells = FIRST_LAYER,
    *,
    l_max: int = 3,
    cutoff: float = 2.0,
    positions: State = "thermal",
    energy: bool = True,
) -> Float:
    """|C_i(s, k, l)|, the norm over m of sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w^2)) Y_lm.

    What one convolution of the equivariant network could make with a Gaussian radial basis, unmixed.

    Args:
        system: the configuration.
        shells: centres and width of the radial functions.
        l_max: highest degree.
        cutoff: neighbours beyond do not count, whatever the shells.
        positions: the state whose structure is described.
        energy: append the potential energy in the inherent structure, E_i = sum_j V(r_ij).

    Returns:
        Features, shape (N, n_types * shells * (l_max + 1) [+ 1]), in the order (type, shell, l).

    Raises:
        EquiglassError: inherent-structure positions, or the potential for the energy, are not there.

    Source: F. S. Pezzicoli, G. Charpiat, F. P. Landes, SciPost Phys. (2024), arXiv 2211.03226, Appendix C.
    """
    pairs = periodic_pairs(_positions(system, positions), system.box, cutoff)
    norms = _invariants(pairs, system.types, _n_types(system), shells, l_max, cutoff)
    features = norms.reshape(system.n_particles, -1)
    return np.concatenate([features, _inherent_energy(system)[:, None]], axis=1) if energy else features


def _invariants(
    pairs: Pairs, types: NDArray[np.int64], n_types: int, shells: Shells, l_max: int, cutoff: float
) -> Float:
    """|C_i(s, k, l)| over the pairs within the cutoff, shape (N, n_types, number of shells, l_max + 1)."""
    norms = np.empty((len(types), n_types, shells.number, l_max + 1))
    try:
        compiled = library(Path(__file__).with_name("shell_norms.cpp"))
    except CompilerError:
        # Without a compiler, the plain sums give the same, more slowly.
        _plain_norms(_within(pairs, cutoff), types, shells, norms)
        return norms
    first = np.searchsorted(pairs.receivers, np.arange(len(types) + 1))
    arrays = [np.ascontiguousarray(a) for a in (first, types[pairs.senders], pairs.vectors, pairs.distances)]
    spacing = (shells.last - shells.first) / max(shells.number - 1, 1)
    compiled.shell_norms(
        ctypes.c_int64(len(types)),
        *(ctypes.c_void_p(a.ctypes.data) for a in arrays),
        ctypes.c_double(cutoff),
        ctypes.c_int64(n_types),
        ctypes.c_int64(shells.number),
        *(ctypes.c_double(x) for x in (shells.first, spacing, shells.width, REACH)),
        ctypes.c_int64(l_max),
        ctypes.c_void_p(norms.ctypes.data),
    )
    return norms


def _plain_norms(pairs: Pairs, types: NDArray[np.int64], shells: Shells, norms: Float) -> None:
    """Fill norms (N, n_types, number of shells, l_max + 1) from these pairs, block by block."""
    n, n_types, _, degrees = norms.shape
    l_max, n_harmonics = degrees - 1, degrees**2
    first = np.searchsorted(pairs.receivers, np.arange(n + 1))
    for block in range(0, n, BLOCK):
        end = min(block + BLOCK, n)
        edges = slice(first[block], first[end])
        size, width = end - block, int(np.diff(first[block : end + 1]).max())
        # One padded matrix product for each particle: (shells, neighbours) x (neighbours, types x harmonics).
        row = pairs.receivers[edges] - block
        slot = np.arange(first[block], first[end]) - first[pairs.receivers[edges]]
        radial = np.zeros((size, width, shells.number))
        offsets = (pairs.distances[edges, None] - shells.centres) / shells.width
        radial[row, slot] = np.where(np.abs(offsets) < REACH, np.exp(-0.5 * offsets**2), 0.0)
        angular = np.zeros((size, width, n_types, n_harmonics))
        angular[row, slot, types[pairs.senders[edges]]] = unit_harmonics(pairs.vectors[edges], l_max)
        moments = np.matmul(radial.transpose(0, 2, 1), angular.reshape(size, width, -1))
        squares = np.square(moments).reshape(size, shells.number, n_types, n_harmonics)
        summed = np.add.reduceat(squares, np.arange(l_max + 1) ** 2, axis=-1)
        norms[block:end] = np.sqrt(summed).transpose(0, 2, 1, 3)


BLOCK = 64
"""Particles in one matrix product: small enough for its factors to stay in the cache."""


def unit_harmonics(vectors: Float, l_max: int) -> Float:
    """Real spherical harmonics of the directions with sum_m Y_lm^2 = 1.

    Y_l0 = P_l(z); for m > 0, sqrt(2) times the semi-normalised P_lm(z) times cos(m phi) and sin(m phi).

    Args:
        vectors: (E, 3), not zero.
        l_max: highest degree.

    Returns:
        (E, (l_max + 1)^2), degree by degree; in each m = 0, then cos and sin of m = 1, 2, ...
    """
    x, y, z = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
    harmonics = np.empty(((l_max + 1) ** 2, len(vectors)))
    # Legendre functions divided by sin(theta)^m, times (x + iy)^m: no division at the poles.
    plane = np.full(len(vectors), 1.0 + 0.0j)
    sectoral = 1.0
    for m in range(l_max + 1):
        if m > 0:
            plane = plane * (x + 1j * y)
            sectoral *= np.sqrt((2 * m - 1) / (2 * m))
        below, legendre = np.zeros_like(z), np.full_like(z, sectoral)
        for l in range(m, l_max + 1):
            if l > m:
                step = (2 * l - 1) * z * legendre - np.sqrt((l - 1) ** 2 - m**2) * below
                below, legendre = legendre, step / np.sqrt(l**2 - m**2)
            if m == 0:
                harmonics[l**2] = legendre
            else:
                harmonics[l**2 + 2 * m - 1] = np.sqrt(2) * legendre * plane.real
                harmonics[l**2 + 2 * m] = np.sqrt(2) * legendre * plane.imag
    return harmonics.T


def _averaging(pairs: Pairs, n: int, radius: float) -> Any:
    """Sparse (N, N) matrix of the weights exp(-r_ij / r_c), i included, rows of sum 1."""
    from scipy.sparse import csr_array, eye_array

    near = _within(pairs, radius)
    weights = np.exp(-near.distances / radius)
    matrix = eye_array(n, format="csr") + csr_array((weights, (near.receivers, near.senders)), shape=(n, n))
    return matrix.multiply(1 / matrix.sum(axis=1)[:, None]).tocsr()


def _within(pairs: Pairs, cutoff: float) -> Pairs:
    near = pairs.distances < cutoff
    return Pairs(pairs.receivers[near], pairs.senders[near], pairs.vectors[near], pairs.distances[near])


def _positions(system: System, state: State) -> Float:
    if state == "thermal":
        return system.positions
    if system.positions_inherent is None:
        raise EquiglassError(f"{system.name}: there are no inherent-structure positions; quench it first.")
    return system.positions_inherent


def _inherent_energy(system: System) -> Float:
    if system.potential is None:
        raise EquiglassError(f"{system.name}: its potential is not known, so neither is its potential energy.")
    return potential_energy(_positions(system, "inherent"), system.types, system.box, system.potential)


def _n_types(system: System) -> int:
    """Number of types of the mixture, whether or not all occur in this configuration."""
    return system.n_types if system.potential is None else system.potential.n_types
