"""Measures, on training and validation configurations of the package's data set, what the paper leaves open.

    python experiments/choices.py OUT [--epochs 20] [--seeds 1 2]

Every variant changes one setting of the demo's configuration, without the displacement, and trains on its 16 training
configurations.

The table shows the mean over seeds of the validation rho, after the last epoch and at the best one. This rho is a mean
over both types and all times. No test configuration is read. The same command continues a stopped run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from equiglass.experiments.demo import CONFIGURATION, demo_data
from equiglass.liquid.arrays import Float
from equiglass.methods.loading import read_configuration
from equiglass.prediction.run_folder import RunFolder
from equiglass.training import train

ALTERNATIVES = (
    "accumulate=1",
    "inputs.nodes=[energy_inherent, displacement_inherent]",
    "accumulate=4",
    "schedule=halving",
    "schedule=constant",
    "advanced.standardise_targets=all",
    "advanced.standardise_energy=all",
    "architecture.advanced.prior_scale=1.0",
    "architecture.advanced.last_norm=false",
    "architecture.advanced.neighbors=1.0",
    "architecture.advanced.neighbors=1600.0",
    "mirror=false",
    "advanced.clip=100.0",
    "architecture.radial_basis=gaussian",
)


def validation_rho(run: Path) -> Float:
    """Mean over types and times of the validation rho, (epochs,)."""
    log = RunFolder(run).read_log()
    assert log is not None
    return np.asarray(log.filter(like="rho_").mean(axis=1))


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
            settings = ["inputs.nodes=[energy_inherent]", f"epochs={options.epochs}", f"seed={seed}", change]
            run = options.out / change.replace("=", "-") / f"seed-{seed}"
            configuration = read_configuration(CONFIGURATION, settings)
            train(training, run, configuration, validation=validation, resume=run.exists())
            rho = validation_rho(run)
            last.append(rho[-1])
            best.append(rho.max())
        spread = " ".join(f"{x:.4f}" for x in last)
        print(f"{change:54s} last {np.mean(last):.4f} ({spread})  best {np.mean(best):.4f}", flush=True)


if __name__ == "__main__":
    main()
