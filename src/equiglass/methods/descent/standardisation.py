"""Standardisation of the targets over the training set, and conversion of outputs back to LJ units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.model.inputs.standardisation import moments_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TargetStandardisation:
    """The linear map from outputs y to the target m, per particle type and time.

        m_i(t) = mean + scale * min(max(y_i(t), lowest), highest) + average_weights . averages_i

    An output of a particle unlike all others may be far outside the range of the targets; it is set to its end.

    Attributes:
        mean: mean of the targets; after calibration, the offset of the map; LJ units, (n_types, T).
        scale: standard deviation of the targets; after calibration, the slope of the map; LJ units, (n_types, T).
        average_weights: weights of the G averages, (n_types, T, G).
        lowest: lowest standardised target of the training set, (n_types, T); -inf where it is unknown.
        highest: highest standardised target of the training set, (n_types, T); inf where it is unknown.
    """

    mean: Float
    scale: Float
    average_weights: Float
    lowest: Float
    highest: Float

    def __post_init__(self) -> None:
        """Check that the arrays have the same types and times; raises ValueError."""
        shapes = {array.shape[:2] for array in (self.mean, self.scale, self.average_weights, self.lowest, self.highest)}
        if len(shapes) > 1 or self.average_weights.ndim != 3:
            raise ValueError("the arrays of the targets have different numbers of types and times")
        if not (self.lowest <= self.highest).all():
            raise ValueError("a lowest target is above the highest")

    @classmethod
    def linear(cls, mean: Float, scale: Float, average_weights: Float) -> TargetStandardisation:
        """The map without bounds."""
        return cls(mean, scale, average_weights, np.full_like(mean, -np.inf), np.full_like(mean, np.inf))

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
        lowest, highest = np.full_like(mean, -np.inf), np.full_like(mean, np.inf)
        for kind, t in np.ndindex(mean.shape):
            known = targets[t, every_type == kind]
            known = known[np.isfinite(known)]
            if not known.size:
                mean[kind, t], scale[kind, t] = np.nan, 1.0
                continue
            lowest[kind, t], highest[kind, t] = (np.array([known.min(), known.max()]) - mean[kind, t]) / scale[kind, t]
        return cls(mean, scale, np.zeros((n_types, len(targets), n_averages)), lowest, highest)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a model file, ``targets.NAME``."""
        import torch

        return {f"targets.{f.name}": torch.from_numpy(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> TargetStandardisation:
        """The map from the tensors of a model file; older files hold no bounds."""
        bounded = any(f"targets.{which}" in tensors for which in ("lowest", "highest"))
        names = [f.name for f in fields(cls)] if bounded else ["mean", "scale", "average_weights"]
        found = [np.asarray(tensors[f"targets.{name}"]) for name in names]
        return cls(*found) if bounded else cls.linear(*found)

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Whether the training set has a target of a type at a time, (n_types, T)."""
        return ~np.isnan(self.mean)

    def targets(self, measured: Float, types: NDArray[np.int64]) -> Float:
        """Standardised targets, (T, N); NaN remains NaN."""
        return (measured - self.mean[types].T) / self.scale[types].T

    def bounded(self, outputs: Float, types: NDArray[np.int64]) -> Float:
        """Outputs within the range of the standardised targets, (T, N); what is no finite number remains so."""
        return np.where(np.isfinite(outputs), np.clip(outputs, self.lowest[types].T, self.highest[types].T), outputs)

    def restored(self, outputs: Float, types: NDArray[np.int64], averages: Float) -> Float:
        """The target in LJ units, (T, N), from outputs (T, N) and averages (N, G)."""
        line = self.bounded(outputs, types) * self.scale[types].T + self.mean[types].T
        return np.asarray(line + np.einsum("ntg,ng->tn", self.average_weights[types], averages))
