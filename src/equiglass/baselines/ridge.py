"""Ridge regression of the propensity on given features: one linear map for each particle type and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equiglass.errors import EquiglassError
from equiglass.observables import correlation
from equiglass.system import System, type_name

Float = NDArray[np.float64]
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
        validation: mean over the validation configurations of the correlation reached there, (n_types, T).
    """

    time_labels: tuple[str, ...]
    mean: Float
    scale: Float
    weights: Float
    offset: Float
    penalties: Float
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
    _check(train, validation)
    if not len(penalties) or min(penalties) <= 0:
        raise EquiglassError(f"The penalties of a ridge regression must be positive; got {list(penalties)}.")
    labels = tuple(dict.fromkeys(label for _, system in train for label in system.time_labels))
    n_types = max(system.n_types for _, system in train)
    n_features = train[0][0].shape[1]
    mean, scale = np.zeros((n_types, n_features)), np.full((n_types, n_features), np.inf)
    weights = np.full((n_types, len(labels), n_features), np.nan)
    offset, chosen, reached = (np.full((n_types, len(labels)), np.nan) for _ in range(3))

    for s in range(n_types):
        mean[s], scale[s] = _standard(train, s)
        x_train = [_of_type(features, system, s, mean[s], scale[s]) for features, system in train]
        x_validation = [_of_type(features, system, s, mean[s], scale[s]) for features, system in validation]
        y_train = [_targets(system, labels, s) for _, system in train]
        y_validation = [_targets(system, labels, s) for _, system in validation]
        for times in _known_alike(y_train):
            path, offsets = _ridge_path(x_train, [y[times] for y in y_train], penalties)
            flat = path.reshape(-1, n_features)
            fits = [(x @ flat.T).reshape(len(x), *path.shape[:2]) for x in x_validation]
            for row, time in enumerate(times):
                truth = [y[time] for y in y_validation]
                scores = [
                    correlation(truth, [fit[:, k, row] for fit in fits]).per_configuration
                    for k in range(len(penalties))
                ]
                if np.all(np.isnan(scores)):
                    raise EquiglassError(
                        f"No validation configuration tells the propensity of type {type_name(s)} at the "
                        f"time labelled {labels[time]!r}, so no penalty can be chosen; add one that does."
                    )
                best = int(np.nanargmax(scores))
                weights[s, time], offset[s, time] = path[best, row], offsets[best, row]
                chosen[s, time], reached[s, time] = penalties[best], scores[best]
    return Ridge(labels, mean, scale, weights, offset, chosen, reached)


def _check(train: Labelled, validation: Labelled) -> None:
    if not train or not validation:
        raise EquiglassError("A ridge regression needs training and validation configurations.")
    for features, system in (*train, *validation):
        shape = (system.n_particles, train[0][0].shape[1])
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


def _of_type(features: NDArray[np.floating], system: System, s: int, mean: Float, scale: Float) -> Float:
    """Standardised features of the particles of a type, (n, F)."""
    return (features[system.types == s] - mean) / scale


def _targets(system: System, labels: tuple[str, ...], s: int) -> Float:
    """Propensity of the particles of a type at all labels, (T, n); NaN where a label is missing."""
    of_type = system.types == s
    y = np.full((len(labels), int(of_type.sum())), np.nan)
    for row, label in enumerate(labels):
        if system.propensity is not None and label in system.time_labels:
            y[row] = system.propensity[system.at(label), of_type]
    return y


def _known_alike(y: list[Float]) -> list[NDArray[np.intp]]:
    """Times grouped by the particles whose target is known: one Gram matrix serves a group."""
    known = ~np.isnan(np.concatenate(y, axis=1))
    patterns, group = np.unique(known, axis=0, return_inverse=True)
    return [np.flatnonzero(group.ravel() == g) for g, pattern in enumerate(patterns) if pattern.any()]


def _ridge_path(x: list[Float], y: list[Float], penalties: Sequence[float]) -> tuple[Float, Float]:
    """Weights (penalties, T, F) and offsets (penalties, T); all targets are known for the same particles."""
    rows = [~np.isnan(targets[0]) for targets in y]
    x, y = [a[r] for a, r in zip(x, rows, strict=True)], [b[:, r] for b, r in zip(y, rows, strict=True)]
    n = sum(len(a) for a in x)
    x_mean = sum(a.sum(axis=0) for a in x) / n
    y_mean = sum(b.sum(axis=1) for b in y) / n
    gram = sum(a.T @ a for a in x) / n - np.outer(x_mean, x_mean)
    cross = sum(b @ a for a, b in zip(x, y, strict=True)) / n - np.outer(y_mean, x_mean)
    eigenvalues, vectors = np.linalg.eigh(gram)
    # Rounding leaves small negative eigenvalues where features are collinear.
    damping = np.clip(eigenvalues, 0, None) + np.asarray(penalties)[:, None]
    weights = ((cross @ vectors)[None] / damping[:, None]) @ vectors.T
    return weights, y_mean - weights @ x_mean
