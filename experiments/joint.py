"""One network for several temperatures, whose weights are a start for others.

    python experiments/joint.py OUT DATA [DATA ...] --times 5 6 7 --set epochs=25

Every DATA is a set of one temperature. Its labels 5, 6 and 7 are 0.1, 0.32 and 1 times tau_alpha there. The network
learns them together: the labels of every configuration have mean 0 and variance 1 (`standardise: configuration`), and
times are counted by their labels. So the run in OUT serves as `start` of another training, not for predictions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import equiglass
from equiglass.liquid.system import System, unlabelled
from equiglass.methods.loading import read_configuration
from equiglass.training import train

SETTINGS = (
    "fold=0",
    "standardise=configuration",
    "inputs.positions=inherent",
    "inputs.nodes=[energy_inherent, displacement_inherent]",
    "inputs.generations=24",
    "architecture.l_max=2",
    "architecture.layers=6",
    "architecture.update=16",
    "architecture.dropout=0.1",
)
"""The settings of `experiments/start.safetensors`; docs/choices.md has those of the other starts."""


def by_label(system: System, labels: Sequence[str]) -> System:
    """The configuration with these labels alone, whose times are the numbers of the labels."""
    assert system.propensity is not None
    rows = [system.row(label) for label in labels]
    variance = system.replica_variance
    kept = {"propensity": system.propensity[rows], "replica_variance": None if variance is None else variance[rows]}
    times = np.array([float(label) for label in labels])
    return unlabelled(system, time_labels=tuple(labels), times=times, **kept)


def main() -> None:
    """Train the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--times", nargs="+", default=["5", "6", "7"], metavar="LABEL")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="further settings of the training")
    given = parser.parse_args()
    systems = [by_label(system, given.times) for path in given.data for system in equiglass.load(path)]
    configuration = read_configuration(None, [*SETTINGS, *given.set], "network")
    train(systems, given.out, configuration, resume=given.out.exists(), command="experiments/joint.py")


if __name__ == "__main__":
    main()
