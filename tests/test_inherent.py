"""Inherent structures, against their definition and against LAMMPS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiglass
from equiglass.errors import EquiglassError
from equiglass.liquid.inherent import quench
from equiglass.liquid.potential import KOB_ANDERSEN, energy_and_forces, potential_energy
from equiglass.liquid.system import System
from equiglass.machine.compiled import attempt, compiler
from equiglass.simulate.lammps import dump_positions, header, read_positions, run_lammps, write_state
from samples.liquids import random_liquid


def random_configuration(seed: int, n: int = 150) -> System:
    """Particles on a jittered lattice."""
    rng = np.random.default_rng(seed)
    box = np.array([1.0, 1.1, 0.9]) * (n / 1.2 / 0.99) ** (1 / 3)
    cells = int(np.ceil(n ** (1 / 3)))
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 3)
    positions = (rng.permutation(sites)[:n] + rng.uniform(0.4, 0.6, (n, 3))) / cells * box
    types = rng.permutation(np.arange(n) % 5 == 0).astype(int)
    return System(positions, types, box, name=f"random-{seed}", potential=KOB_ANDERSEN)


def energy_per_particle(system: System, positions: np.ndarray) -> float:
    """The usual energy per particle: half the mean of the full sums."""
    return float(potential_energy(positions, system.types, system.box, KOB_ANDERSEN).mean() / 2)


def shiba(folder: Path, index: int) -> System:
    """A configuration of Shiba et al. (2023), T = 0.44."""
    with np.load(folder / "shiba_T0.44_train" / f"isoconfig_N4096T0.44_{index}_tc07.npz") as saved:
        positions, types = saved["initial_positions"], saved["types"]
    box = np.full(3, (len(types) / 1.2) ** (1 / 3))
    return System(positions, types, box, name=f"shiba-{index}", potential=KOB_ANDERSEN)


def quench_with_lammps(system: System, folder: Path) -> np.ndarray:
    """The positions of LAMMPS's own ``min_style fire``, largest force 1e-5, nearest images."""
    write_state(folder / "start.data", system.positions, system.types, system.box, 2)
    run_lammps(
        header("read_data start.data", KOB_ANDERSEN)
        + "timestep 0.005\nmin_style fire\nmin_modify norm max\nminimize 0 1e-5 20000 100000\n"
        + dump_positions("end.dump"),
        folder,
    )
    move = read_positions(folder / "end.dump") - system.positions
    return system.positions + move - np.round(move / system.box) * system.box


def test_no_force_is_left_and_the_energy_is_a_minimum() -> None:
    system = random_configuration(0)
    before = system.positions.copy()
    quenched = quench(system)
    np.testing.assert_array_equal(system.positions, before)
    np.testing.assert_array_equal(quenched.positions, before)
    inherent = quenched.positions_inherent
    assert inherent is not None
    _, forces = energy_and_forces(inherent, system.types, system.box, KOB_ANDERSEN)
    assert np.linalg.norm(forces, axis=1).max() <= 1.001e-5
    lowest = energy_per_particle(system, inherent)
    assert lowest < energy_per_particle(system, system.positions) - 0.1
    rng = np.random.default_rng(1)
    for _ in range(5):
        assert energy_per_particle(system, inherent + rng.normal(0, 1e-3, inherent.shape)) > lowest


def test_a_quenched_configuration_stays() -> None:
    quenched = quench(random_configuration(1))
    assert quenched.positions_inherent is not None
    again = quench(replace(quenched, positions=quenched.positions_inherent, positions_inherent=None))
    np.testing.assert_allclose(again.positions_inherent, again.positions, atol=1e-12)


def test_translations_and_images_carry_over() -> None:
    system = random_configuration(2)
    shift = np.array([0.4, 2.9, -1.3])
    images = np.random.default_rng(3).integers(-2, 3, system.positions.shape) * system.box
    moved = quench(replace(system, positions=system.positions + shift + images))
    expected = quench(system)
    assert moved.positions_inherent is not None
    assert expected.positions_inherent is not None
    displacements = [s.positions_inherent - s.positions for s in (moved, expected)]
    np.testing.assert_allclose(*displacements, atol=1e-4)


def test_several_configurations_with_progress() -> None:
    systems = [random_configuration(seed, n=60) for seed in (4, 5)]
    told: list[tuple[int, int, str]] = []
    both = quench(systems, progress=lambda *news: told.append(news))
    assert told == [(1, 2, "random-4"), (2, 2, "random-5")]
    for one, system in zip(both, systems, strict=True):
        np.testing.assert_array_equal(one.positions_inherent, quench(system).positions_inherent)


def test_the_potential_is_taken_from_the_argument_where_the_system_has_none() -> None:
    system = replace(random_configuration(6, n=60), potential=None)
    with pytest.raises(EquiglassError, match=r"random-6.*potential"):
        quench(system)
    quenched = quench(system, potential=KOB_ANDERSEN)
    assert quenched.potential == KOB_ANDERSEN
    assert "kob-andersen" in quenched.provenance["inherent structure"]


