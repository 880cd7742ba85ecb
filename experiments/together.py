"""Draws the methods of several runs of one experiment together, and joins their tables.

    python experiments/together.py OUT results/methods-T0.44 results/methods-T0.44-geognn results/methods-T0.44-botan

Every folder is an output of `equiglass experiment` with the measure "methods", on the same configurations and folds. A
method that an earlier folder has is left out. The ceilings are those of the first folder. Paired differences are those
within a folder, so they are not joined.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pandas import DataFrame, concat, read_csv

from equiglass.experiments.measures.methods import costs_table
from equiglass.experiments.measures.scores import CEILINGS, CONVENTIONS, scores_table
from equiglass.figures.curves import curves
from equiglass.figures.style import save_figure
from equiglass.files import write_text
from equiglass.files.tables import over_seeds


def joined(folders: list[Path], ending: str) -> DataFrame:
    """The rows of all folders, each method from the first that has it."""
    parts: list[DataFrame] = []
    known: set[str] = set()
    for folder in folders:
        path = folder / f"{next(folder.glob('*_costs.csv')).name.removesuffix('_costs.csv')}{ending}.csv"
        rows = read_csv(path, dtype={"label": str})
        parts.append(rows[~rows["variant"].isin(known)])
        known |= set(rows["variant"])
    return concat(parts, ignore_index=True)


def main() -> None:
    """Write OUT/table.md and one figure per particle type."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for table and figures")
    parser.add_argument("folders", type=Path, nargs="+", help="outputs of one experiment")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = joined(asked.folders, "")
    if len(sizes := set(rows["configurations"]) - {0}) > 1:
        raise SystemExit(f"the folders were scored on different numbers of configurations: {sizes}.")
    rows[list(CEILINGS)] = rows.groupby(["group", "type", "label"])[list(CEILINGS)].transform("first")
    summary = over_seeds(rows, ("group", "variant", "type", "label"), CONVENTIONS, ("time", *CEILINGS))
    names = ", ".join(folder.name for folder in asked.folders)
    text = "\n\n".join([f"# Methods of {names}", scores_table(summary), costs_table(joined(asked.folders, "_costs"))])
    write_text(asked.out / "table.md", f"{text}\n")
    for kind, own in summary.groupby("type", sort=False):
        figure = curves(own, "time", CONVENTIONS, curve="variant", panel="group", title=f"type {kind}", ceiling="group")
        save_figure(figure, asked.out / f"methods_{kind}.png")


if __name__ == "__main__":
    main()
