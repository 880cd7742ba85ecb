"""Draws the first figure of docs/results.md from the scores of the shipped models.

    python experiments/summary.py results/shipped results/summary.png

The folder holds NAME.json, as `equiglass combine --json` wrote it. Shown is rho of type A per configuration against
time: the cross-validated shipped models, their noise ceiling, and the published methods, which were scored on other
configurations of the same liquid.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from equiglass.experiments.declaration import read_declaration
from equiglass.figures.style import panels, save_figure, style

SHOWN = {0.44: ("kalj-T0.44", "kalj-T0.44-cage"), 0.50: ("kalj-T0.50",), 0.56: ("kalj-T0.56",), 0.64: ("kalj-T0.64",)}
NAMES = ("structure alone", "with short runs")
COLUMNS = {0.44: "per_configuration", 0.50: "pooled", 0.56: "pooled", 0.64: "pooled"}
"""At the higher temperatures the published numbers are pooled."""

RHO = "per_configuration"
LONGEST = 10_000.0


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The scores of the stack for type A, each with its ceiling."""
    found = json.loads(path.read_text())
    ceilings = {row["label"]: row["ceiling"] for row in found["uncertainty"] if row["type"] == "A"}
    stack = [row for row in found["rho"] if row["model"] == "stack" and row["type"] == "A"]
    return [row | {"ceiling": ceilings[row["label"]]} for row in stack]


def draw(folder: Path, out: Path) -> None:
    """Write the figure."""
    curves = read_declaration("methods").options["published"]["curves"]
    others = list(dict.fromkeys(curve["name"] for curve in curves))
    with style():
        figure, axes = panels(2, 2, 7.2, 6.0, sharey=True)
        for ax, (temperature, models) in zip(axes.flat, SHOWN.items(), strict=True):
            column = COLUMNS[temperature]
            for k, (model, name) in enumerate(zip(models, NAMES, strict=False)):
                rows = rows_of(folder / f"{model}.json")
                times = [row["time"] for row in rows]
                errors = [row["per_configuration_error"] for row in rows]
                rho = [row["per_configuration"] for row in rows]
                ax.errorbar(times, rho, errors, label=name, marker="os"[k], color=f"C{k}")
                if k == 0:
                    ax.plot(times, [row["ceiling"] for row in rows], "k:", label="noise ceiling")
            for curve in curves:
                if curve["temperature"] == temperature and curve["column"] == column:
                    shown = [p for p in zip(curve["times"], curve["values"], strict=True) if p[0] < LONGEST]
                    place = others.index(curve["name"])
                    how = {"marker": "Dv^<>p*"[place], "color": f"C{2 + place}", "fillstyle": "none", "linewidth": 0.8}
                    ax.plot(*zip(*shown, strict=True), label=f"{curve['name']}, published", linestyle="--", **how)
            said = "" if column == "per_configuration" else " (published: pooled)"
            ax.set(xscale="log", xlabel="$t$", ylim=(0.3, 1), title=f"T = {temperature:g}{said}")
        for ax in axes[:, 0]:
            ax.set_ylabel(r"Pearson $\rho$ of A, per configuration")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        save_figure(figure, out)


def main() -> None:
    """Read the scores and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    draw(options.scores, options.out)


if __name__ == "__main__":
    main()
