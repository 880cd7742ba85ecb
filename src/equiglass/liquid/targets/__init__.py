"""What a model learns of every particle and is scored on: one module per target.

Every value of a target has a label: a propensity that of its time, the energy ``E_pot``, whose time is 0. What is known
is matched by label, never by value.
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
    """A quantity of every particle that can be learned.

    Attributes:
        name: as the configuration of a training names it.
        title: the quantity with its unit, for tables.
        unit: symbol of the LJ unit.
        negative: whether values below zero are possible.
        needs: what the target is computed from beyond the labels of a configuration.
        times: time by label of what is known of a configuration.
        measured: the values of one label, (N,); NaN where not known for a particle.
        noise: variance of the error of the measured values of one label, (N,); None where it is not known or not there.
        column: name of the column of a label in files of predictions.
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
    """The target at these labels, LJ units, (len(labels), N); NaN where not known in this configuration."""
    what = TARGETS[target]
    known = what.times(system)
    rows = [what.measured(system, label) if label in known else None for label in labels]
    unknown = np.full(system.n_particles, np.nan)
    return np.array([unknown if row is None else row for row in rows]).reshape(len(labels), system.n_particles)


def times_of(system: System, target: str = "propensity") -> dict[str, float]:
    """Time by label of what is known of a configuration; nothing where the target is not known."""
    return TARGETS[target].times(system)


def times_to_learn(
    systems: Sequence[System], wanted: str | Sequence[str], target: str = "propensity"
) -> dict[str, float]:
    """Times to learn: value by label, ascending in the value of the first configuration that has it.

    Args:
        systems: the training configurations.
        wanted: labels, or "all".
        target: name of the target.

    Raises:
        DataError: nothing to learn from, or a wanted label that no configuration has.
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