def test_a_mixture_has_a_name(tmp_path: Path) -> None:
    liquid = random_liquid(40)
    nameless = replace(liquid, potential=None)
    named = quench(nameless, potential="kob-andersen", tolerance=1.0)
    assert named.potential == KOB_ANDERSEN
    equiglass.save(nameless, tmp_path / "a.h5")
    (loaded,) = equiglass.load(tmp_path / "a.h5", potential="kob-andersen")
    assert loaded.potential == KOB_ANDERSEN
    for call in (lambda: quench(nameless, potential="KA"), lambda: equiglass.load(tmp_path, potential="KA")):
        with pytest.raises(EquiglassError, match="potential 'KA' is not known; known: kob-andersen, "):
            call()


def test_particles_placed_at_random_find_a_minimum() -> None:
    system = random_configuration(8, n=60)
    placed = replace(system, positions=np.random.default_rng(8).uniform(0, 1, (60, 3)) * system.box)
    inherent = quench(placed).positions_inherent
    assert inherent is not None
    _, forces = energy_and_forces(inherent, system.types, system.box, KOB_ANDERSEN)
    assert np.linalg.norm(forces, axis=1).max() <= 1.001e-5


def test_without_a_compiler_the_same_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    system = random_configuration(9)
    expected = quench(system).positions_inherent
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiler.cache_clear()
    attempt.cache_clear()
    plain = quench(system).positions_inherent
    compiler.cache_clear()
    attempt.cache_clear()
    np.testing.assert_allclose(plain, expected, atol=1e-4)


def test_errors_name_the_configuration() -> None:
    system = random_configuration(7, n=60)
    with pytest.raises(EquiglassError, match=r"random-7.*3 steps"):
        quench(system, max_steps=3)
    positions = system.positions.copy()
    positions[1] = positions[0]
    with pytest.raises(EquiglassError, match=r"random-7.*overlap"):
        quench(replace(system, positions=positions))


@pytest.mark.lammps
@pytest.mark.parametrize("seed", range(4))
def test_the_same_minimum_as_lammps(seed: int, tmp_path: Path) -> None:
    first = random_configuration(seed)
    inherent = quench(first).positions_inherent
    assert inherent is not None
    thermal = inherent + np.random.default_rng(seed).normal(0, 0.06, inherent.shape)
    system = replace(first, positions=thermal)
    theirs = quench_with_lammps(system, tmp_path)
    ours = quench(system).positions_inherent
    assert ours is not None
    np.testing.assert_allclose(energy_per_particle(system, ours), energy_per_particle(system, theirs), atol=1e-4)
    assert np.mean(np.linalg.norm(ours - theirs, axis=1) > 0.05) < 0.01


def _check_against_lammps(system: System, tmp_path: Path, record) -> None:
    ours = quench(system).positions_inherent
    assert ours is not None
    theirs = quench_with_lammps(system, tmp_path)
    energy = energy_per_particle(system, ours)
    elsewhere = float(np.mean(np.linalg.norm(ours - theirs, axis=1) > 0.05))
    record("share of particles elsewhere than LAMMPS puts them", elsewhere)
    print(f"{system.name}: energy {energy:.6f}, share of particles moved {elsewhere:.4f}")
    assert energy == pytest.approx(energy_per_particle(system, theirs), abs=1e-4)
    assert elsewhere < 0.05
    # The range and the mean distance measured on these configurations.
    assert -7.69 <= energy <= -7.66
    assert 0.11 < np.linalg.norm(ours - system.positions, axis=1).mean() < 0.14


@pytest.mark.data
@pytest.mark.lammps
def test_a_real_configuration(data_folder: Path, tmp_path: Path, record_property) -> None:
    _check_against_lammps(shiba(data_folder, 2), tmp_path, record_property)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.lammps
@pytest.mark.parametrize("index", range(1, 11))
def test_every_real_configuration(data_folder: Path, tmp_path: Path, record_property, index: int) -> None:
    _check_against_lammps(shiba(data_folder, index), tmp_path, record_property)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("file", ["ka_T0.64/ka_N4096_T0.64_1001.npz", "ka_T0.56/ka_N4096_T0.56_2001.npz"])
def test_the_inherent_structures_stored_with_real_configurations(data_folder: Path, file: str) -> None:
    """Computed by LAMMPS's ``min_style fire`` when these configurations were made."""
    with np.load(data_folder / file) as saved:
        system = System(saved["positions"], saved["types"], saved["box"], name=file, potential=KOB_ANDERSEN)
        stored, energy = saved["positions_inherent"], saved["epot_inherent"]
    ours = quench(system).positions_inherent
    assert ours is not None
    assert energy_per_particle(system, ours) == pytest.approx(float(energy.mean()), abs=1e-4)
    assert np.mean(np.linalg.norm(ours - stored, axis=1) > 0.05) < 0.02
