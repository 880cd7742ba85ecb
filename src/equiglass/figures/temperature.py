"""Figures across temperatures (sec. V of arXiv 2211.03226): transfer (Fig. 9), structures, decoder weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equiglass.figures.curves import curves
from equiglass.figures.style import (
    COLOURS,
    COLUMN,
    FIELD,
    figure_of,
    legend_above,
    level,
    new_axes,
    panels,
    save_figure,
    stem,
    style,
)
from equiglass.liquid.arrays import Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

DRAWN = 4000
"""Particles in a figure of principal components."""


def transfer_figure(rows: DataFrame, conventions: Sequence[str] = ("per_configuration",)) -> Figure:
    """Rho against the temperature of use: a panel per time and convention, a colour per model.

    Args:
        rows: of one particle type: columns model, trained_at, temperature, label, time (NaN for the mean over times),
            unseen, and for each convention C: test_C and learn_C (or their medians, test_C_median and learn_C_median),
            test_C_error, learn_C_error and ceiling_C. Where there is a column published_test_C, its numbers are marks.
            Rho of configurations that are not unseen is left out.
        conventions: of rho, "per_configuration" or "pooled".
    """
    from pandas import concat

    trained = ", trained at $T$ = " + rows["trained_at"].str.replace(" ", ", ")
    when = ("time " + rows["label"]).where(rows["time"].notna(), "mean over times")
    parts = [
        rows.assign(
            model=rows["model"] + trained.where(rows["trained_at"] != "", ""),
            panel=f"{convention.replace('_', ' ')}, " + when,
            name=f"transfer {method}",
            rho=rows[score if score in rows else f"{score}_median"].where(rows["unseen"].astype(bool)),
            rho_error=rows[f"{score}_error"],
            ceiling_rho=rows[f"ceiling_{convention}"],
            value=rows.get(f"published_{score}", np.nan),
        )
        for convention in conventions
        for method in ("learn", "test")
        for score in [f"{method}_{convention}"]
    ]
    long = concat(parts)
    return curves(
        long,
        "temperature",
        "rho",
        curve="model",
        line="name",
        panel="panel",
        ceiling="type",
        published=long.dropna(subset="value"),
        title=f"type {rows['type'].iloc[0]}",
    )


def transfer_matrix_figure(rows: DataFrame, convention: str = "per_configuration") -> Figure:
    """Rho by temperatures of training and of use as numbers and colours, a panel per kind of transfer.

    Args:
        rows: of one particle type and time, as in `transfer_figure`, one per temperature of training and of use.
            Transfer learn has a panel where it was done.
        convention: of rho, "per_configuration" or "pooled".
    """
    tables = {}
    for method in ("test", "learn"):
        score = f"{method}_{convention}"
        score = score if score in rows else f"{score}_median"
        if score in rows and rows[score].notna().any():
            tables[f"transfer {method}"] = rows.pivot(index="trained_at", columns="temperature", values=score)
    values = np.concatenate([table.to_numpy(dtype=float).ravel() for table in tables.values()])
    lowest, highest = np.nanmin(values), np.nanmax(values)
    with style():
        figure, (axes,) = panels(1, len(tables), COLUMN * len(tables), COLUMN, sharey=True)
        for ax, (name, table) in zip(axes, tables.items(), strict=True):
            image = ax.imshow(table, cmap=FIELD, vmin=lowest, vmax=highest)
            for (i, j), rho in np.ndenumerate(table.to_numpy(dtype=float)):
                if np.isfinite(rho):
                    dark = rho < (lowest + highest) / 2
                    ax.text(j, i, f"{rho:.2f}", ha="center", va="center", color="w" if dark else "k")
            ax.set_xticks(range(table.shape[1]), [f"{temperature:g}" for temperature in table.columns])
            ax.set_yticks(range(table.shape[0]), table.index)
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
            ax.set(title=name, xlabel="used at $T$")
        axes[0].set_ylabel("trained at $T$")
        figure.colorbar(image, ax=axes, label=r"$\rho$, " + convention.replace("_", " "), shrink=0.7)
        return figure


def components_figure(coordinates: Float, structure: NDArray[np.int64], kind: str, *, ax: Axes | None = None) -> Figure:
    """Particles of one type in the plane of their first two principal components, a colour per structure.

    Args:
        coordinates: (n, 2); `DRAWN` of the particles are drawn.
        structure: number of the structure, from 1, (n,).
        kind: name of the type.
        ax: where to draw; a new figure of one column if not given.
    """
    with style():
        ax = ax or new_axes()
        few = np.random.default_rng(0).permutation(len(coordinates))[:DRAWN]
        for number in np.unique(structure):
            own = few[structure[few] == number]
            colour = COLOURS[(number - 1) % len(COLOURS)]
            ax.plot(*coordinates[own].T, ".", color=colour, markersize=1.5, alpha=0.6, label=f"structure {number}")
        ax.set(xlabel="first principal component", ylabel="second principal component")
        legend_above(ax, title=kind, ncols=3, markerscale=5)
        return figure_of(ax)


def populations_figure(rows: DataFrame) -> Figure:
    """Share of the particles of one type in each structure against temperature.

    Args:
        rows: of one type, at known temperatures: columns type, temperature, structure, share and error.
    """
    named = rows.rename(columns={"error": "share_error"}).sort_values("structure")
    named["structure"] = [f"structure {number}" for number in named["structure"]]
    return curves(named, "temperature", "share", curve="structure", title=rows["type"].iloc[0])


def weights_figure(rows: DataFrame, title: str = "") -> Figure:
    """Components of a decoder against temperature, a colour per degree l.

    Args:
        rows: of one type and time: columns temperature, member, degree, channel, weight and error.
        title: above the legend.
    """
    named = rows.rename(columns={"error": "weight_error"}).sort_values("degree", ascending=False)
    named["degree"] = [f"$l$ = {degree}" for degree in named["degree"]]
    figure = curves(named, "temperature", "weight", curve="degree", within=("member", "channel"), title=title)
    level(figure.axes[0], 0.0)
    return figure


def save_transfer_figures(folder: Path, rows: DataFrame, label: str) -> None:
    """Write transfer_TYPE_LABEL.png, and the same for the mean over times, for every particle type."""
    shown = rows[(rows["label"] == label) | rows["time"].isna()]
    for (kind, name), chosen in shown.groupby(["type", "label"], sort=False):
        save_figure(transfer_figure(chosen), folder / f"transfer_{kind}_{stem(name)}.png")


def save_order_parameter_figures(
    folder: Path,
    particles: Mapping[str, tuple[Float, NDArray[np.int64]]],
    populations: DataFrame,
    weights: DataFrame,
    label: str,
) -> None:
    """Write components_TYPE.png; for several temperatures also populations_TYPE.png and weights_TYPE_LABEL.png.

    Args:
        folder: exists.
        particles: coordinates and structure of the particles by type, as in `components_figure`.
        populations: as in `populations_figure`, of all types and temperatures.
        weights: as in `weights_figure`, with columns type and label.
        label: of the time whose weights are drawn.
    """
    for kind, (coordinates, structure) in particles.items():
        save_figure(components_figure(coordinates, structure, kind), folder / f"components_{kind}.png")
        shares = populations[(populations["type"] == kind) & populations["temperature"].notna()]
        if shares["temperature"].nunique() > 1:
            save_figure(populations_figure(shares), folder / f"populations_{kind}.png")
        own = weights[(weights["type"] == kind) & (weights["label"] == label)]
        if len(own):
            save_figure(weights_figure(own, f"{kind}, time {label}"), folder / f"weights_{kind}_{stem(label)}.png")
