"""Targets brought to zero mean and unit variance, per particle type and time, over the training set.

A prediction is taken back to LJ units with the same numbers. They travel with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.model.inputs.standardisation import moments_of


@dataclass(frozen=True)
class TargetStandardisation:
    """The line from the network's output to the target, per particle type and time.

        target = mean + scale * output + average_weights . averages

    Attributes:
        mean: LJ units of the target, (n_types, T).
        scale: standard deviation, LJ units of the target, (n_types, T).
        average_weights: of the G averages, (n_types, T, G).
    """

    mean: Float
    scale: Float
    average_weights: Float

    def targets(self, measured: Float, types: NDArray[np.int64]) -> Float:
        """Standardised targets, (T, N); NaN stays NaN."""
        return (measured - self.mean[types].T) / self.scale[types].T

    def restored(self, outputs: Float, types: NDArray[np.int64], averages: Float) -> Float:
        """The target in LJ units, (T, N), from the network's outputs, (T, N), and the averages, (N, G)."""
        line = outputs * self.scale[types].T + self.mean[types].T
        return line + np.einsum("ntg,ng->tn", self.average_weights[types], averages)


def fit(
    measured: Sequence[Float],
    types: Sequence[NDArray[np.int64]],
    n_types: int,
    by_type: bool = True,
    n_averages: int = 0,
) -> TargetStandardisation:
    """Means and standard deviations over the training set; a type or time that does not occur gets 0 and 1.

    Args:
        measured: targets of every configuration in the model's order of times, each (T, N), NaN where unknown.
        types: particle types of every configuration, each (N,).
        n_types: number of types of the model.
        by_type: each type apart, or all particles together.
        n_averages: G; their weights are 0 until the trained network is calibrated.
    """
    targets, every_type = np.concatenate(measured, axis=1), np.concatenate(types)
    moments = [moments_of(values, every_type, n_types, pooled=not by_type) for values in targets]
    mean, scale = (np.stack([m[k] for m in moments], axis=1) for k in range(2))
    return TargetStandardisation(mean, scale, np.zeros((n_types, len(targets), n_averages)))
