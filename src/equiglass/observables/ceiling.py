"""How well a field can be predicted: the noise ceiling of the correlation, from the spread over runs.

Each function here sees one particle type at one time; NaN marks a value that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.observables.correlation import Score, pearson
from equiglass.observables.fields import centred, known_in_both, pooled, same_number


def noise_ceiling(propensity: ArrayLike, replica_variance: ArrayLike, runs: int) -> float:
    """rho_max = sqrt(1 - <s_i^2> / (M Var p)): the correlation of the measured propensity with the exact one.

    The measured propensity p_i is a mean over M runs and carries a noise of variance s_i^2 / M. No prediction
    from structure can be expected to correlate with it better than the exact propensity does.

    Args:
        propensity: p_i, any shape; NaN where unknown.
        replica_variance: s_i^2, the unbiased variance over runs, the same shape.
        runs: M.

    Returns:
        The ceiling; NaN where it is undefined: fewer than two particles, or Var p zero or below the noise.

    Raises:
        EquiglassError: the shapes differ, or there are fewer than two runs.
    """
    if runs < 2:
        raise EquiglassError(f"A noise ceiling needs at least two runs; there are {runs}.")
    return _ceiling(*known_in_both(propensity, np.asarray(replica_variance, dtype=np.float64) / runs))


def noise_ceilings(
    propensity: Sequence[ArrayLike], replica_variance: Sequence[ArrayLike], runs: Sequence[int]
) -> Score:
    """The noise ceiling of a set of configurations, in both conventions; see `noise_ceiling`.

    Args:
        propensity: p_i, one array for each configuration.
        replica_variance: s_i^2, the same shapes.
        runs: M of each configuration.
    """
    same_number(propensity, replica_variance, runs)
    if min(runs, default=2) < 2:
        raise EquiglassError(f"A noise ceiling needs at least two runs; there are {min(runs)}.")
    noise = [np.asarray(s2, dtype=np.float64) / m for s2, m in zip(replica_variance, runs, strict=True)]
    return ceilings_of_noise(propensity, noise)


def ceilings_of_noise(truth: Sequence[ArrayLike], noise: Sequence[ArrayLike]) -> Score:
    """rho_max = sqrt(1 - <noise_i> / Var(truth)) of a set of configurations, in both conventions.

    Args:
        truth: the measured values, one array for each configuration; NaN where unknown.
        noise: variance of the error of each value, the same shapes; s_i^2 / M of a propensity.
    """
    same_number(truth, noise)
    each = [_ceiling(*known_in_both(*item)) for item in zip(truth, noise, strict=True)]
    return Score.over(each, _ceiling(*known_in_both(pooled(truth), pooled(noise))))


def noise_ceiling_halves(half1: ArrayLike, half2: ArrayLike) -> float:
    """rho_max = sqrt(2 r / (1 + r)), r the correlation between two disjoint halves of the runs.

    The reliability of the mean of both halves is 2 r / (1 + r) (Spearman-Brown).

    Args:
        half1: propensity over one half of the runs, any shape; NaN where unknown.
        half2: over the other half, the same shape.

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
