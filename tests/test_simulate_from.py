"""Iso-configurational runs from given configurations, times by F, constant pressure, and other mixtures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import EquiglassError
from equiglass.formats import load, save
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.simulate import Ensemble, Protocol, load_ensemble, load_protocol, run_from, run_protocol
from equiglass.simulate.joining import joined
from equiglass.simulate.lammps import constant_energy
from samples.command import run
from samples.liquids import random_liquid
from samples.protocols import RUNS, TINY_START, assert_same, short_trajectories

LABELS = ("propensity", "propensity_halves", "replica_variance", "mean_displacement")


@pytest.fixture(autouse=True)
def _short_trajectories() -> Any:
    with short_trajectories():
        yield


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, the displacements of its runs included."""
    out = tmp_path_factory.mktemp("labelled")
    with short_trajectories():
        run_protocol(Protocol(**TINY_START, keep_displacements=True), out)
    return out / "dataset.h5"


# --- from given configurations ------------------------------------------------------------------------------


@pytest.mark.lammps
def test_the_same_runs_from_the_stored_configurations(labelled: Path, tmp_path: Path) -> None:
    """Same seed, same times: what the protocol gave, number by number. Temperature and potential are the file's."""
    again = run_from(load(labelled), Ensemble(**RUNS), tmp_path / "out", jobs=2)
    assert_same(load(labelled), load(tmp_path / "out" / "dataset.h5"))
    assert again[0].time_labels == ("1", "2")
    assert (again[0].temperature, again[0].potential, again[0].runs) == (0.7, KOB_ANDERSEN, 4)


@pytest.mark.lammps
def test_stopped_and_resumed(labelled: Path, tmp_path: Path) -> None:
    systems, out = load(labelled), tmp_path / "out"

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        if what == "configuration 2, run 2":
            raise StoppedError

    with pytest.raises(StoppedError):
        run_from(systems, Ensemble(**RUNS), out, progress=stop)
    with pytest.raises(EquiglassError, match="resume"):
        run_from(systems, Ensemble(**RUNS), out)
    with pytest.raises(EquiglassError, match="other configurations"):
        run_from(systems[::-1], Ensemble(**RUNS), out, resume=True)
    with pytest.raises(EquiglassError, match="another protocol"):
        run_from(systems, Ensemble(**{**RUNS, "runs": 5}), out, resume=True)
    told: list[tuple[int, int, str]] = []
    run_from(systems, Ensemble(**RUNS), out, resume=True, progress=lambda *news: told.append(news))
    assert_same(load(labelled), load(out / "dataset.h5"))
    assert [done for done, _, _ in told] == list(range(1, told[-1][1] + 1))


@pytest.mark.lammps
def test_new_times_beside_the_labels_that_are_there(labelled: Path, tmp_path: Path) -> None:
    ensemble = Ensemble(**{**RUNS, "times": {"early": 0.01, "late": 0.2}})
    run_from(load(labelled), ensemble, tmp_path / "alone")
    run_from(load(labelled), ensemble, tmp_path / "both", merge=True)
    for old, new, both in zip(
        load(labelled), load(tmp_path / "alone" / "dataset.h5"), load(tmp_path / "both" / "dataset.h5"), strict=True
    ):
        assert new.time_labels == ("early", "late")
        assert both.time_labels == ("early", "1", "2", "late")
        assert both.times.tolist() == [0.01, 0.02, 0.1, 0.2]
        assert both.runs == 4
        for key in LABELS:
            axis = 1 if key == "propensity_halves" else 0
            np.testing.assert_array_equal(np.take(getattr(both, key), [1, 2], axis), getattr(old, key))
            np.testing.assert_array_equal(np.take(getattr(both, key), [0, 3], axis), getattr(new, key))


def test_what_one_of_the_two_lacks_is_unknown() -> None:
    system = random_liquid(30)
    one = replace(
        system,
        time_labels=("7",),
        times=np.array([5.0]),
        propensity=np.ones((1, 30)),
        predictions={"SE3": np.full((1, 30), 2.0)},
    )
    other = replace(
        system,
        time_labels=("1", "9"),
        times=np.array([1.0, 9.0]),
        propensity=np.full((2, 30), 3.0),
        propensity_halves=np.full((2, 2, 30), 4.0),
        runs=8,
    )
    both = joined(one, other)
    assert both.time_labels == ("1", "7", "9")
    assert both.runs == 8
    assert both.propensity is not None
    assert both.propensity_halves is not None
    assert both.propensity[:, 0].tolist() == [3, 1, 3]
    np.testing.assert_array_equal(both.propensity_halves[0, :, 0], [4, np.nan, 4])
    np.testing.assert_array_equal(both.predictions["SE3"][:, 0], [np.nan, 2, np.nan])
    assert both.replica_variance is None


