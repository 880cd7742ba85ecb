"""The configurational temperature: against finite differences, ideal cases, symmetries, and the real configurations."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import DataError
from equiglass.formats import load
from equiglass.liquid.potential import (
    KOB_ANDERSEN,
    KOB_ANDERSEN_BAPST,
    KOB_ANDERSEN_FORCE_SHIFTED,
    KOB_ANDERSEN_WCA,
    LennardJones,
    pair_energy,
    potential_energy,
)
from equiglass.liquid.system import System
from equiglass.observables import configurational_temperature
from equiglass.observables.configurational_temperature import PLACES, endings, temperatures, virial_sums, virial_terms
from samples.liquids import random_liquid

TRIED = [KOB_ANDERSEN, KOB_ANDERSEN_FORCE_SHIFTED]
WINDOWS = {"cutoff": (0.84 * 2.5, 2.5), "contact": (1.0, 1.5)}
"""Both ends of the field in units of sigma_ab."""


def field_by_loops(x: np.ndarray, system: System, i: int, near: str) -> np.ndarray:
    """G_i, by its definition, over all particles and the images around."""
    total = np.zeros(3)
    low, high = WINDOWS[near]
    for j in range(len(x)):
        for image in product((-1, 0, 1), repeat=3):
            away = x[i] - x[j] + np.array(image) * system.box
            r = np.linalg.norm(away)
            u = (r / KOB_ANDERSEN.sigma[system.types[i]][system.types[j]] - low) / (high - low)
            if r > 0 and 0 < u < 1:
                total += 16 * u**2 * (1 - u) ** 2 * away / r
    return total


@pytest.mark.parametrize("near", PLACES)
def test_against_finite_differences(near: str) -> None:
    """div_i G_i and grad_i U by central differences, for a few particles."""
    system = random_liquid(n=50, seed=4)
    x, step = system.positions, 1e-5
    terms = virial_terms(x, system.types, system.box, KOB_ANDERSEN, TRIED)[PLACES.index(near)]
    for i in (0, 49):
        divergence, gradient = 0.0, np.zeros((2, 3))
        for axis in range(3):
            moved = [x + sign * step * np.outer(np.arange(50) == i, np.eye(3)[axis]) for sign in (1, -1)]
            ahead, behind = (field_by_loops(each, system, i, near)[axis] for each in moved)
            divergence += (ahead - behind) / (2 * step)
            for k, potential in enumerate(TRIED):
                ahead, behind = (
                    potential_energy(each, system.types, system.box, potential).sum() / 2 for each in moved
                )
                gradient[k, axis] = (ahead - behind) / (2 * step)
        assert terms[0, i] == pytest.approx(divergence, rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(terms[1:, i], gradient @ field_by_loops(x, system, i, near), rtol=1e-5, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(
    axes=st.sampled_from(list(permutations(range(3)))),
    signs=st.lists(st.sampled_from((-1, 1)), min_size=3, max_size=3),
    shift=st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_rotated_reflected_translated_and_permuted(axes: tuple, signs: list, shift: list, seed: int) -> None:
    system = random_liquid(n=90, seed=2)
    order = np.random.default_rng(seed).permutation(90)
    moved = (system.positions[:, axes] * signs + shift)[order]
    expected = virial_terms(system.positions, system.types, system.box, KOB_ANDERSEN, TRIED)
    found = virial_terms(moved, system.types[order], system.box[list(axes)], KOB_ANDERSEN, TRIED)
    np.testing.assert_allclose(found, expected[..., order], rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def boltzmann_pairs(potential: LennardJones, temperature: float, cells: int = 12) -> System:
    """Independent pairs of particles, far from one another; the distances up to 2.6 have the weight r^2 exp(-V / T)."""
    rng = np.random.default_rng(5)
    grid = np.linspace(0.7, 2.6, 4000)
    kinds = np.zeros(4000, int)
    energy = pair_energy(grid**2, potential.of_pairs(kinds, kinds))
    weight = np.cumsum(grid**2 * np.exp(-energy / temperature))
    r = np.interp(rng.uniform(0, weight[-1], cells**3), weight, grid)
    towards = rng.normal(size=(cells**3, 3))
    first = 6.0 * np.array(list(product(range(cells), repeat=3))) + 3
    second = first + r[:, None] * towards / np.linalg.norm(towards, axis=1)[:, None]
    positions = np.concatenate([first, second])
    return System(positions, np.zeros(len(positions), int), np.full(3, 6.0 * cells), potential=potential)


def test_the_temperature_of_an_exact_distribution() -> None:
    """The right forces give T near contact and obey the identity near the cutoff; other well depths do not."""
    system, right = boltzmann_pairs(KOB_ANDERSEN_FORCE_SHIFTED, 0.5), KOB_ANDERSEN_FORCE_SHIFTED
    weak, strong = (replace(right, epsilon=(np.asarray(right.epsilon) * x).tolist()) for x in (0.5, 200))
    value, error = configurational_temperature([system], near="contact")
    assert error < 0.1
    assert abs(value - 0.5) < 3 * error
    value, error = configurational_temperature([system], weak, near="contact")
    assert abs(value - 0.5) > 4 * error
    terms = virial_terms(system.positions, system.types, system.box, right, [right, strong])[PLACES.index("cutoff")]
    excess = terms[1:] - 0.5 * terms[0]
    errors = np.abs(excess.mean(axis=1)) / (excess.std(axis=1) / np.sqrt(excess.shape[1] / 2))
    assert errors[0] < 3
    assert errors[1] > 4


def test_the_runs_count_as_configurations() -> None:
    system = random_liquid(n=60)
    moves = np.random.default_rng(1).normal(size=(2, 3, 60, 3)).astype("f4") * 0.01
    with_runs = replace(system, time_labels=("a", "b"), times=np.array([1.0, 2.0]), replica_displacements=moves, runs=3)
    ends = [replace(system, positions=system.positions + move) for move in (np.zeros(3), *moves[1].astype(float))]
    expected = sum(virial_sums(each, KOB_ANDERSEN, TRIED) for each in ends)
    np.testing.assert_allclose(virial_sums(with_runs, KOB_ANDERSEN, TRIED), expected, rtol=1e-9)
    assert np.isnan(expected[..., 1:]).all(), "a small box is one block"


def test_blocks_of_a_large_box(liquid: System) -> None:
    large = System(liquid.positions * 2, liquid.types, liquid.box * 2, potential=KOB_ANDERSEN_WCA)
    sums = virial_sums(large, KOB_ANDERSEN_WCA, [KOB_ANDERSEN_WCA])
    terms = virial_terms(large.positions, large.types, large.box, KOB_ANDERSEN_WCA, [KOB_ANDERSEN_WCA])
    assert np.isfinite(sums).all()
    np.testing.assert_allclose(sums.sum(-1), terms.sum(-1))


def test_the_potentials_that_are_tried() -> None:
    assert [each.ending for each in endings(KOB_ANDERSEN)] == [
        "shifted at 2.5 sigma",
        "force-shifted at 2.5 sigma",
        "cut at 2.5",
    ]
    assert endings(KOB_ANDERSEN_BAPST)[:2] == [
        KOB_ANDERSEN_BAPST,
        replace(KOB_ANDERSEN_BAPST, truncation="force-shifted"),
    ]
    other = LennardJones("x", ((1.0,),), ((1.0,),), 3.0, "cut")
    assert [each.ending for each in endings(other)] == ["cut at 3 sigma", "force-shifted at 3 sigma"]


def test_without_a_potential_it_is_refused() -> None:
    with pytest.raises(DataError, match="needs the pair potential"):
        configurational_temperature([replace(random_liquid(60), potential=None)])
    with pytest.raises(DataError, match="no configurations"):
        configurational_temperature([])


@pytest.mark.data
def test_the_real_configurations_at_the_start(data_folder: Path) -> None:
    """Ten alone show the temperature, but not the truncation."""
    systems = load(data_folder / "shiba_T0.44_train", replicas=False)
    sums = np.stack([virial_sums(system, KOB_ANDERSEN_FORCE_SHIFTED, TRIED) for system in systems])
    (shifted, force_shifted), (contact, _) = temperatures(sums)
    assert [float(each.value) for each in (shifted, force_shifted, contact)] == pytest.approx(
        [0.4676, 0.4523, 0.4428], abs=5e-4
    )
    assert 0.010 < force_shifted.error < 0.020


@pytest.mark.data
@pytest.mark.slow
def test_the_real_configurations_are_force_shifted(data_folder: Path) -> None:
    """With the 320 ends of their runs, shifted forces are excluded."""
    systems = load(data_folder / "shiba_T0.44_train")
    sums = np.stack([virial_sums(system, KOB_ANDERSEN_FORCE_SHIFTED, TRIED) for system in systems])
    (shifted, force_shifted), (_, contact) = temperatures(sums)
    assert [float(each.value) for each in (shifted, force_shifted, contact)] == pytest.approx(
        [0.4550, 0.4402, 0.4401], abs=3e-4
    )
    assert abs(force_shifted.value - 0.44) < 2 * force_shifted.error
    assert shifted.value - 0.44 > 5 * shifted.error
