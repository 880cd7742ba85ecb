"""The labels that a method learns: their weights by their noise, and their standardisation.

A label is y = f(x) + e + n. The error e of the model has the variance v, the noise n of the label the variance nu. If
both are independent between particles, the best linear unbiased fit weighs a particle by the inverse of their sum:

    w = 1 / (v + nu),   nu = <s^2> / M for M runs

s^2 is the variance over runs of one particle, and <> the mean over the particles of a type in the configuration, so all
particles of a type in one configuration have one weight per time. v is taken as `UNEXPLAINED` of the variance of the
signal: the variance of the best known labels without their noise.

Source: A. C. Aitken, Proc. R. Soc. Edinburgh 55, 42 (1936), doi 10.1017/S0370164600014346.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equiglass.errors import EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.liquid.targets import TARGETS, measured
from equiglass.prediction.configuration import LeastSquaresConfiguration

UNEXPLAINED = 0.4
"""The part of the variance of the signal that a model leaves: a correlation of 0.77. The weights depend little on it:
from 0.2 to 0.8, the weight of one run against 32 runs at T = 0.44, tau_alpha, goes from 0.06 to 0.14."""


def labels_to_learn(
    systems: Sequence[System], labels: Sequence[str], configuration: LeastSquaresConfiguration, n_types: int
) -> tuple[list[Float], Float | None]:
    """The values that a method learns, and their weights.

    Args:
        systems: the training configurations.
        labels: labels of the T times.
        configuration: settings, which name the target, ``standardise`` and ``weights``.
        n_types: number of particle types.

    Returns:
        Values of every configuration, each (T, N), NaN where unknown; weights, (configurations, n_types, T), or None if
        all are 1.
    """
    values = [measured(system, labels, configuration.target) for system in systems]
    slopes = None
    if configuration.standardise == "configuration":
        types = [system.types for system in systems]
        slopes, offsets = levels(values, types, n_types)
        values = levelled(values, types, slopes, offsets)
    if configuration.weights == "alike":
        return values, None
    return values, noise_weights(systems, labels, configuration.target, n_types, slopes)


def levelled(values: Sequence[Float], types: Sequence[NDArray[np.int64]], slopes: Float, offsets: Float) -> list[Float]:
    """The values of every configuration, each (T, N), with the slopes and offsets of `levels`."""
    each = zip(values, types, slopes, offsets, strict=True)
    return [slope[kinds].T * y + offset[kinds].T for y, kinds, slope, offset in each]


def levels(values: Sequence[Float], types: Sequence[NDArray[np.int64]], n_types: int) -> tuple[Float, Float]:
    """What gives the values the same mean and standard deviation of a type and time in every configuration.

        y' = (y - mean_c) / deviation_c * deviation + mean = slope y + offset

    mean_c and deviation_c are those of one configuration, mean and deviation their averages over the configurations.

    Args:
        values: values of every configuration, each (T, N), NaN where unknown.
        types: types of the particles of every configuration, each (N,).
        n_types: number of particle types.

    Returns:
        Slopes and offsets, both (configurations, n_types, T).
    """
    shape = len(values), n_types, len(values[0]) if len(values) else 0
    mean, deviation = np.full(shape, np.nan), np.full(shape, np.nan)
    for c, t in np.ndindex(shape[0], shape[2]):
        for kind in range(n_types):
            own = values[c][t, types[c] == kind]
            own = own[np.isfinite(own)]
            if own.size > 1 and own.std() > 0:
                mean[c, kind, t], deviation[c, kind, t] = own.mean(), own.std()
    known = np.isfinite(mean)
    number = np.maximum(known.sum(axis=0), 1)
    common, width = (np.where(known, x, 0.0).sum(axis=0) / number for x in (mean, deviation))
    slopes = np.where(known, width / np.where(known, deviation, 1.0), 1.0)
    return slopes, np.where(known, common - slopes * np.where(known, mean, 0.0), 0.0)


def label_noise(system: System, labels: Sequence[str], target: str, n_types: int) -> Float:
    """The noise nu of the labels of one configuration, (n_types, T); NaN where it is unknown."""
    what, noise = TARGETS[target], np.full((n_types, len(labels)), np.nan)
    known = what.times(system)
    for t, label in enumerate(labels):
        errors = what.noise(system, label) if label in known else None
        if errors is None:
            continue
        values = measured(system, [label], target)[0]
        for kind in range(n_types):
            chosen = (system.types == kind) & np.isfinite(values)
            if chosen.sum() > 1 and np.any(np.isfinite(errors[chosen])):
                noise[kind, t] = np.nanmean(errors[chosen])
    return noise


def noise_weights(
    systems: Sequence[System], labels: Sequence[str], target: str, n_types: int, slopes: Float | None = None
) -> Float:
    """The weight of every configuration, type and time, (configurations, n_types, T).

    The largest weight of a type and time is 1. A configuration whose noise is unknown has the weight of the best known.

    Args:
        systems: the training configurations.
        labels: labels of the T times.
        target: name of the target.
        n_types: number of particle types.
        slopes: slopes of `levels` if labels are learned that these have changed, (configurations, n_types, T).

    Warns:
        EquiglassWarning: the noise of labels is unknown.
    """
    shape = len(systems), n_types, len(labels)
    noise, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    for c, system in enumerate(systems):
        noise[c], values = label_noise(system, labels, target, n_types), measured(system, labels, target)
        for kind, t in np.ndindex(shape[1:]):
            own = values[t, system.types == kind]
            own = own[np.isfinite(own)]
            if own.size > 1:
                variance[c, kind, t] = own.var()
    if slopes is not None:
        for kind, t in np.ndindex(shape[1:]):
            # Configurations of one noise, such as the ends of one parent, keep one weight: the sums of the regressions
            # over them are joined.
            group = np.unique(noise[:, kind, t], return_inverse=True)[1].ravel()
            squared = np.bincount(group, slopes[:, kind, t] ** 2) / np.bincount(group)
            noise[:, kind, t] *= squared[group]
            variance[:, kind, t] *= squared[group]
    unknown = int((np.isnan(noise) & np.isfinite(variance)).any(axis=(1, 2)).sum())
    if unknown:
        warnings.warn(
            f"weights: noise, but the noise of the labels of {unknown} of {len(systems)} configurations is unknown. "
            "They count as much as the best known ones. It follows from replica_variance and runs.",
            EquiglassWarning,
            stacklevel=2,
        )
    weights = np.ones(shape)
    for kind, t in np.ndindex(shape[1:]):
        nu, v = noise[:, kind, t], variance[:, kind, t]
        if np.all(np.isnan(nu)):
            continue
        nu = np.where(np.isnan(nu), np.nanmin(nu), nu)
        # Those at most twice as noisy as the best tell the variance of the signal.
        best = np.isfinite(v) & (nu <= 2 * nu.min())
        signal = max(float(np.mean(v[best] - nu[best])), 1e-3 * float(np.mean(v[best]))) if best.any() else 0.0
        if signal > 0:
            inverse = 1 / (UNEXPLAINED * signal + nu)
            weights[:, kind, t] = inverse / inverse.max()
    return weights
