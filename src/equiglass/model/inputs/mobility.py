"""Node inputs from short runs: how far a particle has moved after a time that is well below tau_alpha.

With the displacements u of `RUNS` runs at constant energy from the configuration, each time with a seed of its own:

    mobility_TIME   <|u|>
    drift_TIME      <u>
    spread_TIME     <(u - <u>)(u - <u>)>, its trace and its traceless part
    escape_TIME     the fraction of runs with |u| > `ESCAPED`

Mobility and drift contain the distance from the particle to the centre of its cage. The spread does not; it is large
for a particle that leaves its cage in some runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np

from equiglass.dynamics.cage import short_runs
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.tensor import parts

SEEDS = {1.3: 9, 13.0: 8, 40.0: 7}
"""The seed of the velocities by time of the inputs, LJ time. At T = 0.44 the times are the beginning and the end of the
plateau, and a hundredth of tau_alpha. Seeds differ from each other and from that of the cage state, so that all runs
are independent."""

TIMESTEP = 0.008
"""Longest integration step, LJ time. That of labels is 0.005. At T = 0.44 the energy changes by 5e-4 T per particle
instead of 2e-4, and mobility and escape agree within their errors."""

RUNS = 32

ESCAPED = 0.4
"""Distance beyond which a particle counts as escaped, LJ length; alone, 0.3 to 0.6 served alike at tau_alpha."""

_DISPLACEMENTS: WeakKeyDictionary[System, dict[float, Float]] = WeakKeyDictionary()
"""The displacements of the configurations in use, (runs, N, 3) by time."""


def displacements(system: System, time: float) -> Float:
    """The displacements u, (runs, N, 3), LJ length.

    Raises:
        DataError: the potential or the temperature is unknown, or the box is shorter than the cutoff.
        CompilerError: there is no C++ compiler.
    """
    known = _DISPLACEMENTS.setdefault(system, {})
    if time not in known:
        ends = [run.positions[0] for run in short_runs(system, np.array([time]), RUNS, SEEDS[time], TIMESTEP)]
        known[time] = (np.stack(ends) - system.positions).astype(np.float32)
    return known[time]


def mobility(u: Float) -> dict[int, Float]:
    """<|u|>, (N, 1), LJ length."""
    return {0: np.linalg.norm(u, axis=2).mean(0)[:, None].astype(np.float64)}


def drift(u: Float) -> dict[int, Float]:
    """<u>, (N, 3), LJ length."""
    return {1: u.mean(0, dtype=np.float64)}


def spread(u: Float) -> dict[int, Float]:
    """The trace, (N, 1), and the traceless part, (N, 5), of the covariance of u, LJ length squared."""
    from_mean = u - u.mean(0, dtype=np.float64)
    return parts(np.einsum("rna,rnb->nab", from_mean, from_mean) / len(u))


def escape(u: Float) -> dict[int, Float]:
    """The fraction of runs with |u| > `ESCAPED`, (N, 1)."""
    return {0: (np.linalg.norm(u, axis=2) > ESCAPED).mean(0)[:, None]}


def _of_runs(quantity: Callable[[Float], dict[int, Float]], time: float, system: System) -> dict[int, Float]:
    return quantity(displacements(system, time))


_NEEDS: frozenset[Need] = frozenset({"potential", "short runs", "temperature"})
_QUANTITIES: tuple[tuple[Callable[[Float], dict[int, Float]], tuple[int, ...], str, str], ...] = (
    (mobility, (0,), "σ", "mean distance moved in short runs"),
    (drift, (1,), "σ", "mean displacement in short runs"),
    (spread, (0, 2), "σ²", "covariance of the displacement in short runs"),
    (escape, (0,), "", "fraction of short runs in which the particle escapes"),
)

for _time in SEEDS:
    for _quantity, _degrees, _unit, _title in _QUANTITIES:
        _name = f"{_quantity.__name__}_{_time:g}"
        _compute = partial(_of_runs, _quantity, _time)
        INPUTS.add(_name, NodeInput(_name, _degrees, _NEEDS, _unit, f"{_title}, after t = {_time:g}", _compute))
