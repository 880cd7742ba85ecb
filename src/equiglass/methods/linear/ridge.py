"""Ridge regression of the propensity on given features: one linear map for each particle type and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System, type_name
from equiglass.observables import pearson

Labelled = Sequence[tuple[NDArray[np.floating], System]]

PENALTIES: tuple[float, ...] = tuple(float(p) for p in np.logspace(-8, 2, 21))
"""Penalties tried, in units of the variance of the (standardised) features."""

HARDLY_VARIES = 1e-4
"""A feature is left out where its standard deviation is below this share of the largest one."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """p_i(t) = offset + weights . (x_i - mean) / scale, for each particle type and time.

    Attributes:
        time_labels: T names of times.
        mean: of the training features of each type, (n_types, F).
        scale: their standard deviation, infinite for a feature left out, (n_types, F).
        weights: (n_types, T, F); NaN where nothing was known to train on.
        offset: (n_types, T).
        penalties: the penalty chosen on the validation configurations, (n_types, T).
        emphasis: the emphasis chosen there, its place among those to choose from, (n_types, T).
        validation: mean over the validation configurations of the correlation reached there, (n_types, T).
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
        """Propensity of every particle, (T, N); NaN for a type or time that was not trained.

        Args:
            features: (N, F).
            types: (N,).

        Raises:
            EquiglassError: another number of features, or a type beyond those trained.
        """
        types = np.asarray(types)
        n_types, n_features = self.mean.shape
        if features.shape != (len(types), n_features):
            raise EquiglassError(
                f"The ridge regression takes {n_features} features for each of {len(types)} particles; got "
                f"an array of shape {features.shape}."
            )
        if np.any(types >= n_types):
            raise EquiglassError(f"The ridge regression knows {n_types} particle types, not type {types.max()}.")
        predicted = np.empty((len(self.time_labels), len(types)))
        for s in range(n_types):
            x = (features[types == s] - self.mean[s]) / self.scale[s]
            predicted[:, types == s] = (x @ self.weights[s].T + self.offset[s]).T
        return predicted

    def affine(self) -> tuple[Float, Float]:
        """p_i(t) = a . x_i + b: a (n_types, T, F) and b (n_types, T)."""
        slopes = self.weights / self.scale[:, None]
        return slopes, self.offset - np.einsum("stf,sf->st", slopes, self.mean)


def fit_ridge(train: Labelled, validation: Labelled, penalties: Sequence[float] = PENALTIES) -> Ridge:
    """min_w <(y - w.x)^2> + penalty |w|^2 with x standardised and y centred, for each particle type and time.

    Features are standardised over the training particles of a type. The scale of the target does not matter,
    as w is linear in it. The penalty is the one with the highest mean per-configuration correlation on the
    validation configurations.

    Args:
        train: (features (N, F), system) of the training configurations; NaN in the propensity is left out.
        validation: the same for the validation configurations.
        penalties: those to choose from, positive.

    Raises:
        EquiglassError: no configurations, one without propensity, features that differ in number or are not
            finite, or nothing to validate on for a type and time that was trained.
    """
    return _fit([train, validation], [1], [0], penalties, None)


def fit_ridge_by_folds(folds: Sequence[Labelled], penalties: Sequence[float], emphases: Float) -> Ridge:
    """min_w <(y - w.x)^2> + penalty |w / e|^2, the penalty and the emphasis e chosen by cross-validation.

    A feature of large emphasis is shrunk less. Each fold is predicted by the regression on the others; penalty and
    emphasis of a type and time are those with the highest mean per-configuration correlation over all configurations
    so predicted. With them the regression is made once more, on all folds.

    Args:
        folds: (features (N, F), system) of the configurations of each fold, two folds at least.
        penalties: those to choose from, positive.
        emphases: of every standardised feature, (choices, F); a feature of emphasis 0 is left out.

    Raises:
        EquiglassError: as `fit_ridge`.
    """
    every = range(len(folds))
    return _fit(folds, every, every, penalties, emphases)


