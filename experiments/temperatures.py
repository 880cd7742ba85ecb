"""One network for several temperatures, against one network per temperature.

    python experiments/temperatures.py OUT DATA [DATA ...] --folds 2 1

Every DATA is a set of one temperature with the label of tau_alpha. One of five folds of each is the test; the other
configurations are learned, from random weights:

    alone                      by one network per temperature
    together                   by one network, which does not see the temperature
    together, temperature      by one network with the temperature among its inputs
    together, configuration    by one network, labels standardised per configuration (`standardise: configuration`)

OUT holds a run per network, temperatures.csv and a table. The same command continues a stopped one; finished networks
are not trained again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from pandas import DataFrame, concat, read_csv

import equiglass
from equiglass.files import write_text
from equiglass.files.tables import crossed, csv, number
from equiglass.liquid.needs import temperature_of
from equiglass.liquid.splits import validation_fold
from equiglass.liquid.system import System
from equiglass.methods.loading import read_configuration
from equiglass.training import train
from joint import SETTINGS, by_label

LABEL = "7"
"""The label of tau_alpha."""

STEPS = 160
"""The least number of steps of a training; a large set has `EPOCHS` epochs."""

EPOCHS = 6

TOGETHER = {
    "together": ("standardise=training",),
    "together, temperature": (
        "standardise=training",
        "inputs.nodes=[energy_inherent, displacement_inherent, temperature]",
    ),
    "together, configuration": (),
}
"""The settings of the networks that learn all temperatures, besides those of `joint.py`."""

KEYS = ["network", "fold"]
"""The columns that name a network with its test; `T` names the temperature."""


def rows_of(network: str, training: Sequence[System], tests: dict[float, list[System]], run: Path) -> DataFrame:
    """Train a network and score it per temperature and type."""
    before = time.process_time()
    epochs = max(EPOCHS, round(STEPS / len(training)))
    further = TOGETHER.get(network, ("standardise=training",))
    configuration = read_configuration(None, [*SETTINGS, f"epochs={epochs}", *further], "network")
    model = train(training, run, configuration, resume=run.exists(), command="experiments/temperatures.py")
    spent = round(time.process_time() - before, 1)
    frames = []
    for temperature, test in tests.items():
        scores = equiglass.evaluate(test, [model.predict(system) for system in test]).frame()
        kept = scores[["type", "per_configuration", "pooled", "ceiling_per_configuration"]]
        frames.append(kept.assign(T=temperature, configurations=len(training), seconds=spent))
    return concat(frames)


def write(out: Path, rows: DataFrame) -> None:
    """Write the table: rho per configuration, mean over the folds."""
    means = rows.groupby(["network", "type", "T"], sort=False)[["per_configuration", "pooled"]].mean().reset_index()
    cells = [
        {
            "title": f"Type {row['type']}, rho {said}",
            "row": row["network"],
            "column": row["T"],
            "text": number(row[key]),
        }
        for key, said in (("per_configuration", "per configuration"), ("pooled", "pooled"))
        for kind in means["type"].unique()
        for row in means[means["type"] == kind].to_dict("records")
    ]
    folds = ", ".join(str(fold) for fold in sorted(rows["fold"].unique()))
    said = (
        "# One network for several temperatures\n\n`python experiments/temperatures.py OUT DATA [DATA ...]`\n\n"
        f"tau_alpha; mean over the folds {folds} of five; one network with seed 1 per row.\n\n"
    )
    write_text(out / "table.md", said + crossed(cells, "T = {}") + "\n")


def main() -> None:
    """Train and score what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4, 5], choices=range(1, 6))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sets = [[by_label(system, [LABEL]) for system in equiglass.load(path, replicas=False)] for path in given.data]
    temperatures = [temperature_of(systems[0], "the table") for systems in sets]
    table = given.out / "temperatures.csv"
    rows = read_csv(table) if table.is_file() else DataFrame(columns=KEYS)
    for fold, network in product(given.folds, ("alone", *TOGETHER)):
        if ((rows["network"] == network) & (rows["fold"] == fold)).any():
            continue
        parts = [validation_fold(systems, 5, fold) for systems in sets]
        tests = dict(zip(temperatures, (test for _, test in parts), strict=True))
        folder = given.out / f"fold-{fold}"
        if network == "alone":
            new = [
                rows_of(network, training, {temperature: test}, folder / f"alone-{temperature:g}")
                for temperature, (training, test) in zip(temperatures, parts, strict=True)
            ]
        else:
            training = [system for others, _ in parts for system in others]
            new = [rows_of(network, training, tests, folder / network.replace(", ", "-"))]
        rows = concat([rows, concat(new).assign(network=network, fold=fold)])
        write_text(table, csv(rows))
        write(given.out, rows)
        print(rows[rows["fold"] == fold].to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
