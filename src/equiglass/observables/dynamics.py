"""The self-intermediate scattering function and the mean squared displacement of one particle type.

`self_scattering` and `mean_squared_displacement` take systems. The functions below them take arrays.
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
from equiglass.liquid.targets import refuse_other_times
from equiglass.observables.estimate import Estimate, bootstrap
from equiglass.observables.fields import complete
from equiglass.observables.selection import ParticleType, mask_of, type_index


class OverTime(NamedTuple):
    """A function of time and its standard error over configurations.

    Attributes:
        labels: labels of the T times where the function is known in every configuration.
        times: values of these times, the mean over configurations, (T,), LJ time.
        value: values of the function, (T,).
        error: bootstrap standard error, (T,); NaN for a single configuration.
    """

    labels: tuple[str, ...]
    times: Float
    value: Float
    error: Float


def self_scattering(systems: Iterable[System], type: ParticleType = "A", k: float = WAVE_NUMBER) -> OverTime:
    """The self-intermediate scattering function F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >.

    This is the isotropic average of exp(i k . dr_i).

    Args:
        systems: configurations with ``replica_displacements``, or for k = 7.25 with ``self_scattering``. An iterator
            needs the memory of one configuration only.
        type: type of the particles, "A" or 0.
        k: wave number, inverse LJ length.

    Returns:
        The mean over particles, runs and configurations, at the times where F_s is known in every configuration.

    Raises:
        DataError: there is no configuration, the type is absent, or F_s is known at no time in all configurations.
    """

    def of(system: System) -> Float | None:
        mask, kind = mask_of(system, type), type_index(type)
        if k == WAVE_NUMBER and system.self_scattering is not None:
            return system.self_scattering[:, kind]
        if system.replica_displacements is None:
            return None
        # One time after another, since the displacements may be large and are in single precision.
        return np.array(
            [_of_particles(dr[:, mask].astype(np.float64), k).mean() for dr in system.replica_displacements]
        )

    return _over_time(systems, of, f"F_s({k:g}, t) of {type_name(type_index(type))}", "the displacements of its runs")


def mean_squared_displacement(systems: Iterable[System], type: ParticleType = "A") -> OverTime:
    """The mean squared displacement MSD(t) = < (1/N) sum_i |dr_i|^2 >, LJ length squared.

    Args:
        systems: configurations with the propensity, its variance over runs and the number of runs, or with
            ``replica_displacements``. They may be an iterator.
        type: type of the particles, "A" or 0.

    Returns:
        The mean over particles, runs and configurations, at the times where it is known in every configuration.

    Raises:
        DataError: there is no configuration, the type is absent, or it is known at no time in all configurations.
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
    """The mean over runs of |r(t) - r(0)|^2 of every particle, p^2 + s^2 (1 - 1/M), (T, N), LJ length squared.

    Here p is the propensity, s^2 the unbiased variance over runs, and M the number of runs. The result is None if one
    of them is unknown.
    """
    if system.propensity is None or system.replica_variance is None or system.runs is None:
        return None
    return system.propensity**2 + system.replica_variance * (1 - 1 / system.runs)


def self_scattering_of_displacements(displacements: Iterable[ArrayLike], k: float = WAVE_NUMBER) -> Estimate:
    """The self-intermediate scattering function F_s(k, t) = < (1/N) sum_i sin(k |dr_i|) / (k |dr_i|) >.

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) per configuration, unwrapped.
        k: wave number, inverse LJ length.

    Returns:
        The mean over particles, runs and configurations, (...).

    Raises:
        DataError: there is no configuration, the times differ, or a displacement is NaN.
    """
    each = [_of_particles(dr, k).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def self_scattering_by_type(displacements: ArrayLike, types: NDArray[np.integer], k: float = WAVE_NUMBER) -> Float:
    """F_s(k, t) of every type of one configuration, (T, n_types); NaN for an absent type or an unknown time.

    Args:
        displacements: r(t) - r(0) of every run, (T, runs, N, 3), unwrapped.
        types: particle types from 0, (N,).
        k: wave number, inverse LJ length.
    """
    # One time after another, since the displacements may be large and are in single precision.
    each = np.stack([_of_particles(np.asarray(dr, np.float64), k).mean(axis=0) for dr in np.asarray(displacements)])
    F = np.full((len(each), int(types.max()) + 1), np.nan)
    for kind in np.unique(types):
        F[:, kind] = each[:, types == kind].mean(axis=1)
    return F


def mean_square_of_displacements(displacements: Iterable[ArrayLike]) -> Estimate:
    """The mean squared displacement MSD(t) = < (1/N) sum_i |dr_i|^2 >, (...), LJ length squared.

    Args:
        displacements: r(t) - r(0) of every run, (..., runs, N, 3) per configuration, unwrapped.

    Raises:
        DataError: there is no configuration, the times differ, or a displacement is NaN.
    """
    each = [np.square(dr).sum(axis=-1).mean(axis=(-2, -1)) for dr in complete(displacements, 3)]
    return bootstrap(lambda chosen: np.mean([each[n] for n in chosen], axis=0), len(each))


def first_crossings(times: Float, F: Float, values: Sequence[float]) -> list[float]:
    """The first times when a falling function F reaches given values. F is linear in log t between its times.

    Args:
        times: times, ascending, (T,).
        F: values of the function at these times, (T,).
        values: values to reach.

    Returns:
        One time per value. It is NaN if F begins at or below the value, or does not reach it.
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
    """The term sin(k |dr|) / (k |dr|) of every particle, (...), from the displacements, (..., 3)."""
    # numpy's sinc(x) is sin(pi x) / (pi x).
    return np.sinc(k / np.pi * np.linalg.norm(displacements, axis=-1))


def _over_time(systems: Iterable[System], of: Callable[[System], Float | None], what: str, source: str) -> OverTime:
    """The mean over configurations, at the times where the quantity is known in all of them."""
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
        raise DataError(f"{what} is not known at any time that {names[0]} has in common with all other configurations.")
    for label in labels:
        refuse_other_times(label, [(name, one[label]) for name, one in zip(names, times, strict=True)])
    table = np.array([[one[label] for label in labels] for one in values])
    mean = bootstrap(lambda chosen: table[chosen].mean(axis=0), len(table))
    return OverTime(labels, np.mean([[one[label] for label in labels] for one in times], axis=0), *mean)
