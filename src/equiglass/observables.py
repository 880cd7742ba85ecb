"""How well a field is predicted, and how well it can be: correlations and their noise ceilings.

Two conventions of the correlation are in use and rank methods differently where configurations differ in mean
mobility; both are always reported:

- per configuration: the mean over configurations of the Pearson correlation of each;
- pooled: one Pearson correlation over the particles of all configurations.

Each function here sees one particle type at one time; NaN marks a value that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError


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


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Rho = <dx dy> / sqrt(<dx^2> <dy^2>), over the elements where both are known.

    Args:
        x: values, any shape; NaN where unknown.
        y: values, the same shape.

    Returns:
        rho, or NaN where it is undefined: fewer than two known pairs, or one of the two constant.

    Raises:
        EquiglassError: the shapes differ.
    """
    x, y = _known(x, y)
    dx, dy = _centred(x), _centred(y)
    if dx is None or dy is None:
        return float("nan")
    return float(np.clip(dx @ dy / np.sqrt((dx @ dx) * (dy @ dy)), -1.0, 1.0))


def correlation(truth: Sequence[ArrayLike], predicted: Sequence[ArrayLike]) -> Score:
    """The Pearson correlation of a prediction with the truth over configurations, in both conventions.

    Args:
        truth: one array for each configuration; NaN where unknown.
        predicted: the same shapes.

    Raises:
        EquiglassError: the numbers of configurations or the shapes differ.
    """
    _same_number(truth, predicted)
    each = [pearson(x, y) for x, y in zip(truth, predicted, strict=True)]
    return _score(each, pearson(_pool(truth), _pool(predicted)))


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
    return _ceiling(*_known(propensity, np.asarray(replica_variance, dtype=np.float64) / runs))


def noise_ceilings(
    propensity: Sequence[ArrayLike], replica_variance: Sequence[ArrayLike], runs: Sequence[int]
) -> Score:
    """The noise ceiling of a set of configurations, in both conventions; see `noise_ceiling`.

    Args:
        propensity: p_i, one array for each configuration.
        replica_variance: s_i^2, the same shapes.
        runs: M of each configuration.
    """
    _same_number(propensity, replica_variance, runs)
    each = [noise_ceiling(*item) for item in zip(propensity, replica_variance, runs, strict=True)]
    noise = [np.asarray(s2, dtype=np.float64) / m for s2, m in zip(replica_variance, runs, strict=True)]
    return _score(each, _ceiling(*_known(_pool(propensity), _pool(noise))))


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


def _ceiling(propensity: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    centred = _centred(propensity)
    if centred is None:
        return float("nan")
    reliability = 1 - noise.mean() / np.mean(centred**2)
    return float(np.sqrt(reliability)) if reliability >= 0 else float("nan")


def _known(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape:
        raise EquiglassError(f"Two fields to compare have different shapes, {x.shape} and {y.shape}.")
    known = ~(np.isnan(x) | np.isnan(y))
    return x[known], y[known]


def _centred(x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """X - <x>, or None where x has no variance beyond rounding."""
    if len(x) < 2:
        return None
    centred = x - x.mean()
    rounding = 4 * np.finfo(np.float64).eps * np.abs(x).max()
    return centred if np.abs(centred).max() > rounding else None


def _pool(arrays: Sequence[ArrayLike]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *(np.asarray(a, dtype=np.float64).ravel() for a in arrays)])


def _score(each: list[float], pooled: float) -> Score:
    defined = np.array([rho for rho in each if not np.isnan(rho)])
    return Score(
        per_configuration=float(defined.mean()) if len(defined) else float("nan"),
        spread=float(defined.std(ddof=1)) if len(defined) > 1 else float("nan"),
        pooled=pooled,
        configurations=len(defined),
        excluded=len(each) - len(defined),
    )


def _same_number(*sequences: Sequence[object]) -> None:
    if len({len(s) for s in sequences}) > 1:
        numbers = ", ".join(str(len(s)) for s in sequences)
        raise EquiglassError(f"The numbers of configurations to compare differ: {numbers}.")
