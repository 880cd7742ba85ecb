"""Correlations and noise ceilings, against synthetic replicas of known variance and real configurations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass import load
from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.observables import (
    bootstrap,
    ceiling_of_halves,
    ceilings_of_noise,
    correlation,
    correlation_error,
    noise_ceiling,
    noise_ceiling_of_halves,
    pearson,
)
from samples.liquids import random_liquid
from samples.state_points import with_runs

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
    with pytest.raises(DataError, match="shapes"):
        pearson([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="numbers of configurations"):
        correlation([[1.0, 2.0]], [])
    with pytest.raises(DataError, match="shapes"):
        ceilings_of_noise([[1.0, 2.0]], [[0.1]])


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
    one_of_two = correlation_error([truth[0], np.full(40, 0.1)], predicted[:2])
    assert np.isnan(one_of_two[0])
    assert np.isfinite(one_of_two[1])


def test_ceiling_of_synthetic_replicas_is_the_correlation_with_the_exact_field() -> None:
    rng = np.random.default_rng(3)
    runs = 16
    fields = [(exact := rng.normal(2, 0.3, 4000), exact + rng.normal(0, 0.8, (runs, 4000))) for _ in range(3)]
    exact = [field for field, _ in fields]
    mean = [replicas.mean(0) for _, replicas in fields]
    variance = [replicas.var(0, ddof=1) for _, replicas in fields]
    expected = np.sqrt(0.3**2 / (0.3**2 + 0.8**2 / runs))
    ceilings = ceilings_of_noise(mean, [s2 / runs for s2 in variance])
    reached = correlation(exact, mean)
    halves = [ceiling_of_halves(replicas[::2].mean(0), replicas[1::2].mean(0)) for _, replicas in fields]
    for value in (ceilings.per_configuration, ceilings.pooled, reached.per_configuration, np.mean(halves)):
        assert value == pytest.approx(expected, abs=0.01)
    alone = ceilings_of_noise(mean[:1], [variance[0] / runs])
    assert alone.pooled == alone.per_configuration == pytest.approx(reached.pooled, abs=0.02)


def test_pooled_ceiling_takes_each_configuration_with_its_own_runs() -> None:
    p, s2 = [np.array([0.0, 1.0]), np.array([2.0, 3.0])], [np.array([0.4, 0.4]), np.array([1.0, 1.0])]
    # Var p = 1.25, <s^2 / M> = (0.4/4 + 1.0/8) / 2 = 0.1125.
    assert ceilings_of_noise(p, [s2[0] / 4, s2[1] / 8]).pooled == pytest.approx(np.sqrt(1 - 0.1125 / 1.25))
    box = {"positions": np.eye(3)[:2] + 1, "types": np.zeros(2, int), "box": np.full(3, 3.0), "time_labels": ("7",)}
    liquids = [
        System(**box, times=np.ones(1), propensity=x[None], replica_variance=y[None], runs=runs)
        for x, y, runs in zip(p, s2, (4, 8), strict=True)
    ]
    assert noise_ceiling(liquids).pooled == pytest.approx(np.sqrt(1 - 0.1125 / 1.25))


def test_ceilings_are_nan_where_undefined() -> None:
    assert np.isnan(ceilings_of_noise([[1.0, 1.0, 1.0]], [np.array([0.1, 0.1, 0.1]) / 4]).pooled)
    assert np.isnan(ceilings_of_noise([[1.0, 1.1, 0.9]], [np.array([5.0, 5.0, 5.0]) / 4]).pooled)
    assert np.isnan(ceilings_of_noise([[1.0, np.nan]], [np.array([0.1, 0.1]) / 4]).pooled)
    assert np.isnan(ceiling_of_halves([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]))
    assert ceiling_of_halves([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == pytest.approx(1.0)


def test_ceilings_of_systems() -> None:
    systems = [replace(with_runs(random_liquid(seed=k), seed=k), name=f"liquid-{k}") for k in range(3)]
    for k, system in enumerate(systems):
        distance = np.linalg.norm(system.replica_displacements, axis=-1)
        halves = np.stack([distance[:, :3].mean(axis=1), distance[:, 3:].mean(axis=1)])
        systems[k] = replace(system, propensity_halves=halves)
    for type, index in (("A", 0), ("B", 1)):
        masks = [s.types == index for s in systems]
        fields = [s.propensity[1, mask] for s, mask in zip(systems, masks, strict=True)]
        noise = [s.replica_variance[1, mask] / s.runs for s, mask in zip(systems, masks, strict=True)]
        np.testing.assert_array_equal(noise_ceiling(systems, "7", type), ceilings_of_noise(fields, noise))
        halves = [s.propensity_halves[:, 1, mask] for s, mask in zip(systems, masks, strict=True)]
        each = np.array([ceiling_of_halves(*pair) for pair in halves])
        found = noise_ceiling_of_halves(systems, "7", type)
        assert found.configurations == np.count_nonzero(~np.isnan(each))
        np.testing.assert_array_equal(found.pooled, ceiling_of_halves(*np.concatenate(halves, axis=1)))
    with pytest.raises(DataError, match="liquid-0: a noise ceiling needs at least two runs; there are 1"):
        noise_ceiling([replace(systems[0], runs=1)])
    with pytest.raises(DataError, match="liquid-0: the configuration has no replica_variance"):
        noise_ceiling([replace(systems[0], replica_variance=None)])
    with pytest.raises(DataError, match="liquid-0: no time is labelled '9'"):
        noise_ceiling_of_halves(systems, "9")


@pytest.mark.data
def test_ceilings_of_the_shiba_configurations(data_folder: Path) -> None:
    """0.917 per configuration and 0.935 pooled, measured on 15 configurations at T = 0.44, tau_alpha, type A.

    Ten of the fifteen are here. H. Shiba et al., J. Chem. Phys. 158, 084503 (2023), doi 10.1063/5.0129791.
    """
    systems = load(data_folder / "shiba_T0.44_train", replicas=False)
    ceilings, halves = noise_ceiling(systems), noise_ceiling_of_halves(systems)
    assert ceilings.configurations == 10
    assert ceilings.per_configuration == pytest.approx(0.917, abs=2 * ceilings.spread / np.sqrt(10))
    assert ceilings.pooled == pytest.approx(0.935, abs=0.01)
    assert halves.per_configuration == pytest.approx(ceilings.per_configuration, abs=0.01)


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
    systems = load(data_folder / folder)
    for label, expected in zip("1234567", published, strict=True):
        assert noise_ceiling(systems, label).per_configuration == pytest.approx(expected, abs=0.015)
