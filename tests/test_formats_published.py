"""Formats of published data and labelled npz, against sound files of known content."""

from __future__ import annotations

import pickle
from dataclasses import asdict, fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from equiglass.errors import DataError, EquiglassWarning
from equiglass.formats import load, save
from equiglass.liquid.neighbors import minimum_image
from equiglass.liquid.potential import (
    KOB_ANDERSEN,
    KOB_ANDERSEN_BAPST,
    KOB_ANDERSEN_FORCE_SHIFTED,
    KOB_ANDERSEN_WCA,
    LennardJones,
)
from equiglass.liquid.system import System
from samples.complete import MIXTURE, assert_same, full_system
from samples.damaged import (
    LIQUID,
    SHIBA_NAME,
    bapst_data,
    glassbench_arrays,
    labelled_arrays,
    shiba_arrays,
)

# --- Shiba ---


def test_shiba_files_of_one_configuration_become_one_system(tmp_path: Path) -> None:
    late = shiba_arrays()
    early = {**late, "positions": LIQUID.positions + 0.01 * (late["positions"] - LIQUID.positions)}
    np.savez(tmp_path / "isoconfig_N60T0.44_1_tc10.npz", **late)
    np.savez(tmp_path / "isoconfig_N60T0.44_1_tc02.npz", **early)
    np.savez(tmp_path / "isoconfig_N60T0.44_12_tc07.npz", **late)
    first, second = load(tmp_path, copies=True)
    assert (first.name, first.time_labels, first.times.tolist()) == ("T0.44_1", ("2", "10"), [1.3, 130000.0])
    assert (second.name, second.time_labels, second.times.tolist()) == ("T0.44_12", ("7",), [4120.0])
    assert first.temperature == 0.44
    assert first.potential == KOB_ANDERSEN_FORCE_SHIFTED
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


def test_wrapped_runs_are_unwrapped_with_a_warning(tmp_path: Path) -> None:
    arrays = shiba_arrays()
    # Move a layer of particles onto the face of the box.
    moves = arrays["positions"] - arrays["initial_positions"]
    arrays["initial_positions"] = (LIQUID.positions + LIQUID.box / 8) % LIQUID.box
    arrays["positions"] = (arrays["initial_positions"] + moves) % LIQUID.box
    np.savez(tmp_path / SHIBA_NAME, **arrays)
    with pytest.warns(EquiglassWarning, match="look wrapped"):
        (system,) = load(tmp_path)
    np.testing.assert_allclose(system.propensity[0], np.linalg.norm(moves, axis=-1).mean(axis=0))


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
    assert (system.temperature, system.runs, system.potential) == (0.44, 4, KOB_ANDERSEN_BAPST)
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


def bapst_targets() -> tuple[np.ndarray, np.ndarray]:
    """The positions of all runs, (3, 4, 60, 3), and their propensity, (3, 60)."""
    ends = np.array(bapst_data()["trajectory_target_positions"])
    return ends, np.linalg.norm(ends - LIQUID.positions, axis=-1).mean(axis=1)


@pytest.mark.parametrize("time", [0, 1, 2])
@pytest.mark.parametrize(
    "one",
    [
        lambda ends, time: ends[time],
        lambda ends, time: ends[[time]],
        lambda ends, time: list(ends[time]),
        lambda ends, time: [list(ends[time])],
        lambda ends, time: [list(ends[k]) if k == time else [] for k in range(3)],
        lambda ends, time: [ends[k] if k == time else None for k in range(3)],
        lambda ends, time: np.where(np.arange(3)[:, None, None, None] == time, ends, np.nan),
    ],
)
def test_bapst_positions_at_one_time_and_targets_at_all(tmp_path: Path, one, time: int) -> None:  # type: ignore[no-untyped-def]
    ends, targets = bapst_targets()
    data = {**bapst_data(), "trajectory_target_positions": one(ends, time), "targets": targets.astype(np.float32)}
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data))
    (system,) = load(tmp_path)
    assert system.time_labels == ("F=0.9", "F=1/e", "F=0.3")
    np.testing.assert_allclose(system.propensity, targets[[0, 2, 1]], rtol=1e-6)
    row = (0, 2, 1).index(time)
    assert np.isfinite(system.replica_variance).all(axis=1).tolist() == [k == row for k in range(3)]
    np.testing.assert_allclose(system.mean_displacement[row], (ends[time] - LIQUID.positions).mean(axis=0), atol=1e-12)
    assert system.runs == 4


def test_bapst_runs_at_a_time_that_no_targets_name_are_left_out(tmp_path: Path) -> None:
    ends, targets = bapst_targets()
    data = {**bapst_data(), "trajectory_target_positions": ends[1], "targets": 1.1 * targets}
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data))
    with pytest.warns(EquiglassWarning, match="agree with the targets of no time"):
        (system,) = load(tmp_path)
    np.testing.assert_array_equal(system.propensity, 1.1 * targets[[0, 2, 1]])
    assert (system.runs, system.replica_variance) == (None, None)


def test_bapst_runs_at_one_time_without_targets_are_refused(tmp_path: Path) -> None:
    data = {**bapst_data(), "trajectory_target_positions": bapst_targets()[0][1]}
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data))
    with pytest.raises(DataError, match="runs at 1 times, but 3 time_indices"):
        load(tmp_path)


def test_bapst_two_values_in_one_frame_keep_their_order(tmp_path: Path) -> None:
    data = {**bapst_data(), "time_indices": [1, 3, 3]}
    (tmp_path / "configuration.pickle").write_bytes(pickle.dumps(data))
    (system,) = load(tmp_path)
    assert system.time_labels == ("F=0.9", "F=1/e", "F=0.3")
    np.testing.assert_allclose(system.times, [0.1, 10.0, 10.0], rtol=1e-12)