def test_a_stored_scattering_function_survives_where_displacements_are_missing() -> None:
    system = random_liquid(30)
    moves = np.full((2, 4, system.n_particles, 3), np.nan, np.float32)
    moves[1] = 0.1
    stored = np.array([[0.76, 0.69], [np.nan, np.nan]])
    known = {"time_labels": ("1", "2"), "times": np.array([1.0, 2.0]), "runs": 4}
    one = replace(system, **known, replica_displacements=moves, self_scattering=stored)
    propensity = np.ones((1, system.n_particles))
    other = replace(system, time_labels=("9",), times=np.array([9.0]), propensity=propensity, runs=4)
    found = joined(one, other).self_scattering
    assert found is not None
    np.testing.assert_array_equal(found[0], stored[0])
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temperature": 0.6}, r"liquid-0.*temperature is 0.5.*0.6"),
        ({"potential": "kob-andersen-wca"}, r"liquid-0.*shifted at 2.5.*wca"),
        ({"times": {"7": 3.0}}, r"liquid-0 already .*'7'"),
        ({"times": {"8": 5.0}}, r"liquid-0 already .*time 5"),
        ({"runs": 8}, r"32 runs"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    system = replace(random_liquid(), time_labels=("7",), times=np.array([5.0]), runs=32)
    with pytest.raises(EquiglassError, match=said):
        run_from([system], Ensemble(**{**RUNS, "runs": 32, **change}), tmp_path / "out", merge=True)
    assert not (tmp_path / "out").exists()


def test_configurations_without_a_potential_need_one(tmp_path: Path) -> None:
    with pytest.raises(EquiglassError, match=r"liquid-0.*potential is unknown"):
        run_from([replace(random_liquid(), potential=None)], Ensemble(**RUNS), tmp_path / "out")


def test_a_whole_protocol_may_serve(tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(TINY_START))
    assert load_ensemble(tmp_path / "whole.yaml") == Ensemble(**RUNS, temperature=0.7)
    assert load_ensemble("glassbench-T0.50").temperature == 0.5
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({**TINY_START, "color": "red"}))
    with pytest.raises(EquiglassError, match="color"):
        load_ensemble(tmp_path / "wrong.yaml")


