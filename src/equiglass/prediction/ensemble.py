"""The average of several predictors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.prediction.model import Model
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class Ensemble(Model):
    """Predictors whose predictions are averaged.

    The mean over the members of one method counts as much as that over the members of another, however many there
    are of each.

    Attributes:
        name: how the model was asked for.
        averaged: trained on the same target, times and types.
    """

    method = "ensemble"

    name: str
    averaged: tuple[Model, ...]

    def __post_init__(self) -> None:
        """Check that the members fit together; raises ConfigurationError."""
        first = self.averaged[0]
        for other in self.averaged:
            same = (other.target, list(other.times), other.n_types) == (first.target, list(first.times), first.n_types)
            if not same:
                raise ConfigurationError(
                    f"{other.name} has another target, other times or types than {first.name}; they cannot be averaged."
                )

    @property
    def members(self) -> tuple[Model, ...]:
        """The predictors that are averaged."""
        return self.averaged

    @property
    def target(self) -> str:  # type: ignore[override]
        """Name of what it predicts."""
        return self.averaged[0].target

    @property
    def times(self) -> dict[str, float]:  # type: ignore[override]
        """Value by label of the times it predicts."""
        return dict(self.averaged[0].times)

    @property
    def data(self) -> TrainingData:  # type: ignore[override]
        """The training data of the first member."""
        return self.averaged[0].data

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """What any member needs."""
        return frozenset().union(*(member.needs for member in self.averaged))

    def values(self, system: System) -> Float:
        """Mean over methods of the mean over members."""
        methods: dict[str, list[Float]] = {}
        for member in self.averaged:
            methods.setdefault(member.method, []).append(member.values(system))
        return np.asarray(np.mean([np.mean(of_method, axis=0) for of_method in methods.values()], axis=0))
