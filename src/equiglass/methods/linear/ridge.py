"""Ridge regression of a target on given features: one linear map per particle type and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import ConfigurationError, DataError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import type_name
from equiglass.methods.linear.solver import solve_ridge
from equiglass.observables import pearson


class Example(NamedTuple):
    """One labelled configuration.

    Attributes:
        name: name of the configuration, for messages.
        features: features of the particles, (N, F).
        types: types of the particles, (N,).
        targets: targets in the order of the labels, (T, N); NaN where unknown.
        weights: weight of the particles of a type at a time, (n_types, T); 1 if None. A configuration is scored only at
            times at which it has more than half of the largest weight.
    """

    name: str
    features: NDArray[np.floating]
    types: NDArray[np.integer]
    targets: Float
    weights: Float | None = None

    def weight(self, s: int, time: int) -> float:
        """The weight of the particles of type s at a time."""
        return 1.0 if self.weights is None else float(self.weights[s, time])


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
    train: Sequence[Example],
    validation: Sequence[Example],
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
    folds: Sequence[Sequence[Example]],
    penalties: Sequence[float],
    emphases: Float | None = None,
    quantities: NDArray[np.integer] | None = None,
) -> Ridge:
    """Fit a ridge regression per particle type and time; a cross-validation chooses penalty and emphasis e.

        min_w <(y - w . x)^2> + penalty |w / e|^2

    <> is the mean over particles, weighted where the examples have weights. A feature of large emphasis is shrunk less.
    The regression on the other folds predicts each fold. The chosen penalty and emphasis of a type and time have the
    highest per-configuration correlation, averaged over all configurations. The final regression uses them on all folds
    together.

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
    groups: Sequence[Sequence[Example]],
    scored: Sequence[int],
    fitted: Sequence[int],
    penalties: Sequence[float],
    emphases: Float | None,
    quantities: NDArray[np.integer] | None,
) -> Ridge:
    """Choose on the scored groups, each predicted from the other fitted groups; then fit to all fitted groups."""
    _check(groups)
    if not len(penalties) or not all(0 < penalty < np.inf for penalty in penalties):
        raise ConfigurationError(f"The penalties of a ridge regression must be positive; got {list(penalties)}.")
    train = [example for g in fitted for example in groups[g]]
    n_types = max(int(example.types.max()) + 1 for example in train)
    n_features = train[0].features.shape[1]
    emphases = np.ones((1, n_features)) if emphases is None else np.asarray(emphases, dtype=np.float64)
    quantities = np.arange(n_features) if quantities is None else quantities
    mean, scale = np.zeros((n_types, n_features)), np.full((n_types, n_features), np.inf)
    weights = np.full((n_types, len(labels), n_features), np.nan)
    offset, chosen, reached = (np.full((n_types, len(labels)), np.nan) for _ in range(3))
    emphasis = np.zeros((n_types, len(labels)), dtype=np.int64)

    for s in range(n_types):
        mean[s], scale[s] = _standard(train, s, quantities)
        groups_of_times = _known_alike([example.targets[:, example.types == s] for example in train])
        if any(example.weights is not None for example in train):
            groups_of_times = [times[k : k + 1] for times in groups_of_times for k in range(len(times))]
        for times in groups_of_times:
            at = partial(_rows, s=s, mean=mean[s], scale=scale[s], times=times)
            weights_of = {g: [example.weight(s, times[0]) for example in groups[g]] for g in fitted}
            moments = {g: _Moments.over(at(groups[g]), weights_of[g]) for g in fitted}
            largest = max(example.weight(s, times[0]) for g in scored for example in groups[g])
            each = []
            for g in scored:
                others = _Moments.added([moments[k] for k in fitted if k != g])
                if others.n > 0:
                    paths = [others.ridge(e, penalties) for e in emphases]
                    judged = [example for example in groups[g] if example.weight(s, times[0]) > largest / 2]
                    each += [_correlations(x, y, paths) for x, y in at(judged)]
            every = _Moments.added(list(moments.values()))
            for row, time in enumerate(times):
                scores = np.array([rho[..., row] for rho in each if not np.all(np.isnan(rho[..., row]))])
                if not len(scores):
                    raise DataError(
                        f"No validation configuration has the target of type {type_name(s)} at the time labelled "
                        f"{labels[time]!r}, so no penalty can be chosen; add one that has it."
                    )
                # The correlation of a constant prediction is undefined; it counts as 0.
                mean_rho = np.nan_to_num(scores).mean(axis=0)
                e, k = divmod(int(mean_rho.argmax()), len(penalties))
                slopes, offsets = every.ridge(emphases[e], [penalties[k]])
                if not (np.all(np.isfinite(slopes)) and np.all(np.isfinite(offsets))):
                    raise ConfigurationError(
                        f"The ridge regression has no finite weights for type {type_name(s)} at the time labelled "
                        f"{labels[time]!r}; choose larger penalties, or check the labels."
                    )
                weights[s, time], offset[s, time] = slopes[0, row], offsets[0, row]
                emphasis[s, time], chosen[s, time], reached[s, time] = e, penalties[k], mean_rho[e, k]
    return Ridge(tuple(labels), mean, scale, weights, offset, chosen, emphasis, reached)


