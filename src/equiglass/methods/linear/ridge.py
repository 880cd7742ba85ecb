"""Ridge regression of a target on given features: one linear map per particle type and time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError, EquiglassWarning
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import type_name
from equiglass.methods.linear.moments import Block, Example, groups_of_times, moments, standard
from equiglass.observables import pearson

PENALTIES: tuple[float, ...] = tuple(float(p) for p in np.logspace(-8, 2, 21))
"""Penalties to choose from, in units of the variance of the standardised features."""

HARDLY_VARIES = 1e-4
"""A feature is left out if its standard deviation is below this fraction of the largest one of the same quantity."""

ROUNDING = 1e-6
"""A feature is constant if its standard deviation is below this fraction of its mean; features may be float32."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """A linear map per particle type and time.

        p_i(t) = offset + weights . (x_i - mean) / scale

    Attributes:
        time_labels: labels of the T times.
        mean: mean of the training features, (n_types, F).
        scale: standard deviation of the training features; infinite for a feature that is left out, (n_types, F).
        weights: weights, (n_types, T, F); NaN for a type and time without training data.
        offset: offsets, (n_types, T).
        penalties: chosen penalties, (n_types, T).
        emphasis: chosen emphases, as indices of the list to choose from, (n_types, T).
        validation: correlation on the validation configurations, averaged over them, (n_types, T).
    """

    time_labels: tuple[str, ...]
    mean: Float
    scale: Float
    weights: Float
    offset: Float
    penalties: Float
    emphasis: NDArray[np.int64]
    validation: Float

    def predict(self, features: NDArray[np.floating], types: ArrayLike) -> Float:
        """Target of every particle, (T, N); NaN for a type and time without training data.

        Args:
            features: features of the particles, (N, F).
            types: types of the particles, (N,).

        Raises:
            DataError: the number of features differs, or a type is not among the trained ones.
        """
        types = np.asarray(types)
        n_types, n_features = self.mean.shape
        if features.shape != (len(types), n_features):
            raise DataError(
                f"The ridge regression takes {n_features} features per particle, for {len(types)} particles; got "
                f"an array of shape {features.shape}."
            )
        if np.any(types >= n_types):
            raise DataError(f"The ridge regression knows {n_types} particle types, not type {types.max()}.")
        predicted = np.empty((len(self.time_labels), len(types)))
        for s in range(n_types):
            x = (features[types == s] - self.mean[s]) / self.scale[s]
            predicted[:, types == s] = (x @ self.weights[s].T + self.offset[s]).T
        return predicted

    def affine(self) -> tuple[Float, Float]:
        """Slopes a, (n_types, T, F), and offsets b, (n_types, T), of p_i(t) = a . x_i + b."""
        slopes = self.weights / self.scale[:, None]
        return slopes, self.offset - np.einsum("stf,sf->st", slopes, self.mean)


def fit_ridge(
    labels: Sequence[str],
    train: Sequence[Block],
    validation: Sequence[Block],
    penalties: Sequence[float] = PENALTIES,
    emphases: Float | None = None,
    quantities: NDArray[np.integer] | None = None,
) -> Ridge:
    """Fit a ridge regression per particle type and time; validation configurations choose penalty and emphasis.

        min_w <(y - w . x)^2> + penalty |w / e|^2

    x is standardised over the training particles of a type, and y is centred. The scale of the target does not matter,
    because w is linear in it. The chosen ones have the highest per-configuration correlation, averaged over the
    validation configurations.

    Args:
        labels: labels of the T times.
        train: the training configurations.
        validation: the validation configurations.
        penalties: penalties to choose from, positive.
        emphases: as in `fit_ridge_by_folds`.
        quantities: as in `fit_ridge_by_folds`.

    Returns:
        The regression with the chosen penalties.

    Raises:
        DataError: there are no configurations, features differ in number or are not finite, or a trained type and time
            has no validation data.
        ConfigurationError: a penalty is not positive.
    """
    return _fit(labels, [train, validation], [1], [0], penalties, emphases, quantities)


def fit_ridge_by_folds(
    labels: Sequence[str],
    folds: Sequence[Sequence[Block]],
    penalties: Sequence[float],
    emphases: Float | None = None,
    quantities: NDArray[np.integer] | None = None,
) -> Ridge:
    """Fit a ridge regression per particle type and time; a cross-validation chooses penalty and emphasis e.

        min_w <(y - w . x)^2> + penalty |w / e|^2

    <> is the mean over particles, weighted where the examples have weights. A feature of large emphasis is shrunk less.
    The regression on the other folds predicts each fold. The chosen penalty and emphasis of a type and time have the
    highest per-configuration correlation, averaged over all configurations. The final regression uses them on all folds
    together. Where nothing can be scored, as for a target that one fold alone has, the largest penalty is taken, with a
    warning.

    Args:
        labels: labels of the T times.
        folds: the configurations of each fold; at least two folds.
        penalties: penalties to choose from, positive.
        emphases: emphases of every standardised feature to choose from, (choices, F); all 1 if None. A feature of
            emphasis 0 is left out.
        quantities: number of the quantity of every feature, (F,); all differ if None. Deviations of features of one
            quantity have one unit and are compared: one that hardly varies is left out.

    Returns:
        The regression with the chosen penalties and emphases.

    Raises:
        DataError: as for `fit_ridge`.
        ConfigurationError: a penalty is not positive.
    """
    every = range(len(folds))
    return _fit(labels, folds, every, every, penalties, emphases, quantities)


def _fit(
    labels: Sequence[str],
    groups: Sequence[Sequence[Block]],
    scored: Sequence[int],
    fitted: Sequence[int],
    penalties: Sequence[float],
    emphases: Float | None,
    quantities: NDArray[np.integer] | None,
) -> Ridge:
    """Choose on the scored groups, each predicted from the other fitted groups; then fit to all fitted groups."""
    if len(groups) < 2 or not all(groups):
        raise DataError(
            "A ridge regression chooses its penalty on configurations to which it is not fitted; give two or more."
        )
    if not len(penalties) or not all(0 < penalty < np.inf for penalty in penalties):
        raise ConfigurationError(f"The penalties of a ridge regression must be positive; got {list(penalties)}.")
    train = [block for g in fitted for block in groups[g]]
    by_folds = set(scored) == set(fitted)
    n_types = max(max(block.spreads) + 1 for block in train)
    n_features = len(next(iter(train[0].centre.values())))
    emphases = np.ones((1, n_features)) if emphases is None else np.asarray(emphases, dtype=np.float64)
    quantities = np.arange(n_features) if quantities is None else quantities
    mean, scale = np.zeros((n_types, n_features)), np.full((n_types, n_features), np.inf)
    weights = np.full((n_types, len(labels), n_features), np.nan)
    offset, chosen, reached = (np.full((n_types, len(labels)), np.nan) for _ in range(3))
    emphasis = np.zeros((n_types, len(labels)), dtype=np.int64)

    for s in range(n_types):
        found = standard(train, s)
        if found is None:
            continue
        mean[s], scale[s] = found[0], np.where(_varies(*found, quantities), found[1], np.inf)
        for times in groups_of_times(train, s):
            each: list[Float] = []
            known: set[int] = set()
            for g in scored:
                others = moments([block for k in fitted if k != g for block in groups[k]], s, times)
                judged = _judged(groups, scored, g, s, times[0])
                if others is not None and judged:
                    paths = np.stack([others.ridge(e / scale[s], penalties)[0] for e in emphases])
                    each += [_correlations(example, train[0].centre[s], s, times, paths) for example in judged]
                    targets = np.concatenate([one.targets[:, one.types == s] for one in judged], axis=1)
                    known.update(np.flatnonzero(np.isfinite(targets).any(axis=1)).tolist())
            every = moments(train, s, times)
            for row, time in enumerate(times):
                scores = np.array([rho[..., row] for rho in each if not np.all(np.isnan(rho[..., row]))])
                if every is None or not (len(scores) or time in known or by_folds):
                    raise DataError(
                        f"No validation configuration has the target of type {type_name(s)} at the time labelled "
                        f"{labels[time]!r}, so no penalty can be chosen; add one that has it."
                    )
                if len(scores):
                    # The correlation of a constant prediction is undefined; it counts as 0.
                    mean_rho = np.nan_to_num(scores).mean(axis=0)
                    e, k = divmod(int(mean_rho.argmax()), len(penalties))
                    best = mean_rho[e, k]
                else:
                    e, k, best = 0, int(np.argmax(penalties)), np.nan
                    why = (
                        "no configuration has two particles with different values, so rho is undefined"
                        if time in known
                        else "one configuration alone has this target, or all with it are left out together"
                    )
                    warnings.warn(
                        f"type {type_name(s)}, time labelled {labels[time]!r}: {why}. The largest penalty is taken.",
                        EquiglassWarning,
                        stacklevel=2,
                    )
                slopes, offsets = every.ridge(emphases[e] / scale[s], [penalties[k]])
                if not (np.all(np.isfinite(slopes)) and np.all(np.isfinite(offsets))):
                    raise ConfigurationError(
                        f"The ridge regression has no finite weights for type {type_name(s)} at the time labelled "
                        f"{labels[time]!r}; choose larger penalties, or check the labels."
                    )
                weights[s, time] = slopes[0, row] * np.where(np.isinf(scale[s]), 0, scale[s])
                offset[s, time] = offsets[0, row] + slopes[0, row] @ (mean[s] - train[0].centre[s])
                emphasis[s, time], chosen[s, time], reached[s, time] = e, penalties[k], best
    return Ridge(tuple(labels), mean, scale, weights, offset, chosen, emphasis, reached)


def _judged(groups: Sequence[Sequence[Block]], scored: Sequence[int], own: int, s: int, time: int) -> list[Example]:
    """The examples of a group with more than half of the largest weight of all examples that may be scored."""
    weighed = [
        (g, block.weight(number, s, time), example)
        for g in scored
        for block in groups[g]
        for number, example in block.scored.items()
    ]
    largest = max((weight for _, weight, _ in weighed), default=0.0)
    return [example for g, weight, example in weighed if g == own and weight > largest / 2]


def _correlations(example: Example, centre: Float, s: int, times: Sequence[int], slopes: Float) -> Float:
    """Pearson correlation in one configuration for every emphasis, penalty and time; NaN where it is undefined."""
    of_type = example.types == s
    x, y = example.features[of_type] - centre, example.targets[times][:, of_type]
    fitted = (slopes.reshape(-1, x.shape[1]) @ x.T).reshape(*slopes.shape[:-1], -1)
    rho = np.full(slopes.shape[:-1], np.nan)
    for place in np.ndindex(rho.shape):
        rho[place] = pearson(y[place[-1]], fitted[place])
    return rho


def _varies(mean: Float, deviation: Float, quantities: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether features vary, in comparison with those of the same quantity, and beyond rounding."""
    largest = np.zeros(quantities.max() + 1)
    np.maximum.at(largest, quantities, deviation)
    return (deviation > HARDLY_VARIES * largest[quantities]) & (deviation > ROUNDING * np.abs(mean))
