"""Targets and node scalars brought to zero mean and unit variance, per particle type, over the training set.

A prediction is taken back to LJ units with the same numbers. They travel with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.system import Float, System


@dataclass(frozen=True)
class Standardisation:
    """Means and standard deviations over the training set.

    Attributes:
        target_mean: (n_types, T), LJ length.
        target_scale: (n_types, T).
        scalar_mean: (n_types, S), LJ units.
        scalar_scale: (n_types, S).
    """

    target_mean: Float
    target_scale: Float
    scalar_mean: Float
    scalar_scale: Float

    def targets(self, propensity: Float, types: NDArray[np.int64]) -> Float:
        """Standardised propensity, (T, N); NaN stays NaN."""
        return (propensity - self.target_mean[types].T) / self.target_scale[types].T

    def propensity(self, targets: Float, types: NDArray[np.int64]) -> Float:
        """Back to LJ units, (T, N)."""
        return targets * self.target_scale[types].T + self.target_mean[types].T

    def scalars(self, scalars: Float, types: NDArray[np.int64]) -> Float:
        """Standardised node scalars, (N, S)."""
        return (scalars - self.scalar_mean[types]) / self.scalar_scale[types]


def measure(
    systems: Sequence[System],
    propensities: Sequence[Float],
    scalars: Sequence[Float],
    n_types: int,
    targets_by_type: bool = True,
    scalars_by_type: bool = True,
) -> Standardisation:
    """Means and standard deviations of the training set; a type or time that does not occur gets 0 and 1.

    Args:
        systems: the training configurations.
        propensities: their labels in the model's order of times, each (T, N), NaN where missing.
        scalars: their node scalars, each (N, S).
        n_types: number of types of the model.
        targets_by_type: each type apart, or all particles together.
        scalars_by_type: the same for the node scalars.
    """
    types = np.concatenate([s.types for s in systems])
    targets = np.concatenate(propensities, axis=1)
    inputs = np.concatenate(scalars)
    target_mean, target_scale = np.zeros((n_types, len(targets))), np.ones((n_types, len(targets)))
    scalar_mean, scalar_scale = np.zeros((n_types, inputs.shape[1])), np.ones((n_types, inputs.shape[1]))
    for kind in np.unique(types):
        of_kind = types == kind
        everyone = np.ones_like(of_kind)
        for column, values in enumerate(inputs.T):
            chosen = values[of_kind if scalars_by_type else everyone]
            scalar_mean[kind, column], scalar_scale[kind, column] = _moments(chosen)
        for time, values in enumerate(targets):
            chosen = values[of_kind if targets_by_type else everyone]
            target_mean[kind, time], target_scale[kind, time] = _moments(chosen)
    return Standardisation(target_mean, target_scale, scalar_mean, scalar_scale)


def _moments(values: Float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if known.size < 2 or known.std() == 0:
        return (float(known.mean()) if known.size else 0.0), 1.0
    return float(known.mean()), float(known.std())
