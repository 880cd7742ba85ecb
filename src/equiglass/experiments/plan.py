"""What has to be trained: configurations in groups, each dealt into training and test, and a list of trainings."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from equiglass.errors import ConfigurationError, DataError
from equiglass.experiments.declaration import Case, Declaration
from equiglass.experiments.published import Scalar
from equiglass.liquid.fingerprint import Fingerprint
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.splits import by_hash, by_temperature, training_and_test, validation_fold
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_to_learn
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.training.supply import supply

TEST_SHARE = 4
"""One configuration in so many is for the test, and at least two."""

FOLDS = (
    "in the order of the SHA-256 sums of their names the configurations are dealt into folds; each is tested on in turn"
)

SPLIT = (
    "in the order of the SHA-256 sums of their names the last quarter of the configurations, at least two, is tested on"
)

QUICK_CONFIGURATIONS, QUICK_EPOCHS = 4, 3


@dataclass(frozen=True, eq=False)
class Group:
    """Configurations that are trained and tested on their own.

    Attributes:
        name: for instance "T = 0.64".
        training: in an order that depends on their names alone; the first n of them are the smaller training sets.
        test: never trained on.
        fold: number of the fold that is tested on, from 1; 0 without folds.
        quenched: fingerprints of configurations whose inherent structure was made here, and so follows from the rest.
    """

    name: str
    training: tuple[System, ...]
    test: tuple[System, ...]
    fold: int = 0
    quenched: frozenset[Fingerprint] = frozenset()

    @property
    def temperature(self) -> float | None:
        """The temperature of all its configurations; None where they differ or do not say."""
        all_ = {system.temperature for system in (*self.training, *self.test)}
        return all_.pop() if len(all_) == 1 else None


@dataclass(frozen=True)
class Training:
    """One model that an experiment asks for.

    Attributes:
        variant: of the declaration.
        at: value of what the variant is trained along; None without.
        group: whose configurations it learns from and is tested on.
        systems: the configurations it learns from.
        configuration: with its seed.
        scored: configurations that are scored after every epoch, for the log alone.
    """

    variant: str
    at: Scalar | None
    group: Group
    systems: tuple[System, ...]
    configuration: MethodConfiguration
    scored: tuple[System, ...] = ()

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.configuration.seed

    @property
    def epochs(self) -> int:
        """How often it sees every configuration; 1 for a method without epochs."""
        return int(getattr(self.configuration, "epochs", 1))

    @property
    def steps(self) -> int:
        """Configurations it sees in all."""
        return self.epochs * len(self.systems)

    @cached_property
    def key(self) -> str:
        """Name of its run folder: the same for the same configuration and data, in whatever experiment.

        Settings at their defaults are left out, so that a setting that is new does not lose what was trained.
        """
        configurations = [[self._digest(system) for system in part] for part in (self.systems, self.scored)]
        settings = self.configuration.model_dump(mode="json", exclude_defaults=True)
        settings["method"] = self.configuration.method
        return hashlib.sha256(json.dumps([settings, configurations], sort_keys=True).encode()).hexdigest()[:12]

    def _digest(self, system: System) -> list[str]:
        """Names, and a digest of all that a training takes from a configuration."""
        digest = hashlib.sha256()
        for array in (system.positions, system.types, system.box, system.times, system.propensity):
            digest.update(np.ascontiguousarray(array).tobytes())
        inherent = system.positions_inherent
        if "inherent" in self.configuration.needs and inherent is not None:
            made = system.fingerprint in self.group.quenched
            digest.update(b"" if made else np.ascontiguousarray(inherent).tobytes())
        if "cage" in self.configuration.needs:
            for state in (system.positions_cage, system.covariance_cage, system.propensity_cage):
                # A state that is not known is made, and follows from the rest.
                digest.update(b"" if state is None else np.ascontiguousarray(state).tobytes())
        if "potential" in self.configuration.needs:
            potential = system.potential or MIXTURES[self.configuration.potential]
            digest.update(potential.parameters().encode())
        if "temperature" in self.configuration.needs:
            digest.update(str(system.temperature).encode())
        # In this order, which names the runs of earlier versions.
        for name in sorted(self.configuration.further_labels, reverse=True):
            label = getattr(system, name)
            if label is None and name == "mean_displacement":
                # The further target is then the mean over runs.
                label = system.replica_displacements
            if label is not None:
                digest.update(np.ascontiguousarray(label).tobytes())
        return [system.name, *system.time_labels, digest.hexdigest()]

    def __str__(self) -> str:
        """For people."""
        at = "" if self.at is None else f", {self.at}"
        times = "" if self.configuration.times == "all" else f", time {', '.join(self.configuration.times)}"
        fold = f", fold {self.group.fold}" if self.group.fold else ""
        return f"{self.group.name}: {self.variant}{at}{times}{fold}, seed {self.seed}"


def groups_of(systems: Mapping[str, Sequence[System]], declaration: Declaration, quick: bool = False) -> list[Group]:
    """The configurations in groups, each dealt into training and test by the SHA-256 sums of the names.

    Args:
        systems: by the name of where they come from.
        declaration: says what a group is, and whether it is dealt into folds. Every fold is a group of the same name.
        quick: take a few of each group.

    Raises:
        DataError: a configuration without temperature or propensity, a configuration that occurs twice, or a group of
            fewer than three.
    """
    named: dict[str, list[System]] = {}
    if declaration.groups == "data":
        for source, some in systems.items():
            parts = by_temperature(some)
            for temperature, part in parts.items():
                named[source if len(parts) == 1 else f"{source}, T = {temperature:g}"] = part
    else:
        together = by_temperature(system for some in systems.values() for system in some)
        named = {f"T = {temperature:g}": part for temperature, part in together.items()}
    first = QUICK_CONFIGURATIONS if quick else None
    if declaration.folds:
        return [group for name, part in named.items() for group in _folds(name, part, declaration.folds, first)]
    return [_dealt(name, part, first) for name, part in named.items()]


def _folds(name: str, systems: Sequence[System], folds: int, first: int | None) -> list[Group]:
    order = sorted(systems, key=by_hash)[:first]
    number = min(folds, len(order)) if first else folds
    if len(order) < number:
        raise ConfigurationError(f"{name}: {len(order)} configurations cannot be dealt into {folds} folds.")
    dealt = [validation_fold(order, number, fold) for fold in range(1, number + 1)]
    return [Group(name, tuple(training), tuple(test), fold) for fold, (training, test) in enumerate(dealt, start=1)]


def _dealt(name: str, systems: Sequence[System], first: int | None) -> Group:
    try:
        training, test = training_and_test(systems, TEST_SHARE, first=first)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    return Group(name, tuple(training), tuple(test))


def possible(made: Sequence[Case], groups: Sequence[Group]) -> tuple[list[Case], tuple[str, ...]]:
    """The cases that can be trained in every group, and a sentence for each variant that is left out.

    Raises:
        ConfigurationError: none is left.
    """
    bare = [g.name for g in groups if all(s.replica_displacements is None for s in g.training)]
    kept = [case for case in made if not (bare and case.configuration.needs_runs)]
    gone = dict.fromkeys(case.variant for case in made if case not in kept)
    left_out = tuple(
        f"{variant} is left out: it learns from the displacements of every run, and {', '.join(dict.fromkeys(bare))} "
        "has none. Simulate with keep_displacements: true."
        for variant in gone
    )
    if not kept:
        raise ConfigurationError(" ".join(left_out))
    return kept, left_out


def trainings(
    declaration: Declaration, made: Sequence[Case], groups: Sequence[Group], seeds: int, quick: bool = False
) -> list[Training]:
    """All models that the experiment asks for, those of the first seed first.

    A smaller training set is seen in more epochs, so that every training makes as many steps as one on the largest
    group. A method that has nothing random is trained with the first seed alone. Amounts that a group does not have are
    left out.

    Raises:
        ConfigurationError: none is left, or a method would choose on the test configurations.
    """
    if declaration.score_epochs and any(case.configuration.chooses_on_validation for case in made):
        raise ConfigurationError("score_epochs scores the test configurations: choose_on: validation would see them.")
    planned = []
    largest = max(len(group.training) for group in groups)
    for seed in range(seeds):
        for group in groups:
            for case in made:
                first, amount = case.configuration, case.amount or len(group.training)
                if amount > len(group.training) or (seed and not first.is_random):
                    continue
                chosen = group.training[:amount]
                configuration = first.model_copy(update={"seed": first.seed + seed})
                configuration = configuration.with_epochs(partial(_epochs, largest / amount, quick))
                scored = group.test if declaration.score_epochs else ()
                labels = [first.times]
                if case.each_time:
                    labels = [(label,) for label in times_to_learn(chosen, first.times, first.target)]
                for times in labels:
                    here = configuration.model_copy(update={"times": times})
                    planned.append(Training(case.variant, case.at, group, chosen, here, scored))
    if not planned:
        raise ConfigurationError("every variant asks for more training configurations than there are; give more data.")
    return planned


def _epochs(more: float, quick: bool, epochs: int) -> int:
    """The number of epochs of a training that sees so many times fewer configurations than the largest."""
    return math.ceil((QUICK_EPOCHS if quick else epochs) * more)


def supplied(
    groups: Sequence[Group], made: Sequence[Case], progress: Callable[[int, int, str], None] | None = None
) -> list[Group]:
    """The same groups, every configuration with all that the methods and their targets need.

    Raises:
        ConfigurationError: the methods have different potentials for configurations that state none.
    """
    systems = list({id(system): system for group in groups for system in (*group.training, *group.test)}.values())
    stated = dict.fromkeys(case.configuration.potential for case in made if "potential" in case.configuration.needs)
    if len(stated) > 1 and any(system.potential is None for system in systems):
        raise ConfigurationError(
            f"the variants have the potentials {', '.join(stated)}, but the configurations of an experiment have one. "
            "Choose one potential, or make an experiment per potential."
        )
    done: Sequence[System] = systems
    for needs in dict.fromkeys((case.configuration.needs, case.configuration.potential) for case in made):
        asks = next(c.configuration for c in made if (c.configuration.needs, c.configuration.potential) == needs)
        done = supply(done, asks, progress)
    made_of = {id(system): supplied for system, supplied in zip(systems, done, strict=True)}
    return [
        replace(
            group,
            quenched=frozenset(
                system.fingerprint for system in (*group.training, *group.test) if system.positions_inherent is None
            ),
            training=tuple(made_of[id(system)] for system in group.training),
            test=tuple(made_of[id(system)] for system in group.test),
        )
        for group in groups
    ]
