"""Ridge regression against its normal equations, and what it chooses."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from equiglass.errors import EquiglassError
from equiglass.methods.linear.moments import Example
from equiglass.methods.linear.solver import solve_ridge
from equiglass.observables import correlation
from samples.examples import fit_ridge, fit_ridge_by_folds

LABELS = ("1", "2", "3")


def labelled(seed: int, n: int = 80, n_features: int = 6, noise: float = 0.1) -> Example:
    """Random features and targets linear in them, for each type and time another law, plus noise."""
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(99).normal(size=(2, 3, n_features))
    features = rng.normal(3.0, [0.1, 1.0, 10.0, 1.0, 2.0, 0.5], (n, n_features))
    types = np.tile([0, 0, 0, 1], n // 4)
    z = (features - 3.0) / [0.1, 1.0, 10.0, 1.0, 2.0, 0.5]
    targets = 50 + np.einsum("ntf,nf->tn", weights[types], z) + noise * rng.normal(size=(3, n))
    return Example(f"c{seed}", features, types, targets)


def forget(example: Example, time: int, particles: slice | NDArray[np.bool_]) -> Example:
    """The same with the targets of some particles at a time unknown."""
    targets = example.targets.copy()
    targets[time, particles] = np.nan
    return example._replace(targets=targets)


def test_ridge_solves_the_normal_equations_with_the_penalty_asked_for() -> None:
    train, penalty = [forget(labelled(0), 1, slice(0, 30)), labelled(1)], 0.3
    ridge = fit_ridge(LABELS, train, [labelled(2)], penalties=[penalty])
    assert ridge.time_labels == LABELS
    _, features, types, *_ = labelled(3)
    predicted = ridge.predict(features, types)
    for s, time in product(range(2), range(3)):
        x = np.vstack([c.features[c.types == s] for c in train])
        y = np.concatenate([c.targets[time, c.types == s] for c in train])
        mean, scale, known = x.mean(0), x.std(0), ~np.isnan(y)
        z, y = (x[known] - mean) / scale, y[known]
        centred = z - z.mean(0)
        weights = np.linalg.solve(
            centred.T @ centred / len(y) + penalty * np.eye(z.shape[1]), centred.T @ (y - y.mean()) / len(y)
        )
        at = types == s
        expected = y.mean() + ((features[at] - mean) / scale - z.mean(0)) @ weights
        assert predicted[time, at] == pytest.approx(expected, abs=1e-9)


def test_ridge_recovers_a_linear_law_and_reports_the_correlation_reached() -> None:
    validation = [labelled(2), labelled(3)]
    ridge = fit_ridge(LABELS, [labelled(0), labelled(1)], validation)
    for s, time in product(range(2), range(3)):
        truth = [c.targets[time, c.types == s] for c in validation]
        predicted = [ridge.predict(c.features, c.types)[time, c.types == s] for c in validation]
        rho = correlation(truth, predicted).per_configuration
        assert rho > 0.99
        assert ridge.validation[s, time] == pytest.approx(rho, abs=1e-12)


def test_the_penalty_is_chosen_on_the_validation_configurations() -> None:
    """Few noisy training particles of type B ask for a large penalty; many quiet ones for a small one."""
    noisy = fit_ridge(LABELS, [labelled(0, n=32, noise=8.0)], [labelled(k, noise=0.0) for k in (5, 6)])
    quiet = fit_ridge(LABELS, [labelled(0, n=400, noise=0.01)], [labelled(k, noise=0.0) for k in (5, 6)])
    assert noisy.penalties[1].mean() > 100 * quiet.penalties[1].mean()


def test_an_emphasis_divides_the_penalty_and_zero_leaves_out() -> None:
    folds, penalty = [[labelled(0)], [labelled(1)]], 0.3
    emphasis = np.array([[1.0, 0.0, 2.0, 1.0, 0.5, 10.0]])
    ridge = fit_ridge_by_folds(LABELS, folds, [penalty], emphasis)
    for s in range(2):
        x = np.vstack([c.features[c.types == s] for (c,) in folds])
        y = np.concatenate([c.targets[1, c.types == s] for (c,) in folds])
        z, used = (x - x.mean(0)) / x.std(0), emphasis[0] > 0
        gram = z[:, used].T @ z[:, used] / len(y) + penalty * np.diag(1 / emphasis[0, used] ** 2)
        weights = np.linalg.solve(gram, z[:, used].T @ (y - y.mean()) / len(y))
        assert ridge.weights[s, 1, used] == pytest.approx(weights, abs=1e-9)
        assert ridge.weights[s, 1, ~used] == 0


def test_folds_choose_what_predicts_the_configurations_left_out() -> None:
    """Scores of every choice from regressions on the other folds, one by one; the winner is fitted to all folds."""
    items = [labelled(k, noise=3.0) for k in range(5)]
    folds, penalties = [items[0:2], items[2:4], items[4:]], [0.01, 0.3, 3.0]
    emphases = np.array([[1.0, 0, 0, 0, 0, 0], np.ones(6), [0.2, 1, 1, 1, 1, 1]])
    ridge = fit_ridge_by_folds(LABELS, folds, penalties, emphases)

    def part(some: list, s: int, time: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = np.vstack([c.features[c.types == s] for c in some])
        return (x - ridge.mean[s]) / ridge.scale[s], np.concatenate([c.targets[time, c.types == s] for c in some])

    def rho(s: int, time: int, e: int, penalty: float) -> float:
        each = []
        for k, fold in enumerate(folds):
            z, y = part([item for j, other in enumerate(folds) if j != k for item in other], s, time)
            z, y, centre = (z - z.mean(0)) * emphases[e], y - y.mean(), z.mean(0)
            weights = np.linalg.solve(z.T @ z / len(y) + penalty * np.eye(6), z.T @ y / len(y)) * emphases[e]
            for item in fold:
                left_out, truth = part([item], s, time)
                each.append(np.corrcoef((left_out - centre) @ weights, truth)[0, 1])
        return float(np.mean(each))

    for s, time in product(range(2), range(3)):
        scores = {(e, p): rho(s, time, e, p) for e in range(3) for p in penalties}
        assert (ridge.emphasis[s, time], ridge.penalties[s, time]) == max(scores, key=lambda key: scores[key])
        assert ridge.validation[s, time] == pytest.approx(max(scores.values()), abs=1e-9)
    assert not np.any(ridge.emphasis == 0)


def test_features_that_do_not_vary_are_left_out() -> None:
    def widened(example: Example, tail: float) -> Example:
        n = len(example.types)
        return example._replace(features=np.column_stack([example.features, np.full(n, 2.0), np.full(n, tail)]))

    train, validation = widened(labelled(0), 1e-9), widened(labelled(1), 5.0)
    plain = fit_ridge(LABELS, [labelled(0)], [labelled(1)])
    ridge = fit_ridge(LABELS, [train], [validation])
    expected = plain.predict(labelled(1).features, labelled(1).types)
    assert ridge.predict(validation.features, validation.types) == pytest.approx(expected, abs=1e-9)


def test_only_features_of_one_quantity_are_compared() -> None:
    """A small feature beside a large one in another unit is learned; beside one in its unit it is left out."""

    def in_other_units(example: Example) -> Example:
        return example._replace(features=example.features * [1e-5, 1, 1, 1e3, 1, 1])

    examples = [in_other_units(labelled(k)) for k in range(3)]
    plain = fit_ridge(LABELS, [labelled(0), labelled(1)], [labelled(2)], [0.1])
    for quantities in (None, np.array([0, 1, 1, 2, 1, 1])):
        ridge = fit_ridge(LABELS, examples[:2], examples[2:], [0.1], None, quantities)
        np.testing.assert_allclose(ridge.weights, plain.weights, rtol=1e-9)
    together = fit_ridge(LABELS, examples[:2], examples[2:], [0.1], None, np.zeros(6, dtype=int))
    assert np.all(np.isinf(together.scale[:, 0]))
    assert np.all(np.isfinite(together.scale[:, 3]))


def test_what_was_never_seen_is_nan_and_what_is_wrong_is_said() -> None:
    example = labelled(0)
    ridge = fit_ridge(LABELS, [forget(example, 2, slice(None))], [labelled(1)])
    predicted = ridge.predict(labelled(2).features, labelled(2).types)
    assert np.all(np.isnan(predicted[2]))
    assert np.all(np.isfinite(predicted[:2]))

    with pytest.raises(EquiglassError, match="6 features"):
        ridge.predict(example.features[:, :4], example.types)
    with pytest.raises(EquiglassError, match="2 particle types"):
        ridge.predict(example.features, example.types + 1)
    with pytest.raises(EquiglassError, match="give two or more"):
        fit_ridge(LABELS, [example], [])
    with pytest.raises(EquiglassError, match=r"c0: .*shape"):
        fit_ridge(LABELS, [example._replace(features=example.features[:-1])], [labelled(1)])
    with pytest.raises(EquiglassError, match=r"c0: .*finite"):
        fit_ridge(LABELS, [example._replace(features=example.features * np.nan)], [labelled(1)])
    with pytest.raises(EquiglassError, match="'3'"):
        fit_ridge(LABELS, [example], [forget(labelled(1), 2, slice(None))])
    with pytest.raises(EquiglassError, match="positive"):
        fit_ridge(LABELS, [example], [labelled(1)], penalties=[0.0])


def test_the_solver_solves_the_damped_normal_equations() -> None:
    rng = np.random.default_rng(0)
    x, y, damping = rng.normal(size=(50, 4)), rng.normal(size=(3, 50)), np.array([0.0, 1e-4, 0.1, 2.0])
    weights = solve_ridge(x.T @ x / 50, y @ x / 50, damping)
    np.testing.assert_allclose(weights, np.linalg.solve(x.T @ x / 50 + np.diag(damping), x.T @ y.T / 50).T, atol=1e-12)
