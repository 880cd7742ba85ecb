"""F_s(k, t) and the mean squared displacement: against slow averages, exact cases, real runs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from equiglass import load
from equiglass.errors import EquiglassError
from equiglass.observables import mean_squared_displacement, self_scattering

quick = settings(deadline=None, max_examples=20)


def runs(seed: int = 0, shape: tuple[int, ...] = (2, 3, 10, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, shape)


def test_the_isotropic_average_is_the_average_over_directions_of_the_wave_vector() -> None:
    dr = runs()
    estimate = self_scattering([dr], k=7.25)
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
    assert self_scattering([still]).value == 1
    assert self_scattering([moved], k=2.0).value == pytest.approx(0, abs=1e-15)
    assert self_scattering([moved], k=1.0).value == pytest.approx(2 / np.pi)
    assert self_scattering([still, moved], k=2.0).value == pytest.approx(0.5)
    assert mean_squared_displacement(dr for dr in (still, moved)).value == pytest.approx(np.pi**2 / 8)


def test_gaussian_displacements() -> None:
    """F_s = exp(-k^2 sigma^2 / 2), MSD = 3 sigma^2."""
    dr = [np.random.default_rng(k).normal(0, 0.2, (8, 2000, 3)) for k in range(5)]
    scattering, msd = self_scattering(dr, k=5.0), mean_squared_displacement(dr)
    assert abs(scattering.value - math.exp(-0.5)) < 4 * scattering.error
    assert abs(msd.value - 0.12) < 4 * msd.error
    assert scattering.error < 0.01


def test_mean_squared_displacement_against_a_slow_sum() -> None:
    configurations = [runs(0), runs(1)]
    for t in range(2):
        total = sum(math.dist(x, (0, 0, 0)) ** 2 for dr in configurations for run in dr[t] for x in run)
        assert mean_squared_displacement(configurations).value[t] == pytest.approx(total / 60)


@quick
@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_rotations_and_permutations_change_nothing(seed: int, k: float) -> None:
    rng = np.random.default_rng(seed)
    dr = runs(seed)
    turned = dr[:, rng.permutation(3)][:, :, rng.permutation(10)] @ Rotation.random(rng=seed).as_matrix()
    np.testing.assert_allclose(self_scattering([turned], k).value, self_scattering([dr], k).value, atol=1e-12)
    np.testing.assert_allclose(mean_squared_displacement([turned]).value, mean_squared_displacement([dr]).value)


@quick
@given(st.integers(0, 10**6))
def test_small_wave_numbers_see_the_mean_squared_displacement(seed: int) -> None:
    """F_s = 1 - k^2 MSD / 6 + O(k^4)."""
    dr, k = runs(seed), 1e-2
    slope = 6 * (1 - self_scattering([dr], k).value) / k**2
    np.testing.assert_allclose(slope, mean_squared_displacement([dr]).value, rtol=1e-3)


def test_displacements_without_runs_are_refused() -> None:
    with pytest.raises(EquiglassError, match="lacks an axis"):
        self_scattering([np.ones((5, 3))])


@pytest.mark.data
def test_scattering_of_the_shiba_runs(data_folder: Path) -> None:
    """A at tau_alpha, k = 7.25: 0.27 over ten configurations, 0.12 to 0.38, measured with other code."""
    systems = load(data_folder / "shiba_T0.44_train")
    of_a = [s.replica_displacements[:, :, s.types == 0] for s in systems]
    estimate = self_scattering(of_a)
    assert estimate.value[0] == pytest.approx(0.27, abs=0.005)
    each = [float(self_scattering([dr]).value[0]) for dr in of_a]
    assert min(each) == pytest.approx(0.12, abs=0.005)
    assert max(each) == pytest.approx(0.38, abs=0.005)
    of_b = [s.replica_displacements[:, :, s.types == 1] for s in systems]
    assert mean_squared_displacement(of_b).value[0] > mean_squared_displacement(of_a).value[0]
