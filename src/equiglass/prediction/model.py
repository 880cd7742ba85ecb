"""`Model`, which predicts a target for every particle of a configuration, and its `Prediction`."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from equiglass.dynamics.needs import supplied
from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import Need
from equiglass.liquid.system import System, type_name
from equiglass.liquid.targets import TARGETS
from equiglass.prediction.split import ROLES, Role
from equiglass.prediction.training_data import TrainingData

FAR = 20
"""A prediction beyond so many times the mean of the training data misleads. Measured ones stay below 6 times."""


@dataclass(frozen=True, repr=False)
class Prediction:
    """The prediction of a model for one configuration.

    Attributes:
        system: the configuration, with its inherent structure if the model needs it.
        times: values of the times by label, LJ time, as in the training data.
        values: propensities or energies, LJ units, (T, N), in the order of ``times``.
        target: name of the target.
        model: name of the model.
        role: what the configuration was in the training of the model.
        uncertainty: standard deviation of the error of the values, LJ units, (T, N), NaN where it is unknown; None if
            the model has no uncertainty.
    """

    system: System
    times: Mapping[str, float]
    values: Float
    target: str = "propensity"
    model: str = ""
    role: Role = "unknown"
    uncertainty: Float | None = None

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
        """The prediction for one label, LJ units, (N,).

        Raises:
            ConfigurationError: the model was not trained for that label.
        """
        return self.values[self._row(label)]

    def uncertainty_at(self, label: str) -> Float | None:
        """The uncertainty for one label, LJ units, (N,); None if the model has none.

        Raises:
            ConfigurationError: the model was not trained for that label.
        """
        row = self._row(label)
        return None if self.uncertainty is None else self.uncertainty[row]

    def _row(self, label: str) -> int:
        if label not in self.times:
            known = ", ".join(f"{name!r} (t = {time:g})" for name, time in self.times.items())
            raise ConfigurationError(f"the model predicts the times labelled {known}, not {label!r}.")
        return list(self.times).index(label)


class Model(ABC):
    """A trained method, or the average of several. A subclass sets the attributes and computes `values`.

    Attributes:
        method: name of the method.
        name: name or path from which the model was loaded, for messages.
        target: name of the target.
        times: values of the times by label, LJ time, in the order of the outputs.
        data: summary of the training data.
        needs: what a configuration must have for a prediction.
    """

    method: ClassVar[str]

    name: str
    target: str
    times: Mapping[str, float]
    data: TrainingData
    needs: frozenset[Need]

    @abstractmethod
    def values(self, system: System) -> Float:
        """The target of every particle, LJ units, (T, N); the configuration must have what the model needs."""

    def estimate(self, system: System) -> tuple[Float, Float | None]:
        """The target and the standard deviation of its error, LJ units, each (T, N); None without an uncertainty."""
        return self.values(system), None

    @property
    def members(self) -> tuple[Model, ...]:
        """The predictors that are averaged; the model itself if it is a single predictor."""
        return (self,)

    @property
    def n_types(self) -> int:
        """Number of particle types that the model knows."""
        return len(self.data.composition)

    def __repr__(self) -> str:
        times = ", ".join(f"{label} (t = {time:g})" for label, time in self.times.items())
        return f"{type(self).__name__}({self.name!r}, {self.target}, {self.n_types} types, times {times})"

    def named(self, name: str) -> Self:
        """The same model under another name."""
        return self._changed("name", name)

    def with_data(self, data: TrainingData) -> Self:
        """The same model with another summary of its training data."""
        return self._changed("data", data)

    def _changed(self, key: str, value: object) -> Self:
        model = copy(self)
        # A model may be frozen; this copy is not shared yet.
        object.__setattr__(model, key, value)
        return model

    def predict(self, system: System, any_temperature: bool = False) -> Prediction:
        """Predict the target of every particle.

        If the model needs the inherent structure, the configuration is quenched first. Energies and inherent structures
        are those of the potential of the training data, because the model has learned them. A configuration without a
        temperature is taken to have that of the training data.

        Args:
            system: the configuration.
            any_temperature: whether another temperature than that of the training is intended.

        Returns:
            The prediction. A target that cannot be negative is at least 0.

        Warns:
            EquiglassWarning: the configuration is unlike the training data, or values are far beyond theirs.

        Raises:
            DataError: the configuration has more particle types than the model, or a prediction is not finite.
            ConfigurationError: this is not one configuration, but for instance a list of them.
        """
        if not isinstance(system, System):
            raise ConfigurationError(
                f"predict takes one System; got {type(system).__name__}. Predict several one by one: "
                "[model.predict(system) for system in systems]."
            )
        named = system.temperature
        system = self.prepared(system, any_temperature)
        values, uncertainty = self.estimate(system)
        self._check_finite(system, values)
        self._check_size(system, values)
        if named is None and system.temperature is not None:
            system = replace(system, temperature=None)
        if not TARGETS[self.target].negative:
            # A mean distance cannot be negative. Far from its training data, a linear read-out can be.
            values = np.maximum(values, 0.0)
        role = self.role(system)
        return Prediction(system, self.times_for(system), values, self.target, self.name, role, uncertainty)

    def spread(self, system: System) -> Float:
        """The standard deviation of the predictions of the members, LJ units, (T, N).

            s_i^2 = (1 / (K - 1)) sum_k (m_i^k - <m_i>)^2    over the K predictors that are averaged

        It shows how much the prediction depends on the training. It does not contain the noise of the labels.

        Raises:
            ConfigurationError: the model is a single predictor.
        """
        if len(self.members) < 2:
            raise ConfigurationError(
                f"{self.name} is a single predictor; a spread needs the average of several, as --members 5 trains them."
            )
        system = self.prepared(system)
        return np.asarray(np.std([member.values(system) for member in self.members], axis=0, ddof=1))

    def learned(self) -> NDArray[np.bool_]:
        """Whether the model has learned a particle type at a time, (n_types, T). It predicts NaN where it has not."""
        return np.ones((self.n_types, len(self.times)), dtype=bool)

    def _check_finite(self, system: System, values: Float) -> None:
        finite, learned = np.isfinite(values), self.learned()[system.types].T
        wrong = learned & ~finite
        if wrong.any():
            t = int(np.argmax(wrong.any(axis=1)))
            raise DataError(
                f"{system.name}: the prediction of {self.name} is not a finite number for {wrong[t].sum()} of "
                f"{system.n_particles} particles at the time labelled {list(self.times)[t]!r}. The model is damaged, "
                "its training has diverged, or the configuration is far from its training data."
            )
        if not finite.any():
            raise DataError(f"{system.name}: {self.name} has learned none of its particle types at any time.")
        if not finite.all():
            t, i = np.argwhere(~finite)[0]
            warnings.warn(
                f"{self.name} has not learned type {type_name(int(system.types[i]))} at the time labelled "
                f"{list(self.times)[t]!r}; its predictions for {system.name} have no number there.",
                EquiglassWarning,
                stacklevel=4,
            )

    def _check_size(self, system: System, values: Float) -> None:
        """Warn of values far beyond those of the training data, as particles that nearly overlap cause."""
        splits = [member.data.split for member in self.members]
        means = {label: mean for split in splits if split is not None for label, mean in split.means.items()}
        far = np.zeros(system.n_particles, dtype=bool)
        for label, row in zip(self.times, values, strict=True):
            far |= np.abs(row) > FAR * abs(means.get(label, np.inf))
        if far.any():
            words = f"{far.sum()} particles have more than {FAR} times the mean value of the training data"
            self._warn(system, [f"{words}, which positions that nearly overlap cause"])

    def times_for(self, system: System) -> dict[str, float]:
        """The values of the times for a configuration, LJ time, by label.

        They are those of `times`. If the training data had several values for a label, as data of several temperatures
        may have, it is the one nearest to that of the configuration.
        """
        own = dict(zip(system.time_labels, system.times.tolist(), strict=True))
        times = {}
        for label, time in self.times.items():
            trained = (time, *self.data.times.get(label, ()))
            times[label] = min(trained, key=lambda t: abs(t - own[label])) if label in own else time
        return times

    def role(self, system: System) -> Role:
        """What a configuration was in the training; of an average, in that of any member."""
        roles = {member.data.role(system) for member in self.members}
        return next(role for role in ROLES if role in roles)

    def prepared(self, system: System, any_temperature: bool = False) -> System:
        """The configuration with everything that the model needs; raises and warns as `check` does.

        A configuration without a temperature gets that of the training data, if there is only one.
        """
        self.check(system, any_temperature)
        if system.temperature is None and len(self.data.temperatures) == 1:
            system = replace(system, temperature=self.data.temperatures[0])
        return self._supplied(system, self.needs)

    def measurable(self, system: System) -> System:
        """The configuration with everything from which its target is computed."""
        return self._supplied(system, TARGETS[self.target].needs)

    def _supplied(self, system: System, needs: frozenset[Need]) -> System:
        """The configuration with these needs from the potential of the training data, if that is known.

        Warns:
            EquiglassWarning: the inherent structure comes with the configuration, but from another potential.
        """
        trained = self.data.potential
        if not needs or trained is None or trained == system.potential:
            return supplied(system, needs)
        if system.potential and "inherent" in needs and system.positions_inherent is not None:
            self._warn(
                system, [f"the inherent structure is of the potential {system.potential} (trained on {trained})"]
            )
        return supplied(replace(system, potential=trained), needs)

    def check(self, system: System, any_temperature: bool = False) -> None:
        """Check that the model knows the particle types and that the training data are similar.

        Args:
            system: the configuration.
            any_temperature: whether another temperature than that of the training is intended.

        Warns:
            EquiglassWarning: the configuration is unlike the training data.

        Raises:
            DataError: the configuration has more particle types than the model.
        """
        if system.n_types > self.n_types:
            known = ", ".join(type_name(kind) for kind in range(self.n_types))
            raise DataError(
                f"{system.name} has particle type {type_name(system.n_types - 1)}; the model {self.name} knows the "
                f"types {known}. Train a model on such configurations."
            )
        compared = replace(system, temperature=None) if any_temperature else system
        unlike = dict.fromkeys(words for member in self.members for words in member.data.differences(compared))
        if unlike:
            self._warn(system, unlike)

    def _warn(self, system: System, unlike: Collection[str]) -> None:
        warnings.warn(
            f"{system.name} is unlike the training data: {'; '.join(unlike)}. "
            f"The prediction of {self.name} may mislead.",
            EquiglassWarning,
            stacklevel=5,
        )
