"""The ends of runs as configurations, by time reversal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, unlabelled


def ends_of(
    systems: System | Iterable[System], labels: str | Sequence[str] | None = None, runs: int | None = None
) -> list[System]:
    """The end frames of runs as configurations, each labelled by one run.

        positions x_r(t) = x(0) + dr_r(t),   label at t: |x(0) - x_r(t)|

    In equilibrium, the end of a run is an equilibrium configuration. The equations of motion are reversible. The run
    backwards from the end, with reversed velocities, is therefore a run of the liquid. Its label is one sample of the
    propensity. Its variance s^2 over runs is taken as the mean over the particles of a type in the parent, from
    ``replica_variance`` or else the displacements of its runs, and is stored as ``replica_variance``; ``runs`` is 1.

    Args:
        systems: one or several configurations with ``replica_displacements``; those without have no ends.
        labels: label of the time whose end frames are wanted, or several; all that are stored if None.
        runs: number of runs per configuration, at least 1, the first ones; all if None.

    Returns:
        One configuration per run and time. ``parent`` is the fingerprint of the start, or of the start's own parent.
        Runs with unknown positions are left out.

    Raises:
        ConfigurationError: ``runs`` is less than 1.
        DataError: no configuration has a time with one of ``labels``.
    """
    if runs is not None and runs < 1:
        raise ConfigurationError(f"runs, the number of runs per configuration, must be at least 1; got {runs}.")
    wanted = [labels] if isinstance(labels, str) else labels
    ends: list[System] = []
    known: dict[str, None] = {}
    for system in [systems] if isinstance(systems, System) else systems:
        known |= dict.fromkeys(system.time_labels)
        if system.replica_displacements is None:
            continue
        for row, label in enumerate(system.time_labels):
            if wanted is None or label in wanted:
                variance = _variance(system, row)
                for run, moves in enumerate(system.replica_displacements[row][:runs]):
                    if np.all(np.isfinite(moves)):
                        ends.append(_end(system, label, row, run, moves.astype(np.float64), variance))
    unknown = [label for label in wanted or () if label not in known]
    if unknown:
        raise DataError(f"no configuration has a time labelled {unknown[0]!r}; there are {list(known)}.")
    return ends


def as_end(system: System) -> System:
    """The configuration as an end of a run: training learns it on the side of its parent, and nothing scores it.

        s_i^2 of the end = s_i^2 / M

    One run stands for the M runs behind the labels, and ``replica_variance`` is that of their mean.

    Args:
        system: a labelled configuration with a ``parent``, such as the end of a long run with labels of its own.

    Returns:
        The same configuration with ``runs`` 1 and without the halves of its runs.

    Raises:
        DataError: the configuration has no parent, or its number of runs is unknown.
    """
    if system.parent is None:
        raise DataError(f"{system.name}: only a configuration with a parent is the end of a run. Set its parent.")
    if system.runs is None:
        raise DataError(f"{system.name}: the number of runs behind the labels is unknown. Set runs.")
    variance = None if system.replica_variance is None else system.replica_variance / system.runs
    return replace(system, runs=1, replica_variance=variance, propensity_halves=None)


def is_end(system: System) -> bool:
    """Whether a configuration is the end of a run, whose label is that of one run."""
    return system.parent is not None and system.runs == 1


def _end(system: System, label: str, row: int, run: int, moves: Float, variance: Float | None) -> System:
    changes: dict[str, Any] = dict.fromkeys(("timestep", "time", "equilibrated"))
    changes |= dict.fromkeys(("positions_inherent", "positions_cage", "covariance_cage", "propensity_cage"))
    changes |= {
        "positions": system.positions + moves,
        "name": f"{system.name}-end-{label}-{run + 1}",
        "time_labels": (label,),
        "times": system.times[row : row + 1],
        "propensity": np.linalg.norm(moves, axis=1)[None],
        "replica_variance": None if variance is None else variance[None],
        "runs": 1,
        "parent": system.parent or system.fingerprint,
        "provenance": {**system.provenance, "end of a run": f"run {run + 1} after t = {system.times[row]:g}"},
    }
    return unlabelled(system, **changes)


def _variance(system: System, row: int) -> Float | None:
    """s^2 of the type of every particle, (N,), of the labels or else of the stored runs; None for a single run."""
    if system.replica_variance is not None:
        return _by_type(system, system.replica_variance[row])
    assert system.replica_displacements is not None
    distances = np.linalg.norm(system.replica_displacements[row].astype(np.float64), axis=-1)
    return _by_type(system, distances.var(axis=0, ddof=1)) if len(distances) > 1 else None


def _by_type(system: System, values: Float) -> Float:
    """The mean over the particles of each type whose value is known, for every particle, (N,)."""
    known = np.isfinite(values)
    total = np.bincount(system.types[known], values[known], system.n_types)
    number = np.bincount(system.types[known], minlength=system.n_types)
    mean = np.divide(total, number, out=np.full(system.n_types, np.nan), where=number > 0)
    return np.asarray(mean[system.types])
