"""Crystalline order: crystals, liquids, and the products of q6 without spherical harmonics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import eval_legendre

from equiglass.errors import DataError
from equiglass.formats import load
from equiglass.liquid.neighbors import minimum_image
from equiglass.observables import crystal_like, crystal_like_of_positions
from samples.liquids import random_liquid
from samples.state_points import PACKAGE


def lattice(basis: list[list[float]], cells: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A cubic crystal of density 1.2 with noise."""
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    sites = (corners + np.array(basis)).reshape(-1, 3)
    edge = (len(sites) / 1.2) ** (1 / 3)
    return sites * edge / cells + np.random.default_rng(0).normal(0, noise, sites.shape), np.full(3, edge)


FCC = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
BCC = [[0, 0, 0], [0.5, 0.5, 0.5]]


@pytest.mark.parametrize("basis", [FCC, BCC])
def test_a_crystal_is_crystal_like(basis: list[list[float]]) -> None:
    positions, box = lattice(basis, 6, 0.05)
    assert crystal_like_of_positions(positions, box).mean() > 0.99
    assert crystal_like_of_positions(positions + 7.3 * box, box).mean() > 0.99


def test_a_liquid_is_not() -> None:
    for system in load(PACKAGE)[:4]:
        assert crystal_like(system).mean() < 0.01
        assert crystal_like(system, "inherent").mean() < 0.01


def test_the_system_form_reads_the_chosen_structure() -> None:
    (system,) = load(PACKAGE)[:1]
    for structure in ("thermal", "inherent"):
        expected = crystal_like_of_positions(system.positions_in(structure), system.box)
        np.testing.assert_array_equal(crystal_like(system, structure), expected)
    with pytest.raises(ValueError, match="inherent"):
        crystal_like(random_liquid(), "inherent")


def test_bonds_by_the_addition_theorem() -> None:
    """sum_m Y6m(a) Y6m(b)* = 13 / (4 pi) P6(a . b): the products without spherical harmonics, pair by pair."""
    positions, box = lattice(FCC, 3, 0.13)
    vectors = minimum_image(positions[None] - positions[:, None], box)
    distances = np.linalg.norm(vectors, axis=-1)
    nearest = np.argsort(distances, axis=1)[:, 1:13]
    bonds = [vectors[i, nearest[i]] / distances[i, nearest[i], None] for i in range(len(positions))]

    def product(i: int, j: int) -> float:
        return float(np.sum(eval_legendre(6, bonds[i] @ bonds[j].T)))

    norms = [math.sqrt(product(i, i)) for i in range(len(positions))]
    expected = [
        sum(product(i, j) / (norms[i] * norms[j]) > 0.7 for j in nearest[i]) >= 7 for i in range(len(positions))
    ]
    assert 0.1 < np.mean(expected) < 0.9
    assert crystal_like_of_positions(positions, box).tolist() == expected


def test_too_few_particles() -> None:
    with pytest.raises(DataError, match="12 particles"):
        crystal_like_of_positions(np.random.default_rng(0).uniform(0, 3, (12, 3)), [3, 3, 3])
