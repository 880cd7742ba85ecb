"""Ways to divide configurations: into folds, by temperature, and by the hash of their names.

A division by hash depends only on the names, so it is the same in every experiment and on every machine.

No division separates a family: copies of one configuration, a configuration and its `System.parent`, and
configurations of the same parent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.fingerprint import Known
from equiglass.liquid.system import System

T = TypeVar("T")


def families(systems: Iterable[System]) -> list[int]:
    """The number of the family of every configuration, from 0 in the order in which the families begin."""
    known: Known[int] = Known.of()
    root: list[int] = []

    def origin(k: int) -> int:
        while root[k] != k:
            k = root[k]
        return k

    for number, system in enumerate(systems):
        root.append(number)
        for fingerprint in (system.fingerprint, system.parent):
            if fingerprint is None:
                continue
            relative = known.find(fingerprint)
            if relative is None:
                known.add(fingerprint, number)
            else:
                first, second = sorted((origin(relative), origin(number)))
                root[second] = first
    numbers: dict[int, int] = {}
    return [numbers.setdefault(origin(k), len(numbers)) for k in range(len(root))]


def refuse_copies(systems: Sequence[System], others: Sequence[System] = (), what: str = "") -> None:
    """Check that these are configurations, and that every one occurs once.

    Args:
        systems: configurations.
        others: if given, configurations; none may be related to one of ``systems``.
        what: the relation between both, for the message: "the validation holds training configurations".

    Raises:
        ConfigurationError: these are no lists of configurations.
        DataError: two of ``systems`` are the same configuration, or one of ``others`` has a relative among them.
    """
    for given in (systems, others):
        if isinstance(given, str | Path | System) or not all(isinstance(each, System) for each in given):
            raise ConfigurationError("configurations must be a list of System, as equiglass.load returns it.")
    known: Known[System] = Known.of()
    for system in systems:
        copy = known.find(system.fingerprint)
        if copy is not None:
            raise DataError(
                f"{system.name} and {copy.name} are the same configuration (types, box and positions); give each once."
            )
        known.add(system.fingerprint, system)
    relatives: Known[System] = Known.of((system.parent, system) for system in known.values() if system.parent)
    for other in others:
        for fingerprint in (other.fingerprint, other.parent):
            found = fingerprint and (known.find(fingerprint) or relatives.find(fingerprint))
            if found:
                same = found.fingerprint.matches(other.fingerprint)
                related = "are the same configuration" if same else "are of one parent"
                raise DataError(f"{what}: {other.name} and {found.name} {related}; give each once, on one side.")


def folds_of(items: Sequence[T], folds: int, family: Sequence[int] | None = None) -> list[list[T]]:
    """The items dealt into folds in turn: fold k has the families k, k + folds, ... No fold is empty.

    Args:
        items: the items.
        folds: largest number of folds.
        family: number of the family of every item, as `families` returns it; by default every item is its own.
    """
    family = range(len(items)) if family is None else family
    number = min(folds, max(family, default=-1) + 1)
    return [[item for item, own in zip(items, family, strict=True) if own % number == k] for k in range(number)]


def validation_fold(systems: Sequence[System], folds: int, fold: int) -> tuple[list[System], list[System]]:
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
    if not fold:
        return list(systems), []
    family = families(systems)
    number = max(family, default=-1) + 1
    if number < folds:
        related = "" if number == len(systems) else f", which are {number} families of copies or of one parent,"
        many = f"{len(systems)} configurations" if len(systems) != 1 else "one configuration"
        hint = "set a smaller 'folds'; a training on all has fold=0" if number > 1 else "a training on all has fold=0"
        raise ConfigurationError(f"{many}{related} cannot be dealt into {folds} folds; {hint}.")
    dealt = [(own % folds == fold - 1, system) for own, system in zip(family, systems, strict=True)]
    return [system for validates, system in dealt if not validates], [s for validates, s in dealt if validates]


def by_temperature(systems: Iterable[System]) -> dict[float, list[System]]:
    """The configurations by temperature, ascending.

    Raises:
        DataError: a configuration has no temperature or no propensity, or occurs twice at one temperature.
    """
    groups: dict[float, list[System]] = {}
    for system in systems:
        if system.temperature is None:
            raise DataError(f"{system.name} has no temperature, but configurations are grouped by temperature here.")
        if system.propensity is None:
            raise DataError(f"{system.name} has no propensity to learn from and to score against.")
        groups.setdefault(system.temperature, []).append(system)
    for group in groups.values():
        refuse_copies(group)
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
    order = _by_family(systems, lambda system: False)[:first]
    n = _between_families(order, len(order) - max(least, len(order) // share))
    if n < 1:
        raise DataError(
            f"none of {len(order)} configurations is left for training, since those of one parent stay together and "
            f"the test needs {least}; give {least + 1} configurations or more."
        )
    return order[:n], order[n:]


def _order(system: System) -> tuple[bytes, str]:
    """The key by which configurations are sorted; of two with the same name, the fingerprint decides."""
    return by_hash(system), str(system.fingerprint)


def _by_family(systems: Iterable[System], first: Callable[[System], bool]) -> list[System]:
    """The configurations in the order of `by_hash`, those of a family together, and families with a ``first`` first."""
    systems = list(systems)
    of_family: dict[int, list[System]] = {}
    for family, system in zip(families(systems), systems, strict=True):
        of_family.setdefault(family, []).append(system)
    sorted_ = [sorted(family, key=_order) for family in of_family.values()]
    sorted_.sort(key=lambda family: (not any(map(first, family)), _order(family[0])))
    return [system for family in sorted_ for system in family]


def _between_families(order: Sequence[System], n: int) -> int:
    """The largest number up to n after which another family begins."""
    family = families(order)
    while 0 < n < len(order) and family[n] == family[n - 1]:
        n -= 1
    return n


class Halves(NamedTuple):
    """The configurations of one temperature in two halves, one to refit on and one to score."""

    refit: list[System]
    test: list[System]


def halves(systems: Sequence[System], seen: Callable[[System], bool]) -> Halves:
    """The configurations in two halves, one to refit on and one to score.

    The configurations are sorted by `by_hash`, those that a model has seen first, with their families. The first half
    is for refitting, and so is every configuration that a model has seen: none of these is ever scored.

    Args:
        systems: configurations of one temperature.
        seen: returns whether a model was trained on a configuration.

    Raises:
        DataError: there are fewer than two configurations to refit on, or none to score.
    """
    order = _by_family(systems, seen)
    last = max((k for k, system in enumerate(order) if seen(system)), default=-1)
    n = max(len(systems) // 2, last + 1, 2)
    family = families(order)
    while n < len(order) and family[n] == family[n - 1]:
        n += 1
    if n >= len(systems):
        at, unseen = f"temperature {systems[0].temperature:g}", len(systems) - sum(map(seen, systems))
        raise DataError(
            f"{at}: there are {len(systems)} configurations, and {unseen} were not used in training. Transfer needs "
            "two configurations to refit on, and another one to score, which no model has seen."
        )
    return Halves(order[:n], order[n:])
