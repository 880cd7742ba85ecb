"""The targets: the quantities of every particle that a model learns and is scored on, one per module.

Every value of a target has a label. The label of a propensity is that of its time; the label of the energy is
``E_pot``, and its time is 0. Values are matched by label, never by time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from equiglass.errors import DataError
from equiglass.files.registry import Registry
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System


@dataclass(frozen=True)
class Target:
    """A quantity of every particle that a model can learn.

    Attributes:
        name: name in the configuration of a training.
        title: name of the quantity with its unit, for tables.
        unit: symbol of the LJ unit.
        negative: whether values below zero are possible.
        needs: needs beyond the labels of a configuration, from which the target is computed.
        times: function that returns the known times of a configuration, by label.
        measured: function that returns the values at one label, (N,); NaN where a value is unknown.
        noise: function that returns the variance of the error of these values, (N,), or None if it is unknown.
        column: function from a label to the name of its column in files of predictions.
    """

    name: str
    title: str
    unit: str
    negative: bool
    needs: frozenset[Need]
    times: Callable[[System], dict[str, float]]
    measured: Callable[[System, str], Float]
    noise: Callable[[System, str], Float | None]
    column: Callable[[str], str]


TARGETS: Registry[Target] = Registry("target", __name__)


def measured(system: System, labels: Sequence[str], target: str = "propensity") -> Float:
    """The measured target at these labels, (len(labels), N), LJ units; NaN where a value is unknown."""
    what = TARGETS[target]
    known = what.times(system)
    rows = [what.measured(system, label) if label in known else None for label in labels]
    unknown = np.full(system.n_particles, np.nan)
    return np.array([unknown if row is None else row for row in rows]).reshape(len(labels), system.n_particles)


def times_of(system: System, target: str = "propensity") -> dict[str, float]:
    """The times at which the target of a configuration is known, LJ units, by label."""
    return TARGETS[target].times(system)


def times_to_learn(
    systems: Sequence[System], wanted: str | Sequence[str], target: str = "propensity"
) -> dict[str, float]:
    """The times to learn, LJ units, ascending, by label.

    The time of a label is that of the first configuration with this label.

    Args:
        systems: the training configurations.
        wanted: labels, or "all".
        target: name of the target.

    Raises:
        DataError: no configuration has the target, or no configuration has a wanted label.
    """
    times: dict[str, float] = {}
    for system in systems:
        for label, time in times_of(system, target).items():
            times.setdefault(label, time)
    if not times:
        raise DataError(f"none of the training configurations has a {target} to learn from.")
    if wanted != "all":
        missing = [label for label in wanted if label not in times]
        if missing:
            raise DataError(f"no configuration has times labelled {missing}; there are {list(times)}.")
        times = {label: times[label] for label in wanted}
    return dict(sorted(times.items(), key=lambda item: item[1]))
