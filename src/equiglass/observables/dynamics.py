"""How far the particles go: self intermediate scattering function and mean squared displacement of one type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.state_points import WAVE_NUMBER
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete


def self_scattering(displacements: Iterable[ArrayLike], k: float = WAVE_NUMBER) -> Estimate:
    """F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >, the isotropic average of exp(i k . dr_i).

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) for each configuration, unwrapped.
        k: wave number, inverse LJ length.

    Returns:
        Mean over particles, runs and configurations, shape (...).

    Raises:
        EquiglassError: no configuration, times that differ, or NaN.
    """
    each = [_of_particles(dr, k).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def self_scattering_by_type(displacements: ArrayLike, types: NDArray[np.integer], k: float = WAVE_NUMBER) -> Float:
    """F_s(k, t) of every type of one configuration, (T, n_types); NaN for a type or a time that it does not know.

    Args:
        displacements: r(t) - r(0) of every run, (T, runs, N, 3), unwrapped.
        types: from 0, (N,).
        k: wave number, inverse LJ length.
    """
    # Time by time: the displacements may be large, and in single precision.
    each = np.stack([_of_particles(np.asarray(dr, np.float64), k).mean(axis=0) for dr in np.asarray(displacements)])
    F = np.full((len(each), int(types.max()) + 1), np.nan)
    for kind in np.unique(types):
        F[:, kind] = each[:, types == kind].mean(axis=1)
    return F


def _of_particles(displacements: Float, k: float) -> Float:
    """Sin(k |dr|) / (k |dr|), (...)."""
    # numpy's sinc(x) is sin(pi x) / (pi x).
    return np.sinc(k / np.pi * np.linalg.norm(displacements, axis=-1))


def mean_squared_displacement(displacements: Iterable[ArrayLike]) -> Estimate:
    """MSD(t) = < (1/N) sum_i |dr_i|^2 >, LJ length squared; arguments and result as for `self_scattering`."""
    each = [np.square(dr).sum(axis=-1).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def first_crossings(times: Float, F: Float, values: Sequence[float]) -> list[float]:
    """The first time when a falling F is not above each value, linear in log t between the times.

    Args:
        times: ascending, (T,).
        F: (T,).
        values: any number of them.

    Returns:
        A time for each value; NaN where F begins at or below it, or does not reach it.
    """
    found = []
    for value in values:
        reached = np.flatnonzero(value >= F)
        if not reached.size or reached[0] == 0:
            found.append(float("nan"))
            continue
        after = reached[0]
        share = (F[after - 1] - value) / (F[after - 1] - F[after])
        found.append(float(times[after - 1] * (times[after] / times[after - 1]) ** share))
    return found