@pytest.mark.data
def test_real_bapst_file(data_folder: Path) -> None:
    # The file is cut to 20 particles, but has the box of 4096.
    with pytest.warns(EquiglassWarning, match="density 0.00587 is that of a gas"):
        (system,) = load(data_folder / "bapst_format")
    assert (system.n_particles, system.runs, system.temperature) == (20, 30, 0.44)
    assert system.time_labels == tuple(
        "F=" + f for f in ["0.9", "0.8", "0.7", "0.6", "0.5", "0.4", "1/e", "0.3", "0.2", "0.1"]
    )
    assert system.times[system.row("F=1/e")] == pytest.approx(5375.112)
    assert system.times[0] == pytest.approx(0.132)
    assert system.box[0] == pytest.approx(15.0442, abs=1e-4)
    assert np.all(np.diff(system.propensity.mean(axis=1))[4:] > 0)


# --- GlassBench ---


def test_glassbench(tmp_path: Path) -> None:
    arrays = glassbench_arrays()
    arrays["BOTAN"] = np.where(np.arange(10)[:, None] == 9, np.nan, arrays["SE3"])
    extra = {
        "bb_prop": arrays["SE3"],
        "initial_positions_cage": arrays["initial_positions"] + 0.05,
        "DEN": np.ones(60),
    }
    np.savez(tmp_path / "N60T0.56_401.npz", **arrays, **extra)
    (system,) = load(tmp_path)
    assert (system.name, system.temperature, system.runs) == ("T0.56_401", 0.56, 32)
    assert system.time_labels == tuple(str(k) for k in range(1, 11))
    assert system.times[system.row("7")] == 52
    np.testing.assert_array_equal(system.types, LIQUID.types)
    np.testing.assert_array_equal(system.propensity, arrays["md_prop"])
    assert sorted(system.predictions) == ["BOTAN", "SE3"]
    assert np.isnan(system.predictions["BOTAN"][9]).all()
    shift = minimum_image(system.positions - arrays["initial_positions"], system.box)
    np.testing.assert_allclose(shift, 0, atol=1e-9)
    np.testing.assert_allclose(system.positions_cage - system.positions, 0.05, atol=1e-9)
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
        if field.name not in ("potential", "predictions", "failures", "equilibrated", "provenance", "time_labels")
        and getattr(system, field.name) is not None
    }
    arrays |= {f"prediction_{name.replace('/', ' ')}": values for name, values in system.predictions.items()}
    arrays |= {"potential": "other", "epsilon": MIXTURE.epsilon, "sigma": MIXTURE.sigma, "cutoff": 2.0}
    arrays["truncation"] = "force-shifted"
    np.savez(tmp_path / "all.npz", time_labels=np.array(system.time_labels), **arrays)
    with pytest.warns(EquiglassWarning, match=r"contradicts the mean of the replica_displacements"):
        (loaded,) = load(tmp_path)
    assert sorted(loaded.predictions) == ["SE3", "model two"]
    kept = {"predictions": system.predictions, "equilibrated": False, "provenance": system.provenance}
    assert_same(replace(loaded, **kept), system, {})


def test_labelled_npz_default_labels_and_potential_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="kob-andersen")
    (system,) = load(tmp_path)
    assert system.time_labels == ("1", "2")
    assert system.potential == KOB_ANDERSEN


def test_the_ending_of_a_potential_known_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **labelled_arrays(), potential="kob-andersen", truncation="cut", cutoff=3.0)
    (system,) = load(tmp_path)
    assert system.potential == replace(KOB_ANDERSEN, truncation="cut", cutoff=3.0)


@pytest.mark.parametrize("potential", [KOB_ANDERSEN_BAPST, replace(MIXTURE, cutoff=[[2.5, 2.0], [2.0, 2.2]])])
def test_a_table_of_cutoffs_survives_every_format(tmp_path: Path, potential: LennardJones) -> None:
    system = replace(full_system(), potential=potential, replica_displacements=None, predictions={})
    for name in ("a.h5", "a.xyz"):
        save(system, tmp_path / name)
        (loaded,) = load(tmp_path / name)
        assert (loaded.potential, loaded.potential.name) == (potential, potential.name)
    np.savez(tmp_path / "a.npz", **labelled_arrays(), **{**asdict(potential), "name": "a", "potential": potential.name})
    (loaded,) = load(tmp_path / "a.npz")
    assert loaded.potential == potential


def test_a_given_potential_replaces_that_of_a_public_set_but_none_that_a_file_states(tmp_path: Path) -> None:
    np.savez(tmp_path / SHIBA_NAME, **shiba_arrays())
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(bapst_data()))
    np.savez(tmp_path / "silent.npz", **labelled_arrays())
    np.savez(tmp_path / "stating.npz", **labelled_arrays(), potential="kob-andersen")
    for name in (SHIBA_NAME, "a.pickle", "silent.npz"):
        assert load(tmp_path / name, potential=KOB_ANDERSEN_WCA)[0].potential == KOB_ANDERSEN_WCA
    with pytest.warns(EquiglassWarning, match=r"stating.npz: states the potential kob-andersen, shifted"):
        (system,) = load(tmp_path / "stating.npz", potential=KOB_ANDERSEN_WCA)
    assert system.potential == KOB_ANDERSEN


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
    assert system.times[system.row("7")] == 52
    a = system.types == 0
    distance = np.linalg.norm(system.positions_inherent - system.positions, axis=1).mean()
    assert 0.1 < distance < 0.2
    np.testing.assert_allclose(system.propensity_halves.mean(axis=0), system.propensity, rtol=1e-5)
    assert np.corrcoef(system.propensity_halves[:, 6, a])[0, 1] > 0.5
