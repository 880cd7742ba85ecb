"""Error bars: how much a statistic would vary with other configurations of the same liquid."""

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
        value: any shape.
        error: bootstrap standard error, the same shape; NaN for a single configuration.
    """

    value: Float
    error: Float


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike], configurations: int, resamples: int = 200, seed: int = 0
) -> Estimate:
    """Standard error = sqrt(n / (n - 1)) std of the statistic over resamples of n configurations with replacement.

    With the factor, the error of a mean is s / sqrt(n), where s is the unbiased standard deviation. The particles of
    one configuration are not independent, so whole configurations are drawn. The draws depend only on n and the seed:
    two statistics of the same configurations see the same draws. A draw where the statistic is NaN is left out.

    Args:
        statistic: its value, any shape, for the configurations with the indices (n,); indices may repeat.
        configurations: n.
        resamples: number of draws; the relative uncertainty of the error is 1 / sqrt(2 resamples).
        seed: of the draws.

    Returns:
        The statistic of all configurations and its standard error.

    Raises:
        DataError: there is no configuration.
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
