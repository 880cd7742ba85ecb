"""Targets, energies and displacements brought to zero mean and unit variance, per particle type, over the training set.

A prediction is taken back to LJ units with the same numbers. They travel with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System


@dataclass(frozen=True)
class Standardisation:
    """Means and standard deviations over the training set.

    Attributes:
        target_mean: (n_types, T), LJ units of the target.
        target_scale: (n_types, T).
        energy_mean: (n_types,), LJ energy.
        energy_scale: (n_types,).
        distance_mean: of the lengths of the displacements, (n_types,), LJ length.
        distance_scale: (n_types,).
        average_weights: of the G averages in the line to propensities, (n_types, T, G).
    """

    target_mean: Float
    target_scale: Float
    energy_mean: Float
    energy_scale: Float
    distance_mean: Float
    distance_scale: Float
    average_weights: Float

    def targets(self, measured: Float, types: NDArray[np.int64]) -> Float:
        """Standardised targets, (T, N); NaN stays NaN."""
        return (measured - self.target_mean[types].T) / self.target_scale[types].T

    def restored(self, targets: Float, types: NDArray[np.int64], averages: Float) -> Float:
        """Mean + scale * target + weights . averages, back in LJ units, (T, N); ``averages`` are (N, G)."""
        line = targets * self.target_scale[types].T + self.target_mean[types].T
        return line + np.einsum("ntg,ng->tn", self.average_weights[types], averages)

    def energy(self, energy: Float, types: NDArray[np.int64]) -> Float:
        """Standardised energy, (N,)."""
        return (energy - self.energy_mean[types]) / self.energy_scale[types]

    def distance(self, displacement: Float, types: NDArray[np.int64]) -> Float:
        """Standardised length of a displacement, (N,)."""
        return (np.linalg.norm(displacement, axis=1) - self.distance_mean[types]) / self.distance_scale[types]

    def displacement(self, displacement: Float, types: NDArray[np.int64]) -> Float:
        """A displacement in units of its root mean square length, (N, 3)."""
        return displacement / np.hypot(self.distance_mean, self.distance_scale)[types][:, None]


def measure(
    systems: Sequence[System],
    measured: Sequence[Float],
    energies: Sequence[Float | None],
    distances: Sequence[Float | None],
    n_types: int,
    targets_by_type: bool = True,
    energy_by_type: bool = True,
    n_averages: int = 0,
) -> Standardisation:
    """Means and standard deviations of the training set; a type or time that does not occur gets 0 and 1.

    Args:
        systems: the training configurations.
        measured: their targets in the model's order of times, each (T, N), NaN where missing.
        energies: E_pot of every particle, each (N,), or None.
        distances: length of every particle's displacement, each (N,), or None.
        n_types: number of types of the model.
        targets_by_type: each type apart, or all particles together.
        energy_by_type: the same for the energies.
        n_averages: G; their weights are 0 until the trained network is calibrated.
    """
    types = np.concatenate([s.types for s in systems])
    targets = np.concatenate(measured, axis=1)
    energy, distance = (
        np.concatenate([np.zeros(s.n_particles) if x is None else x for s, x in zip(systems, given, strict=True)])
        for given in (energies, distances)
    )
    target_mean, target_scale = np.zeros((n_types, len(targets))), np.ones((n_types, len(targets)))
    energy_mean, energy_scale = np.zeros(n_types), np.ones(n_types)
    distance_mean, distance_scale = np.zeros(n_types), np.ones(n_types)
    for kind in np.unique(types):
        of_kind = types == kind
        everyone = np.ones_like(of_kind)
        energy_mean[kind], energy_scale[kind] = _moments(energy[of_kind if energy_by_type else everyone])
        distance_mean[kind], distance_scale[kind] = _moments(distance[of_kind])
        for time, values in enumerate(targets):
            chosen = values[of_kind if targets_by_type else everyone]
            target_mean[kind, time], target_scale[kind, time] = _moments(chosen)
    average_weights = np.zeros((n_types, len(targets), n_averages))
    return Standardisation(
        target_mean, target_scale, energy_mean, energy_scale, distance_mean, distance_scale, average_weights
    )


def _moments(values: Float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if known.size < 2 or known.std() == 0:
        return (float(known.mean()) if known.size else 0.0), 1.0
    return float(known.mean()), float(known.std())
