"""Method `none`: the mean of the target by particle type and time; it knows nothing of the structure.

    m_i(t) = <m(t)> over the training particles of the type of i

It has no correlation with the truth within a type, so rho is undefined. Its squared error is the variance of the
target, the scale for the errors of the other methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import measured, times_to_learn
from equiglass.methods import METHODS
from equiglass.observables.fields import known_mean
from equiglass.prediction.arrays import ArrayPredictor
from equiglass.prediction.configuration import MethodConfiguration
from equiglass.prediction.predictor import SILENT, About, Watch
from equiglass.prediction.run_folder import RunFolder
from equiglass.prediction.training_data import TrainingData


class MeanConfiguration(MethodConfiguration):
    """Settings of the method `none`."""

    method: Literal["none"] = "none"


@dataclass(frozen=True, repr=False, eq=False)
class Mean(ArrayPredictor):
    """The means, ``arrays["means"]``, LJ units, (n_types, T)."""

    method = "none"
    about = About("mean by particle type and time, without structure", "the zero of all comparisons", "nothing")
    file_format = "equiglass-mean"
    configuration = MeanConfiguration

    @property
    def parameters(self) -> int:
        """Number of means."""
        return int(self.arrays["means"].size)

    def learned(self) -> NDArray[np.bool_]:
        """Whether there were training data of a particle type at a time, (n_types, T)."""
        return np.isfinite(self.arrays["means"])

    def values(self, system: System) -> Float:
        """The mean of the type of every particle, LJ units, (T, N)."""
        return np.asarray(self.arrays["means"][system.types].T)

    @classmethod
    def fit(
        cls,
        training: Sequence[System],
        configuration: MeanConfiguration,
        *,
        validation: Sequence[System] = (),
        folder: RunFolder | None = None,
        watch: Watch = SILENT,
    ) -> Self:
        """Average the known targets. See `Predictor.fit`."""
        n_types = max(system.n_types for system in training)
        times = times_to_learn(training, configuration.times, configuration.target)
        types = np.concatenate([system.types for system in training])
        targets = np.concatenate([measured(system, list(times), configuration.target) for system in training], axis=1)
        means = np.stack([known_mean(targets[:, types == kind].T) for kind in range(n_types)])
        return cls({"means": means}, configuration, times, TrainingData.of(training, n_types, validation), "none")


METHODS.add("none", Mean)
