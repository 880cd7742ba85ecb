"""Regressions from moments against the same regressions from all features in memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from equiglass.liquid.ends import ends_of, is_end
from equiglass.liquid.splits import families, folds_of
from equiglass.liquid.system import System
from equiglass.methods.linear.blocks import pass_over
from equiglass.methods.linear.predictor import FOLDS, LinearConfiguration, LinearPredictor
from equiglass.methods.linear.ridge import Ridge
from equiglass.observables import pearson
from equiglass.prediction.labels import labels_to_learn
from equiglass.prediction.predictor import Watch
from samples.noisy import with_runs

LABELS = ["1", "7"]

EMPHASES = np.ones((2, 9))
EMPHASES[1, ::2] = 0.3
EMPHASES[1, 4] = 0.0


class Plain(LinearPredictor):
    """A regression on functions of the positions, some in other units; the last one is constant."""

    method = "plain"
    seen: list[str] = []  # noqa: RUF012

    @classmethod
    def features(cls, system: System, settings: Any, n_types: int) -> np.ndarray:
        cls.seen.append(system.name)
        waves = np.sin(system.positions[:, :, None] * [1.0, 2.5]).reshape(system.n_particles, -1)
        columns = waves * [1e-3, 1, 1, 30, 1, 1], system.positions[:, :2] ** 2 + 1e3
        return np.column_stack([*columns, np.full(len(waves), 0.1)])

    @classmethod
    def emphases(cls, settings: Any, n_types: int) -> np.ndarray:
        return EMPHASES


def direct(systems: list[System], settings: LinearConfiguration) -> Ridge:
    """The regression of every type and time from the features of all particles, one by one."""
    values, weights = labels_to_learn(systems, LABELS, settings, 2)
    features = [Plain.features(system, settings, 2) for system in systems]
    every = np.arange(len(systems))
    folds = folds_of(every.tolist(), FOLDS, families(systems))
    n = features[0].shape[1]
    found = Ridge(
        tuple(LABELS),
        np.zeros((2, n)),
        np.full((2, n), np.inf),
        np.zeros((2, 2, n)),
        *(np.zeros((2, 2)) for _ in range(2)),
        np.zeros((2, 2), dtype=np.int64),
        np.zeros((2, 2)),
    )
    for s in range(2):
        of_type = [system.types == s for system in systems]
        everything = np.concatenate([x[own] for x, own in zip(features, of_type, strict=True)])
        found.mean[s], found.scale[s] = everything.mean(0), everything.std(0)
        found.scale[s, -1] = np.inf
        z = [(x[own] - found.mean[s]) / found.scale[s] for x, own in zip(features, of_type, strict=True)]
        for t in range(2):
            y = [each[t, own] for each, own in zip(values, of_type, strict=True)]
            w = np.ones(len(systems)) if weights is None else weights[:, s, t]

            def fit(some: Any, e: np.ndarray, penalty: float, z: Any = z, y: Any = y, w: Any = w) -> Any:
                x, targets = np.concatenate([z[k] for k in some]), np.concatenate([y[k] for k in some])
                weight = np.concatenate([np.full(len(y[k]), w[k]) for k in some])
                x, targets, weight = (a[~np.isnan(targets)] for a in (x, targets, weight))
                centre, middle = np.average(x, axis=0, weights=weight), np.average(targets, weights=weight)
                x, total = (x - centre) * e, weight.sum()
                gram = (x * weight[:, None]).T @ x / total + penalty * np.eye(n)
                slope = np.linalg.solve(gram, x.T @ (weight * (targets - middle)) / total) * e
                return slope, middle - slope @ centre

            known = [k for k in every if not is_end(systems[k]) and not np.isnan(y[k]).all()]
            judged = [k for k in known if w[k] > w[known].max() / 2]
            best: tuple[Any, ...] = (-np.inf,)
            for e, penalty in product(range(2), settings.penalties):
                each = []
                for fold in folds:
                    slope, _ = fit([k for k in every if k not in fold], EMPHASES[e], penalty)
                    each += [pearson(y[k], z[k] @ slope) for k in fold if k in judged]
                if np.mean(each) > best[0]:
                    best = np.mean(each), e, penalty
            found.validation[s, t], found.emphasis[s, t], found.penalties[s, t] = best
            found.weights[s, t], found.offset[s, t] = fit(every, EMPHASES[best[1]], best[2])
    return found


def noisy(seed: int) -> System:
    """A liquid with runs, whose labels have noise of their own; some are unknown."""
    random, system = np.random.default_rng(seed), with_runs(seed)
    assert system.propensity is not None
    values = system.propensity * random.uniform(0.5, 1.5, system.propensity.shape)
    if seed % 2:
        values[1, :7] = np.nan
    variance = np.full(values.shape, 0.02) * [[1 + 0.1 * seed], [3 - 0.2 * seed]]
    return replace(system, propensity=values, replica_variance=variance)


@pytest.mark.parametrize("standardise", ["training", "configuration"])
@pytest.mark.parametrize("weights", ["alike", "noise"])
def test_moments_give_the_same_regression_in_one_pass(weights: Any, standardise: Any) -> None:
    settings = LinearConfiguration(method="plain", penalties=(0.01, 0.3), weights=weights, standardise=standardise)
    # One run gives labels too noisy to judge by.
    parents = [*(noisy(k) for k in range(4)), replace(noisy(4), runs=1)]
    ends = ends_of(parents, runs=3)
    training = [[s for s in (*parents, *ends) if (s.parent or s.fingerprint) != p.fingerprint] for p in parents[:2]]
    training.append([*parents, *ends])
    Plain.seen.clear()
    steps: list[int] = []
    watch = Watch(step=lambda done, total, loss: steps.append(done))
    alone = Plain.fit(training[-1], settings, watch=watch).ridge
    assert steps == list(range(1, len(training[-1]) + 1))
    with Plain.sharing():
        Plain.seen.clear()
        together = [Plain.fit(some, settings).ridge for some in training]
        assert sorted(Plain.seen) == sorted(system.name for system in training[-1])
    for some, ridge in [*zip(training, together, strict=True), (training[-1], alone)]:
        expected = direct(some, settings)
        np.testing.assert_array_equal(ridge.penalties, expected.penalties)
        np.testing.assert_array_equal(ridge.emphasis, expected.emphasis)
        for name in ("mean", "scale", "weights", "offset", "validation"):
            np.testing.assert_allclose(getattr(ridge, name), getattr(expected, name), rtol=1e-8, atol=1e-10)


def test_the_ends_of_a_parent_share_one_sum_per_time() -> None:
    parents = [noisy(k) for k in range(2)]
    settings = LinearConfiguration(method="plain", weights="noise")
    with Plain.sharing():
        passed = pass_over(lambda system: Plain.features(system, settings, 2), settings, LABELS, 2)
        blocks = passed.fitted([*parents, *ends_of(parents)], 2, lambda: None, scored=True)
    # All targets of the first parent are known; the second has unknown ones at one time.
    assert [[sum(gram.kind == 0 for gram in block.grams) for block in fold] for fold in blocks] == [[1 + 2], [2 + 2]]
    assert [[example.name for example in block.scored.values()] for (block,) in blocks] == [["liquid-0"], ["liquid-1"]]
