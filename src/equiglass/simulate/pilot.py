"""The times when F_k(t) has fallen to given values, from one pilot run per configuration at constant energy.

F is the self-intermediate scattering function of type 0, averaged over the configurations. All pilot runs advance
together, octave by octave of time, until F has fallen to the smallest value.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import ConfigurationError
from equiglass.files import write_arrays, write_text
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of, temperature_of
from equiglass.liquid.system import System
from equiglass.observables import first_crossings, self_scattering_of_displacements
from equiglass.simulate.engine import constant_energy
from equiglass.simulate.protocol import Ensemble, ScatteringTimes
from equiglass.simulate.workers import Workers

PER_OCTAVE = 8
"""The number of times per factor of 2. Between them, F is linear in the logarithm of time."""


def find_times(
    wanted: ScatteringTimes, ensemble: Ensemble, starts: Sequence[System], parts: Path, workers: Workers
) -> dict[str, float]:
    """Find the time of every value of F, LJ units, by label, and write the times to times.json.

    Args:
        wanted: values of F and the wave number.
        ensemble: protocol with the seed and the timestep.
        starts: configurations of one liquid at one temperature.
        parts: folder of the pieces of work.
        workers: workers that do the runs.

    Raises:
        ConfigurationError: F has not fallen to the smallest value after the longest time.
    """
    result, folder = parts / "times.json", parts / "pilot"
    if not result.exists():
        folder.mkdir(exist_ok=True)
        values = list(wanted.values.values())
        temperature = temperature_of(starts[0], "a run")
        # F falls no faster than in free flight, exp(-k^2 T t^2 / 2).
        first = float(np.sqrt(-2 * np.log((1 + values[0]) / 2) / (wanted.k**2 * temperature)))
        times, F = np.empty(0), np.empty(0)
        while not F.size or F.min() > values[-1]:
            octave = len(times) // PER_OCTAVE
            if times.size and times[-1] >= wanted.longest:
                raise ConfigurationError(
                    f"F has fallen to {F[-1]:.3f} after {times[-1]:.4g}, not yet to {values[-1]:.3f}; "
                    "raise times.longest or remove the small values of F."
                )
            times = first * 2.0 ** (np.arange((octave + 1) * PER_OCTAVE) / PER_OCTAVE)
            runs = ((wanted, ensemble, folder, octave, times, number, start) for number, start in enumerate(starts))
            F = np.append(F, np.mean(list(workers.do(_advance, runs)), axis=0))
        write_text(result, json.dumps(dict(zip(wanted.values, first_crossings(times, F, values), strict=True))))
    shutil.rmtree(folder, ignore_errors=True)
    return dict(json.loads(result.read_text(encoding="utf-8")))


def _advance(
    wanted: ScatteringTimes,
    ensemble: Ensemble,
    folder: Path,
    octave: int,
    times: Float,
    number: int,
    start: System,
) -> Float:
    """Compute F of one configuration at the last ``PER_OCTAVE`` times, and write NUMBER-OCTAVE.npz."""
    result = folder / f"{number:04d}-{octave:02d}.npz"
    if not result.exists():
        if octave == 0:
            velocities = maxwell_boltzmann(ensemble.rng(3, number), start.n_particles, temperature_of(start, "a run"))
            positions, since = start.positions, 0.0
        else:
            with np.load(folder / f"{number:04d}-{octave - 1:02d}.npz") as saved:
                positions, velocities, since = saved["positions"], saved["velocities"], times[-PER_OCTAVE - 1]
        state = State(positions, start.types, start.box, velocities[None])
        assert ensemble.engine is not None
        after = times[-PER_OCTAVE:] - since
        potential = potential_of(start, "a run")
        (run,) = constant_energy(ensemble.engine, state, potential, after, ensemble.timestep, folder.parent)
        moved = (run.positions - start.positions)[:, None, start.types == 0]
        write_arrays(
            result,
            scattering=self_scattering_of_displacements([moved], wanted.k).value,
            positions=run.positions[-1],
            velocities=run.velocities,
        )
    with np.load(result) as saved:
        return np.asarray(saved["scattering"])
