"""The iso-configurational ensembles: NVE runs of every configuration from different initial velocities."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables import self_scattering_by_type
from equiglass.observables.propensity import Accumulation
from equiglass.simulate.lammps import State, constant_energy
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.protocol import Ensemble
from equiglass.simulate.velocities import maxwell_boltzmann
from equiglass.simulate.workers import Workers


def run_ensembles(
    ensemble: Ensemble,
    times: Float,
    starts: Sequence[System],
    parts: Path,
    workers: Workers,
    finished: Callable[[str], None],
) -> None:
    """Do all runs of all configurations, and write the averages of each configuration to configuration-NNNN.npz.

    Args:
        ensemble: protocol of the runs.
        times: times, ascending, (T,), LJ units.
        starts: configurations with their temperature and potential.
        parts: folder of the pieces of work.
        workers: workers that do the runs.
        finished: is called after every run, and after the averages of every configuration.
    """

    def files(index: int) -> tuple[Path, list[Path]]:
        folder = parts / f"runs-{index:04d}"
        runs = [folder / f"run-{run:04d}.npz" for run in range(1, ensemble.runs + 1)]
        return parts / f"configuration-{index:04d}.npz", runs

    def work() -> Iterator[tuple[Ensemble, Float, System, np.random.Generator, Path, Path] | None]:
        for index, start in enumerate(starts, start=1):
            result, runs = files(index)
            if not result.exists():
                runs[0].parent.mkdir(exist_ok=True)
            for run, path in enumerate(runs, start=1):
                done = result.exists() or path.exists()
                yield None if done else (ensemble, times, start, ensemble.rng(2, index, run), parts, path)

    done = workers.do(_run_replica, work())
    for index, start in enumerate(starts, start=1):
        result, runs = files(index)
        for run in range(1, ensemble.runs + 1):
            next(done)
            finished(f"configuration {index}, run {run}")
        if not result.exists():
            write_arrays(result, **_averages(times, start.types, runs, ensemble.keep_displacements))
        shutil.rmtree(runs[0].parent, ignore_errors=True)
        finished(f"configuration {index}")


def _run_replica(
    ensemble: Ensemble, times: Float, start: System, rng: np.random.Generator, parts: Path, result: Path
) -> None:
    """Do an NVE run from new Maxwell-Boltzmann velocities.

    The file contains displacements (T, N, 3), energies and temperatures (T + 1,). The worker writes it, so that no
    large array passes between processes.
    """
    assert start.potential is not None
    assert start.temperature is not None
    velocities = maxwell_boltzmann(rng, start.n_particles, start.temperature)
    state = State(start.positions, start.types, start.box, velocities)
    run = constant_energy(state, start.potential, times, ensemble.timestep, parts)
    displacements = run.positions - start.positions
    write_arrays(result, displacements=displacements, energy=run.energy, temperature=run.temperature)


def _averages(
    times: Float, types: NDArray[np.int64], runs: list[Path], keep_displacements: bool
) -> dict[str, NDArray[np.floating]]:
    """The labels of a `System` by name, from the files of the runs. The centre of mass gives the momentum."""
    scattering, temperatures, drifts, momenta, kept = [], [], [], [], []
    accumulation = Accumulation()
    for path in runs:
        with np.load(path) as run:
            displacements, energy, temperature = run["displacements"], run["energy"], run["temperature"]
        accumulation.add(displacements)
        scattering.append(self_scattering_by_type(displacements[:, None], types))
        temperatures.append(temperature[1:])
        drifts.append(np.abs(energy[1:] - energy[0]))
        momenta.append(np.linalg.norm(displacements.mean(1), axis=-1) / times)
        if keep_displacements:
            kept.append(displacements.astype(np.float32))
    averages: dict[str, NDArray[np.floating]] = {
        **{key: values for key, values in accumulation.result()._asdict().items() if values is not None},
        "self_scattering": np.mean(scattering, axis=0),
        "run_temperature": np.mean(temperatures, axis=0),
        "energy_drift": np.max(drifts, axis=0),
        "momentum": np.max(momenta, axis=0),
    }
    return {**averages, "replica_displacements": np.stack(kept, axis=1)} if keep_displacements else averages
