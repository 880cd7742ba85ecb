"""Standardisation of the targets over the training set, and conversion of outputs back to LJ units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.model.inputs.standardisation import moments_of


@dataclass(frozen=True)
class TargetStandardisation:
    """The linear map from outputs y to the target m, per particle type and time.

        m_i(t) = mean + scale * y_i(t) + average_weights . averages_i

    Attributes:
        mean: mean of the targets; after calibration, the offset of the map; LJ units, (n_types, T).
        scale: standard deviation of the targets; after calibration, the slope of the map; LJ units, (n_types, T).
        average_weights: weights of the G averages, (n_types, T, G).
    """

    mean: Float
    scale: Float
    average_weights: Float

    @classmethod
    def fit(
        cls,
        types: Sequence[NDArray[np.int64]],
        measured: Sequence[Float],
        n_types: int,
        by_type: bool = True,
        n_averages: int = 0,
    ) -> TargetStandardisation:
        """Means and standard deviations over the training set; NaN and 1 for a type at a time without a target.

        Args:
            types: types of the particles of each configuration, (N,).
            measured: targets of each configuration, (T, N), NaN where missing.
            n_types: number of particle types.
            by_type: standardise each type separately, or all particles together.
            n_averages: number G of averages; their weights are 0 until the calibration.
        """
        every_type = np.concatenate(types)
        targets = np.concatenate(measured, axis=1)
        moments = [moments_of(values, every_type, n_types, pooled=not by_type) for values in targets]
        mean, scale = (np.stack([of_time[k] for of_time in moments], axis=1) for k in (0, 1))
        for kind, t in np.ndindex(mean.shape):
            if not np.isfinite(targets[t, every_type == kind]).any():
                mean[kind, t], scale[kind, t] = np.nan, 1.0
        return cls(mean, scale, np.zeros((n_types, len(targets), n_averages)))

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Whether the training set has a target of a type at a time, (n_types, T)."""
        return ~np.isnan(self.mean)

    def targets(self, measured: Float, types: NDArray[np.int64]) -> Float:
        """Standardised targets, (T, N); NaN remains NaN."""
        return (measured - self.mean[types].T) / self.scale[types].T

    def restored(self, outputs: Float, types: NDArray[np.int64], averages: Float) -> Float:
        """The target in LJ units, (T, N), from outputs (T, N) and averages (N, G)."""
        line = outputs * self.scale[types].T + self.mean[types].T
        return np.asarray(line + np.einsum("ntg,ng->tn", self.average_weights[types], averages))
