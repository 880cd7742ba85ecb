"""The Hessian, functions of it, the harmonic motion, and the node inputs made from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from e3nn import o3
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import from_numpy

from equiglass.errors import DataError
from equiglass.liquid.displacement import displacement
from equiglass.liquid.harmonic import TETHER, compliance, harmonic_motion
from equiglass.liquid.hessian import applied, hessian, local_hessian, spectrum
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import MIXTURES, energy_and_forces
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS
from equiglass.model.inputs.tensor import parts
from samples.liquids import random_liquid

QUARTER_TURNS = [m for m in np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 9, indexing="ij"), -1).reshape(-1, 3, 3)
                 if np.allclose(m @ m.T, np.eye(3))]  # fmt: skip
"""The rotations and mirror images that map a cubic box to itself."""


@pytest.fixture(scope="module")
def liquid() -> System:
    """A quenched liquid of a hundred particles in a box larger than the cutoff, moved a little from the minimum."""
    return _shaken(quench(random_liquid(100, seed=3)))


def _shaken(system: System) -> System:
    assert system.positions_inherent is not None
    shift = np.random.default_rng(1).normal(0, 0.03, (system.n_particles, 3))
    return replace(system, positions=system.positions_inherent + shift)


def turned(system: System, turn: np.ndarray) -> System:
    """The configuration after a symmetry of the cube."""
    assert system.positions_inherent is not None
    changes = {key: getattr(system, key) @ turn.T for key in ("positions", "positions_inherent")}
    if system.positions_cage is not None:
        changes["positions_cage"] = system.positions_cage @ turn.T
    if system.covariance_cage is not None:
        changes["covariance_cage"] = turn @ system.covariance_cage @ turn.T
    return replace(system, **changes)


@pytest.mark.parametrize("name", list(MIXTURES))
def test_the_hessian_is_the_derivative_of_the_forces(name: str) -> None:
    """For every truncation. Pairs at a jump of the force at the cutoff are avoided by a short step."""
    system = replace(random_liquid(60), potential=MIXTURES[name])
    matrix, step = hessian(system).toarray(), 1e-6
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)
    assert system.potential is not None
    for column in (0, 70, 179):
        move = np.zeros(180)
        move[column] = step
        there, back = (
            energy_and_forces(system.positions + sign * move.reshape(-1, 3), system.types, system.box, system.potential)
            for sign in (1, -1)
        )
        slope = -(there[1] - back[1]).ravel() / (2 * step)
        np.testing.assert_allclose(matrix[:, column], slope, rtol=1e-5, atol=1e-3 * np.abs(slope).max())


def test_blocks_translations_and_functions_against_the_dense_matrix(liquid: System) -> None:
    matrix = hessian(liquid, "inherent")
    dense, n = matrix.toarray(), liquid.n_particles
    blocks = dense.reshape(n, 3, n, 3)[np.arange(n), :, np.arange(n)]
    np.testing.assert_allclose(local_hessian(liquid, "inherent"), blocks, atol=1e-9)
    np.testing.assert_allclose(dense @ np.tile(np.eye(3), (n, 1)), 0, atol=1e-8)
    values, vectors = np.linalg.eigh(dense)
    low, high = spectrum(matrix)
    assert low < values[0] + 0.01 * values[-1]
    assert values[-1] < high < 1.1 * values[-1]
    z = np.random.default_rng(0).normal(size=(3 * n, 2))
    functions = (lambda h: np.cos(h / 100), lambda h: 1 / (h + 300))
    for result, function in zip(applied(matrix, functions, z, (-100.0, high)), functions, strict=True):
        expected = vectors @ (function(values)[:, None] * (vectors.T @ z))
        np.testing.assert_allclose(result, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("structure", ["thermal", "inherent"])
def test_the_harmonic_motion_is_that_of_the_normal_modes(liquid: System, structure: str) -> None:
    time, n = 0.1, liquid.n_particles
    normal = np.random.default_rng(0).normal(size=(4, n, 3))
    normal -= normal.mean(axis=1, keepdims=True)
    found = harmonic_motion(liquid, [time], structure, normal)  # type: ignore[arg-type]
    values, modes = np.linalg.eigh(hessian(liquid, structure).toarray())  # type: ignore[arg-type]
    omega = np.sqrt(values.astype(complex))
    omega[np.abs(omega) < 1e-6] = 1e-6
    assert liquid.potential is not None
    assert liquid.temperature is not None
    push = energy_and_forces(liquid.positions, liquid.types, liquid.box, liquid.potential)[1].ravel()
    if structure == "inherent":
        push = modes @ (values * (modes.T @ displacement(liquid, "inherent").ravel()))
    drift = modes @ (((1 - np.cos(omega * time)) / omega**2).real * (modes.T @ push))
    velocities = np.sqrt(liquid.temperature) * normal.reshape(4, -1).T
    swing = modes @ ((np.sin(omega * time) / omega).real[:, None] * (modes.T @ velocities))
    np.testing.assert_allclose(found.mean[0], drift.reshape(n, 3), atol=2e-5)
    ends = np.stack([drift[:, None] + sign * swing for sign in (1, -1)]).reshape(2, n, 3, 4)
    np.testing.assert_allclose(found.distance[0], np.linalg.norm(ends, axis=2).mean(axis=(0, 2)), atol=2e-5)
    of_draws = swing.reshape(n, 3, 4)
    np.testing.assert_allclose(found.covariance[0], np.einsum("nar,nbr->nab", of_draws, of_draws) / 4, atol=2e-5)


def test_the_compliance_is_the_inverse_on_average(liquid: System) -> None:
    n = liquid.n_particles
    normal = np.random.default_rng(0).normal(size=(64, n, 3))
    found = np.trace(compliance(liquid, normal), axis1=1, axis2=2)
    values, modes = np.linalg.eigh(hessian(liquid, "inherent").toarray())
    assert abs(values[2]) < 1e-6 < values[3]
    inverse = (modes[:, 3:] ** 2 / (values[3:] + TETHER)).sum(axis=1).reshape(n, 3).sum(axis=1)
    np.testing.assert_allclose(found, inverse, rtol=0.6)
    assert found.mean() == pytest.approx(inverse.mean(), rel=0.05)
    assert np.corrcoef(found, inverse)[0, 1] > 0.8


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(QUARTER_TURNS), st.integers(0, 3))
def test_harmonic_motion_and_compliance_turn_with_the_configuration(turn: np.ndarray, seed: int) -> None:
    system = _shaken(quench(random_liquid(40, seed=2)))
    normal = np.random.default_rng(seed).normal(size=(2, 40, 3))
    one, other = (
        harmonic_motion(s, [0.1], "thermal", z) for s, z in ((system, normal), (turned(system, turn), normal @ turn.T))
    )
    np.testing.assert_allclose(other.distance, one.distance, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(other.mean, one.mean @ turn.T, atol=1e-4)
    np.testing.assert_allclose(other.covariance, turn @ one.covariance @ turn.T, atol=1e-4)
    np.testing.assert_allclose(
        compliance(turned(system, turn), normal @ turn.T), turn @ compliance(system, normal) @ turn.T, atol=2e-3
    )


@pytest.mark.parametrize(
    "name", ["force", "local_hessian", "displacement_inherent", "displacement_cage", "debye_waller"]
)
def test_inputs_turn_as_their_degree_says(name: str) -> None:
    """A vector as a vector; degree 2 by the Wigner matrix of e3nn."""
    system = _shaken(quench(random_liquid(40, seed=2)))
    random = np.random.default_rng(0).normal(size=(40, 3, 3))
    shift = np.random.default_rng(5).normal(0, 0.02, (40, 3))
    system = replace(
        system, positions_cage=system.positions + shift, covariance_cage=1e-2 * random @ random.transpose(0, 2, 1)
    )
    before = INPUTS[name].compute(system)
    for turn in QUARTER_TURNS[::5]:
        after = INPUTS[name].compute(turned(system, turn))
        for degree, values in before.items():
            irrep = o3.Irrep(degree, (-1) ** degree)
            matrix = irrep.D_from_matrix(from_numpy(turn).float()).double().numpy()
            np.testing.assert_allclose(after[degree], values @ matrix.T, rtol=1e-4, atol=1e-5 * np.abs(values).max())


def test_the_parts_of_a_tensor_have_the_order_of_e3nn() -> None:
    n = np.random.default_rng(0).normal(size=(5, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    found = parts(n[:, :, None] * n[:, None, :])
    np.testing.assert_allclose(found[0], 1)
    harmonics = o3.spherical_harmonics(2, from_numpy(n), normalize=False, normalization="norm").numpy()
    np.testing.assert_allclose(found[2], harmonics, atol=1e-7)


def test_what_is_missing_is_a_sentence() -> None:
    system = random_liquid(60)
    for name, sentence in (
        ("debye_waller", "equiglass cage"),
        ("propensity_cage", "equiglass cage"),
        ("displacement_cage", "no cage state"),
    ):
        with pytest.raises(DataError, match=sentence):
            INPUTS[name].compute(system)
    for name in ("force", "local_hessian", "harmonic_0.1"):
        with pytest.raises(DataError, match="potential"):
            INPUTS[name].compute(replace(system, potential=None))
    with pytest.raises(DataError, match="temperature"):
        INPUTS["harmonic_0.1"].compute(replace(system, temperature=None))
