"""Ways to divide configurations: into folds, by temperature, and by the hash of their names.

A division by hash depends on the names alone, so it is the same for every experiment and machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, TypeVar

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.system import System

T = TypeVar("T")


def folds_of(items: Sequence[T], folds: int) -> list[list[T]]:
    """The items dealt into folds in turn, no fold empty: fold k has the items k, k + folds, ..."""
    return [list(items[k::folds]) for k in range(min(folds, len(items)))]


def validation_fold(systems: Sequence[T], folds: int, fold: int) -> tuple[list[T], list[T]]:
    """(training, validation): one of `folds_of` validates, the others train.

    Args:
        systems: in the order in which they are dealt.
        folds: number of folds.
        fold: which one validates, from 1; with 0, all configurations train.

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
        DataError: a configuration has no temperature or no propensity, or two at one temperature have the same name.
    """
    groups: dict[float, list[System]] = {}
    for system in systems:
        if system.temperature is None:
            raise DataError(f"{system.name} does not say its temperature, by which configurations are grouped here.")
        if system.propensity is None:
            raise DataError(f"{system.name} has no propensities to learn and to score.")
        group = groups.setdefault(system.temperature, [])
        if any(system.name == other.name for other in group):
            raise DataError(
                f"two configurations of temperature {system.temperature:g} are called {system.name}; give each "
                "configuration once, so that none is refitted on and scored."
            )
        group.append(system)
    return dict(sorted(groups.items()))


def by_hash(system: System) -> bytes:
    """The SHA-256 sum of the name, a key to sort by."""
    return hashlib.sha256(system.name.encode()).digest()


def training_and_test(
    systems: Iterable[System], share: int, least: int = 2, first: int | None = None
) -> tuple[list[System], list[System]]:
    """(training, test): in the order of `by_hash`, the last ones are for the test.

    Args:
        systems: of one group.
        share: one configuration in so many is for the test.
        least: but so many at least.
        first: how many configurations to take; all if not given.

    Raises:
        DataError: no configuration is left for training.
    """
    order = sorted(systems, key=by_hash)[:first]
    n = len(order) - max(least, len(order) // share)
    if n < 1:
        raise DataError(
            f"of {len(order)} configurations {least} are for the test; give {least + 1} configurations or more."
        )
    return order[:n], order[n:]


class Halves(NamedTuple):
    """The configurations of one temperature: to refit on, and to score."""

    refit: list[System]
    test: list[System]


def halves(systems: Sequence[System], seen: Collection[str]) -> Halves:
    """Half of the configurations to refit on, half to score; those that a model has seen are never scored.

    The order is that of `by_hash`, those seen first. The first half, and all that are seen, are refitted on.

    Args:
        systems: of one temperature.
        seen: names of the configurations that a model was trained on.

    Raises:
        DataError: fewer than two configurations to refit on, or none left to score.
    """
    order = sorted(systems, key=lambda s: (s.name not in seen, by_hash(s)))
    unseen = sum(s.name not in seen for s in systems)
    n = max(len(systems) // 2, len(systems) - unseen, 2)
    if n >= len(systems):
        at = f"temperature {systems[0].temperature:g}"
        raise DataError(
            f"{at}: of {len(systems)} configurations {unseen} were not used in training; transfer needs two to refit "
            "on and another to score, which no model has seen."
        )
    return Halves(order[:n], order[n:])
