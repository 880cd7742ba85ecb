"""How well a field is predicted: its Pearson correlation with the truth.

Two conventions of the correlation are in use. They rank methods differently where configurations differ in mean
mobility, so both are always reported:

- per configuration: the mean over configurations of the Pearson correlation of each;
- pooled: one Pearson correlation over the particles of all configurations.

Each function here sees one particle type at one time; NaN marks a value that is not known.
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
"""A variance below this share of the mean square is rounding."""


class Score(NamedTuple):
    """A correlation, or its ceiling, over a set of configurations in both conventions.

    Attributes:
        per_configuration: mean over the configurations where it is defined; NaN where there is none.
        spread: standard deviation over these configurations, divisor n - 1; NaN for fewer than two.
        pooled: over the particles of all configurations at once; NaN where undefined.
        configurations: number of configurations behind ``per_configuration``.
        excluded: number of configurations left out because it is undefined there.
    """

    per_configuration: float
    spread: float
    pooled: float
    configurations: int
    excluded: int

    @classmethod
    def over(cls, each: Sequence[float], pooled: float) -> Score:
        """From the value of every configuration, NaN where undefined, and the pooled value."""
        defined = np.array([rho for rho in each if not np.isnan(rho)])
        return cls(
            per_configuration=float(defined.mean()) if len(defined) else float("nan"),
            spread=float(defined.std(ddof=1)) if len(defined) > 1 else float("nan"),
            pooled=pooled,
            configurations=len(defined),
            excluded=len(each) - len(defined),
        )


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Rho = <dx dy> / sqrt(<dx^2> <dy^2>), over the elements where both are known.

    Args:
        x: values, any shape; NaN where unknown.
        y: values, the same shape.

    Returns:
        rho, or NaN where it is undefined: fewer than two known pairs, or one of the two constant.

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
        truth: one array per configuration; NaN where unknown.
        predicted: the same shapes.

    Raises:
        DataError: the numbers of configurations or the shapes differ.
    """
    same_number(truth, predicted)
    each = [pearson(x, y) for x, y in zip(truth, predicted, strict=True)]
    return Score.over(each, pearson(pooled(truth), pooled(predicted)))


def correlation_error(truth: Sequence[ArrayLike], predicted: Sequence[ArrayLike]) -> tuple[float, float]:
    """Bootstrap standard errors over configurations of both conventions: (per configuration, pooled).

    Args:
        truth: as for `correlation`.
        predicted: the same.

    Returns:
        NaN where the correlation is undefined, and for a single configuration.
    """
    same_number(truth, predicted)
    sums = np.stack([moments(np.ravel(x), np.ravel(y)) for x, y in zip(truth, predicted, strict=True)])
    error = bootstrap(lambda chosen: np.array(both_conventions(sums[chosen])), len(sums)).error
    return float(error[0]), float(error[1])


def moments(truth: ArrayLike, predicted: ArrayLike) -> Float:
    """Count and sums of y, p, y^2, p^2 and y p over the last axis where y and p are known, (..., 6).

    Averages over draws of configurations need only these sums of each configuration.

    Args:
        truth: y, NaN where unknown; broadcast against p.
        predicted: p.
    """
    y, p = np.broadcast_arrays(np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64))
    known = np.isfinite(y) & np.isfinite(p)
    y, p = np.where(known, y, 0.0), np.where(known, p, 0.0)
    return np.stack([part.sum(axis=-1) for part in (known, y, p, y * y, p * p, y * p)], axis=-1)


def rho_of(sums: Float) -> Float:
    """Pearson rho from `moments`, (..., 6) to (...); NaN where one of the two is constant."""
    n, y, p, yy, pp, yp = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        y_variance, p_variance = yy - y * y / n, pp - p * p / n
        rho = (yp - y * p / n) / np.sqrt(y_variance * p_variance)
    varies = (y_variance > ROUNDING * yy) & (p_variance > ROUNDING * pp)
    return np.where(varies, rho, np.nan)


def both_conventions(sums: Float) -> tuple[Float, Float]:
    """(mean of the rho of every configuration, pooled rho) from `moments` of C configurations, (C, ..., 6)."""
    return known_mean(rho_of(sums)), rho_of(sums.sum(axis=0))
