"""The average of several predictors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import ConfigurationError
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System
from equiglass.liquid.targets import times_in_common
from equiglass.prediction.model import Model
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False, eq=False)
class Ensemble(Model):
    """Predictors whose predictions are averaged.

    The average is taken over the members of each method first, then over the methods. So every method has the same
    weight.

    Attributes:
        name: name or path from which the model was loaded.
        averaged: the predictors, trained on the same target, times and types.
    """

    method = "ensemble"

    name: str
    averaged: tuple[Model, ...]

    def __post_init__(self) -> None:
        """Check that the members have the same target, times, types and potential; raises ConfigurationError."""
        first = self.averaged[0]
        for other in self.averaged:
            same = (other.target, list(other.times), other.n_types) == (first.target, list(first.times), first.n_types)
            if not same or times_in_common(first.times, other.times)[1]:
                raise ConfigurationError(
                    f"{other.name} has another target, other times or types than {first.name}; they cannot be averaged."
                )
        potentials = {member.data.potential: member.name for member in self.averaged if member.needs}
        if len(potentials) > 1:
            described = "; ".join(f"{name}: {potential}" for potential, name in potentials.items())
            raise ConfigurationError(
                f"the models were trained with different pair potentials ({described}), so that one inherent structure "
                "does not serve them all; predict with each of them."
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
        return dict(self.averaged[0].times)

    @property
    def data(self) -> TrainingData:  # type: ignore[override]
        """Summary of the training data of the first member that needs the potential, otherwise of the first."""
        return next((member for member in self.averaged if member.needs), self.averaged[0]).data

    @property
    def needs(self) -> frozenset[Need]:  # type: ignore[override]
        """The needs of all members."""
        return frozenset().union(*(member.needs for member in self.averaged))

    def learned(self) -> NDArray[np.bool_]:
        """Whether all members have learned a particle type at a time, (n_types, T)."""
        return np.all([member.learned() for member in self.averaged], axis=0)

    def values(self, system: System) -> Float:
        """Mean over the methods of the mean over the members of each, LJ units, (T, N)."""
        methods: dict[str, list[Float]] = {}
        for member in self.averaged:
            methods.setdefault(member.method, []).append(member.values(system))
        return np.asarray(np.mean([np.mean(of_method, axis=0) for of_method in methods.values()], axis=0))
