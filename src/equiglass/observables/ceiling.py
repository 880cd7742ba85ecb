"""The noise ceiling: the highest correlation that a prediction can reach, from the spread over runs.

`noise_ceiling` and `noise_ceiling_of_halves` take systems. The array forms below them take fields of one particle type
at one time, where NaN is an unknown value.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.correlation import Score, pearson
from equiglass.observables.fields import centred, known_in_both, pooled, same_number
from equiglass.observables.selection import ParticleType, check_times, labelled, masks_of


def noise_ceiling(systems: Sequence[System], label: str = "7", type: ParticleType = "A") -> Score:
    """The correlation of the measured propensity with the exact one: rho_max = sqrt(1 - <s_i^2> / (M Var p)).

    The measured propensity p_i is a mean over M runs, so it has a noise of variance s_i^2 / M. No prediction from the
    structure can correlate with it better, on average, than the exact propensity does.

    Args:
        systems: configurations with the propensity, the variance s_i^2 over runs, and the number M of runs.
        label: label of the time.
        type: type of the particles, "A" or 0.

    Returns:
        The ceiling in both conventions. It is NaN where it is undefined: for fewer than two particles, or if Var p is
        zero or less than the noise.

    Raises:
        DataError: a configuration has no such type, time or variance, or has fewer than two runs.
    """
    check_times(systems, label)
    truth, noise = [], []
    for system, mask in zip(systems, masks_of(systems, type), strict=True):
        if system.runs is None or system.runs < 2:
            raise DataError(f"{system.name}: a noise ceiling needs at least two runs; there are {system.runs or 0}.")
        truth.append(labelled(system, "propensity", label)[mask])
        noise.append(labelled(system, "replica_variance", label)[mask] / system.runs)
    return ceilings_of_noise(truth, noise)


def noise_ceiling_of_halves(systems: Sequence[System], label: str = "7", type: ParticleType = "A") -> Score:
    """The ceiling rho_max = sqrt(2 r / (1 + r)), where r correlates the propensities of two halves of the runs.

    Args:
        systems: configurations with ``propensity_halves``.
        label: label of the time.
        type: type of the particles, "A" or 0.

    Returns:
        The ceiling in both conventions; see `ceiling_of_halves`.

    Raises:
        DataError: a configuration has no such type, time or halves.
    """
    masks = masks_of(systems, type)
    check_times(systems, label)
    halves = [labelled(s, "propensity_halves", label)[:, mask] for s, mask in zip(systems, masks, strict=True)]
    first, second = ([pair[half] for pair in halves] for half in range(2))
    each = [ceiling_of_halves(*pair) for pair in halves]
    return Score.over(each, ceiling_of_halves(pooled(first), pooled(second)))


def ceilings_of_noise(truth: Sequence[ArrayLike], noise: Sequence[ArrayLike]) -> Score:
    """The ceiling rho_max = sqrt(1 - <noise_i> / Var(truth)) over configurations, in both conventions.

    Args:
        truth: measured values, one array per configuration; NaN where unknown.
        noise: variance of the error of every value, the same shapes. It is s_i^2 / M for a propensity.

    Returns:
        The ceiling; NaN where it is undefined.

    Raises:
        DataError: the numbers of configurations or the shapes differ.
    """
    same_number(truth, noise)
    each = [_ceiling(*known_in_both(*item)) for item in zip(truth, noise, strict=True)]
    return Score.over(each, _ceiling(*known_in_both(pooled(truth), pooled(noise))))


def ceiling_of_halves(half1: ArrayLike, half2: ArrayLike) -> float:
    """The ceiling rho_max = sqrt(2 r / (1 + r)), where r correlates two disjoint halves of the runs.

    The reliability of the mean of both halves is 2 r / (1 + r), by the formula of Spearman and Brown.

    Args:
        half1: propensity over one half of the runs, any shape; NaN where unknown.
        half2: propensity over the other half, the same shape.

    Returns:
        The ceiling; NaN where r is undefined or negative.
    """
    r = pearson(half1, half2)
    return float(np.sqrt(2 * r / (1 + r))) if r >= 0 else float("nan")


def _ceiling(propensity: Float, noise: Float) -> float:
    deviation = centred(propensity)
    if deviation is None:
        return float("nan")
    reliability = 1 - noise.mean() / np.mean(deviation**2)
    return float(np.sqrt(reliability)) if reliability >= 0 else float("nan")
