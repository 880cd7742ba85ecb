"""Further training data for the shortest times: snapshots of short runs, with labels of their own.

    python experiments/snapshots.py DATA OUT.h5 --times 1=0.03 2=0.1 3=0.165 --snapshots 6

Every configuration of DATA starts 16 runs at constant energy. The first snapshots at t = 5.2 are equilibrium
configurations whose surroundings have changed. Their labels come from 32 runs each. OUT holds DATA and the snapshots,
which name the configuration that they come from, so that both lie on the same side of every split.

A snapshot of 4096 particles takes about a second of one core for these times.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import equiglass
from equiglass.dynamics.cage import short_runs
from equiglass.liquid.needs import with_potential
from equiglass.liquid.system import System
from equiglass.observables.propensity import over_runs

LATER = 5.2
"""The time of the snapshots, LJ time."""

STARTS, RUNS = 16, 32
SEED = 6464


def labelled(start: System, positions: np.ndarray, number: int, times: dict[str, float], seed: list[int]) -> System:
    """A snapshot as a configuration with labels."""
    later = System(
        positions,
        start.types,
        start.box,
        name=f"{start.name}-later-{number + 1}",
        temperature=start.temperature,
        potential=start.potential,
    )
    runs = short_runs(later, np.array(list(times.values())), RUNS, seed)
    labels = over_runs(run.positions - later.positions for run in runs)
    return equiglass.as_end(
        replace(
            later,
            time_labels=tuple(times),
            times=np.array(list(times.values())),
            propensity=labels.propensity,
            replica_variance=labels.replica_variance,
            runs=RUNS,
            parent=start.parent or start.fingerprint,
        )
    )


def main() -> None:
    """Make the snapshots of one configuration after the other, then write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", nargs="+", required=True, metavar="LABEL=TIME")
    parser.add_argument("--snapshots", type=int, default=6, help="number of snapshots per configuration, at most 16")
    given = parser.parse_args()
    times = {label: float(time) for label, time in (words.split("=") for words in given.times)}
    systems: list[System] = []
    for k, start in enumerate(equiglass.load(given.data)):
        known = with_potential(start, equiglass.KOB_ANDERSEN)
        runs = short_runs(known, np.array([LATER]), STARTS, [SEED, k])
        ends = [run.positions[0] for run in runs][: given.snapshots]
        systems += [known, *(labelled(known, end, n, times, [SEED, k, n]) for n, end in enumerate(ends))]
        print(f"{k + 1}: {start.name}", flush=True)
    equiglass.save(systems, given.out)


if __name__ == "__main__":
    main()
