"""Node inputs from short runs: how far a particle has moved after a time that is well below tau_alpha.

With the displacements u of the runs at constant energy from the configuration (`RUNS`):

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
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from equiglass.dynamics.cage import short_runs
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, NodeInput
from equiglass.model.inputs.tensor import parts


class ShortRuns(NamedTuple):
    """The runs up to one time.

    Attributes:
        runs: their number.
        seed: seed of the velocities. Seeds differ from each other and from that of the cage state, so that all runs are
            independent.
        timestep: longest integration step, LJ time. That of labels is 0.005. At T = 0.44 the energy per particle
            changes by up to 1e-4 T with it, 5e-4 T with 0.008 and 1.3e-3 T with 0.012; mobility and escape agree within
            errors.
    """

    runs: int
    seed: int
    timestep: float


RUNS = {
    1.3: ShortRuns(64, 9, 0.008),
    13.0: ShortRuns(64, 8, 0.012),
    40.0: ShortRuns(32, 7, 0.008),
    100.0: ShortRuns(32, 6, 0.012),
}
"""The runs by their time, LJ time. At T = 0.44 the times are the beginning and the end of the plateau, a hundredth and
a fortieth of tau_alpha."""

ESCAPED = 0.4
"""Distance beyond which a particle counts as escaped, LJ length; alone, 0.3 to 0.6 served alike at tau_alpha."""

_MEASURED: WeakKeyDictionary[System, dict[float, dict[str, dict[int, Float]]]] = WeakKeyDictionary()
"""What the short runs of the configurations in use have given, by time and name of the quantity."""


def displacements(system: System, time: float) -> Float:
    """The displacements u, (runs, N, 3), LJ length.

    Raises:
        DataError: the potential or the temperature is unknown, or the box is shorter than the cutoff.
        CompilerError: there is no C++ compiler.
    """
    ends = [run.positions[0] for run in short_runs(system, np.array([time]), *RUNS[time])]
    return np.asarray(np.stack(ends) - system.positions, dtype=np.float32)


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


def _of_runs(quantity: str, time: float, system: System) -> dict[int, Float]:
    known = _MEASURED.setdefault(system, {})
    if time not in known:
        u = displacements(system, time)
        known[time] = {compute.__name__: compute(u) for compute, *_ in _QUANTITIES}
    return known[time][quantity]


_NEEDS: frozenset[Need] = frozenset({"potential", "short runs", "temperature"})
_QUANTITIES: tuple[tuple[Callable[[Float], dict[int, Float]], tuple[int, ...], str, str], ...] = (
    (mobility, (0,), "σ", "mean distance moved in short runs"),
    (drift, (1,), "σ", "mean displacement in short runs"),
    (spread, (0, 2), "σ²", "covariance of the displacement in short runs"),
    (escape, (0,), "", "fraction of short runs in which the particle escapes"),
)

for _time in RUNS:
    for _quantity, _degrees, _unit, _title in _QUANTITIES:
        _name = f"{_quantity.__name__}_{_time:g}"
        _compute = partial(_of_runs, _quantity.__name__, _time)
        INPUTS.add(_name, NodeInput(_name, _degrees, _NEEDS, _unit, f"{_title}, after t = {_time:g}", _compute))
