"""Energies and forces of Lennard-Jones mixtures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiglass.errors import EquiglassError
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import (
    KOB_ANDERSEN,
    KOB_ANDERSEN_BAPST,
    KOB_ANDERSEN_FORCE_SHIFTED,
    KOB_ANDERSEN_WCA,
    TRUNCATIONS,
    WCA,
    LennardJones,
    energy_and_forces,
    potential_energy,
)
from equiglass.liquid.system import System
from equiglass.simulate.lammps import header, run_lammps, write_state
from samples.liquids import random_liquid

TERNARY = LennardJones(
    "ternary",
    epsilon=((1.0, 1.5, 0.75), (1.5, 0.5, 1.5), (0.75, 1.5, 0.75)),
    sigma=((1.0, 0.8, 0.9), (0.8, 0.88, 0.8), (0.9, 0.8, 0.94)),
)
"""A third type between A and B."""

ENDINGS = [*((truncation, 2.5) for truncation in TRUNCATIONS), ("shifted", WCA)]
"""Every truncation and the purely repulsive variant."""


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


@pytest.mark.parametrize(("truncation", "cutoff"), ENDINGS)
def test_one_pair_by_the_formula(truncation: str, cutoff: float) -> None:
    """At r = 1.1 sigma of the pair A-C, and just within the cutoff."""
    potential = replace(TERNARY, truncation=truncation, cutoff=cutoff)
    epsilon, sigma = 0.75, 0.9

    def full(r: float) -> float:
        return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

    def slope(r: float) -> float:
        return -4 * epsilon * (12 * (sigma / r) ** 12 - 6 * (sigma / r) ** 6) / r

    end = cutoff * sigma
    shift = 0.0 if truncation == "cut" else full(end)
    tilt = slope(end) if truncation == "force-shifted" else 0.0
    for r in (1.1 * sigma, end * (1 - 1e-9)):
        positions = np.array([[0.0, 0.0, 0.0], [r, 0.0, 0.0]])
        energy, forces = energy_and_forces(positions, np.array([0, 2]), np.full(3, 9.0), potential)
        np.testing.assert_allclose(energy, full(r) - shift - tilt * (r - end), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(forces[1], [-slope(r) + tilt, 0, 0], rtol=1e-12, atol=1e-13)


def test_wca_only_repels() -> None:
    positions = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    energy, forces = energy_and_forces(positions, np.array([0, 0]), np.full(3, 9.0), KOB_ANDERSEN_WCA)
    np.testing.assert_allclose(energy, 1.0, rtol=1e-12)
    assert forces[1, 0] == pytest.approx(24.0)
    positions[1, 0] = WCA + 1e-9
    energy, forces = energy_and_forces(positions, np.array([0, 0]), np.full(3, 9.0), KOB_ANDERSEN_WCA)
    assert not energy.any()
    assert not forces.any()


ONES = ((1.0, 1.1, 1.2), (1.1, 1.3, 1.4), (1.2, 1.4, 1.5))
"""Distances of the pairs of three types."""


@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_a_table_of_cutoffs_holds_distances(truncation: str, liquid: System) -> None:
    """2.5 sigma_ab as a number and as a table are the same; every pair ends at its own distance."""
    number = replace(KOB_ANDERSEN, truncation=truncation)
    table = replace(number, cutoff=(2.5 * np.asarray(number.sigma)).tolist())
    first, second = (energy_and_forces(liquid.positions, liquid.types, liquid.box, each) for each in (number, table))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(replace(TERNARY, cutoff=ONES).tables[2], ONES)
    for a, b in ((0, 1), (1, 2)):
        for r, zero in ((ONES[a][b] - 1e-6, False), (ONES[a][b] + 1e-6, True)):
            positions = np.array([[1.0, 1.0, 1.0], [1.0 + r, 1.0, 1.0]])
            one = replace(TERNARY, truncation="cut", cutoff=ONES)
            assert (potential_energy(positions, np.array([a, b]), np.full(3, 9.0), one) == 0).all() == zero


def test_the_potential_of_bapst_ends_at_one_distance() -> None:
    """Cut and not shifted: an A and a B at 2.3 still attract each other, and the energy jumps at 2.5."""
    types, box = np.array([0, 1]), np.full(3, 9.0)
    for r in (2.3, 2.4999):
        positions = np.array([[1.0, 1.0, 1.0], [1.0 + r, 1.0, 1.0]])
        full = 4 * 1.5 * ((0.8 / r) ** 12 - (0.8 / r) ** 6)
        np.testing.assert_allclose(potential_energy(positions, types, box, KOB_ANDERSEN_BAPST), full, rtol=1e-12)
        assert not potential_energy(positions, types, box, KOB_ANDERSEN).any()
    assert str(KOB_ANDERSEN_BAPST) == "kob-andersen-bapst, cut at 2.5"
    assert replace(TERNARY, cutoff=ONES).ending == "shifted at 1 to 1.5"


def test_the_name_does_not_distinguish_potentials() -> None:
    assert replace(KOB_ANDERSEN, truncation="force-shifted") == KOB_ANDERSEN_FORCE_SHIFTED != KOB_ANDERSEN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"truncation": "smooth"}, "force-shifted"),
        ({"cutoff": -1.0}, "cutoff"),
        ({"cutoff": np.full((2, 2), 2.5)}, "cutoffs has another number of types"),
        ({"cutoff": [[1, 1, 2], [1, 1, 1], [1, 1, 1]]}, "cutoff must be a symmetric"),
        ({"cutoff": [[1, 1], [1]]}, "cutoff must be a symmetric"),
        ({"cutoff": np.zeros((3, 3))}, "every cutoff must be positive"),
    ],
)
def test_a_wrong_ending_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(EquiglassError, match=said):
        replace(TERNARY, **change)


@pytest.mark.lammps
@pytest.mark.parametrize(("truncation", "cutoff"), [*ENDINGS, ("cut", ONES)])
def test_energies_and_forces_of_lammps(truncation: str, cutoff: Any, tmp_path: Path) -> None:
    potential = replace(TERNARY, truncation=truncation, cutoff=cutoff)
    system = random_liquid(n=200, n_types=3)
    assert system.n_types == 3
    write_state(tmp_path / "start.data", system.positions, system.types, system.box, 3)
    script = header("read_data start.data", potential) + "compute energy all pe/atom\nrun 0\n"
    script += "write_dump all custom end.dump c_energy fx fy fz modify sort id format float %.17g\n"
    run_lammps(script, tmp_path)
    theirs = np.loadtxt(tmp_path / "end.dump", skiprows=9)
    energy, forces = energy_and_forces(system.positions, system.types, system.box, potential)
    np.testing.assert_allclose(energy / 2, theirs[:, 0], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(forces, theirs[:, 1:], rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize(("truncation", "cutoff"), ENDINGS)
def test_the_quench_finds_a_minimum_of_the_same_energy(truncation: str, cutoff: float) -> None:
    potential = replace(TERNARY, truncation=truncation, cutoff=cutoff)
    system = replace(random_liquid(n=100, n_types=3), potential=potential)
    quenched = quench(system)
    assert quenched.positions_inherent is not None
    before, after = (
        energy_and_forces(x, system.types, system.box, potential)
        for x in (system.positions, quenched.positions_inherent)
    )
    assert after[0].sum() < before[0].sum()
    assert np.linalg.norm(after[1], axis=1).max() <= 1.001e-5
    assert f"{truncation} at {cutoff:.4g} sigma" in quenched.provenance["inherent structure"]


@pytest.mark.parametrize("potential", [KOB_ANDERSEN, replace(KOB_ANDERSEN, truncation="force-shifted")])
def test_forces_are_minus_the_gradient(liquid: System, potential: LennardJones) -> None:
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
