"""Correlations and noise ceilings, against synthetic replicas of known variance and real configurations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import EquiglassError
from equiglass.observables import (
    bootstrap,
    correlation,
    correlation_error,
    noise_ceiling,
    noise_ceiling_halves,
    noise_ceilings,
    pearson,
)

quick = settings(deadline=None, max_examples=20)


@quick
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-100, 100), st.booleans())
def test_pearson_ignores_scale_and_offset(seed: int, scale: float, offset: float, flip: bool) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, 50))
    sign = -1 if flip else 1
    assert pearson(sign * scale * x + offset, y) == pytest.approx(sign * pearson(x, y), abs=1e-9)
    assert pearson(y, x) == pytest.approx(pearson(x, y), abs=1e-12)


def test_pearson_is_the_textbook_one() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 200))
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)


def test_unknown_values_are_masked_in_pairs() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 40))
    known = slice(5, 30)
    full = pearson(x[known], y[known])
    x[:5], y[30:] = np.nan, np.nan
    assert pearson(x, y) == pytest.approx(full, abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], []),
        ([1.0], [2.0]),
        ([1.0, np.nan, 3.0], [np.nan, 1.0, 2.0]),
        ([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [1e5 + 0.1] * 3),
    ],
)
def test_pearson_is_nan_where_undefined(x: list[float], y: list[float]) -> None:
    assert np.isnan(pearson(x, y))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(EquiglassError, match="shapes"):
        pearson([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(EquiglassError, match="numbers of configurations"):
        correlation([[1.0, 2.0]], [])
    with pytest.raises(EquiglassError, match="two runs"):
        noise_ceiling([1.0, 2.0], [0.1, 0.1], 1)


def test_the_two_conventions_by_hand() -> None:
    truth = [np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0])]
    predicted = [np.array([1.0, 2.0, 3.0]), np.array([13.0, 12.0, 11.0])]
    score = correlation(truth, predicted)
    assert score.per_configuration == pytest.approx(0.0, abs=1e-12)
    assert score.spread == pytest.approx(np.sqrt(2))
    # <dx dy> = 25 + (2/3 - 2/3) / 2, <dx^2> = <dy^2> = 25 + 2/3.
    assert score.pooled == pytest.approx(25 / (25 + 2 / 3))
    assert (score.configurations, score.excluded) == (2, 0)


def test_undefined_configurations_are_left_out_and_counted() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 30))
    score = correlation([x, x, np.full(30, np.nan)], [y, np.ones(30), y])
    assert score.per_configuration == pearson(x, y)
    assert (score.configurations, score.excluded) == (1, 2)
    assert np.isnan(score.spread)
    assert np.isfinite(score.pooled)
    nothing = correlation([], [])
    assert np.isnan(nothing.per_configuration)
    assert np.isnan(nothing.pooled)


def test_errors_of_a_correlation_are_the_bootstrap_of_its_slow_statistic() -> None:
    rng = np.random.default_rng(4)
    truth = [rng.normal(k, 1, 40) for k in range(5)]
    predicted = [x + rng.normal(0, 1, 40) for x in truth]
    truth[2][:7] = np.nan

    def slow(chosen: np.ndarray) -> tuple[float, float]:
        score = correlation([truth[k] for k in chosen], [predicted[k] for k in chosen])
        return score.per_configuration, score.pooled

    np.testing.assert_allclose(correlation_error(truth, predicted), bootstrap(slow, 5).error, rtol=1e-9)
    constant = [np.full(40, 0.1)] * 5
    assert np.all(np.isnan(correlation_error(truth, constant)))
    assert np.all(np.isnan(correlation_error(truth[:1], predicted[:1])))


def test_ceiling_of_synthetic_replicas_is_the_correlation_with_the_exact_field() -> None:
    rng = np.random.default_rng(3)
    runs = 16
    fields = [(exact := rng.normal(2, 0.3, 4000), exact + rng.normal(0, 0.8, (runs, 4000))) for _ in range(3)]
    exact = [field for field, _ in fields]
    mean = [replicas.mean(0) for _, replicas in fields]
    variance = [replicas.var(0, ddof=1) for _, replicas in fields]
    expected = np.sqrt(0.3**2 / (0.3**2 + 0.8**2 / runs))
    ceilings = noise_ceilings(mean, variance, [runs] * 3)
    reached = correlation(exact, mean)
    halves = [noise_ceiling_halves(replicas[::2].mean(0), replicas[1::2].mean(0)) for _, replicas in fields]
    for value in (ceilings.per_configuration, ceilings.pooled, reached.per_configuration, np.mean(halves)):
        assert value == pytest.approx(expected, abs=0.01)
    assert noise_ceiling(mean[0], variance[0], runs) == pytest.approx(reached.pooled, abs=0.02)


def test_pooled_ceiling_takes_each_configuration_with_its_own_runs() -> None:
    p, s2 = [np.array([0.0, 1.0]), np.array([2.0, 3.0])], [np.array([0.4, 0.4]), np.array([1.0, 1.0])]
    # Var p = 1.25, <s^2 / M> = (0.4/4 + 1.0/8) / 2 = 0.1125.
    assert noise_ceilings(p, s2, [4, 8]).pooled == pytest.approx(np.sqrt(1 - 0.1125 / 1.25))


def test_ceilings_are_nan_where_undefined() -> None:
    assert np.isnan(noise_ceiling([1.0, 1.0, 1.0], [0.1, 0.1, 0.1], 4))
    assert np.isnan(noise_ceiling([1.0, 1.1, 0.9], [5.0, 5.0, 5.0], 4))
    assert np.isnan(noise_ceiling([1.0, np.nan], [0.1, 0.1], 4))
    assert np.isnan(noise_ceiling_halves([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]))
    assert noise_ceiling_halves([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == pytest.approx(1.0)


@pytest.mark.data
def test_ceilings_of_the_shiba_configurations(data_folder: Path) -> None:
    """0.917 per configuration and 0.935 pooled, measured on 15 configurations at T = 0.44, tau_alpha, type A.

    Ten of the fifteen are here. H. Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791.
    """
    propensity, variance, halves = [], [], []
    for path in sorted((data_folder / "shiba_T0.44_train").glob("*.npz")):
        with np.load(path) as raw:
            of_a = raw["types"] == 0
            moved = np.linalg.norm(raw["positions"][:, of_a] - raw["initial_positions"][of_a], axis=-1)
        propensity.append(moved.mean(0))
        variance.append(moved.var(0, ddof=1))
        halves.append(noise_ceiling_halves(moved[::2].mean(0), moved[1::2].mean(0)))
    ceilings = noise_ceilings(propensity, variance, [32] * len(propensity))
    assert ceilings.configurations == 10
    assert ceilings.per_configuration == pytest.approx(0.917, abs=2 * ceilings.spread / np.sqrt(10))
    assert ceilings.pooled == pytest.approx(0.935, abs=0.01)
    assert np.mean(halves) == pytest.approx(ceilings.per_configuration, abs=0.01)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "published"),
    [
        ("ka_T0.64", [0.57, 0.95, 0.97, 0.96, 0.94, 0.92, 0.84]),
        ("ka_T0.56", [0.96, 0.97, 0.96, 0.96, 0.94, 0.93, 0.88]),
    ],
)
def test_ceilings_of_the_kob_andersen_sets(data_folder: Path, folder: str, published: list[float]) -> None:
    """Type A, as the data sets state them; they were measured on more configurations than are here."""
    propensity, variance, runs = [], [], []
    for path in sorted((data_folder / folder).glob("*.npz")):
        with np.load(path) as raw:
            of_a = raw["types"] == 0
            propensity.append(raw["propensity"][:, of_a])
            variance.append(raw["replica_variance"][:, of_a])
            runs.append(int(raw["runs"]))
    for time, expected in enumerate(published):
        ceilings = noise_ceilings([p[time] for p in propensity], [v[time] for v in variance], runs)
        assert ceilings.per_configuration == pytest.approx(expected, abs=0.015)