@pytest.mark.lammps
def test_the_command(labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a file that knows neither temperature nor potential."""
    save(replace(load(labelled)[0], temperature=None, potential=None, positions_inherent=None), tmp_path / "a.h5")
    protocol = tmp_path / "runs.yaml"
    protocol.write_text(yaml.safe_dump({**RUNS, "times": {"early": 0.01}, "potential": "kob-andersen"}))
    words = ("simulate", protocol, "--from", tmp_path / "a.h5", "--merge", "--out", tmp_path / "out")
    assert run(*words) == 2
    assert "temperature is unknown" in capsys.readouterr().err
    protocol.write_text(protocol.read_text() + "temperature: 0.7\n")
    assert run(*words) == 0
    (system,) = load(tmp_path / "out" / "dataset.h5")
    assert system.time_labels == ("early", "1", "2")
    assert system.positions_inherent is not None
    assert run(*words) == 2
    assert run(*words, "--resume") == 0
    assert run("simulate", protocol, "--merge", "--out", tmp_path / "out") == 2
    assert "--from" in capsys.readouterr().err


def test_the_command_lists_the_protocols_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("simulate", "--list") == 0
    listed = capsys.readouterr().out.splitlines()
    for line in listed[:-1]:
        load_protocol(line.split()[0])
    assert "glassbench-T0.44" in listed[0]


# --- displacements of every run -----------------------------------------------------------------------------


@pytest.mark.lammps
def test_the_displacements_of_every_run(labelled: Path) -> None:
    for system in load(labelled):
        assert system.replica_displacements is not None
        assert system.replica_displacements.shape == (2, 4, 100, 3)
        distances = np.linalg.norm(system.replica_displacements, axis=-1)
        np.testing.assert_allclose(distances.mean(1), system.propensity, rtol=1e-3)
        np.testing.assert_allclose(distances[:, 1::2].mean(1), system.propensity_halves[1], rtol=1e-3)
        np.testing.assert_allclose(system.replica_displacements.mean(1), system.mean_displacement, atol=1e-3)


# --- constant pressure, times by F, three types -------------------------------------------------------------


@pytest.mark.lammps
def test_constant_pressure_and_times_by_the_scattering_function(tmp_path: Path) -> None:
    asked = {"F": [0.9, 0.4], "longest": 20}
    protocol = Protocol(**{**TINY_START, "density": None, "pressure": 5.0, "times": asked})
    systems = run_protocol(protocol, tmp_path / "out", jobs=2)
    boxes = np.array([system.box for system in systems])
    # Isotropic, and of another size for every configuration.
    np.testing.assert_allclose(boxes, boxes[:, :1] * [1, 1, 1], rtol=1e-12)
    assert abs(boxes[1, 0] / boxes[0, 0] - 1) > 1e-4
    assert all(0.9 < system.density < 1.5 for system in systems)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert 0.9 < report["trajectory"]["density"]["second"] < 1.5
    assert systems[0].time_labels == ("F=0.9", "F=0.4")
    assert dict(zip(systems[0].time_labels, systems[0].times.tolist(), strict=True)) == report["times"]
    # The pilot runs again, straight to the times found.
    F = []
    for number, system in enumerate(systems):
        velocities = maxwell_boltzmann(protocol.rng(3, number), 100, 0.7)
        state = State(system.positions, system.types, system.box, velocities)
        moved = constant_energy(state, KOB_ANDERSEN, system.times, 0.005, tmp_path).positions - system.positions
        k_d = 7.25 * np.linalg.norm(moved, axis=-1)[:, system.types == 0]
        F.append(np.mean(np.sin(k_d) / k_d, axis=1))
    np.testing.assert_allclose(np.mean(F, axis=0), [0.9, 0.4], atol=0.01)
    assert_same(systems, run_protocol(protocol, tmp_path / "out", resume=True))


@pytest.mark.lammps
def test_a_value_of_F_that_is_not_reached(labelled: Path, tmp_path: Path) -> None:
    ensemble = Ensemble(**{**RUNS, "times": {"F": [0.9, 0.1], "longest": 0.1}})
    with pytest.raises(EquiglassError, match=r"longest"):
        run_from(load(labelled), ensemble, tmp_path / "out")


@pytest.mark.lammps
@pytest.mark.parametrize(
    "potential",
    [
        "kob-andersen-wca",
        {
            "name": "ternary",
            "epsilon": [[1, 1.5, 0.75], [1.5, 0.5, 1.5], [0.75, 1.5, 0.75]],
            "sigma": [[1, 0.8, 0.9], [0.8, 0.88, 0.8], [0.9, 0.8, 0.94]],
            "truncation": "force-shifted",
        },
    ],
)
def test_other_mixtures_from_simulation_to_prediction(tmp_path: Path, potential: Any) -> None:
    ternary = isinstance(potential, dict)
    content = {**TINY_START, "potential": potential, "composition": [0.6, 0.2, 0.2] if ternary else [0.8, 0.2]}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(content))
    data, model = tmp_path / "out" / "dataset.h5", tmp_path / "run"
    assert run("simulate", tmp_path / "protocol.yaml", "--out", tmp_path / "out") == 0
    systems = load(data)
    assert systems[0].n_types == (3 if ternary else 2)
    assert systems[0].potential == load_protocol(tmp_path / "protocol.yaml").potential
    small = ("architecture.l_max=1", "architecture.layers=2", "architecture.channels=2", "epochs=1", "folds=2")
    assert run("train", "--data", data, "--out", model, *(word for s in small for word in ("--set", s))) == 0
    assert run("predict", model, data, "-o", tmp_path / "predicted.xyz") == 0
    (tmp_path / "one.xyz").write_text((tmp_path / "predicted.xyz").read_text())
    assert [system.potential for system in load(tmp_path / "one.xyz")] == [system.potential for system in systems]
