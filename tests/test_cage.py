"""The state of the cages: its definition, its files, its errors, and the command."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import equiglass
from equiglass.commands import app
from equiglass.commands.targets import name_of
from equiglass.dynamics import lanes
from equiglass.dynamics.cage import FRAMES, TIMESTEP, cages, short_runs
from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import DataError
from equiglass.liquid.potential import KOB_ANDERSEN
from equiglass.liquid.system import System
from equiglass.model.inputs import INPUTS, mobility


@pytest.fixture(scope="module")
def liquid() -> System:
    """A perturbed lattice of 210 particles, melted for a moment."""
    rng = np.random.default_rng(0)
    number = np.array([5, 6, 7])
    sites = np.stack(np.meshgrid(*map(np.arange, number), indexing="ij"), -1).reshape(-1, 3) + 0.5
    types = rng.permutation(np.repeat([0, 1], [168, 42]))
    state = State(sites, types, number * 0.95, maxwell_boltzmann(rng, 210, 1.0)[None])
    (run,) = lanes.constant_energy(state, KOB_ANDERSEN, np.array([2.0]), 0.002)
    return System(run.positions[0], types, state.box, name="a", temperature=0.6, potential=KOB_ANDERSEN)


def test_the_definition(liquid: System) -> None:
    """Means over runs and frames, one by one."""
    found = cages(liquid, time=0.8, runs=4, seed=3)
    times = np.geomspace(0.2, 0.8, FRAMES)
    velocities = np.stack([maxwell_boltzmann(np.random.default_rng([3, run]), 210, 0.6) for run in range(4)])
    runs = lanes.constant_energy(
        State(liquid.positions, liquid.types, liquid.box, velocities), KOB_ANDERSEN, times, TIMESTEP
    )
    frames = np.concatenate([run.positions for run in runs])
    mean = frames.mean(0)
    np.testing.assert_allclose(found.positions, mean, atol=1e-12)
    np.testing.assert_allclose(found.covariance[7], np.cov(frames[:, 7].T, bias=True), atol=1e-12)
    moved = np.linalg.norm(frames - liquid.positions, axis=-1).mean(0)
    np.testing.assert_allclose(found.propensity, moved, atol=1e-12)
    halves = [np.concatenate([run.positions for run in runs[k::2]]).mean(0) for k in (0, 1)]
    assert found.error == pytest.approx(np.sqrt(np.mean((halves[0] - halves[1]) ** 2)) / 2)


def test_the_plateau_is_found(liquid: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mean squared displacement of the runs grows least in the logarithm of time."""
    monkeypatch.setattr("equiglass.dynamics.cage.LONGEST", 2.0)
    found = cages(liquid, runs=2)
    assert 0.2 < found.time <= 2.0
    times = np.geomspace(0.2, 2.0, FRAMES)
    velocities = np.stack([maxwell_boltzmann(np.random.default_rng([0, run]), 210, 0.6) for run in range(2)])
    runs = lanes.constant_energy(
        State(liquid.positions, liquid.types, liquid.box, velocities), KOB_ANDERSEN, times, TIMESTEP
    )
    moved = np.mean([np.sum((run.positions - liquid.positions) ** 2, axis=-1).mean(1) for run in runs], axis=0)
    growth = [np.log(b / a) for a, b in itertools.pairwise(moved)]
    assert found.time == pytest.approx(times[1 + int(np.argmin(growth))])


@pytest.mark.parametrize("suffix", [".h5", ".xyz"])
def test_files(liquid: System, suffix: str, tmp_path: Path) -> None:
    (made,) = equiglass.cage(liquid, time=0.5, runs=2)
    equiglass.save([made], tmp_path / f"a{suffix}")
    (read,) = equiglass.load(tmp_path / f"a{suffix}")
    for key in ("positions_cage", "covariance_cage", "propensity_cage"):
        np.testing.assert_allclose(getattr(read, key), getattr(made, key), rtol=1e-6, atol=1e-7)
    np.savez(
        tmp_path / "a.npz",
        positions=made.positions,
        types=made.types,
        box=made.box,
        covariance_cage=made.covariance_cage,
        propensity_cage=made.propensity_cage,
    )
    (labelled,) = equiglass.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(labelled.covariance_cage, made.covariance_cage)


def test_what_is_missing(liquid: System) -> None:
    for key in ("temperature", "potential"):
        with pytest.raises(DataError, match=f"short runs need the {key}"):
            equiglass.cage(replace(liquid, **{key: None}))
    with pytest.raises(DataError, match="shorter than the cutoff"):
        cages(replace(liquid, potential=replace(KOB_ANDERSEN, cutoff=6.0)))


def test_the_command(liquid: System, tmp_path: Path) -> None:
    equiglass.save([replace(liquid, temperature=None)], tmp_path / "in.h5")
    words = ["cage", str(tmp_path / "in.h5"), "-o", str(tmp_path / "out.h5"), "--time", "0.5", "--runs", "2"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, DataError)
    result = CliRunner().invoke(app, [*words, "--temperature", "0.6"])
    assert result.exit_code == 0, result.output
    (read,) = equiglass.load(tmp_path / "out.h5")
    (made,) = equiglass.cage(liquid, time=0.5, runs=2)
    np.testing.assert_allclose(read.positions_cage, made.positions_cage, atol=1e-9)
    assert read.provenance["cage"] == made.provenance["cage"]
    assert not (tmp_path / "out.h5.partial").exists()
    equiglass.save([liquid], tmp_path / "in.h5")
    result = CliRunner().invoke(app, [*words, "--temperature", "0.5"])
    assert "in the file, but --temperature 0.5 is given; leave it out" in str(result.exception)


def test_mobilities_are_those_of_short_runs(liquid: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four node inputs from the same runs, which one configuration makes once."""
    # Random positions are far from equilibrium and need shorter steps than a liquid.
    monkeypatch.setitem(mobility.RUNS, 13.0, mobility.ShortRuns(3, 8, 0.004))
    monkeypatch.setattr(mobility, "ESCAPED", 2.0)
    system, made = replace(liquid), []

    def counted(*arguments: Any) -> Any:
        made.append(arguments[0].name)
        return short_runs(*arguments)

    monkeypatch.setattr(mobility, "short_runs", counted)
    runs = short_runs(system, np.array([13.0]), 3, 8, 0.004)
    u = np.stack([run.positions[0] for run in runs]) - system.positions
    found = {name: INPUTS[f"{name}_13"].compute(system) for name in ("mobility", "drift", "spread", "escape")}
    assert made == ["a"]
    distance = np.linalg.norm(u, axis=2)
    np.testing.assert_allclose(found["mobility"][0][:, 0], distance.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found["drift"][1], u.mean(0), atol=1e-5)
    np.testing.assert_allclose(found["spread"][0][:, 0], u.var(0).sum(1), rtol=1e-4)
    np.testing.assert_allclose(found["escape"][0][:, 0], (distance > 2).mean(0))
    assert 0 < found["escape"][0].mean() < 1


def test_mobilities_need_the_temperature(liquid: System) -> None:
    with pytest.raises(DataError, match="short runs need the temperature"):
        INPUTS["mobility_40"].compute(replace(liquid, temperature=None))


def test_results_of_another_cage_state_have_another_name(liquid: System) -> None:
    cage = np.tile(np.eye(3), (liquid.n_particles, 1, 1))
    systems = [replace(liquid, covariance_cage=None), *(replace(liquid, covariance_cage=k * cage) for k in (1, 2))]
    assert len({name_of(system, "model") for system in systems}) == 3
