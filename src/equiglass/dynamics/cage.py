"""The state of the cages: where every particle rattles, and how widely, from short runs of a configuration.

    x_i = <r_i(t)>,    C_i = <(r_i(t) - x_i)(r_i(t) - x_i)>,    m_i = <|r_i(t) - r_i(0)|>

The averages are over runs from the same positions with new velocities, and over frames in the plateau of the mean
squared displacement: from a quarter of its time to its time. The trace of C_i is the Debye-Waller factor, its traceless
part the anisotropy (l = 2).

The time of the plateau is where d log <r^2> / d log t of the runs is least.

Source of the cage state as an input: Alkemade, Smallenburg, Filion, J. Chem. Phys. 158, 134512 (2023),
doi 10.1063/5.0144822. There it comes from Monte Carlo in which no particle may leave its cell.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from equiglass.dynamics import lanes
from equiglass.dynamics.state import Run, State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System

LONGEST = 6.5
"""The time of the runs, LJ time: twice that of the plateau at T = 0.44, the lowest temperature of the public sets."""

FRAMES = 13
"""The number of frames per run, equally spaced in the logarithm of time."""

FIRST = 0.2
"""The time of the first frame, LJ time: the end of the ballistic motion."""

TIMESTEP = 0.005

RUNS = 32
"""The number of short runs: two full vectors, one per core."""


def cage(
    systems: System | Iterable[System],
    *,
    time: float | None = None,
    runs: int = RUNS,
    seed: int = 0,
    progress: Callable[[int, str], None] | None = None,
) -> list[System]:
    """Configurations with the state of their cages: positions, covariance and propensity within the cages.

    Args:
        systems: configurations, each with its potential and temperature.
        time: time of the plateau, LJ time; None finds it from the runs.
        runs: number of short runs per configuration, at least two.
        seed: seed of the velocities.
        progress: is called after every configuration with (number done, its name).

    Returns:
        The configurations with ``positions_cage``, ``covariance_cage`` and ``propensity_cage``.

    Raises:
        ConfigurationError: runs, time or seed are out of range.
        DataError: the potential or the temperature is unknown, or the box is shorter than the cutoff.
        CompilerError: there is no C++ compiler.
    """
    done = []
    for number, system in enumerate([systems] if isinstance(systems, System) else systems, start=1):
        done.append(caged(system, cages(system, time=time, runs=runs, seed=seed), runs))
        if progress is not None:
            progress(number, system.name)
    return done


class Cages(NamedTuple):
    """The cages of a configuration.

    Attributes:
        positions: x_i, unwrapped like the positions of the configuration, (N, 3), LJ length.
        covariance: C_i, (N, 3, 3), LJ length squared.
        propensity: m_i, (N,), LJ length.
        time: the time of the plateau, LJ time.
        error: the standard error of x_i along one axis, root mean square over particles, from two halves of the runs.
    """

    positions: Float
    covariance: Float
    propensity: Float
    time: float
    error: float


def caged(system: System, found: Cages, runs: int) -> System:
    """The configuration with the state of its cages, as `cage` returns it."""
    source = f"{runs} runs, plateau at t = {found.time:.3g}, error of a position {found.error:.2g} per axis"
    return replace(
        system,
        positions_cage=found.positions,
        covariance_cage=found.covariance,
        propensity_cage=found.propensity,
        provenance={**system.provenance, "cage": source},
    )


def cages(system: System, *, time: float | None = None, runs: int = RUNS, seed: int = 0) -> Cages:
    """The cages of one configuration from short runs at constant energy.

    Args:
        system: configuration with its potential and temperature.
        time: time of the plateau, LJ time; None finds it.
        runs: number of runs, at least two.
        seed: seed of the velocities.

    Raises:
        ConfigurationError: runs, time or seed are out of range.
        DataError: the potential or the temperature is unknown, or the box is shorter than the cutoff.
        CompilerError: there is no C++ compiler.
    """
    if runs < 2:
        raise ConfigurationError(f"runs is {runs}; the state of the cages needs 2 short runs or more.")
    if time is not None and not FIRST < time < np.inf:
        raise ConfigurationError(f"the time of the plateau is {time:g}; it must be longer than {FIRST:g}.")
    times = np.geomspace(FIRST, LONGEST if time is None else time, FRAMES)
    moves = np.stack([run.positions for run in short_runs(system, times, runs, seed)]) - system.positions
    squared = np.mean(np.sum(moves**2, axis=-1), axis=(0, 2))
    slopes = np.diff(np.log(squared)) / np.diff(np.log(times))
    plateau = time if time is not None else float(times[1 + np.argmin(slopes)])
    inside = (times >= plateau / 4) & (times <= plateau * (1 + 1e-9))
    frames = moves[:, inside]
    each = frames.mean(1)
    mean = each.mean(0)
    from_mean = frames - mean
    halves = each[::2].mean(0) - each[1::2].mean(0)
    return Cages(
        positions=system.positions + mean,
        covariance=np.einsum("rfna,rfnb->nab", from_mean, from_mean) / (frames.shape[0] * frames.shape[1]),
        propensity=np.linalg.norm(frames, axis=-1).mean((0, 1)),
        time=plateau,
        error=float(np.sqrt(np.mean(halves**2)) / 2),
    )


def short_runs(
    system: System, times: Float, runs: int, seed: int | Sequence[int], timestep: float = TIMESTEP
) -> Iterator[Run]:
    """Yield runs at constant energy from a configuration, on all cores.

    Args:
        system: configuration with its potential and temperature.
        times: times of the frames, ascending, LJ time.
        runs: number of runs.
        seed: seed of the velocities, one number or several.
        timestep: longest integration step, LJ time.

    Raises:
        ConfigurationError: runs, time or seed are out of range.
        DataError: the potential or the temperature is unknown, or the box is shorter than the cutoff.
        CompilerError: there is no C++ compiler.
    """
    seeds = np.atleast_1d(seed).tolist()
    if min(seeds) < 0:
        raise ConfigurationError(f"the seed is {min(seeds)}; seeds are whole numbers from 0.")
    for name in ("potential", "temperature"):
        if getattr(system, name) is None:
            raise DataError(f"{system.name}: short runs need the {name}, and the file names none; name it.")
    assert system.potential is not None
    assert system.temperature is not None
    reason = lanes.can_serve(system.box, system.potential)
    if reason is not None:
        raise DataError(f"{system.name}: short runs cannot be done: {reason}.")
    temperature, potential = system.temperature, system.potential
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    velocities = np.stack(
        [
            maxwell_boltzmann(np.random.default_rng([*seeds, run]), system.n_particles, temperature)
            for run in range(runs)
        ]
    )

    def group(first: int, end: int) -> list[Run]:
        state = State(system.positions, system.types, system.box, velocities[first:end])
        return lanes.constant_energy(state, potential, times, timestep)

    ends: Sequence[int] = np.cumsum([0, *lanes.groups(runs)]).tolist()
    with ThreadPoolExecutor(cores) as threads:
        for done in threads.map(lambda pair: group(*pair), pairwise(ends)):
            yield from done
