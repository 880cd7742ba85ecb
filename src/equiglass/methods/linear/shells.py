"""Moments of the neighbourhood of a particle in Gaussian radial shells: radial sums and rotation-invariant norms.

    C_i(s, k, l, m) = sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w^2)) Y_lm(a_ij / r_ij),   |Y_l| = 1

Y_l are real spherical harmonics of unit norm, sum_m Y_lm^2 = 1: the orthonormal ones times sqrt(4 pi / (2l+1)). A
neighbour counts up to `REACH` widths from a shell. C++ code (shells.cpp), compiled at first use, computes the sums.
Without a compiler, the Python code here gives the same numbers, more slowly.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.neighbors import Pairs, wrap
from equiglass.machine.compiled import CompilerError, library

REACH = 6.0
"""Neighbours count up to this many widths from a shell; exp(-18) = 2e-8 is left out."""


@dataclass(frozen=True)
class Shells:
    """Gaussian shells at equal spacing.

    Attributes:
        first: centre of the first shell, LJ length.
        last: centre of the last shell, LJ length.
        number: number of shells.
        width: standard deviation of each Gaussian, LJ length.
    """

    first: float
    last: float
    number: int
    width: float

    def __post_init__(self) -> None:
        """Check that the numbers are possible; raises ConfigurationError."""
        several = self.first < self.last if self.number > 1 else self.number == 1
        if not (0 < self.first <= self.last < np.inf and several and 0 < self.width < np.inf):
            raise ConfigurationError(f"Shells need 0 < first <= last, number >= 1 and width > 0; got {self}.")

    @property
    def centres(self) -> Float:
        """Centres r_k, LJ length, (number,)."""
        return np.linspace(self.first, self.last, self.number)

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, LJ length."""
        return self.last + REACH * self.width

    @property
    def _arguments(self) -> tuple[ctypes.c_int64 | ctypes.c_double, ...]:
        spacing = (self.last - self.first) / max(self.number - 1, 1)
        numbers = (self.first, spacing, self.width, REACH)
        return ctypes.c_int64(self.number), *(ctypes.c_double(x) for x in numbers)


def radial_sums(
    positions: Float,
    types: NDArray[np.int64],
    box: Float,
    n_types: int,
    shells: tuple[Shells, ...],
    receives: NDArray[np.bool_],
) -> list[Float]:
    """Radial sums over the neighbours of each type (eq. 27).

        C_i(s, k, 0, 0) = sum_{j of type s} exp(-(r_ij - r_k)^2 / (2 w^2))

    Args:
        positions: positions, wrapped or not, LJ length, (N, 3).
        types: types of the particles, (N,).
        box: edge lengths of the periodic box, LJ length, (3,); they may be smaller than the reach of the shells.
        n_types: number of types.
        shells: any number of sets of shells.
        receives: mask of the n particles whose sums are wanted, (N,).

    Returns:
        One array per set of shells, (n, n_types, number of shells).
    """
    from vesin import NeighborList

    # A half list holds each pair once, which halves the work. The order of the pairs does not matter here.
    search = NeighborList(cutoff=max(s.reach for s in shells), full_list=False)
    i, j, distances = search.compute(points=wrap(positions, box), box=np.diag(box), periodic=True, quantities="ijd")
    near = receives[i] | receives[j]
    i, j, distances = i[near].astype(np.int64), j[near].astype(np.int64), distances[near]
    compiled = _compiled()
    found = []
    for each in shells:
        sums = np.zeros((len(types), n_types, each.number))
        if compiled is None:
            _plain_sums(i, j, distances, types, each, sums)
        else:
            arrays = _pointers(i, j, distances, types)
            n = ctypes.c_int64(len(i))
            compiled.shell_sums(n, *arrays, ctypes.c_int64(n_types), *each._arguments, *_pointers(sums))
        found.append(sums[receives])
    return found


