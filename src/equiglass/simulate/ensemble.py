"""The iso-configurational ensemble of a configuration: NVE runs that differ in their first velocities."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.simulate.lammps import State, constant_energy
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.protocol import Ensemble
from equiglass.simulate.velocities import maxwell_boltzmann
from equiglass.system import System

Float = NDArray[np.float64]


def run_ensemble(
    ensemble: Ensemble,
    times: Float,
    start: System,
    index: int,
    parts: Path,
    jobs: int,
    finished: Callable[[str], None],
) -> None:
    """All runs of a configuration, ``jobs`` at a time: leaves configuration-NNNN.npz, their averages.

    Args:
        ensemble: number of runs, seed, timestep.
        times: (T,), ascending.
        start: the configuration, with its temperature and potential.
        index: its number, from 1.
        parts: folder of the pieces of work.
        jobs: runs at once.
        finished: called after every run, and at the end.
    """
    result, folder = parts / f"configuration-{index:04d}.npz", parts / f"runs-{index:04d}"
    runs = [folder / f"run-{run:04d}.npz" for run in range(1, ensemble.runs + 1)]
    if not result.exists():
        folder.mkdir(exist_ok=True)

        def work(run: int) -> None:
            if not runs[run - 1].exists():
                _run_replica(ensemble, times, start, ensemble.rng(2, index, run), parts, runs[run - 1])

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for run, _ in enumerate(pool.map(work, range(1, ensemble.runs + 1)), start=1):
                    finished(f"configuration {index}, run {run}")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        write_arrays(result, **_averages(times, runs, ensemble.keep_displacements))
    else:
        for run in range(1, ensemble.runs + 1):
            finished(f"configuration {index}, run {run}")
    shutil.rmtree(folder, ignore_errors=True)
    finished(f"configuration {index}")


def _run_replica(
    ensemble: Ensemble, times: Float, start: System, rng: np.random.Generator, parts: Path, result: Path
) -> None:
    """One NVE run with fresh Maxwell-Boltzmann velocities: displacements (T, N, 3) and total energies (T + 1,)."""
    assert start.potential is not None
    assert start.temperature is not None
    velocities = maxwell_boltzmann(rng, start.n_particles, start.temperature)
    state = State(start.positions, start.types, start.box, velocities)
    run = constant_energy(state, start.potential, times, ensemble.timestep, parts)
    write_arrays(result, displacements=run.positions - start.positions, energy=run.energy)


def _averages(times: Float, runs: list[Path], keep_displacements: bool) -> dict[str, NDArray[np.floating]]:
    """Propensity, its halves (runs 1, 3, ... and 2, 4, ...), variance and mean displacement over the runs.

    Also the largest change of the total energy per particle, (T + 1,), and the largest momentum per particle, which
    the centre of mass shows.
    """
    distances, drifts, momenta, kept = [], [], [], []
    mean: Float = np.zeros(())
    for path in runs:
        with np.load(path) as run:
            displacements, energy = run["displacements"], run["energy"]
        distances.append(np.linalg.norm(displacements, axis=-1))
        mean = mean + displacements / len(runs)
        drifts.append(energy - energy[0])
        momenta.append(np.linalg.norm(displacements.mean(1), axis=-1) / times)
        if keep_displacements:
            kept.append(displacements.astype(np.float32))
    distance = np.stack(distances)
    averages: dict[str, NDArray[np.floating]] = {
        "propensity": distance.mean(0),
        "propensity_halves": np.stack([distance[0::2].mean(0), distance[1::2].mean(0)]),
        "replica_variance": distance.var(0, ddof=1),
        "mean_displacement": mean,
        "energy_drift": np.abs(drifts).max(0),
        "momentum": np.max(momenta),
    }
    return {**averages, "replica_displacements": np.stack(kept, axis=1)} if keep_displacements else averages
