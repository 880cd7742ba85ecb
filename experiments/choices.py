"""Measures, on training and validation configurations of the package's data set, what the paper leaves open.

    python experiments/choices.py OUT [--epochs 20] [--seeds 1 2]

Every line changes one setting of the demo's configuration, without the displacement, and trains on its 16 training
configurations. Printed is the mean over seeds of the validation rho, itself a mean over both types and all times,
after the last epoch and at the best one. The test configurations are not touched. A stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from equiglass.training.run import train

from equiglass.experiments.demo import CONFIGURATION, demo_data
from equiglass.training import read_configuration

ALTERNATIVES = (
    "accumulate=1",
    "inputs.displacement=true",
    "accumulate=4",
    "schedule=halving",
    "schedule=constant",
    "standardise.targets=all",
    "standardise.energy=all",
    "architecture.decoder_gain=1.0",
    "architecture.last_norm=false",
    "architecture.neighbors=1.0",
    "architecture.neighbors=1600.0",
    "mirror=false",
    "clip=100.0",
    "architecture.radial_basis=gaussian",
)


def validation_rho(log: Path) -> np.ndarray:
    """Mean over types and times of the validation rho of every epoch."""
    rows = np.genfromtxt(log, delimiter=",", names=True)
    return np.mean([rows[name] for name in rows.dtype.names if name.startswith("rho")], axis=0)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    training, validation, _ = demo_data()
    for change in ALTERNATIVES:
        last, best = [], []
        for seed in options.seeds:
            settings = ["inputs.displacement=false", f"epochs={options.epochs}", f"seed={seed}", change]
            run = options.out / change.replace("=", "-") / f"seed-{seed}"
            configuration = read_configuration(CONFIGURATION, settings)
            train(training, run, configuration, validation=validation, resume=run.exists())
            rho = validation_rho(run / "log.csv")
            last.append(rho[-1])
            best.append(rho.max())
        spread = " ".join(f"{x:.4f}" for x in last)
        print(f"{change:38s} last {np.mean(last):.4f} ({spread})  best {np.mean(best):.4f}", flush=True)


if __name__ == "__main__":
    main()
