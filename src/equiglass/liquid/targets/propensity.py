"""Target: the dynamic propensity, the mean over runs of the distance that a particle moves."""

from __future__ import annotations

import numpy as np

from equiglass.liquid.arrays import Float
from equiglass.liquid.columns import column
from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS, Target


def times(system: System) -> dict[str, float]:
    """The times by label; only those at which the propensity of a particle is known."""
    if system.propensity is None:
        return {}
    known = np.flatnonzero(np.isfinite(system.propensity).any(axis=1))
    return {system.time_labels[row]: float(system.times[row]) for row in known}


def measured(system: System, label: str) -> Float:
    """The propensity at one time, (N,), LJ length."""
    assert system.propensity is not None
    return system.propensity[system.row(label)]


def noise(system: System, label: str) -> Float | None:
    """The variance of the mean over M runs, s_i^2 / M, (N,); None if the variance s_i^2 over runs is unknown."""
    if system.replica_variance is None or system.runs is None:
        return None
    return system.replica_variance[system.row(label)] / system.runs


TARGETS.add(
    "propensity",
    Target(
        name="propensity",
        title="propensity (Lennard-Jones length)",
        unit="σ",
        negative=False,
        needs=frozenset(),
        times=times,
        measured=measured,
        noise=noise,
        column=column,
    ),
)
