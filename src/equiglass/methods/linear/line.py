"""Ridge regression towards prior weights; leaving out one configuration at a time chooses the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equiglass.errors import DataError
from equiglass.liquid.arrays import Float
from equiglass.methods.linear.solver import solve_ridge

PENALTIES: tuple[float, ...] = tuple(float(p) for p in np.logspace(-6, 2, 17))
"""Penalties to choose from, in units of the variance of the standardised features."""


@dataclass(frozen=True, eq=False)
class Line:
    """The fit y = offset + weights . x, and the fits that leave out one configuration.

    Attributes:
        weights: weights, (F,).
        offset: offset.
        penalty: the chosen penalty.
        weights_without: weights of the fit without configuration c, with the same penalty, (C, F).
        offset_without: offsets of these fits, (C,).
    """

    weights: Float
    offset: float
    penalty: float
    weights_without: Float
    offset_without: Float

    @property
    def error(self) -> Float:
        """Jackknife standard error of the weights over the configurations, (F,)."""
        n = len(self.weights_without)
        return np.sqrt((n - 1) * np.var(self.weights_without, axis=0))


def fit_line(x: Sequence[Float], y: Sequence[Float], prior: Float, penalties: Sequence[float] = PENALTIES) -> Line:
    """Fit a ridge regression towards prior weights, exactly.

        min_(a, w) <(y - a - w . x)^2> + penalty |D (w - prior)|^2

    D are the standard deviations of x over all given particles, so the penalty has no unit. The offset a is free. On
    the fitted data, the error is at most that of the prior weights with their best offset, for any penalty. The chosen
    penalty has the smallest mean squared error on the configuration left out, averaged over the configurations.

    Args:
        x: features of each configuration, (n_c, F).
        y: targets of each configuration, (n_c,), all known.
        prior: weights towards which the penalty pulls, (F,).
        penalties: penalties to choose from, positive.

    Returns:
        The fit with the chosen penalty.

    Raises:
        DataError: there are fewer than two configurations.
    """
    if len(x) < 2:
        raise DataError("A ridge regression that chooses its penalty needs two configurations or more.")
    everything = np.concatenate(x)
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    varies = deviation > 1e-6 * deviation.max(initial=0)
    scale = np.where(varies, deviation, np.inf)
    z = [(part - mean) / scale for part in x]
    rest = [targets - part @ prior for part, targets in zip(x, y, strict=True)]
    sums = [np.array([len(part) for part in z]), *(np.array(s) for s in zip(*map(_sums, z, rest), strict=True))]
    total = [s.sum(axis=0) for s in sums]

    without = [_path([t - s[c] for t, s in zip(total, sums, strict=True)], penalties) for c in range(len(x))]
    errors = [
        np.mean((targets[:, None] - part @ slopes.T - offsets) ** 2, axis=0)
        for part, targets, (slopes, offsets) in zip(z, rest, without, strict=True)
    ]
    best = int(np.argmin(np.mean(errors, axis=0)))
    slopes, offsets = _path(total, penalties)
    weights_without = prior + np.array([path[best] for path, _ in without]) / scale
    weights = prior + slopes[best] / scale
    return Line(
        weights,
        float(offsets[best] - mean @ (weights - prior)),
        penalties[best],
        weights_without,
        np.array([path[best] for _, path in without]) - (weights_without - prior) @ mean,
    )


def _sums(x: Float, y: Float) -> tuple[Float, Float, Float, Float]:
    return x.sum(axis=0), np.asarray(y.sum()), x.T @ x, x.T @ y


def _path(sums: Sequence[Float], penalties: Sequence[float]) -> tuple[Float, Float]:
    """Slopes (P, F) and offsets (P,) from n, sum x, sum y, sum x x^T, sum x y."""
    n, x, y, xx, xy = sums
    x, y = x / n, y / n
    covariance, cross = xx / n - np.outer(x, x), xy / n - y * x
    slopes = np.array([solve_ridge(covariance, cross[None], penalty)[0] for penalty in penalties])
    return slopes, y - slopes @ x
