"""The relaxation time of every particle, from its propensity.

    tau_i = the first t with p_i(t) = a

Between two of the known times, ln p_i is linear in ln t.
"""

from __future__ import annotations

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.observables.susceptibility import GLASSBENCH


def relaxation_times_of_propensity(propensity: Float, times: Float, distance: float = GLASSBENCH.threshold) -> Float:
    """The time when the propensity of every particle reaches a distance.

    Args:
        propensity: p_i(t), measured or predicted, (T, N), LJ length.
        times: times, ascending, (T,), LJ time.
        distance: a, LJ length. The default is the customary threshold of mobility.

    Returns:
        tau_i, (N,), LJ time. It is the first time where p_i begins at or above the distance, infinite where p_i stays
        below, and NaN where p_i is unknown.

    Raises:
        DataError: there is one time, or the times do not ascend.
    """
    p, t = np.asarray(propensity, dtype=float), np.asarray(times, dtype=float)
    if len(t) < 2 or np.any(np.diff(t) <= 0) or t[0] <= 0:
        raise DataError(f"relaxation times need the propensity at two or more ascending times, got {t.tolist()}.")
    above = p >= distance
    after = np.argmax(above, axis=0)
    before = np.maximum(after - 1, 0)
    each = np.arange(p.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.log(p[before, each]), np.log(p[after, each])
        share = np.where(after > before, (np.log(distance) - low) / (high - low), 0.0)
        found = t[before] * (t[after] / t[before]) ** share
    # From a propensity of 0 no line in ln p leads upwards.
    found = np.where(np.isneginf(low) & (after > before), t[after], found)
    found[~above.any(axis=0)] = np.inf
    found[np.isnan(p).any(axis=0)] = np.nan
    return np.asarray(found)