def _fit(
    groups: Sequence[Labelled],
    scored: Sequence[int],
    kept: Sequence[int],
    penalties: Sequence[float],
    emphases: Float | None,
) -> Ridge:
    """Choose on the scored groups, each predicted from the kept ones beside it; fit on the kept ones."""
    _check(groups)
    if not len(penalties) or min(penalties) <= 0:
        raise EquiglassError(f"The penalties of a ridge regression must be positive; got {list(penalties)}.")
    train = [item for g in kept for item in groups[g]]
    labels = tuple(dict.fromkeys(label for _, system in train for label in system.time_labels))
    n_types = max(system.n_types for _, system in train)
    n_features = train[0][0].shape[1]
    emphases = np.ones((1, n_features)) if emphases is None else np.asarray(emphases, dtype=np.float64)
    mean, scale = np.zeros((n_types, n_features)), np.full((n_types, n_features), np.inf)
    weights = np.full((n_types, len(labels), n_features), np.nan)
    offset, chosen, reached = (np.full((n_types, len(labels)), np.nan) for _ in range(3))
    emphasis = np.zeros((n_types, len(labels)), dtype=np.int64)

    for s in range(n_types):
        mean[s], scale[s] = _standard(train, s)
        for times in _known_alike([_targets(system, labels, s) for _, system in train]):
            at = partial(_rows, s=s, mean=mean[s], scale=scale[s], labels=labels, times=times)
            moments = {g: _Moments.over(at(groups[g])) for g in kept}
            each = []
            for g in scored:
                beside = _Moments.added([moments[k] for k in kept if k != g])
                if beside.n > 0:
                    paths = [beside.ridge(e, penalties) for e in emphases]
                    each += [_correlations(x, y, paths) for x, y in at(groups[g])]
            every = _Moments.added(list(moments.values()))
            for row, time in enumerate(times):
                scores = np.array([rho[..., row] for rho in each if not np.all(np.isnan(rho[..., row]))])
                if not len(scores):
                    raise EquiglassError(
                        f"No validation configuration tells the propensity of type {type_name(s)} at the "
                        f"time labelled {labels[time]!r}, so no penalty can be chosen; add one that does."
                    )
                # A constant prediction, whose correlation is undefined, counts as none.
                mean_rho = np.nan_to_num(scores).mean(axis=0)
                e, k = divmod(int(mean_rho.argmax()), len(penalties))
                slopes, offsets = every.ridge(emphases[e], [penalties[k]])
                weights[s, time], offset[s, time] = slopes[0, row], offsets[0, row]
                emphasis[s, time], chosen[s, time], reached[s, time] = e, penalties[k], mean_rho[e, k]
    return Ridge(labels, mean, scale, weights, offset, chosen, emphasis, reached)


def _correlations(x: Float, y: Float, paths: Sequence[tuple[Float, Float]]) -> Float:
    """Pearson correlation of one configuration for every emphasis, penalty and time, NaN where undefined."""
    slopes, offsets = (np.stack(parts) for parts in zip(*paths, strict=True))
    fitted = (slopes.reshape(-1, x.shape[1]) @ x.T).reshape(*offsets.shape, -1)
    rho = np.full(offsets.shape, np.nan)
    for place in np.ndindex(offsets.shape):
        rho[place] = pearson(y[place[-1]], fitted[place])
    return rho


def _check(groups: Sequence[Labelled]) -> None:
    if len(groups) < 2 or not all(groups):
        raise EquiglassError("A ridge regression needs training and validation configurations.")
    for features, system in (item for group in groups for item in group):
        shape = (system.n_particles, groups[0][0][0].shape[1])
        if features.shape != shape:
            raise EquiglassError(f"{system.name}: features of shape {features.shape}, not {shape}.")
        if not np.all(np.isfinite(features)):
            raise EquiglassError(f"{system.name}: some features are not finite numbers.")
        if system.propensity is None:
            raise EquiglassError(f"{system.name}: there is no propensity to train or validate on.")


