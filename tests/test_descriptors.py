"""Descriptors against literal sums over periodic images, and their symmetries."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import sph_harm_y
from scipy.stats import ortho_group

from equiglass.errors import EquiglassError
from equiglass.liquid.neighbors import periodic_pairs
from equiglass.liquid.system import System
from equiglass.machine import compiled
from equiglass.methods.linear import shells as shell_sums
from equiglass.methods.linear.descriptors import describe, first_layer_invariants
from equiglass.methods.linear.shells import Shells, radial_sums, shell_norms, unit_harmonics
from samples.labelled import SMALL
from samples.liquids import random_liquid


def images(system: System, reach: float) -> list[tuple[int, int, NDArray[np.float64], float]]:
    """(i, j, a_ij, |a_ij|) of all pairs and periodic images within reach, by trying every one."""
    shifts = np.array(list(product(range(-2, 3), repeat=3))) * system.box
    pairs = []
    for i, j in product(range(system.n_particles), repeat=2):
        for vector in system.positions[j] - system.positions[i] + shifts:
            distance = float(np.linalg.norm(vector))
            if 0 < distance < reach:
                pairs.append((i, j, vector, distance))
    return pairs


def harmonics(l: int, vector: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Orthonormal complex Y_lm of a direction, m = -l ... l."""
    x, y, z = vector / np.linalg.norm(vector)
    return np.array([sph_harm_y(l, m, np.arccos(z), np.arctan2(y, x)) for m in range(-l, l + 1)])


def small_liquid(seed: int = 0) -> System:
    """24 particles in a box smaller than the reach of the descriptors."""
    system = random_liquid(24, seed=seed)
    return replace(system, positions_inherent=system.positions)


def turned(system: System, matrix: NDArray[np.float64]) -> System:
    """The configuration rotated or reflected in a box so wide that nothing crosses its faces."""
    box = np.full(3, 20.0)
    positions = (system.positions - system.box / 2) @ matrix.T + box / 2
    return replace(system, positions=positions, positions_inherent=positions, box=box)


def test_harmonics_are_the_orthonormal_ones_up_to_their_norm() -> None:
    vectors = np.vstack([np.random.default_rng(0).normal(size=(20, 3)), np.eye(3), -np.eye(3)])
    ours = unit_harmonics(vectors, 12)
    for l in range(13):
        of_l = ours[:, l**2 : (l + 1) ** 2]
        theirs = np.sqrt(4 * np.pi / (2 * l + 1)) * np.array([harmonics(l, v) for v in vectors])
        assert np.sum(of_l**2, axis=1) == pytest.approx(1.0, abs=1e-12)
        assert of_l @ of_l.T == pytest.approx((theirs @ theirs.conj().T).real, abs=1e-12)


