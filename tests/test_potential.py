"""Energies and forces of Lennard-Jones mixtures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equiglass.potential import KOB_ANDERSEN, LennardJones, energy_and_forces, potential_energy
from equiglass.system import System


def brute_force_energy(system: System, potential: LennardJones, images: int) -> np.ndarray:
    """E_i by the formula, one pair and one image at a time."""
    energy = np.zeros(system.n_particles)
    shifts = np.stack(np.meshgrid(*[np.arange(-images, images + 1)] * 3), axis=-1).reshape(-1, 3) * system.box
    for i in range(system.n_particles):
        for j in range(system.n_particles):
            epsilon = potential.epsilon[system.types[i]][system.types[j]]
            sigma = potential.sigma[system.types[i]][system.types[j]]
            cutoff = potential.cutoff * sigma
            for shift in shifts:
                r = np.linalg.norm(system.positions[j] + shift - system.positions[i])
                if 0 < r < cutoff:
                    well = (sigma / r) ** 12 - (sigma / r) ** 6
                    energy[i] += 4 * epsilon * (well - potential.cutoff**-12 + potential.cutoff**-6)
    return energy


def test_a_pair_at_its_minimum() -> None:
    box = np.full(3, 20.0)
    for types, epsilon, sigma in (([0, 0], 1.0, 1.0), ([0, 1], 1.5, 0.8), ([1, 1], 0.5, 0.88)):
        positions = np.array([[19.9, 5.0, 5.0], [19.9 + 2 ** (1 / 6) * sigma, 5.0, 5.0]])
        energy, forces = energy_and_forces(positions, np.array(types), box, KOB_ANDERSEN)
        shift = 4 * (2.5**-12 - 2.5**-6)
        np.testing.assert_allclose(energy, -epsilon * (1 + shift), rtol=1e-12)
        np.testing.assert_allclose(forces, 0, atol=1e-12)


def test_the_energy_vanishes_at_the_cutoff() -> None:
    positions = np.array([[0.0, 0.0, 0.0], [2.0 - 1e-9, 0.0, 0.0]])
    energy = potential_energy(positions, np.array([0, 1]), np.full(3, 9.0), KOB_ANDERSEN)
    np.testing.assert_allclose(energy, 0, atol=1e-8)


@pytest.mark.parametrize("side", [1.9, 3.1])
def test_all_images_in_a_box_smaller_than_the_cutoff(side: float) -> None:
    rng = np.random.default_rng(1)
    corners = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]) * side
    system = System(corners + rng.uniform(-0.05, 0.05, (4, 3)), np.array([0, 1, 0, 1]), np.full(3, side))
    energy = potential_energy(system.positions, system.types, system.box, KOB_ANDERSEN)
    np.testing.assert_allclose(energy, brute_force_energy(system, KOB_ANDERSEN, images=2), rtol=1e-11)


def test_forces_are_minus_the_gradient(liquid: System) -> None:
    potential = KOB_ANDERSEN
    _, forces = energy_and_forces(liquid.positions, liquid.types, liquid.box, potential)
    step = 1e-6
    for particle, axis in ((0, 0), (7, 1), (60, 2), (119, 0)):
        sides = []
        for sign in (1, -1):
            moved = liquid.positions.copy()
            moved[particle, axis] += sign * step
            sides.append(potential_energy(moved, liquid.types, liquid.box, potential).sum() / 2)
        gradient = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(forces[particle, axis], -gradient, rtol=1e-6, atol=1e-4)


def test_momentum_is_conserved(liquid: System) -> None:
    _, forces = energy_and_forces(liquid.positions, liquid.types, liquid.box, KOB_ANDERSEN)
    assert np.abs(forces).max() > 1
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-9 * np.abs(forces).max())


def test_unwrapped_positions_and_translations_change_nothing(liquid: System) -> None:
    expected = potential_energy(liquid.positions, liquid.types, liquid.box, KOB_ANDERSEN)
    rng = np.random.default_rng(2)
    moved = liquid.positions + rng.integers(-3, 4, liquid.positions.shape) * liquid.box + [0.3, -1.7, 11.0]
    np.testing.assert_allclose(potential_energy(moved, liquid.types, liquid.box, KOB_ANDERSEN), expected, rtol=1e-9)


@pytest.mark.data
@pytest.mark.parametrize("file", ["ka_T0.64/ka_N4096_T0.64_1001.npz", "ka_T0.56/ka_N4096_T0.56_2002.npz"])
def test_the_energies_stored_with_real_configurations(data_folder: Path, file: str) -> None:
    """Computed by LAMMPS when these configurations were made: half sums, cut and shifted."""
    with np.load(data_folder / file) as saved:
        stored = {
            key: saved[key] for key in ("positions", "positions_inherent", "types", "box", "epot", "epot_inherent")
        }
    for positions, energy in (("positions", "epot"), ("positions_inherent", "epot_inherent")):
        computed = potential_energy(stored[positions], stored["types"], stored["box"], KOB_ANDERSEN) / 2
        np.testing.assert_allclose(computed, stored[energy], atol=2e-5)