def _correlations(x: Float, y: Float, paths: Sequence[tuple[Float, Float]]) -> Float:
    """Pearson correlation in one configuration for every emphasis, penalty and time; NaN where it is undefined."""
    slopes, offsets = (np.stack(parts) for parts in zip(*paths, strict=True))
    fitted = (slopes.reshape(-1, x.shape[1]) @ x.T).reshape(*offsets.shape, -1)
    rho = np.full(offsets.shape, np.nan)
    for place in np.ndindex(offsets.shape):
        rho[place] = pearson(y[place[-1]], fitted[place])
    return rho


def _check(groups: Sequence[Sequence[Example]]) -> None:
    if len(groups) < 2 or not all(groups):
        raise DataError(
            "A ridge regression chooses its penalty on configurations to which it is not fitted; give two or more."
        )
    for example in (example for group in groups for example in group):
        shape = (len(example.types), groups[0][0].features.shape[1])
        if example.features.shape != shape:
            raise DataError(f"{example.name}: features of shape {example.features.shape}, not {shape}.")
        if not np.all(np.isfinite(example.features)):
            raise DataError(f"{example.name}: some features are not finite numbers.")
        if np.any(np.isinf(example.targets)):
            raise DataError(f"{example.name}: some labels are infinite.")


def _standard(train: Sequence[Example], s: int, quantities: NDArray[np.integer]) -> tuple[Float, Float]:
    """Mean and standard deviation of the features of a type; the latter is infinite for features that hardly vary."""
    n = sum(int(np.sum(example.types == s)) for example in train)
    if n == 0:
        n_features = train[0].features.shape[1]
        return np.zeros(n_features), np.full(n_features, np.inf)
    of_type = [example.features[example.types == s] for example in train]
    mean = sum(x.sum(axis=0, dtype=np.float64) for x in of_type) / n
    squares = sum(np.square(x - mean).sum(axis=0) for x in of_type)
    scale = np.sqrt(squares / n)
    largest = np.zeros(quantities.max() + 1)
    np.maximum.at(largest, quantities, scale)
    varies = (scale > HARDLY_VARIES * largest[quantities]) & (scale > ROUNDING * np.abs(mean))
    return mean, np.where(varies, scale, np.inf)


def _rows(
    examples: Sequence[Example], s: int, mean: Float, scale: Float, times: NDArray[np.intp]
) -> Iterator[tuple[Float, Float]]:
    """Yield standardised features (n, F) and targets (T, n) of the particles of a type, per configuration."""
    for example in examples:
        of_type = example.types == s
        yield (example.features[of_type] - mean) / scale, example.targets[times][:, of_type]


def _known_alike(y: list[Float]) -> list[NDArray[np.intp]]:
    """Times grouped by the particles whose target is known; each group needs one Gram matrix."""
    known = ~np.isnan(np.concatenate(y, axis=1))
    patterns, group = np.unique(known, axis=0, return_inverse=True)
    return [np.flatnonzero(group.ravel() == g) for g, pattern in enumerate(patterns) if pattern.any()]


@dataclass(frozen=True, eq=False)
class _Moments:
    """Weighted sums over particles of 1, x, x x, y and y x, for T targets y. They determine a regression."""

    n: float
    x: Float
    xx: Float
    y: Float
    yx: Float

    @classmethod
    def over(cls, rows: Iterable[tuple[Float, Float]], weights: Iterable[float]) -> _Moments:
        """The sums from (x, y) and the weight of each configuration; all targets are known for the same particles."""
        sums = []
        for (x, y), w in zip(rows, weights, strict=True):
            known = ~np.isnan(y[0])
            x, y = x[known], y[:, known]
            sums.append(cls(w * len(x), w * x.sum(axis=0), w * (x.T @ x), w * y.sum(axis=1), w * (y @ x)))
        return cls.added(sums)

    @classmethod
    def added(cls, parts: Sequence[_Moments]) -> _Moments:
        """The sum of several."""
        return cls(*(sum(getattr(part, f.name) for part in parts) for f in fields(cls)))

    def ridge(self, emphasis: Float, penalties: Sequence[float]) -> tuple[Float, Float]:
        """Weights (penalties, T, F) and offsets (penalties, T)."""
        used = np.flatnonzero(emphasis)
        e, x, y = emphasis[used], self.x[used] / self.n, self.y / self.n
        gram = (self.xx[np.ix_(used, used)] / self.n - np.outer(x, x)) * np.outer(e, e)
        cross = (self.yx[:, used] / self.n - np.outer(y, x)) * e
        weights = np.zeros((len(penalties), len(y), len(emphasis)))
        for k, penalty in enumerate(penalties):
            weights[k][:, used] = solve_ridge(gram, cross, penalty) * e
        return weights, y - weights[..., used] @ x
