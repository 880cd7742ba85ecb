"""The targets: the quantities of every particle that a model learns and is scored on, one per module.

Every value of a target has a label. The label of a propensity is that of its time; the label of the energy is
``E_pot``, and its time is 0. Values are matched by label, and only where the times of the label agree.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equiglass.errors import DataError, EquiglassWarning
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


SAME_TIME = 1.1
"""The largest ratio of two times of one label that count as the same."""

SAME_STAGE = 2.0
"""The same for a label such as "F=0.9". It names a value of F_s, and each data set measures the time anew."""


def same_time(label: str, one: float, other: float) -> bool:
    """Whether two values of the time of a label, LJ units, count as the same."""
    ratio = SAME_STAGE if label.startswith("F=") else SAME_TIME
    return one == other or (min(one, other) > 0 and max(one, other) <= ratio * min(one, other))


def times_in_common(first: Mapping[str, float], second: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """The labels of both, in the order of the first: those whose times agree, and those whose times do not."""
    shared = [label for label in first if label in second]
    agreeing = [label for label in shared if same_time(label, first[label], second[label])]
    return agreeing, [label for label in shared if label not in agreeing]


def refuse_other_times(label: str, times: Iterable[tuple[str, float]]) -> None:
    """Check that a label has the same time in all configurations, before they are averaged.

    Args:
        label: the label.
        times: name and time, LJ units, of every configuration.

    Raises:
        DataError: two times differ.
    """
    first: tuple[str, float] | None = None
    for name, time in times:
        first = first or (name, time)
        if not same_time(label, time, first[1]):
            raise DataError(
                f"the time labelled {label!r} is {first[1]:g} in {first[0]} but {time:g} in {name}; average over "
                "configurations of one state point and one time."
            )


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

    Warns:
        EquiglassWarning: a label has different times at different temperatures; it is learned as one time.

    Args:
        systems: the training configurations.
        wanted: labels, or "all".
        target: name of the target.

    Raises:
        DataError: no configuration has the target or a wanted label, or a label has different times at one temperature.
    """
    times: dict[str, float] = {}
    first: dict[str, System] = {}
    compared: set[tuple[str, float | None]] = set()
    for system in systems:
        for label, time in times_of(system, target).items():
            time_before, before = times.setdefault(label, time), first.setdefault(label, system)
            learned = wanted == "all" or label in wanted
            if learned and not same_time(label, time, time_before) and (label, system.temperature) not in compared:
                compared.add((label, system.temperature))
                _differ(label, before, time_before, system, time)
    if not times:
        raise DataError(f"none of the training configurations has a {target} to learn from.")
    if wanted != "all":
        missing = [label for label in wanted if label not in times]
        if missing:
            raise DataError(f"no configuration has times labelled {missing}; there are {list(times)}.")
        times = {label: times[label] for label in wanted}
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _differ(label: str, first: System, time: float, other: System, other_time: float) -> None:
    """Refuse, or warn of, a label that has different times in two configurations."""
    said = f"the time labelled {label!r} is {time:g} in {first.name} but {other_time:g} in {other.name}"
    if None in (first.temperature, other.temperature) or first.temperature == other.temperature:
        raise DataError(f"{said}; give different times different labels.")
    warnings.warn(
        f"{said}, at the temperatures {first.temperature:g} and {other.temperature:g}; they are learned as one time.",
        EquiglassWarning,
        stacklevel=4,
    )
