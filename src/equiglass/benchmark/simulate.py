"""The iso-configurational runs of a configuration; the reference is LAMMPS without equiglass.

Our side is everything from the configuration to its averages: start of LAMMPS per run, velocities, writing and reading
of files, propensity, other averages. The reference runs the same LAMMPS with the same scripts and start files,
made in advance, as a shell script would. Both sides run alternately, one run at a time.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from equiglass.liquid.system import System
from equiglass.simulate.ensemble import run_ensembles
from equiglass.simulate.lammps import prepare_constant_energy, run_lammps
from equiglass.simulate.protocol import Ensemble
from equiglass.simulate.state import State, steps_of
from equiglass.simulate.velocities import maxwell_boltzmann
from equiglass.simulate.workers import working

TIMES = (0.13, 1.3, 13.0)
TEMPERATURE = 0.44


def simulate(system: System, runs: int = 2, repeats: int = 3, times: Sequence[float] = TIMES) -> dict[str, Any]:
    """Seconds and particle-steps per second of both sides.

    Args:
        system: start of the runs, with its potential; the temperature is 0.44 if the system has none.
        runs: number of runs per side and turn; at least two.
        repeats: number of turns.
        times: times at which the runs are measured, LJ time.

    Returns:
        Numbers by name, for a JSON file.
    """
    temperature = system.temperature or TEMPERATURE
    start = System(system.positions, system.types, system.box, temperature=temperature, potential=system.potential)
    assert start.potential is not None
    ensemble = Ensemble(runs=runs, times={str(time): time for time in times}, seed=0)
    ends = np.array(times)
    seconds: dict[str, list[float]] = {"ours": [], "reference": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name, working(jobs=1) as workers:
            began = time.perf_counter()
            run_ensembles(ensemble, ends, [start], Path(name), workers, lambda what: None)
            seconds["ours"].append(time.perf_counter() - began)
        with tempfile.TemporaryDirectory() as name:
            folders = [Path(name) / str(run) for run in range(runs)]
            for run, folder in enumerate(folders, start=1):
                folder.mkdir()
                velocities = maxwell_boltzmann(ensemble.rng(2, 1, run), start.n_particles, temperature)
                state = State(start.positions, start.types, start.box, velocities)
                script = prepare_constant_energy(state, start.potential, ends, ensemble.timestep, folder)
            began = time.perf_counter()
            for folder in folders:
                run_lammps(script, folder)
            seconds["reference"].append(time.perf_counter() - began)
    ours, reference = (statistics.median(of_side) for of_side in seconds.values())
    steps = sum(steps_of(float(t), ensemble.timestep)[0] for t in np.diff([0.0, *times])) * runs * start.n_particles
    return {
        "benchmark": "simulate",
        "ours_s": ours,
        "reference_s": reference,
        "simulate_ratio": reference / ours,
        "cost": ours / reference - 1,
        "ours_particle_steps_per_s": steps / ours,
        "reference_particle_steps_per_s": steps / reference,
    }
