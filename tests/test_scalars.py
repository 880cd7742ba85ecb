"""Energy, distance to the inherent structure, averages over generations of neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiglass.errors import EquiglassError
from equiglass.liquid.displacement import distance
from equiglass.liquid.energy import particle_energy
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.surroundings import neighbourhood_averages
from samples.liquids import random_liquid

few = settings(deadline=None, max_examples=6)


def test_averages_against_the_formula() -> None:
    system = random_liquid(60, seed=1)
    values = np.random.default_rng(0).normal(size=(60, 2))
    apart = minimum_image(system.positions[:, None] - system.positions[None], system.box)
    r = np.linalg.norm(apart, axis=-1)
    assert system.box.min() / 2 > 1.6
    weights = np.where(r < 1.6, np.exp(-r / 1.6), 0)
    expected = [values]
    for _ in range(3):
        expected.append(weights @ expected[-1] / weights.sum(axis=1)[:, None])
    averages = neighbourhood_averages(system, values, 3, 1.6, structure="thermal")
    np.testing.assert_allclose(averages, np.concatenate(expected, axis=1), rtol=1e-12)


@few
@given(seed=st.integers(0, 999))
def test_neither_order_nor_place_nor_orientation_matters(seed: int) -> None:
    """Energies averaged, of the particles shuffled, shifted and turned by one of the rotations of the box."""
    system = random_liquid(80, seed=seed)
    rng = np.random.default_rng(seed)
    order, axes, sides = rng.permutation(80), rng.permutation(3), rng.choice([-1, 1], 3)
    positions = (sides * system.positions + rng.normal(size=3))[order][:, axes]
    moved = replace(system, positions=positions, types=system.types[order], box=system.box[axes])
    before, after = (
        neighbourhood_averages(s, particle_energy(s, "thermal")[:, None], 4, structure="thermal")
        for s in (system, moved)
    )
    np.testing.assert_allclose(after, before[order], rtol=1e-9)


def test_distance_is_measured_across_the_border() -> None:
    system = random_liquid(40)
    shift = np.random.default_rng(2).normal(0, 0.05, (40, 3))
    quenched = replace(system, positions_inherent=(system.positions + shift) % system.box)
    np.testing.assert_allclose(distance(quenched, "inherent"), np.linalg.norm(shift, axis=1), atol=1e-12)
    with pytest.raises(EquiglassError, match="quench"):
        distance(system, "inherent")


def test_an_energy_needs_a_potential() -> None:
    with pytest.raises(EquiglassError, match="potential energy needs the pair potential, which is unknown"):
        particle_energy(replace(random_liquid(40), potential=None), "thermal")