def shell_norms(pairs: Pairs, types: NDArray[np.int64], n_types: int, shells: Shells, l_max: int) -> Float:
    """Norms |C_i(s, k, l)| over m of the moments, from both directions of every pair (eqs. 14 and 28).

    Args:
        pairs: pairs sorted by receiver; pairs beyond the reach of the shells do not count.
        types: types of the particles, (N,).
        n_types: number of types.
        shells: the radial shells.
        l_max: highest degree.

    Returns:
        Norms, (N, n_types, number of shells, l_max + 1).
    """
    norms = np.empty((len(types), n_types, shells.number, l_max + 1))
    first = np.searchsorted(pairs.receivers, np.arange(len(types) + 1))
    compiled = _compiled()
    if compiled is None:
        _plain_norms(pairs, first, types, shells, norms)
        return norms
    arrays = [np.ascontiguousarray(a) for a in (first, types[pairs.senders], pairs.vectors, pairs.distances)]
    compiled.shell_norms(
        ctypes.c_int64(len(types)),
        *_pointers(*arrays),
        ctypes.c_int64(n_types),
        *shells._arguments,
        ctypes.c_int64(l_max),
        *_pointers(norms),
    )
    return norms


def _compiled() -> ctypes.CDLL | None:
    try:
        return library(Path(__file__).with_name("shells.cpp"))
    except CompilerError:
        return None


def _pointers(*arrays: NDArray) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(array.ctypes.data) for array in arrays]


def _gaussians(distances: Float, shells: Shells) -> Float:
    """Gaussian of every distance and shell, (E, number of shells)."""
    offsets = (distances[:, None] - shells.centres) / shells.width
    return np.where(np.abs(offsets) < REACH, np.exp(-0.5 * offsets**2), 0.0)


def _plain_sums(
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    distances: Float,
    types: NDArray[np.int64],
    shells: Shells,
    sums: Float,
) -> None:
    near = distances < shells.reach
    i, j = i[near], j[near]
    n, n_types, _ = sums.shape
    for k, weights in enumerate(_gaussians(distances[near], shells).T):
        rows = np.concatenate([i * n_types + types[j], j * n_types + types[i]])
        sums[..., k] = np.bincount(rows, np.tile(weights, 2), n * n_types).reshape(n, n_types)


BLOCK = 64
"""Number of particles per matrix product; its factors must fit into the cache."""


def _plain_norms(
    pairs: Pairs, first: NDArray[np.int64], types: NDArray[np.int64], shells: Shells, norms: Float
) -> None:
    n, n_types, _, degrees = norms.shape
    l_max, n_harmonics = degrees - 1, degrees**2
    for block in range(0, n, BLOCK):
        end = min(block + BLOCK, n)
        edges = slice(first[block], first[end])
        size, width = end - block, int(np.diff(first[block : end + 1]).max())
        # One padded matrix product per particle: (shells, neighbours) x (neighbours, types x harmonics).
        row = pairs.receivers[edges] - block
        slot = np.arange(first[block], first[end]) - first[pairs.receivers[edges]]
        radial = np.zeros((size, width, shells.number))
        radial[row, slot] = _gaussians(pairs.distances[edges], shells)
        angular = np.zeros((size, width, n_types, n_harmonics))
        angular[row, slot, types[pairs.senders[edges]]] = unit_harmonics(pairs.vectors[edges], l_max)
        moments = np.matmul(radial.transpose(0, 2, 1), angular.reshape(size, width, -1))
        squares = np.square(moments).reshape(size, shells.number, n_types, n_harmonics)
        summed = np.add.reduceat(squares, np.arange(degrees) ** 2, axis=-1)
        norms[block:end] = np.sqrt(summed).transpose(0, 2, 1, 3)


def unit_harmonics(vectors: Float, l_max: int) -> Float:
    """Real spherical harmonics of the directions with sum_m Y_lm^2 = 1.

    Y_l0 is the complex harmonic of m = 0. For m > 0 they are sqrt(2) times its real and imaginary parts. All are
    multiplied by sqrt(4 pi / (2 l + 1)).

    Args:
        vectors: vectors, not zero, (E, 3).
        l_max: highest degree.

    Returns:
        Harmonics, (E, (l_max + 1)^2), degree by degree: m = 0, then real and imaginary part of m = 1, 2, ...
    """
    from scipy.special import sph_harm_y_all

    x, y, z = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
    every = sph_harm_y_all(l_max, l_max, np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x))
    harmonics = np.empty(((l_max + 1) ** 2, len(vectors)))
    for l in range(l_max + 1):
        of_degree = np.sqrt(4 * np.pi / (2 * l + 1)) * every[l, : l + 1]
        harmonics[l**2] = of_degree[0].real
        harmonics[l**2 + 1 : (l + 1) ** 2 : 2] = np.sqrt(2) * of_degree[1:].real
        harmonics[l**2 + 2 : (l + 1) ** 2 : 2] = np.sqrt(2) * of_degree[1:].imag
    return harmonics.T