def test_descriptors_are_the_literal_sums() -> None:
    system = small_liquid()
    assert np.all(system.box < 2 * 2.0)
    n, pairs = system.n_particles, images(system, 3.2)
    columns = []
    for shells in SMALL.radial:
        for s, r in product(range(2), shells.centres):
            g = np.zeros(n)
            for i, j, _, distance in pairs:
                if system.types[j] == s:
                    g[i] += np.exp(-((distance - r) ** 2) / (2 * shells.width**2))
            columns.append(g)
    for r, l in product(SMALL.angular.centres, range(1, SMALL.l_max + 1)):
        z, q_lm = np.zeros(n), np.zeros((n, 2 * l + 1), dtype=complex)
        for i, _, vector, distance in pairs:
            weight = np.exp(-((distance - r) ** 2) / (2 * SMALL.angular.width**2))
            if weight > 1e-9:
                z[i] += weight
                q_lm[i] += weight * harmonics(l, vector)
        q_lm /= z[:, None]
        columns.append(np.sqrt(4 * np.pi / (2 * l + 1) * np.sum(np.abs(q_lm) ** 2, axis=1)))
    expected = [np.stack(columns, axis=1)]
    for _ in range(2):
        total, weights = expected[-1].copy(), np.ones((n, 1))
        for i, j, _, distance in pairs:
            if distance < SMALL.averaging_radius:
                total[i] += np.exp(-distance / SMALL.averaging_radius) * expected[-1][j]
                weights[i] += np.exp(-distance / SMALL.averaging_radius)
        expected.append(total / weights)

    features = describe(system, SMALL)
    names = SMALL.names()
    assert features.shape == (n, len(names))
    assert len(set(names)) == len(names)
    assert features == pytest.approx(np.hstack(expected), rel=1e-5, abs=1e-6)
    assert features[:, names.index("G_B(r=1.100) n=0")] == pytest.approx(columns[5], rel=1e-5, abs=1e-6)
    assert features[:, names.index("q3(r=1.30) n=0")] == pytest.approx(columns[14 + 8], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("set_", [Shells(0.9, 1.9, 3, 0.2), Shells(0.8, 2.0, 25, 0.025), Shells(1.2, 1.2, 1, 0.1)])
def test_compiled_sums_equal_the_plain_ones(set_: Shells, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(compiled.compiler(), str):
        pytest.skip("no C++ compiler")
    system = small_liquid(3)
    pairs = periodic_pairs(system.positions, system.box, 2.5)
    where = (system.positions, system.types, system.box, 3)
    every = np.ones(system.n_particles, dtype=bool)

    def both() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return radial_sums(*where, (set_,), every)[0], shell_norms(pairs, system.types, 3, set_, 7)

    assert shell_sums._compiled() is not None
    fast = both()
    monkeypatch.setattr(shell_sums, "_compiled", lambda: None)
    plain = both()
    for a, b in zip(fast, plain, strict=True):
        assert np.abs(b).max() > 0.1
        assert a == pytest.approx(b, rel=1e-10, abs=1e-12)


def test_first_layer_invariants_are_the_literal_sums() -> None:
    system, shells = small_liquid(1), Shells(0.9, 1.9, 3, 0.2)
    features = first_layer_invariants(system, shells)
    moments = np.zeros((system.n_particles, 2, 3, 4, 7), dtype=complex)
    for i, j, vector, distance in images(system, 2.0):
        radial = np.exp(-((distance - shells.centres) ** 2) / (2 * shells.width**2))
        for l in range(4):
            y = np.sqrt(4 * np.pi / (2 * l + 1)) * harmonics(l, vector)
            moments[i, system.types[j], :, l, : 2 * l + 1] += radial[:, None] * y
    expected = np.sqrt(np.sum(np.abs(moments) ** 2, axis=-1)).reshape(system.n_particles, -1)
    assert features == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_one_neighbour_has_q_of_one_and_none_has_zero() -> None:
    positions = np.array([[1.0, 1.0, 1.0], [1.0, 1.588, 1.784], [15.0, 15.0, 15.0]])
    system = System(positions, np.array([0, 1, 0]), np.full(3, 30.0), positions_inherent=positions)
    features = describe(system, replace(SMALL, generations=0))
    q = features[:, -SMALL.angular.number * SMALL.l_max :]
    # At 0.98, the pair lies within the reach of the shells at 1.0 and 1.3, not of that at 1.6.
    assert q[:2, : 2 * SMALL.l_max] == pytest.approx(1.0)
    assert np.all(q[:2, 2 * SMALL.l_max :] == 0)
    assert np.all(q[2] == 0)
    assert np.all(first_layer_invariants(system)[2] == 0)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10**6))
def test_descriptors_do_not_change_under_rotations_reflections_and_translations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    system = small_liquid(seed)
    still, moved = turned(system, np.eye(3)), turned(system, ortho_group.rvs(3, random_state=seed))
    shift = rng.uniform(-30, 30, 3)
    moved = replace(moved, positions=moved.positions + shift, positions_inherent=moved.positions + shift)
    assert describe(moved, SMALL) == pytest.approx(describe(still, SMALL), rel=1e-6, abs=1e-7)
    assert first_layer_invariants(moved) == pytest.approx(first_layer_invariants(still), rel=1e-6, abs=1e-7)


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10**6))
def test_descriptors_follow_the_order_of_the_particles(seed: int) -> None:
    system = small_liquid(seed)
    order = np.random.default_rng(seed).permutation(system.n_particles)
    shuffled = replace(
        system,
        positions=system.positions[order],
        positions_inherent=system.positions[order],
        types=system.types[order],
    )
    assert describe(shuffled, SMALL) == pytest.approx(describe(system, SMALL)[order], rel=1e-9, abs=1e-9)
    expected = first_layer_invariants(system)[order]
    assert first_layer_invariants(shuffled) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_state_described_is_the_one_asked_for() -> None:
    system = random_liquid(60)
    inherent = replace(system, positions_inherent=system.positions + 0.02)
    rng = np.random.default_rng(0)
    moved = replace(system, positions_inherent=system.positions + rng.normal(0, 0.05, (60, 3)))
    at_rest = replace(system, positions=moved.positions_inherent)
    assert describe(moved, SMALL) == pytest.approx(describe(at_rest, SMALL, positions="thermal"), abs=1e-9)
    assert describe(inherent, SMALL) == pytest.approx(describe(inherent, SMALL, positions="thermal"), abs=1e-6)
    with pytest.raises(EquiglassError, match=r"liquid-0.*quench"):
        describe(system)


def test_shells_that_make_no_sense_are_refused() -> None:
    for shells in ((2.0, 1.0, 3, 0.1), (1.0, 2.0, 0, 0.1), (1.0, 2.0, 3, 0.0)):
        with pytest.raises(EquiglassError, match="Shells"):
            Shells(*shells)
