"""The Pearson correlation of a prediction with the truth, in two conventions.

- per configuration: the mean over configurations of the Pearson correlation in each;
- pooled: one Pearson correlation over the particles of all configurations.

The conventions rank methods differently if configurations differ in mean mobility, so both are always reported. The
functions take fields of one particle type at one time, where NaN is an unknown value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from equiglass.liquid.arrays import Float
from equiglass.observables.estimate import bootstrap
from equiglass.observables.fields import centred, known_in_both, known_mean, pooled, same_number

ROUNDING = 1e-12
"""The share of the mean square below which a variance is taken for rounding."""


class Score(NamedTuple):
    """A correlation, or its ceiling, over a set of configurations in both conventions.

    Attributes:
        per_configuration: mean over the configurations where it is defined; NaN if it is defined nowhere.
        spread: standard deviation over these configurations, with divisor n - 1; NaN for fewer than two.
        pooled: value over the particles of all configurations together; NaN if it is undefined.
        configurations: number of configurations in ``per_configuration``.
        excluded: number of configurations where it is undefined.
    """

    per_configuration: float
    spread: float
    pooled: float
    configurations: int
    excluded: int

    @classmethod
    def over(cls, each: Sequence[float], pooled: float) -> Score:
        """The score from the values of all configurations, NaN where undefined, and the pooled value."""
        defined = np.array([rho for rho in each if not np.isnan(rho)])
        return cls(
            per_configuration=float(defined.mean()) if len(defined) else float("nan"),
            spread=float(defined.std(ddof=1)) if len(defined) > 1 else float("nan"),
            pooled=pooled,
            configurations=len(defined),
            excluded=len(each) - len(defined),
        )


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """The Pearson correlation <dx dy> / sqrt(<dx^2> <dy^2>) over the elements where both are known.

    Args:
        x: values, any shape; NaN where unknown.
        y: values, the same shape.

    Returns:
        The correlation. It is NaN if fewer than two pairs are known, or if x or y is constant.

    Raises:
        DataError: the shapes differ.
    """
    x, y = known_in_both(x, y)
    dx, dy = centred(x), centred(y)
    if dx is None or dy is None:
        return float("nan")
    return float(np.clip(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)), -1.0, 1.0))


def correlation(truth: Sequence[ArrayLike], predicted: Sequence[ArrayLike]) -> Score:
    """The Pearson correlation of a prediction with the truth over configurations, in both conventions.

    Args:
        truth: true values, one array per configuration; NaN where unknown.
        predicted: predicted values, the same shapes.

    Returns:
        The correlation in both conventions; NaN where it is undefined.

    Raises:
        DataError: the numbers of configurations or the shapes differ.
    """
    same_number(truth, predicted)
    each = [pearson(x, y) for x, y in zip(truth, predicted, strict=True)]
    return Score.over(each, pearson(pooled(truth), pooled(predicted)))


def correlation_error(truth: Sequence[ArrayLike], predicted: Sequence[ArrayLike]) -> tuple[float, float]:
    """The bootstrap standard errors of the correlation over configurations, in both conventions.

    Args:
        truth: true values, one array per configuration; NaN where unknown.
        predicted: predicted values, the same shapes.

    Returns:
        (per configuration, pooled). They are NaN where the correlation is defined for fewer than two configurations.

    Raises:
        DataError: the numbers of configurations differ, or there is none.
    """
    same_number(truth, predicted)
    sums = np.stack([moments(np.ravel(x), np.ravel(y)) for x, y in zip(truth, predicted, strict=True)])
    error = bootstrap(lambda chosen: np.array(both_conventions(sums[chosen])), len(sums)).error
    # A resample of one configuration that counts is this configuration again.
    counts = np.isfinite(rho_of(sums)).sum(), (sums[:, 0] > 0).sum()
    return float(error[0]) if counts[0] > 1 else np.nan, float(error[1]) if counts[1] > 1 else np.nan


def moments(truth: ArrayLike, predicted: ArrayLike) -> Float:
    """The count and the sums of y, p, y^2, p^2 and y p over the last axis, where y and p are known.

    These sums suffice to correlate any draw of configurations.

    Args:
        truth: y, NaN where unknown. It is broadcast against p.
        predicted: p, NaN where unknown.

    Returns:
        The six sums, (..., 6).
    """
    y, p = np.broadcast_arrays(np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64))
    known = np.isfinite(y) & np.isfinite(p)
    y, p = np.where(known, y, 0.0), np.where(known, p, 0.0)
    return np.stack([part.sum(axis=-1) for part in (known, y, p, y * y, p * p, y * p)], axis=-1)


def rho_of(sums: Float) -> Float:
    """The Pearson correlation, (...), from `moments`, (..., 6); NaN where y or p is constant."""
    n, y, p, yy, pp, yp = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        y_variance, p_variance = yy - y * y / n, pp - p * p / n
        rho = (yp - y * p / n) / np.sqrt(y_variance * p_variance)
    varies = (y_variance > ROUNDING * yy) & (p_variance > ROUNDING * pp)
    return np.where(varies, rho, np.nan)


def both_conventions(sums: Float) -> tuple[Float, Float]:
    """The correlation, (per configuration, pooled), each (...), from `moments` of C configurations, (C, ..., 6)."""
    return known_mean(rho_of(sums)), rho_of(sums.sum(axis=0))
