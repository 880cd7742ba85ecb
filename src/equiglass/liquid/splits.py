"""Ways to divide configurations: into folds, by temperature, and by the hash of their names.

A division by hash depends only on the names, so it is the same in every experiment and on every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.system import System

T = TypeVar("T")


def folds_of(items: Sequence[T], folds: int) -> list[list[T]]:
    """The items dealt into folds in turn: fold k has the items k, k + folds, ... No fold is empty."""
    return [list(items[k::folds]) for k in range(min(folds, len(items)))]


def validation_fold(systems: Sequence[T], folds: int, fold: int) -> tuple[list[T], list[T]]:
    """The configurations for training and for validation: one fold of `folds_of` validates, the others train.

    Args:
        systems: configurations, in the order in which they are dealt.
        folds: number of folds.
        fold: number of the fold that validates, from 1. If it is 0, all configurations train.

    Returns:
        (training, validation).

    Raises:
        ConfigurationError: the fold does not exist, or there are fewer configurations than folds.
    """
    if fold > folds:
        raise ConfigurationError(
            f"fold {fold} of {folds} folds: the fold must lie between 1 and {folds}, or be 0 for none."
        )
    if fold and len(systems) < folds:
        raise ConfigurationError(
            f"{len(systems)} configurations cannot be dealt into {folds} folds; set a smaller 'folds'."
        )
    if not fold:
        return list(systems), []
    dealt = [(k % folds == fold - 1, system) for k, system in enumerate(systems)]
    return [system for validates, system in dealt if not validates], [s for validates, s in dealt if validates]


def by_temperature(systems: Iterable[System]) -> dict[float, list[System]]:
    """The configurations by temperature, ascending.

    Raises:
        DataError: a configuration has no temperature or no propensity, or two of one temperature have the same name.
    """
    groups: dict[float, list[System]] = {}
    for system in systems:
        if system.temperature is None:
            raise DataError(f"{system.name} has no temperature, but configurations are grouped by temperature here.")
        if system.propensity is None:
            raise DataError(f"{system.name} has no propensity to learn from and to score against.")
        group = groups.setdefault(system.temperature, [])
        if any(system.name == other.name for other in group):
            raise DataError(
                f"two configurations of temperature {system.temperature:g} are called {system.name}; give each "
                "configuration once, so that none is both refitted on and scored."
            )
        group.append(system)
    return dict(sorted(groups.items()))


def by_hash(system: System) -> bytes:
    """The SHA-256 hash of the name, as a key for sorting."""
    return hashlib.sha256(system.name.encode()).digest()


def training_and_test(
    systems: Iterable[System], share: int, least: int = 2, first: int | None = None
) -> tuple[list[System], list[System]]:
    """The configurations for training and for the test, which are the last ones in the order of `by_hash`.

    Args:
        systems: configurations of one group.
        share: number of configurations per test configuration.
        least: smallest number of test configurations.
        first: number of configurations to use, by default all.

    Returns:
        (training, test).

    Raises:
        DataError: no configuration is left for training.
    """
    order = sorted(systems, key=by_hash)[:first]
    n = len(order) - max(least, len(order) // share)
    if n < 1:
        raise DataError(
            f"none of {len(order)} configurations is left for training, since the test needs {least}; give "
            f"{least + 1} configurations or more."
        )
    return order[:n], order[n:]


class Halves(NamedTuple):
    """The configurations of one temperature in two halves, one to refit on and one to score."""

    refit: list[System]
    test: list[System]


def halves(systems: Sequence[System], seen: Collection[str]) -> Halves:
    """The configurations in two halves, one to refit on and one to score.

    The configurations are sorted by `by_hash`, those that a model has seen first. The first half is for refitting, and
    so is every configuration that a model has seen: none of these is ever scored.

    Args:
        systems: configurations of one temperature.
        seen: names of the configurations that a model was trained on.

    Raises:
        DataError: there are fewer than two configurations to refit on, or none to score.
    """
    order = sorted(systems, key=lambda s: (s.name not in seen, by_hash(s)))
    unseen = sum(s.name not in seen for s in systems)
    n = max(len(systems) // 2, len(systems) - unseen, 2)
    if n >= len(systems):
        at = f"temperature {systems[0].temperature:g}"
        raise DataError(
            f"{at}: there are {len(systems)} configurations, and {unseen} were not used in training. Transfer needs "
            "two configurations to refit on, and another one to score, which no model has seen."
        )
    return Halves(order[:n], order[n:])
