"""What predicts a target of every particle from one configuration, and what it predicts."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need, supplied
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.training_data import TrainingData


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a model predicts of one configuration.

    Attributes:
        system: the configuration, with its inherent structure where the model needed it.
        times: value by label, as in the training data.
        values: propensities or energies, LJ units, (T, N), in the order of ``times``.
        target: name of what is predicted.
    """

    system: System
    times: Mapping[str, float]
    values: Float
    target: str = "propensity"

    def __repr__(self) -> str:
        return f"Prediction({self.system.name!r}, {self.target}, times {', '.join(self.times)})"

    @property
    def propensity(self) -> Float:
        """Propensities, LJ length, (T, N), in the order of ``times``.

        Raises:
            ConfigurationError: the model predicts another target.
        """
        if self.target != "propensity":
            raise ConfigurationError(f"the model predicts the {self.target}, not propensities; see 'values'.")
        return self.values

    def at(self, label: str) -> Float:
        """The prediction for one label, (N,).

        Raises:
            ConfigurationError: the model was not trained for that label.
        """
        if label not in self.times:
            raise ConfigurationError(f"the model predicts the times labelled {list(self.times)}, not {label!r}.")
        return self.values[list(self.times).index(label)]


class Model(ABC):
    """A trained method, or the average of several. Subclasses say what they are and compute `values`.

    Attributes:
        method: name of the method.
        name: how the model was asked for, for messages.
        target: name of what it predicts.
        times: value by label, in the order of the outputs.
        data: the training data in short.
        needs: what a configuration must have.
    """

    method: ClassVar[str]

    name: str
    target: str
    times: Mapping[str, float]
    data: TrainingData
    needs: frozenset[Need]

    @abstractmethod
    def values(self, system: System) -> Float:
        """The target, LJ units, (T, N), of a configuration that has all that is needed."""

    @property
    def members(self) -> tuple[Model, ...]:
        """The predictors whose average this is; itself where it is one method alone."""
        return (self,)

    @property
    def n_types(self) -> int:
        """Number of particle types it knows."""
        return len(self.data.composition)

    def __repr__(self) -> str:
        times = ", ".join(f"{label} (t = {time:g})" for label, time in self.times.items())
        return f"{type(self).__name__}({self.name!r}, {self.target}, {self.n_types} types, times {times})"

    def predict(self, system: System) -> Prediction:
        """Predict the target of every particle; quenches the configuration if the model needs that.

        A configuration that does not know its pair potential is taken to have that of the training data.

        Warns:
            EquiglassWarning: the configuration is unlike the training data.

        Raises:
            DataError: the configuration has more particle types than the model.
        """
        system = self.prepared(system)
        values = self.values(system)
        if not TARGETS[self.target].negative:
            # A mean distance cannot be negative; a linear read-out can, far out of its training data.
            values = np.maximum(values, 0.0)
        return Prediction(system, dict(self.times), values, self.target)

    def prepared(self, system: System) -> System:
        """The configuration with all that the model needs; refuses and warns like `check`."""
        self.check(system)
        return supplied(system, self.needs, self.data.potential)

    def measurable(self, system: System) -> System:
        """The configuration with all that its target is computed from."""
        return supplied(system, TARGETS[self.target].needs, self.data.potential)

    def check(self, system: System) -> None:
        """Refuse particle types that the model does not know; warn where the training data are unlike."""
        if system.n_types > self.n_types:
            known = ", ".join(type_name(kind) for kind in range(self.n_types))
            raise DataError(
                f"{system.name} has particle type {type_name(system.n_types - 1)}; the model {self.name} knows the "
                f"types {known}. Train a model on such configurations."
            )
        unlike = self.data.differences(system)
        if unlike:
            warnings.warn(
                f"{system.name} is unlike the training data of {self.name}: {'; '.join(unlike)}. "
                "The prediction may mislead.",
                EquiglassWarning,
                stacklevel=4,
            )
