"""Draws the first figure of docs/results.md from the rows of an experiment.

    python experiments/summary.py results/methods/methods.csv results/summary.png

Shown is rho of type A per configuration against time at T = 0.44 and 0.64: the median over the seeds, the range from
the worst to the best seed, the noise ceiling, and the SE(3)-GNN of GlassBench where it is published.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pandas import DataFrame, read_csv

from equiglass.experiments.declaration import read_declaration
from equiglass.figures.style import ceiling, colour_and_marker, panels, save_figure, style, unfilled

VARIANTS = {
    "network": "network",
    "network, displacement": "network with displacement",
    "ridge, Boattini's descriptors": "regression (Boattini)",
}
TEMPERATURES = (0.44, 0.64)
RHO = "per_configuration"


def published(temperature: float) -> DataFrame:
    """The published SE(3)-GNN: time and rho, empty where only pooled numbers are published."""
    curves = read_declaration("methods").options["published"]["curves"]
    here = (curve for curve in curves if curve["name"] == "SE(3)-GNN" and curve["temperature"] == temperature)
    rows = [dict(zip(("time", RHO), row, strict=True)) for c in here if c["column"] == RHO for row in _points(c)]
    return DataFrame(rows, columns=["time", RHO])


def _points(curve: dict[str, list[float]]) -> list[tuple[float, float]]:
    return list(zip(curve["times"], curve["values"], strict=True))


def draw(rows: DataFrame, out: Path) -> None:
    """Write the figure."""
    with style():
        figure, axes = panels(1, len(TEMPERATURES), 6.4, 2.9, sharey=True)
        for ax, temperature in zip(axes[0], TEMPERATURES, strict=True):
            here = rows[(rows["group"] == f"T = {temperature:g}") & (rows["type"] == "A")]
            for k, (variant, name) in enumerate(VARIANTS.items()):
                rho = here[here["variant"] == variant].groupby("time")[RHO]
                middle = rho.median()
                bars = [middle - rho.min(), rho.max() - middle]
                ax.errorbar(middle.index, middle, bars, label=name, **colour_and_marker(k))
            ceiling(ax, "time", "ceiling_per_configuration", here, label="noise ceiling")
            other = published(temperature)
            shown = other[other["time"] <= here["time"].max()]
            if len(shown):
                ax.plot(shown["time"], shown[RHO], label="SE(3)-GNN, published", **unfilled(3))
            ax.set(xscale="log", xlabel="$t$", ylim=(0, 1), title=f"T = {temperature:g}")
        axes[0, 0].set_ylabel(r"Pearson $\rho$ of A, per configuration")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        save_figure(figure, out)


def main() -> None:
    """Read the rows and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    draw(read_csv(options.rows), options.out)


if __name__ == "__main__":
    main()
