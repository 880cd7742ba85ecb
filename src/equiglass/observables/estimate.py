"""Error bars: the variation of a statistic between sets of configurations of the same liquid."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float


class Estimate(NamedTuple):
    """A statistic over configurations and its standard error.

    Attributes:
        value: value of the statistic, any shape.
        error: bootstrap standard error, the same shape; NaN for a single configuration.
    """

    value: Float
    error: Float


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike], configurations: int, resamples: int = 200, seed: int = 0
) -> Estimate:
    """The bootstrap standard error of a statistic: sqrt(n / (n - 1)) times its standard deviation over resamples.

    A resample draws n of the n configurations with replacement. It draws whole configurations, because the particles of
    one configuration are not independent. The factor makes the error of a mean equal to s / sqrt(n), where s is the
    unbiased standard deviation. The draws depend only on n and the seed, so they are the same for two statistics of the
    same configurations. Draws where the statistic is NaN are ignored.

    Args:
        statistic: function from indices of configurations, (n,), to the statistic, any shape. Indices may repeat.
        configurations: number of configurations n.
        resamples: number of draws. The relative uncertainty of the error is 1 / sqrt(2 resamples).
        seed: seed of the draws.

    Returns:
        The statistic of all configurations and its standard error.

    Raises:
        DataError: there is no configuration.

    Source: B. Efron, Ann. Statist. 7, 1 (1979), doi 10.1214/aos/1176344552.
    """
    if configurations < 1:
        raise DataError("There are no configurations to average over.")
    value = np.asarray(statistic(np.arange(configurations)), dtype=np.float64)
    if configurations == 1:
        return Estimate(value, np.full_like(value, np.nan))
    draws = np.random.default_rng(seed).integers(configurations, size=(resamples, configurations))
    drawn = np.array([statistic(chosen) for chosen in draws], dtype=np.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Degrees of freedom", RuntimeWarning)
        spread = np.nanstd(drawn, axis=0)
    error = spread * np.sqrt(configurations / (configurations - 1))
    return Estimate(value, np.where(np.isnan(value), np.nan, error))
