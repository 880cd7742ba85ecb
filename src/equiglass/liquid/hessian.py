"""The second derivatives of the potential energy, and functions of this matrix.

    H_ij = -K_ij  for i != j,   H_ii = sum_j K_ij,   K_ij = V''(r) n n + V'(r) / r (1 - n n),   n = a_ij / r

H is sparse: only pairs within the cutoff count. A function f(H) acts on vectors by its Chebyshev series, so no matrix
but H is stored and nothing is diagonalised:

    f(H) z = sum_k c_k T_k(X) z,   X = (2 H - (b + a)) / (b - a),   all eigenvalues in [a, b]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of
from equiglass.liquid.neighbors import pair_blocks
from equiglass.liquid.potential import pair_curvature, pair_force
from equiglass.liquid.system import Structure, System

if TYPE_CHECKING:
    from scipy.sparse import bsr_array

MARGIN = 0.02
"""The interval of the Chebyshev series is wider than the estimated spectrum by this fraction at both ends."""

MOST_TERMS = 4096
"""The largest number of terms of a series."""

LANCZOS_STEPS = 40
"""The number of products with H by which the interval is estimated."""

ACCURACY = 1e-5
"""A Chebyshev series ends where its coefficients stay below this fraction of the largest one."""


def hessian(system: System, structure: Structure = "thermal") -> bsr_array:
    """The matrix of second derivatives of the total energy, (3 N, 3 N), in blocks of 3 x 3, LJ energy per length^2.

    The force at the cutoff may jump ("cut", "shifted"); this jump is left out.

    Args:
        system: the configuration.
        structure: positions at which the derivatives are taken.

    Raises:
        DataError: the potential is unknown, or the configuration has no such positions.
    """
    from scipy.sparse import bsr_array, coo_array

    n = system.n_particles
    blocks: list[Float] = []
    receivers: list[NDArray[np.int64]] = []
    senders: list[NDArray[np.int64]] = []
    for i, j, stiffness in _pairs(system, structure):
        blocks.append(-stiffness)
        receivers.append(i)
        senders.append(j)
    diagonal = local_hessian(system, structure)
    i = np.concatenate([*receivers, np.arange(n)])
    j = np.concatenate([*senders, np.arange(n)])
    values = np.concatenate([*blocks, diagonal])
    axes = np.arange(3)
    rows = np.broadcast_to(3 * i[:, None, None] + axes[:, None], values.shape)
    columns = np.broadcast_to(3 * j[:, None, None] + axes, values.shape)
    full = coo_array((values.ravel(), (rows.ravel(), columns.ravel())), shape=(3 * n, 3 * n))
    return bsr_array(full.tocsr(), blocksize=(3, 3))


def local_hessian(system: System, structure: Structure = "thermal") -> Float:
    """The diagonal blocks H_ii: the stiffness that a particle feels while all others rest, (N, 3, 3).

    Args:
        system: the configuration.
        structure: positions at which the derivatives are taken.

    Returns:
        H_ii, symmetric, LJ energy per length squared.

    Raises:
        DataError: the potential is unknown, or the configuration has no such positions.
    """
    n = system.n_particles
    total = np.zeros((n, 9))
    for i, _, stiffness in _pairs(system, structure):
        for k, column in enumerate(stiffness.reshape(-1, 9).T):
            total[:, k] += np.bincount(i, column, n)
    return total.reshape(n, 3, 3)


def _pairs(system: System, structure: Structure) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Float]]:
    """Yield receivers, senders and K_ij, (E, 3, 3), in blocks of pairs."""
    potential, types = potential_of(system, "the Hessian"), system.types
    for pairs in pair_blocks(system.positions_in(structure), system.box, float(potential.tables[2].max())):
        parameters = potential.of_pairs(types[pairs.receivers], types[pairs.senders])
        squared = pairs.distances**2
        along, across = pair_curvature(squared, parameters), -pair_force(squared, parameters)
        direction = pairs.vectors / pairs.distances[:, None]
        stiffness = (along - across)[:, None, None] * (direction[:, :, None] * direction[:, None, :])
        stiffness += across[:, None, None] * np.eye(3)
        near = squared < parameters.cutoff_squared
        yield pairs.receivers[near], pairs.senders[near], stiffness[near]


def spectrum(matrix: bsr_array) -> tuple[float, float]:
    """An interval that contains all eigenvalues, slightly wider than the estimates of the Lanczos method."""
    from scipy.linalg import eigh_tridiagonal

    # A fixed start makes the result reproducible.
    now = np.random.default_rng(0).normal(size=matrix.shape[0])
    now /= np.linalg.norm(now)
    before = np.zeros_like(now)
    diagonal: list[float] = []
    off_diagonal = [0.0]
    for _ in range(min(LANCZOS_STEPS, matrix.shape[0])):
        product = matrix @ now - off_diagonal[-1] * before
        diagonal.append(float(product @ now))
        product -= diagonal[-1] * now
        length = float(np.linalg.norm(product))
        off_diagonal.append(length)
        if length < 1e-9 * max(map(abs, diagonal), default=1.0):
            break
        before, now = now, product / length
    values = eigh_tridiagonal(diagonal, off_diagonal[1 : len(diagonal)], eigvals_only=True)
    margin = MARGIN * (values[-1] - values[0])
    return float(values[0] - margin), float(values[-1] + margin)


def applied(
    matrix: bsr_array,
    functions: Sequence[Callable[[Float], Float]],
    vectors: Float,
    interval: tuple[float, float] | None = None,
    accuracy: float = ACCURACY,
) -> list[Float]:
    """f(H) z for several functions and vectors; the products H z are shared by all functions.

    Args:
        matrix: symmetric matrix H, (3 N, 3 N).
        functions: functions of an eigenvalue that are smooth on the interval; they take and return arrays.
        vectors: vectors z, (3 N, R).
        interval: limits of the eigenvalues; `spectrum` if None.
        accuracy: fraction of the largest coefficient below which a series ends.

    Returns:
        f(H) z for every function, each (3 N, R).

    Source: H. Tal-Ezer, R. Kosloff, J. Chem. Phys. 81, 3967 (1984), doi 10.1063/1.448136.
    """
    low, high = spectrum(matrix) if interval is None else interval
    series = [chebyshev(f, low, high, accuracy) for f in functions]
    middle, half = (high + low) / 2, (high - low) / 2
    before, now = np.zeros_like(vectors), vectors
    results = [c[0] * vectors for c in series]
    for k in range(1, max(map(len, series))):
        product = (matrix @ now - middle * now) / half
        before, now = now, (product if k == 1 else 2 * product - before)
        for result, c in zip(results, series, strict=True):
            if k < len(c):
                result += c[k] * now
    return results


def chebyshev(function: Callable[[Float], Float], low: float, high: float, accuracy: float = ACCURACY) -> Float:
    """The coefficients c_k of a function on an interval, without those below a fraction of the largest one."""
    from scipy.fft import dct

    angles = np.pi * (np.arange(MOST_TERMS) + 0.5) / MOST_TERMS
    coefficients = dct(function((high + low) / 2 + (high - low) / 2 * np.cos(angles)), type=2) / MOST_TERMS
    coefficients[0] /= 2
    large = np.flatnonzero(np.abs(coefficients) > accuracy * np.abs(coefficients).max())
    return np.asarray(coefficients[: large[-1] + 1])
