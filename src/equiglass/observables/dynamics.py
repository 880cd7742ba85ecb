"""How far the particles move: self intermediate scattering function and mean squared displacement of one type.

`self_scattering` and `mean_squared_displacement` take systems. The functions of displacements and of times below them
take arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.state_points import WAVE_NUMBER
from equiglass.liquid.system import System, type_name
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete
from equiglass.observables.selection import ParticleType, mask_of, type_index


class OverTime(NamedTuple):
    """A function of time and its standard error over configurations.

    Attributes:
        labels: of the T times that every configuration knows.
        times: their values, mean over configurations, (T,), LJ time.
        value: (T,).
        error: bootstrap standard error, (T,); NaN for a single configuration.
    """

    labels: tuple[str, ...]
    times: Float
    value: Float
    error: Float


def self_scattering(systems: Iterable[System], type: ParticleType = "A", k: float = WAVE_NUMBER) -> OverTime:
    """F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >, the isotropic average of exp(i k . dr_i).

    Args:
        systems: configurations with ``replica_displacements``; for k = 7.25, ``self_scattering`` is enough. May be an
            iterator, so that one configuration at a time is in memory.
        type: of the particles, "A" or 0.
        k: wave number, inverse LJ length.

    Returns:
        Mean over particles, runs and configurations, at the times where every configuration knows it.

    Raises:
        DataError: no configuration, a type that is absent, or no time where F_s is known in all configurations.
    """

    def of(system: System) -> Float | None:
        mask, kind = mask_of(system, type), type_index(type)
        if k == WAVE_NUMBER and system.self_scattering is not None:
            return system.self_scattering[:, kind]
        if system.replica_displacements is None:
            return None
        # Time by time: the displacements may be large, and in single precision.
        return np.array(
            [_of_particles(dr[:, mask].astype(np.float64), k).mean() for dr in system.replica_displacements]
        )

    return _over_time(systems, of, f"F_s({k:g}, t) of {type_name(type_index(type))}", "the displacements of its runs")


def mean_squared_displacement(systems: Iterable[System], type: ParticleType = "A") -> OverTime:
    """MSD(t) = < (1/N) sum_i |dr_i|^2 >, LJ length squared.

    Args:
        systems: configurations with the propensity, its variance over runs and the number of runs, or with
            ``replica_displacements``; may be an iterator.
        type: of the particles, "A" or 0.

    Returns:
        Mean over particles, runs and configurations, at the times where every configuration knows it.

    Raises:
        DataError: no configuration, a type that is absent, or no time where it is known in all configurations.
    """

    def of(system: System) -> Float | None:
        mask, squares = mask_of(system, type), mean_squares(system)
        if squares is not None:
            return np.asarray(squares[:, mask].mean(axis=1))
        if system.replica_displacements is None:
            return None
        moves = (dr[:, mask].astype(np.float64) for dr in system.replica_displacements)
        return np.array([np.square(dr).sum(axis=-1).mean() for dr in moves])

    what = f"the mean squared displacement of {type_name(type_index(type))}"
    return _over_time(systems, of, what, "the variance of its propensity, or the displacements of its runs")


def mean_squares(system: System) -> Float | None:
    """Mean over runs of |r(t) - r(0)|^2 = p^2 + s^2 (1 - 1/M) of every particle, (T, N); None where unknown.

    Here p is the propensity, s^2 its unbiased variance over runs, and M the number of runs.
    """
    if system.propensity is None or system.replica_variance is None or system.runs is None:
        return None
    return system.propensity**2 + system.replica_variance * (1 - 1 / system.runs)


def self_scattering_of_displacements(displacements: Iterable[ArrayLike], k: float = WAVE_NUMBER) -> Estimate:
    """F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >, the isotropic average of exp(i k . dr_i).

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) per configuration, unwrapped.
        k: wave number, inverse LJ length.

    Returns:
        Mean over particles, runs and configurations, shape (...).

    Raises:
        DataError: no configuration, times that differ, or NaN.
    """
    each = [_of_particles(dr, k).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def self_scattering_by_type(displacements: ArrayLike, types: NDArray[np.integer], k: float = WAVE_NUMBER) -> Float:
    """F_s(k, t) of every type of one configuration, (T, n_types); NaN for an absent type or an unknown time.

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


def mean_square_of_displacements(displacements: Iterable[ArrayLike]) -> Estimate:
    """MSD(t) = < (1/N) sum_i |dr_i|^2 >; arguments and result as for `self_scattering_of_displacements`."""
    each = [np.square(dr).sum(axis=-1).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def first_crossings(times: Float, F: Float, values: Sequence[float]) -> list[float]:
    """The first time when a falling F reaches each value, linear in log t between the times.

    Args:
        times: ascending, (T,).
        F: (T,).
        values: any number of them.

    Returns:
        One time per value; NaN where F begins at or below the value, or does not reach it.
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


def _of_particles(displacements: Float, k: float) -> Float:
    """Sin(k |dr|) / (k |dr|), (...)."""
    # numpy's sinc(x) is sin(pi x) / (pi x).
    return np.sinc(k / np.pi * np.linalg.norm(displacements, axis=-1))


def _over_time(systems: Iterable[System], of: Callable[[System], Float | None], what: str, source: str) -> OverTime:
    """Mean over configurations at the times where the quantity is known in all of them."""
    names: list[str] = []
    times: list[dict[str, float]] = []
    values: list[dict[str, float]] = []
    for system in systems:
        found = of(system)
        if found is None:
            raise DataError(f"{system.name}: {what} needs {source}, which the configuration does not have.")
        names.append(system.name)
        values.append({label: x for label, x in zip(system.time_labels, found, strict=True) if np.isfinite(x)})
        times.append(dict(zip(system.time_labels, system.times.tolist(), strict=True)))
    labels = tuple(label for label in (values[0] if values else ()) if all(label in one for one in values))
    if names and not labels:
        raise DataError(f"{what} is not known at any time that {names[0]} shares with all other configurations.")
    table = np.array([[one[label] for label in labels] for one in values])
    mean = bootstrap(lambda chosen: table[chosen].mean(axis=0), len(table))
    return OverTime(labels, np.mean([[one[label] for label in labels] for one in times], axis=0), *mean)
