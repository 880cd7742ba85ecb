"""The minimum downhill by forces alone: FIRE, and L-BFGS where the energy is convex."""

from __future__ import annotations

import numpy as np
import pytest

from equiglass.liquid import minimum as methods
from equiglass.liquid.inherent import quench
from equiglass.liquid.minimum import largest, minimum
from samples.liquids import random_liquid


def counted(forces):
    """The forces, and the list that grows with every call."""
    calls: list[int] = []

    def counting(x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return forces(x)

    return counting, calls


@pytest.mark.parametrize("seed", range(6))
def test_the_minimum_is_that_of_fire_alone(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system = random_liquid(150, seed=seed)
    both = quench(system, tolerance=1e-7).positions_inherent
    monkeypatch.setattr(methods, "CONVEX", 0.0)
    np.testing.assert_allclose(both, quench(system, tolerance=1e-7).positions_inherent, atol=1e-3)


def test_a_soft_valley_takes_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One stiffness of 1e-3 among those from 50 to 500: FIRE alone is slow along the soft direction."""
    stiffness = np.geomspace(50, 500, 300).reshape(3, 100)
    stiffness[0, 0] = 1e-3
    start = np.random.default_rng(0).normal(0, 0.05, stiffness.shape)
    forces, calls = counted(lambda x: -stiffness * x)
    x, left = minimum(forces, start, 1e-8, 100_000)
    assert left <= 1e-8
    np.testing.assert_allclose(x, 0, atol=2e-5)
    few = len(calls)
    monkeypatch.setattr(methods, "CONVEX", 0.0)
    minimum(forces, start, 1e-8, 100_000)
    assert few < (len(calls) - few) / 5


def test_a_place_that_is_not_convex_is_left_downhill() -> None:
    """E = 0.001 cos x has no force above 0.001, so L-BFGS begins at once, just beside the top."""
    x, left = minimum(lambda x: 1e-3 * np.sin(x), np.full((3, 1), 0.3), 1e-8, 100_000)
    assert left <= 1e-8
    np.testing.assert_allclose(x, np.pi, atol=1e-4)


def test_the_steps_are_limited_and_a_minimum_stays() -> None:
    start = np.full((3, 2), 5.0)
    forces, calls = counted(lambda x: -x)
    x, left = minimum(forces, start, 1e-6, 7)
    assert left == largest(x) > 1e-6
    assert len(calls) <= 10  # FIRE computes the forces twice where it has overshot.
    x, left = minimum(forces, np.zeros((3, 2)), 1e-6, 7)
    assert left == 0
    assert not x.any()
