"""The iso-configurational ensembles: NVE runs of every configuration from different initial velocities."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equiglass.dynamics.state import State
from equiglass.dynamics.velocities import maxwell_boltzmann
from equiglass.errors import SetupError
from equiglass.files import write_arrays
from equiglass.liquid.arrays import Float
from equiglass.liquid.needs import potential_of, temperature_of
from equiglass.liquid.system import System
from equiglass.observables import self_scattering_by_type
from equiglass.observables.propensity import Accumulation
from equiglass.simulate.engine import Engine, constant_energy, group_sizes
from equiglass.simulate.protocol import Ensemble
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
        ensemble: protocol of the runs, with its engine.
        times: times, ascending, (T,), LJ units.
        starts: configurations with their temperature and potential.
        parts: folder of the pieces of work.
        workers: workers that do the runs.
        finished: is called after every run, and after the averages of every configuration.
    """
    assert ensemble.engine is not None
    engine = ensemble.engine
    firsts = np.cumsum([1, *group_sizes(engine, ensemble.runs)]).tolist()
    groups = [range(first, end) for first, end in pairwise(firsts)]

    def files(index: int) -> tuple[Path, list[Path]]:
        folder = parts / f"runs-{index:04d}"
        runs = [folder / f"run-{run:04d}.npz" for run in range(1, ensemble.runs + 1)]
        return parts / f"configuration-{index:04d}.npz", runs

    def work() -> Iterator[_Work | None]:
        for index, start in enumerate(starts, start=1):
            result, runs = files(index)
            if not result.exists():
                runs[0].parent.mkdir(exist_ok=True)
            for group in groups:
                paths = [runs[run - 1] for run in group]
                done = result.exists() or all(path.exists() for path in paths)
                rngs = [ensemble.rng(2, index, run) for run in group]
                name = f"configuration {index}, runs {group[0]} to {group[-1]}"
                watch = Watch(name, workers.stop, workers.during)
                yield None if done else (engine, ensemble, times, start, rngs, parts, paths, watch)

    done = workers.do(_run_group, work())
    for index, start in enumerate(starts, start=1):
        result, runs = files(index)
        for group in groups:
            next(done)
            for run in group:
                finished(f"configuration {index}, run {run}")
        if not result.exists():
            write_arrays(result, **_averages(times, start.types, runs, ensemble.kept_times))
        shutil.rmtree(runs[0].parent, ignore_errors=True)
        finished(f"configuration {index}")


_Work = tuple[Engine, Ensemble, Float, System, list[np.random.Generator], Path, list[Path], "Watch"]


class Watch:
    """What looks after a group of runs while it is under way.

    Args:
        name: name of the group.
        stop: whether the group must stop.
        during: says what is under way.
    """

    def __init__(self, name: str, stop: Callable[[], bool] | None, during: Callable[[str], None] | None) -> None:
        self._name, self._stop, self._during, self._said = name, stop, during, time.monotonic()

    def __call__(self, share: float) -> None:
        """Take note of the share that is done, between 0 and 1.

        Raises:
            SetupError: the group must stop.
        """
        if self._stop is not None and self._stop():
            raise SetupError(f"The runs stopped at {share:.0%}; --resume continues from there.")
        if self._during is not None and time.monotonic() - self._said > 30:
            self._during(f"{self._name}: {share:.0%}")
            self._said = time.monotonic()


def _run_group(
    engine: Engine,
    ensemble: Ensemble,
    times: Float,
    start: System,
    rngs: list[np.random.Generator],
    parts: Path,
    results: list[Path],
    watch: Watch,
) -> None:
    """Do NVE runs from new Maxwell-Boltzmann velocities, one per random generator.

    Every file contains displacements (T, N, 3), energies and temperatures (T + 1,). The worker writes it, so that no
    large array passes between processes.
    """
    potential, temperature = potential_of(start, "a run"), temperature_of(start, "a run")
    velocities = np.stack([maxwell_boltzmann(rng, start.n_particles, temperature) for rng in rngs])
    state = State(start.positions, start.types, start.box, velocities)
    checkpoint = results[0].with_suffix(".checkpoint.npz")
    runs = constant_energy(
        engine, state, potential, times, ensemble.timestep, parts, checkpoint=checkpoint, advanced=watch
    )
    for run, result in zip(runs, results, strict=True):
        displacements = run.positions - start.positions
        write_arrays(result, displacements=displacements, energy=run.energy, temperature=run.temperature)
    checkpoint.unlink(missing_ok=True)


def _averages(
    times: Float, types: NDArray[np.int64], runs: list[Path], kept_times: tuple[bool, ...]
) -> dict[str, NDArray[np.floating]]:
    """The labels of a `System` by name, from the files of the runs.

    The centre of mass gives the momentum. Single precision lets it move a little, which the displacements do not show.
    """
    scattering, temperatures, drifts, momenta, kept = [], [], [], [], []
    accumulation = Accumulation()
    for path in runs:
        with np.load(path) as run:
            displacements, energy, temperature = run["displacements"], run["energy"], run["temperature"]
        of_the_centre = displacements.mean(1)
        displacements -= of_the_centre[:, None]
        accumulation.add(displacements)
        scattering.append(self_scattering_by_type(displacements[:, None], types))
        temperatures.append(temperature[1:])
        drifts.append(np.abs(energy[1:] - energy[0]))
        momenta.append(np.linalg.norm(of_the_centre, axis=-1) / times)
        if any(kept_times):
            # Missing values are NaN, as in all labels.
            stored = np.where(np.array(kept_times)[:, None, None], displacements, np.nan)
            kept.append(stored.astype(np.float32))
    averages: dict[str, NDArray[np.floating]] = {
        **{key: values for key, values in accumulation.result()._asdict().items() if values is not None},
        "self_scattering": np.mean(scattering, axis=0),
        "run_temperature": np.mean(temperatures, axis=0),
        "energy_drift": np.max(drifts, axis=0),
        "momentum": np.max(momenta, axis=0),
    }
    return {**averages, "replica_displacements": np.stack(kept, axis=1)} if kept else averages
