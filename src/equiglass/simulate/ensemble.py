"""The iso-configurational ensemble of a configuration: NVE runs that differ in their first velocities."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.simulate.lammps import (
    dump_positions,
    header,
    read_positions,
    run_lammps,
    steps_of,
    write_state,
)
from equiglass.simulate.parts import write_arrays
from equiglass.simulate.protocol import Protocol
from equiglass.simulate.trajectory import positions_of

Float = NDArray[np.float64]


def run_ensemble(protocol: Protocol, parts: Path, index: int, jobs: int, finished: Callable[[str], None]) -> None:
    """All runs of configuration ``index``, ``jobs`` at a time: leaves configuration-NNNN.npz, their averages."""
    result, folder = parts / f"configuration-{index:04d}.npz", parts / f"runs-{index:04d}"
    runs = [folder / f"run-{run:04d}.npz" for run in range(1, protocol.runs + 1)]
    if not result.exists():
        folder.mkdir(exist_ok=True)
        positions = positions_of(parts, index)

        def work(run: int) -> None:
            if not runs[run - 1].exists():
                _run_replica(protocol, parts, positions, protocol.seed_of(2, index, run), runs[run - 1])

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for run, _ in enumerate(pool.map(work, range(1, protocol.runs + 1)), start=1):
                    finished(f"configuration {index}, run {run}")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        write_arrays(result, **_averages(protocol, runs))
    else:
        for run in range(1, protocol.runs + 1):
            finished(f"configuration {index}, run {run}")
    shutil.rmtree(folder, ignore_errors=True)
    finished(f"configuration {index}")


def _run_replica(protocol: Protocol, parts: Path, positions: Float, seed: int, result: Path) -> None:
    """One NVE run with fresh Maxwell-Boltzmann velocities: displacements (T, N, 3) and total energies (T + 1,)."""
    script = header("read_data start.data", protocol.potential)
    script += f"velocity all create {protocol.temperature} {seed} mom yes rot no dist gaussian\n"
    script += 'fix dynamics all nve\nrun 0\nprint "$(etotal:%.17g)" append energy.txt\n'
    times = list(protocol.times.values())
    for number, duration in enumerate(np.diff([0.0, *times])):
        steps, timestep = steps_of(duration, protocol.timestep)
        script += f"timestep {timestep:.17g}\nrun {steps}\n{dump_positions(f'{number}.dump')}"
        script += 'print "$(etotal:%.17g)" append energy.txt\n'
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=parts) as name:
        scratch = Path(name)
        box = np.full(3, protocol.side)
        write_state(scratch / "start.data", positions, protocol.types, box, protocol.potential.n_types)
        run_lammps(script, scratch)
        ends = np.stack([read_positions(scratch / f"{number}.dump") for number in range(len(times))])
        write_arrays(result, displacements=ends - positions, energy=np.loadtxt(scratch / "energy.txt"))


def _averages(protocol: Protocol, runs: list[Path]) -> dict[str, Float]:
    """Propensity, its halves (runs 1, 3, ... and 2, 4, ...), variance and mean displacement over the runs."""
    distances, mean = [], np.zeros((len(protocol.times), protocol.n_particles, 3))
    drifts = []
    for path in runs:
        with np.load(path) as run:
            distances.append(np.linalg.norm(run["displacements"], axis=-1))
            mean += run["displacements"] / len(runs)
            drifts.append(run["energy"] - run["energy"][0])
    distance = np.stack(distances)
    return {
        "propensity": distance.mean(0),
        "propensity_halves": np.stack([distance[0::2].mean(0), distance[1::2].mean(0)]),
        "replica_variance": distance.var(0, ddof=1),
        "mean_displacement": mean,
        "energy_drift": np.abs(drifts).max(0),
    }
