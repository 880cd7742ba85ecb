"""The average of several predictors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import times_in_common
from equiglass.prediction.combination import Combination
from equiglass.prediction.model import Model
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class Ensemble(Model):
    """Predictors whose predictions are averaged.

    Without a combination the average is taken over the members of each method first, then over the methods. So every
    method has the same weight. A combination has weights by particle type and time, and may have an uncertainty.

    Attributes:
        name: name or path from which the model was loaded.
        averaged: the predictors, trained on the same target; without a combination, on the same times and types.
        combination: the weights of the predictors, in their order; None for equal weights.
    """

    method = "ensemble"

    name: str
    averaged: tuple[Model, ...]
    combination: Combination | None = None

    def __post_init__(self) -> None:
        """Check that the members have the same target, times, types and potential; raises ConfigurationError."""
        if self.combination is not None:
            self._check_combination(self.combination)
        first = self.averaged[0]
        for other in self.averaged if self.combination is None else ():
            same = (other.target, list(other.times), other.n_types) == (first.target, list(first.times), first.n_types)
            if not same or times_in_common(first.times, other.times)[1]:
                raise ConfigurationError(
                    f"{other.name} has another target, other times or types than {first.name}; they cannot be averaged."
                )
        potentials = {member.data.potential: member.name for member in self.averaged if "potential" in member.needs}
        if len(potentials) > 1:
            described = "; ".join(f"{name}: {potential}" for potential, name in potentials.items())
            raise ConfigurationError(
                f"the models were trained with different pair potentials ({described}), so that one inherent structure "
                "does not serve them all; predict with each of them."
            )

    def _check_combination(self, combination: Combination) -> None:
        """Check that every member has learned what it has a weight for."""
        labels, first = list(combination.times), self.averaged[0]
        for member, weights in zip(self.averaged, np.moveaxis(combination.weights, 2, 0), strict=True):
            differing = times_in_common(combination.times, member.times)[1]
            if member.target != first.target or differing:
                what = f"another time labelled {differing[0]!r}" if differing else "another target"
                raise ConfigurationError(f"{member.name} has {what} than the average; they cannot be combined.")
            learned = np.zeros((max(len(weights), member.n_types), len(labels)), dtype=bool)
            for column, label in zip(member.learned().T, member.times, strict=True):
                if label in labels:
                    learned[: member.n_types, labels.index(label)] = column
            for kind, t in np.argwhere((weights > 0) & ~learned[: len(weights)]):
                raise ConfigurationError(
                    f"{member.name} has a weight for type {type_name(int(kind))} at the time labelled {labels[t]!r}, "
                    "which it has not learned."
                )

    @property
    def members(self) -> tuple[Model, ...]:
        """The predictors that are averaged."""
        return self.averaged

    @property
    def target(self) -> str:  # type: ignore[override]
        """Name of the target."""
        return self.averaged[0].target

    @property
    def times(self) -> dict[str, float]:  # type: ignore[override]
        """Values of the times by label."""
        return dict(self.averaged[0].times if self.combination is None else self.combination.times)

    @property
    def n_types(self) -> int:
        """Number of particle types that the average knows."""
        return super().n_types if self.combination is None else len(self.combination.weights)

    @property
    def data(self) -> TrainingData:  # type: ignore[override]
        """Summary of the training data of the first member that needs the potential, otherwise of the first."""
        return next((member for member in self.averaged if "potential" in member.needs), self.averaged[0]).data

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """The needs of all members."""
        return frozenset().union(*(member.needs for member in self.averaged))

    def learned(self) -> NDArray[np.bool_]:
        """Whether all members, or any with a weight, have learned a particle type at a time, (n_types, T)."""
        if self.combination is not None:
            return self.combination.learned()
        return np.all([member.learned() for member in self.averaged], axis=0)

    def values(self, system: System) -> Float:
        """The average, LJ units, (T, N): that of the combination, or of methods and members."""
        if self.combination is not None:
            return self.combination.mean(self._predicted(system), system.types)
        methods: dict[str, list[Float]] = {}
        for member in self.averaged:
            methods.setdefault(member.method, []).append(member.values(system))
        return np.asarray(np.mean([np.mean(of_method, axis=0) for of_method in methods.values()], axis=0))

    def estimate(self, system: System) -> tuple[Float, Float | None]:
        """The average with its standard deviation, LJ units, each (T, N). See `Model.estimate`."""
        if self.combination is None or not self.combination.is_calibrated:
            return super().estimate(system)
        predicted = self._predicted(system)
        mean, deviation = (of(predicted, system.types) for of in (self.combination.mean, self.combination.deviation))
        return mean, deviation

    def spread(self, system: System) -> Float:
        """The standard deviation of the members, LJ units, (T, N); that of a combination is weighted."""
        if self.combination is None:
            return super().spread(system)
        system = self.prepared(system)
        return self.combination.spread(self._predicted(system), system.types)

    def _predicted(self, system: System) -> Float:
        """The predictions of all members at all times, (K, T, N); NaN where a member has not learned a time."""
        return np.stack([rows_at(list(self.times), member, system) for member in self.averaged])


def rows_at(labels: Sequence[str], model: Model, system: System) -> Float:
    """The values of a model at these labels, LJ units, (len(labels), N).

    Returns:
        NaN where the model has not learned a label. All are NaN if the configuration has a type that it does not know.
    """
    rows = np.full((len(labels), system.n_particles), np.nan)
    if system.n_types <= model.n_types:
        for label, values in zip(model.times, model.values(system), strict=True):
            if label in labels:
                rows[labels.index(label)] = values
    return rows
