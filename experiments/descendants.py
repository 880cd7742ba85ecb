"""More equilibrium configurations of a liquid, with inherent structures and labels, from a few.

    python experiments/descendants.py PARENTS OUT.h5 --relaxation 50 --children 17 --times 0.03 0.1 0.5 --jobs 4

Every configuration of PARENTS starts runs at constant energy with velocities of its temperature. In equilibrium the end
of each is an equilibrium configuration too, and after several tau_alpha it has forgotten its parent. The ends are the
configurations of OUT. Their labels come from runs of their own.

The potential may be another than that of PARENTS if the two liquids hardly differ: the runs then also lead from one to
the other. OUT.parts holds what is finished, so a stopped command continues with the same command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import equiglass
from equiglass.dynamics.cage import short_runs
from equiglass.liquid.potential import MIXTURES
from equiglass.liquid.system import System
from equiglass.observables.propensity import over_runs

FORCE = 1e-2
"""The largest force that the quench leaves, LJ units. It moves no particle by more than 0.01."""


def children(parent: System, time: float, number: int, seed: Sequence[int]) -> list[System]:
    """The ends of runs of a configuration as configurations, with the temperature at the end in their provenance."""
    found = []
    for n, run in enumerate(short_runs(parent, np.array([time]), number, seed), start=1):
        origin = {"parent": parent.name, "relaxation": f"{time:g}", "run_temperature": f"{run.temperature[-1]:.5f}"}
        found.append(
            System(
                run.positions[0],
                parent.types,
                parent.box,
                name=f"{parent.name}-{n:02d}",
                temperature=parent.temperature,
                potential=parent.potential,
                # Its children share the energy of a parent, so they lie on the same side of every split.
                parent=parent.fingerprint,
                provenance={**origin, "run": str(n)},
            )
        )
    return found


def labelled(child: System, times: np.ndarray, runs: int, seed: Sequence[int], as_end: bool) -> System:
    """A configuration with its inherent structure and its labels."""
    quenched = equiglass.quench(child, tolerance=FORCE)
    labels = over_runs(run.positions - child.positions for run in short_runs(child, times, runs, seed))
    found = replace(
        quenched,
        time_labels=tuple(str(k) for k in range(1, len(times) + 1)),
        times=times,
        propensity=labels.propensity,
        replica_variance=labels.replica_variance,
        propensity_halves=labels.propensity_halves,
        mean_displacement=labels.mean_displacement,
        runs=runs,
    )
    return equiglass.as_end(found) if as_end else found


def made(parents: Sequence[System], parts: Path, given: argparse.Namespace) -> Iterator[Path]:
    """Do what is missing on all cores, and yield the file of every configuration when it is finished."""
    # Every worker has one core. Its libraries read this when they are imported, so workers are spawned, not forked.
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        starting = {}
        for k, parent in enumerate(parents):
            names = [parts / f"{k:03d}-{n:02d}.h5" for n in range(given.children)]
            yield from (name for name in names if name.exists())
            if not all(name.exists() for name in names):
                starting[pool.submit(children, parent, given.relaxation, given.children, [given.seed, k])] = (k, names)
        waiting: set[Future] = set(starting)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                if future in starting:
                    k, names = starting[future]
                    for n, (child, name) in enumerate(zip(future.result(), names, strict=True)):
                        if not name.exists():
                            seed = [given.seed, k, n]
                            waiting.add(pool.submit(write, child, name, given.times, given.runs, seed, given.ends))
                else:
                    yield future.result()


def write(child: System, name: Path, times: Sequence[float], runs: int, seed: Sequence[int], as_end: bool) -> Path:
    """Label a configuration and write its file."""
    equiglass.save([labelled(child, np.array(times), runs, seed, as_end)], name)
    return name


def main() -> None:
    """Make all configurations, then write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parents", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--relaxation", type=float, required=True, help="time from a parent to its children, LJ time")
    parser.add_argument("--children", type=int, default=16, help="number of children per configuration")
    parser.add_argument("--times", nargs="+", type=float, required=True, help="times of the labels, LJ time")
    parser.add_argument("--runs", type=int, default=16, help="number of runs behind the labels")
    parser.add_argument("--ends", action="store_true", help="children count as ends of runs: learned, and never scored")
    parser.add_argument("--potential", default="kob-andersen-force-shifted", help="name of a mixture")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    potential = MIXTURES[given.potential]
    parents = [
        System(s.positions, s.types, s.box, name=s.name, temperature=s.temperature, potential=potential)
        for s in equiglass.load(given.parents)
    ]
    parts = given.out.with_suffix(".parts")
    parts.mkdir(exist_ok=True, parents=True)
    files = []
    for file in made(parents, parts, given):
        files.append(file)
        print(f"{len(files)} of {len(parents) * given.children}: {file.stem}", flush=True)
    equiglass.save([system for file in sorted(files) for system in equiglass.load(file)], given.out)


if __name__ == "__main__":
    main()
