"""Training data from ten configurations: the ends of their runs, with inherent structures and labels of short times.

    python experiments/ends.py RUNS OUT.h5 --starts LABELLED.h5 --ends 16

RUNS holds configurations with the displacements of every run at their last time, as those of Shiba et al. at T = 0.44.
LABELLED holds the same configurations with labels at further times, as `equiglass simulate --from RUNS --merge` gives
them. OUT holds these and the ends of the runs. An end has its label of one reversed run at the last time
(`equiglass.ends_of`), and labels and mean displacements at t = 0.13 and 1.3 from 32 runs of its own.

OUT.h5.partial holds what is finished, so a stopped command continues with the same command. One end of 4096 particles
takes 3 to 7 s of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

import equiglass
from equiglass.dynamics.cage import short_runs
from equiglass.files.partial import digest, partial
from equiglass.liquid.arrays import Float
from equiglass.liquid.system import System
from equiglass.observables.propensity import over_runs

SHORT = {"1": 0.13, "2": 1.3}
"""The times of the own labels, LJ time; they cost 2 s per end."""

RUNS = 32
SEED = 4444
FORCE = 1e-2
"""The largest force that the quench leaves, LJ units. It moves no particle by more than 0.01."""


def made(end: System, seed: list[int]) -> dict[str, Float]:
    """The inherent structure of an end, (N, 3), and its means over the runs up to the short times, (2, N[, 3])."""
    inherent = equiglass.quench(end, tolerance=FORCE).positions_inherent
    assert inherent is not None
    runs = short_runs(end, np.array(list(SHORT.values())), RUNS, seed)
    labels = over_runs(run.positions - end.positions for run in runs)
    assert labels.replica_variance is not None
    # An end counts as one run, so the variance of a short label is that of its mean over the runs.
    return {
        "inherent": inherent,
        "propensity": labels.propensity,
        "variance": labels.replica_variance / RUNS,
        "mean_displacement": labels.mean_displacement,
    }


def labelled(end: System, found: Mapping[str, Float]) -> System:
    """The end with its inherent structure and all its labels."""
    assert end.propensity is not None
    assert end.replica_variance is not None
    return replace(
        end,
        positions_inherent=found["inherent"],
        time_labels=(*SHORT, *end.time_labels),
        times=np.array([*SHORT.values(), *end.times]),
        propensity=np.concatenate([found["propensity"], end.propensity]),
        replica_variance=np.concatenate([found["variance"], end.replica_variance]),
        mean_displacement=np.concatenate([found["mean_displacement"], np.full((1, end.n_particles, 3), np.nan)]),
    )


def main() -> None:
    """Make the ends one by one, then write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--starts", type=Path, help="the same configurations with further labels; by default RUNS")
    parser.add_argument("--ends", type=int, default=16, help="number of runs per configuration whose ends are used")
    given = parser.parse_args()
    ends = [equiglass.ends_of([s], [s.time_labels[-1]], given.ends) for s in equiglass.load(given.runs)]
    starts = equiglass.load(given.starts or given.runs)
    # A file of an earlier version, without mean displacements, is not taken for this one.
    names = {end.name: digest("mean displacements", end.name, end.positions) for of_start in ends for end in of_start}
    with partial(given.out, names.values(), lambda error, words: print(words, flush=True)) as results:
        for number, of_start in enumerate(ends):
            for run, end in enumerate(of_start):
                if results.get(names[end.name]) is None:
                    results.put(names[end.name], made(end, [SEED, number, run]))
                    print(f"{results.finished(names.values())} of {len(names)}: {end.name}", flush=True)
        systems = [start if start.positions_inherent is not None else equiglass.quench(start) for start in starts]
        for of_start in ends:
            systems += [labelled(end, results.get(names[end.name]) or {}) for end in of_start]
        equiglass.save(systems, given.out)


if __name__ == "__main__":
    main()