def _standard(train: Labelled, s: int) -> tuple[Float, Float]:
    """Mean and standard deviation of the features of a type; the latter infinite where they hardly vary."""
    n = sum(int(np.sum(system.types == s)) for _, system in train)
    if n == 0:
        n_features = train[0][0].shape[1]
        return np.zeros(n_features), np.full(n_features, np.inf)
    mean = sum(features[system.types == s].sum(axis=0, dtype=np.float64) for features, system in train) / n
    squares = sum(np.square(features[system.types == s] - mean).sum(axis=0) for features, system in train)
    scale = np.sqrt(squares / n)
    return mean, np.where(scale > HARDLY_VARIES * scale.max(), scale, np.inf)


def _targets(system: System, labels: tuple[str, ...], s: int) -> Float:
    """Propensity of the particles of a type at all labels, (T, n); NaN where a label is missing."""
    of_type = system.types == s
    y = np.full((len(labels), int(of_type.sum())), np.nan)
    for row, label in enumerate(labels):
        if system.propensity is not None and label in system.time_labels:
            y[row] = system.propensity[system.row(label), of_type]
    return y


def _rows(
    items: Labelled, s: int, mean: Float, scale: Float, labels: tuple[str, ...], times: NDArray[np.intp]
) -> Iterator[tuple[Float, Float]]:
    """Standardised features (n, F) and targets (T, n) of the particles of a type, one configuration at a time."""
    for features, system in items:
        yield (features[system.types == s] - mean) / scale, _targets(system, labels, s)[times]


def _known_alike(y: list[Float]) -> list[NDArray[np.intp]]:
    """Times grouped by the particles whose target is known: one Gram matrix serves a group."""
    known = ~np.isnan(np.concatenate(y, axis=1))
    patterns, group = np.unique(known, axis=0, return_inverse=True)
    return [np.flatnonzero(group.ravel() == g) for g, pattern in enumerate(patterns) if pattern.any()]


@dataclass(frozen=True, eq=False)
class _Moments:
    """Sums over particles, from which a regression follows: of 1, x, x x, y and y x, for T targets y."""

    n: int
    x: Float
    xx: Float
    y: Float
    yx: Float

    @classmethod
    def over(cls, rows: Iterable[tuple[Float, Float]]) -> _Moments:
        """From (x, y) of each configuration; all targets are known for the same particles."""
        sums = []
        for x, y in rows:
            known = ~np.isnan(y[0])
            x, y = x[known], y[:, known]
            sums.append(cls(len(x), x.sum(axis=0), x.T @ x, y.sum(axis=1), y @ x))
        return cls.added(sums)

    @classmethod
    def added(cls, parts: Sequence[_Moments]) -> _Moments:
        """The sum."""
        return cls(*(sum(getattr(part, f.name) for part in parts) for f in fields(cls)))

    def ridge(self, emphasis: Float, penalties: Sequence[float]) -> tuple[Float, Float]:
        """Weights (penalties, T, F) and offsets (penalties, T)."""
        from scipy.linalg import cho_factor, cho_solve

        used = np.flatnonzero(emphasis)
        e, x, y = emphasis[used], self.x[used] / self.n, self.y / self.n
        gram = (self.xx[np.ix_(used, used)] / self.n - np.outer(x, x)) * np.outer(e, e)
        cross = (self.yx[:, used] / self.n - np.outer(y, x)) * e
        weights = np.zeros((len(penalties), len(y), len(emphasis)))
        for k, penalty in enumerate(penalties):
            damped = gram.copy()
            np.fill_diagonal(damped, gram.diagonal() + penalty)
            weights[k][:, used] = cho_solve(cho_factor(damped, overwrite_a=True), cross.T).T * e
        return weights, y - weights[..., used] @ x
