"""F_s(k, t) and the mean squared displacement: against slow averages, exact cases, real runs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from equiglass import load
from equiglass.errors import DataError
from equiglass.liquid.system import System
from equiglass.observables import (
    mean_square_of_displacements,
    mean_squared_displacement,
    self_scattering,
    self_scattering_by_type,
    self_scattering_of_displacements,
)
from samples.liquids import random_liquid
from samples.state_points import with_runs

quick = settings(deadline=None, max_examples=20)


def runs(seed: int = 0, shape: tuple[int, ...] = (2, 3, 10, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, shape)


def test_the_isotropic_average_is_the_average_over_directions_of_the_wave_vector() -> None:
    dr = runs()
    estimate = self_scattering_of_displacements([dr], k=7.25)
    # Directions as Gauss-Legendre points of the polar angle times even steps of azimuth.
    cosines, weights = np.polynomial.legendre.leggauss(40)
    for t in range(2):
        total = 0.0
        for cosine, weight in zip(cosines, weights, strict=True):
            sine = math.sqrt(1 - cosine**2)
            for step in range(60):
                phi = 2 * math.pi * step / 60
                k = 7.25 * np.array([sine * math.cos(phi), sine * math.sin(phi), cosine])
                total += weight / 2 / 60 * np.mean(np.cos(dr[t] @ k))
        assert estimate.value[t] == pytest.approx(total, abs=1e-10)


def test_exact_values() -> None:
    still, moved = np.zeros((1, 4, 3)), np.tile([0.0, np.pi / 2, 0.0], (1, 4, 1))
    assert self_scattering_of_displacements([still]).value == 1
    assert self_scattering_of_displacements([moved], k=2.0).value == pytest.approx(0, abs=1e-15)
    assert self_scattering_of_displacements([moved], k=1.0).value == pytest.approx(2 / np.pi)
    assert self_scattering_of_displacements([still, moved], k=2.0).value == pytest.approx(0.5)
    assert mean_square_of_displacements(dr for dr in (still, moved)).value == pytest.approx(np.pi**2 / 8)


def test_gaussian_displacements() -> None:
    """F_s = exp(-k^2 sigma^2 / 2), MSD = 3 sigma^2."""
    dr = [np.random.default_rng(k).normal(0, 0.2, (8, 2000, 3)) for k in range(5)]
    scattering, msd = self_scattering_of_displacements(dr, k=5.0), mean_square_of_displacements(dr)
    assert abs(scattering.value - math.exp(-0.5)) < 4 * scattering.error
    assert abs(msd.value - 0.12) < 4 * msd.error
    assert scattering.error < 0.01


def test_mean_squared_displacement_against_a_slow_sum() -> None:
    configurations = [runs(0), runs(1)]
    for t in range(2):
        total = sum(math.dist(x, (0, 0, 0)) ** 2 for dr in configurations for run in dr[t] for x in run)
        assert mean_square_of_displacements(configurations).value[t] == pytest.approx(total / 60)


@quick
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_rotations_and_permutations_change_nothing(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    dr = runs(seed)
    turned = dr[:, rng.permutation(3)][:, :, rng.permutation(10)] @ Rotation.random(rng=seed).as_matrix()
    np.testing.assert_allclose(
        self_scattering_of_displacements([turned], k).value, self_scattering_of_displacements([dr], k).value, atol=1e-12
    )
    np.testing.assert_allclose(mean_square_of_displacements([turned]).value, mean_square_of_displacements([dr]).value)


@quick
@given(st.integers(0, 10**6))
def test_small_wave_numbers_see_the_mean_square_of_displacements(seed: int) -> None:
    """F_s = 1 - k^2 MSD / 6 + O(k^4)."""
    dr, k = runs(seed), 1e-2
    slope = 6 * (1 - self_scattering_of_displacements([dr], k).value) / k**2
    np.testing.assert_allclose(slope, mean_square_of_displacements([dr]).value, rtol=1e-3)


def test_displacements_without_runs_are_refused() -> None:
    with pytest.raises(DataError, match="lacks an axis"):
        self_scattering_of_displacements([np.ones((5, 3))])


def labelled(seed: int, labels: tuple[str, ...] = ("1", "7")) -> System:
    """A liquid with six runs of two types, and the labels that follow from them."""
    return replace(with_runs(random_liquid(seed=seed), seed=seed), name=f"liquid-{seed}", time_labels=labels)


@pytest.mark.parametrize("type", ["A", "B"])
def test_systems_give_what_their_arrays_give(type: str) -> None:
    systems = [labelled(k) for k in range(3)]
    of_type = [s.replica_displacements[:, :, s.types == "AB".index(type)] for s in systems]
    for k in (7.25, 3.0):
        found, expected = self_scattering(systems, type, k), self_scattering_of_displacements(of_type, k)
        assert found.labels == ("1", "7")
        assert found.times.tolist() == [1.0, 10.0]
        np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)
        np.testing.assert_allclose(found.error, expected.error, rtol=1e-9)
    expected = mean_square_of_displacements(of_type)
    moved = [replace(system, replica_variance=None) for system in systems]
    np.testing.assert_allclose(mean_squared_displacement(iter(moved), type).value, expected.value, rtol=1e-12)
    # From the propensity and its variance the same follows.
    without_runs = [replace(system, replica_displacements=None) for system in systems]
    np.testing.assert_allclose(mean_squared_displacement(without_runs, type).value, expected.value, rtol=1e-9)


def test_stored_scattering_serves_at_its_own_wave_number() -> None:
    system = labelled(0)
    F = self_scattering_by_type(system.replica_displacements, system.types)
    stored = replace(system, self_scattering=F, replica_displacements=None)
    np.testing.assert_allclose(self_scattering([stored], "B").value, self_scattering([system], "B").value, rtol=1e-12)
    with pytest.raises(DataError, match=r"liquid-0: F_s\(3, t\) of B needs the displacements of its runs"):
        self_scattering([stored], "B", k=3.0)


def test_times_that_some_configuration_lacks_are_left_out() -> None:
    one, other = labelled(0), replace(labelled(1, labels=("7", "9")), times=np.array([10.5, 20.0]))
    both = mean_squared_displacement([one, other])
    assert both.labels == ("7",)
    assert both.times.tolist() == [10.25]
    unknown = replace(one, propensity=np.where([[True], [False]], one.propensity, np.nan))
    assert mean_squared_displacement([unknown]).labels == ("1",)
    with pytest.raises(DataError, match="not known at any time that liquid-0 has in common"):
        mean_squared_displacement([unknown, other])
    with pytest.raises(DataError, match="no configurations"):
        mean_squared_displacement([])
    with pytest.raises(DataError, match="liquid-0: there is no particle of type C; its types are A, B"):
        self_scattering([one], "C")


@pytest.mark.data
def test_scattering_of_the_shiba_runs(data_folder: Path) -> None:
    """A at tau_alpha, k = 7.25: 0.27 over ten configurations, 0.12 to 0.38, measured with other code."""
    systems = load(data_folder / "shiba_T0.44_train")
    estimate = self_scattering(systems)
    assert estimate.labels == ("7",)
    assert estimate.value[0] == pytest.approx(0.27, abs=0.005)
    each = [float(self_scattering([system]).value[0]) for system in systems]
    assert min(each) == pytest.approx(0.12, abs=0.005)
    assert max(each) == pytest.approx(0.38, abs=0.005)
    assert mean_squared_displacement(systems, "B").value[0] > mean_squared_displacement(systems).value[0]
