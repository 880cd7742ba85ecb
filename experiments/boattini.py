"""Cross-validates a ridge regression on Boattini's descriptors: the baseline that people would use instead.

    python experiments/boattini.py DATA... [--positions inherent|thermal]

Five folds, dealt as `equiglass crossvalidate` deals them. Of the other four folds, the next one chooses the penalty
and three train. Printed are the scores over all configurations, each predicted by a regression that has not seen it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from equiglass.baselines.descriptors import describe
from equiglass.baselines.ridge import fit_ridge
from equiglass.commands.evaluate import print_rows
from equiglass.evaluation import evaluate
from equiglass.formats import load
from equiglass.training import read_configuration
from equiglass.training.run import completed
from equiglass.training.samples import split

FOLDS = 5


def main() -> None:
    """Describe every configuration once, then fit and predict fold by fold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--positions", choices=("inherent", "thermal"), default="inherent")
    options = parser.parse_args()
    systems = completed(load(options.data, replicas=False), read_configuration())
    features = {s.name: describe(s, positions=options.positions).astype(np.float32) for s in systems}
    held_out, predicted = [], []
    for fold in range(1, FOLDS + 1):
        test = split(systems, FOLDS, fold)[1]
        validation = split(systems, FOLDS, fold % FOLDS + 1)[1]
        used = {s.name for s in (*test, *validation)}
        training = [s for s in systems if s.name not in used]
        ridge = fit_ridge([(features[s.name], s) for s in training], [(features[s.name], s) for s in validation])
        for system in test:
            rows = ridge.predict(features[system.name], system.types)
            held_out.append(system)
            predicted.append(dict(zip(ridge.time_labels, rows, strict=True)))
    print_rows(evaluate(held_out, predicted), f"Boattini descriptors of {options.positions} positions, ridge")


if __name__ == "__main__":
    main()
